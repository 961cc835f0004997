/* SPDX-License-Identifier: MIT
 * Does a value match a key? Every matcher is a linear automaton that is fed bytes, so that a body need not be in memory;
 * for values that are, match_value() also tells what the wildcards stood for.
 *
 * RFC 5228 2.7 (match types, comparators), 5231 (relations), 4790 (collations), draft-murchison-sieve-regex. */
#pragma once

#include "base/arena.h"
#include "base/fuel.h"

enum match {
	MATCH_IS = 0,
	MATCH_CONTAINS,
	MATCH_MATCHES,
	MATCH_REGEX,
	MATCH_VALUE,
	MATCH_COUNT, /* counted by who asks: here as MATCH_VALUE */
};

enum comparator {
	COMPARATOR_CASEMAP = 0, /* i;ascii-casemap, the default */
	COMPARATOR_OCTET,
	COMPARATOR_NUMERIC, /* i;ascii-numeric */
};

enum relation {
	RELATION_GT,
	RELATION_GE,
	RELATION_LT,
	RELATION_LE,
	RELATION_EQ,
	RELATION_NE,
};

enum {
	MATCH_CAPTURES_MAX = 32, /* the whole and 31 wildcards or groups */
};

struct regex;

struct key {
	enum match match;
	enum comparator comparator;
	enum relation relation; /* of MATCH_VALUE */
	struct span text;
	const struct regex *regex; /* of MATCH_REGEX, instead of text */
};

/* What ${0} and on stand for: parts of the value. A group that took no part has n 0. */
struct captures {
	struct span list[MATCH_CAPTURES_MAX];
	unsigned n;
};

enum match_outcome {
	MATCH_NO = 0,
	MATCH_YES,
	MATCH_EXHAUSTED, /* no fuel, or no memory left in the arena */
};

/* captures_r may be NULL; it is filled for MATCH_MATCHES and MATCH_REGEX that match. arena: for what is needed
 * meanwhile. */
enum match_outcome match_value(const struct key *key, struct span value, struct arena *arena,
    struct fuel *fuel, struct captures *captures_r);

/* The same of a value that comes in pieces. It answers as match_value() does of the whole, however it is cut. */
struct matcher;

/* NULL: as MATCH_EXHAUSTED. key must outlive it. */
struct matcher *matcher_new(const struct key *key, struct arena *arena, struct fuel *fuel);
/* MATCH_YES: it matches, whatever follows; MATCH_NO: at the end it does not, else it is not yet known. */
enum match_outcome matcher_feed(struct matcher *matcher, struct span bytes, bool is_end);
/* For a further value. */
void matcher_restart(struct matcher *matcher);

/* Is it ok by that relation? */
bool relation_holds(enum relation relation, int order);
