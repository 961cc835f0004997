/* SPDX-License-Identifier: MIT
 * The comparison that most tests end in: values of a message against keys of a script. Private to sieve.
 *
 *     answer = compare_begin(run, node, SLOT_SECOND, &compare);
 *     for each value, while answer is ANSWER_NO: answer = compare_value(&compare, value);
 *     answer = compare_end(&compare, answer);
 */
#pragma once

#include "sieve/match.h"
#include "sieve/run.h"

/* :comparator, :is, :contains, :matches, :value, :count, :regex, as a table of tags. */
extern const struct tag compare_tags[];

/* Checks those of a node: relation, comparator, and the keys in that slot, whose regular expressions go to node->made if
 * they are constant. Returns 0 or -ENOMEM. */
int compare_check(struct compiler *compiler, struct node *node, enum slot keys);

struct compare {
	struct sieve_run *run;
	const struct node *node;
	struct key *keys;
	size_t n_keys;
	unsigned n_values;
	bool counts;      /* :count */
	bool sets_values; /* match values; a test may switch it off */
};

/* Expands the keys. ANSWER_NO: go on. */
enum answer compare_begin(
    struct sieve_run *run, const struct node *node, enum slot keys, struct compare *compare_r);

/* One value. ANSWER_YES: the test is true (and the match values are set); _NO: go on; _BROKEN, _NO_MEMORY. */
enum answer compare_value(struct compare *compare, struct span value);

/* So many values that are not looked at one by one (only of :count). */
void compare_count(struct compare *compare, unsigned n);

/* What the test says, after what the last value said. */
enum answer compare_end(struct compare *compare, enum answer answer);
