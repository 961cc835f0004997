/* SPDX-License-Identifier: MIT
 * Wildcards (RFC 5228 2.7.1): * is as few symbols as will do, from the left (RFC 5229 3.2), ? is one symbol. A backslash takes
 * the meaning from what follows.
 *
 * Once a * is reached, all that stands before it is settled: what may follow it may follow it later as well. So
 * neither way ever goes back further than to the last *. */
#include <string.h>

#include "match/search.h"

enum item_kind {
	ITEM_END = 0,
	ITEM_STAR,
	ITEM_ANY,
	ITEM_SYMBOL,
};

struct glob_item {
	enum item_kind kind;
	uint32_t symbol;
};

/* Reads the item at *at, and goes behind it. */
static struct glob_item item_next(const struct key *key, size_t *at)
{
	const struct span text = key->text;
	struct glob_item item = { ITEM_SYMBOL };
	size_t n;

	if (*at == text.n) {
		return (struct glob_item){ ITEM_END };
	}
	if (text.p[*at] == '*' || text.p[*at] == '?') {
		item.kind = text.p[(*at)++] == '*' ? ITEM_STAR : ITEM_ANY;
		return item;
	}
	if (text.p[*at] == '\\' && *at + 1 < text.n) {
		++*at;
	}
	n = symbol_length(text.p + *at, text.n - *at, key->comparator != COMPARATOR_CASEMAP);
	item.symbol = symbol_of(text.p + *at, n, letters_of(key->comparator));
	*at += n;
	return item;
}

static bool item_is(const struct glob_item *item, uint32_t symbol)
{
	return item->kind == ITEM_ANY || (item->kind == ITEM_SYMBOL && item->symbol == symbol);
}

/* --- in one go -------------------------------------------------------------------------------------------------- */

static void capture(struct captures *captures, unsigned i, const char *p, size_t n)
{
	if (captures != NULL && i < MATCH_CAPTURES_MAX) {
		captures->list[i] = (struct span){ p, n };
		captures->n = i + 1;
	}
}

struct place {
	size_t key, value;
	unsigned n_captures;
};

/* Lets the last * have one symbol more, and begins again behind it. False: there is none, or no symbol. */
static bool go_back(const struct key *key, struct span value, size_t star_begin, struct place *star,
    struct place *at_r, struct captures *captures_r)
{
	if (star->n_captures == 0 || star->value == value.n) {
		return false;
	}
	star->value += symbol_length(
	    value.p + star->value, value.n - star->value, key->comparator != COMPARATOR_CASEMAP);
	capture(captures_r, star->n_captures - 1, value.p + star_begin, star->value - star_begin);
	*at_r = *star;
	return true;
}

enum match_outcome glob_match(
    const struct key *key, struct span value, struct fuel *fuel, struct captures *captures_r)
{
	const bool is_octets = key->comparator != COMPARATOR_CASEMAP;
	struct place at = { 0, 0, 1 }, star = { 0 };
	size_t star_begin = 0;

	capture(captures_r, 0, value.p, value.n);
	for (;;) {
		struct place next = at;
		struct glob_item item = item_next(key, &next.key);
		size_t n;

		if (!fuel_take(fuel, 1)) {
			return MATCH_EXHAUSTED;
		}
		if (item.kind == ITEM_STAR) {
			bool is_last = next.key == key->text.n;

			capture(captures_r, next.n_captures++, value.p + at.value,
			    is_last ? value.n - at.value : 0);
			if (is_last) {
				return MATCH_YES;
			}
			star = at = next;
			star_begin = at.value;
			continue;
		}
		if (at.value == value.n) {
			/* A * that had more would leave still less. */
			return item.kind == ITEM_END ? MATCH_YES : MATCH_NO;
		}
		n = symbol_length(value.p + at.value, value.n - at.value, is_octets);
		if (item_is(&item, symbol_of(value.p + at.value, n, letters_of(key->comparator)))) {
			if (item.kind == ITEM_ANY) {
				capture(captures_r, next.n_captures++, value.p + at.value, n);
			}
			next.value += n;
			at = next;
		} else if (!go_back(key, value, star_begin, &star, &at, captures_r)) {
			return MATCH_NO;
		}
	}
}

/* --- in pieces -------------------------------------------------------------------------------------------------- */

/* Goes behind the * at that item. */
static void float_from(struct glob *glob, size_t item)
{
	while (glob->items[item].kind == ITEM_STAR) {
		item++;
	}
	glob->base = item;
	glob->is_floating = true;
	glob->states[0] = (uint32_t)item;
	glob->n_states = 1;
}

bool glob_init(struct glob *glob, const struct key *key, struct arena *arena, struct fuel *fuel)
{
	struct glob_item *items = arena_alloc(arena, (key->text.n + 1) * sizeof(*items));
	size_t at = 0, n = 0;

	*glob = (struct glob){ .items = items,
		.symbols = { .letters = letters_of(key->comparator),
		    .is_octets = key->comparator != COMPARATOR_CASEMAP } };
	glob->states = arena_alloc(arena, (key->text.n + 2) * sizeof(*glob->states));
	if (items == NULL || glob->states == NULL || !fuel_take(fuel, key->text.n)) {
		return false;
	}
	while ((items[n] = item_next(key, &at)).kind != ITEM_END) {
		n++;
	}
	glob->n_items = n;
	glob_restart(glob);
	return true;
}

void glob_restart(struct glob *glob)
{
	glob->is_floating = false;
	glob->symbols.n_kept = 0;
	glob->states[0] = 0;
	glob->n_states = 1;
	if (glob->items[0].kind == ITEM_STAR) {
		float_from(glob, 0);
	}
}

static void glob_step(struct glob *glob, uint32_t symbol)
{
	size_t n = 0;

	for (size_t i = 0; i < glob->n_states; i++) {
		uint32_t state = glob->states[i];

		if (!item_is(&glob->items[state], symbol)) {
			continue;
		}
		if (glob->items[state + 1].kind == ITEM_STAR) {
			float_from(glob, state + 1);
			return;
		}
		glob->states[n++] = state + 1;
	}
	if (glob->is_floating) {
		glob->states[n++] = (uint32_t)glob->base;
	}
	glob->n_states = n;
}

/* Its last item is a * that was reached. */
static bool takes_all(const struct glob *glob)
{
	return glob->is_floating && glob->base == glob->n_items;
}

enum match_outcome glob_feed(struct glob *glob, struct span bytes, bool is_end, struct fuel *fuel)
{
	uint32_t symbol;

	while (glob->n_states > 0 && !takes_all(glob) &&
	       symbols_next(&glob->symbols, &bytes, is_end, &symbol)) {
		if (!fuel_take(fuel, 1 + glob->n_states)) {
			return MATCH_EXHAUSTED;
		}
		glob_step(glob, symbol);
	}
	if (takes_all(glob)) {
		return MATCH_YES;
	}
	for (size_t i = 0; is_end && i < glob->n_states; i++) {
		if (glob->states[i] == glob->n_items) {
			return MATCH_YES;
		}
	}
	return MATCH_NO;
}
