/* SPDX-License-Identifier: MIT
 * The comparison that most tests end in: values of a message against keys of a script. Private to sieve.
 *
 *     compare = compare_begin(run, node);
 *     for each value, until one matches: is_found = compare_value(&compare, value);
 *     return compare_end(&compare, is_found);
 *
 * The keys are the last argument of all tests. */
#pragma once

#include "match/match.h"
#include "sieve/run.h"

/* :comparator, :is, :contains, :matches, :value, :count, :regex, as a table of tags. */
extern const struct tag compare_tags[];

/* :all, :localpart, :domain (RFC 5228 2.7.4); :user, :detail (RFC 5233): header.c. */
extern const struct tag address_part_tags[];

/* Checks those of a node: relation, comparator, and the keys, whose regular expressions go to node->made if they are constant. */
void compare_check(struct compiler *compiler, struct node *node);

struct compare {
	struct sieve_run *run;
	const struct node *node;
	const struct key *keys;
	size_t n_keys;
	unsigned n_values; /* so far; of :count they need not be looked at one by one */
	bool counts;       /* :count */
	bool sets_values;  /* match values; a test may switch it off */
};

/* Expands the keys. */
struct compare compare_begin(struct sieve_run *run, const struct node *node);

/* Does a key match? Then the match values are set. A value whose p is NULL is none. */
bool compare_value(struct compare *compare, struct span value);

/* What the test says, after what the last value said. */
enum answer compare_end(struct compare *compare, bool is_found);

/* All at once, of a test that has one value. */
enum answer compare_one(struct sieve_run *run, const struct node *node, struct span value);
