/* SPDX-License-Identifier: MIT
 * The automata of the match types but regex, each of which is fed bytes. Private to match/. */
#pragma once

#include "base/symbol.h"
#include "match/match.h"

static inline unsigned letters_of(enum comparator comparator)
{
	return comparator == COMPARATOR_CASEMAP ? LETTERS_FOLD : LETTERS_STAY;
}

/* :contains, by Knuth, Morris and Pratt. */
struct search {
	struct span key;
	unsigned letters;
	uint32_t *borders; /* room for each byte of the key, */
	size_t n_borders;  /* of which those in front are known: most values need few */
	size_t at;         /* so many bytes of it stand at the end of what was fed */
};

/* borders: room for a number for each byte of the key. False: no fuel. */
bool search_init(
    struct search *search, const struct key *key, uint32_t *borders, struct fuel *fuel);
enum match_outcome search_feed(struct search *search, struct span bytes, struct fuel *fuel);

/* The order of a value and a key. */
struct order {
	enum comparator comparator;
	struct span key; /* of a number, its digits without zeros in front */
	bool key_is_number;
	bool has_digit; /* the value */
	size_t at;
	int order;       /* so far */
	bool is_decided; /* whatever follows */
};

/* Of COMPARATOR_NUMERIC as RFC 4790 9.1.1 has it: digits in front count, of any length; what begins without one is above all
 * numbers and equal to its like. */
void order_init(struct order *order, enum comparator comparator, struct span key);
bool order_feed(struct order *order, struct span bytes, struct fuel *fuel); /* false: no fuel */
int order_end(const struct order *order);                                   /* -1, 0, 1 */

/* :matches in one go. */
enum match_outcome glob_match(
    const struct key *key, struct span value, struct fuel *fuel, struct captures *captures_r);

/* :matches as a set of states. */
struct glob_item;

struct glob {
	const struct glob_item *items;
	size_t n_items;
	size_t
	    base; /* what stands behind the last * that was reached: nothing before it counts any longer */
	bool is_floating; /* there was one */
	uint32_t *states; /* items that may be next; base is the last of them while it floats */
	size_t n_states;
	struct symbols symbols;
};

/* False: no memory or fuel. */
bool glob_init(struct glob *glob, const struct key *key, struct arena *arena, struct fuel *fuel);
void glob_restart(struct glob *glob);
enum match_outcome glob_feed(struct glob *glob, struct span bytes, bool is_end, struct fuel *fuel);
