/* SPDX-License-Identifier: MIT
 * What a regular expression is compiled into. Jumps are relative, so that code can be moved and copied. Private to
 * regex*.c. */
#pragma once

#include "base/symbol.h"
#include "match/regex.h"

enum op {
	OP_SYMBOL, /* symbol */
	OP_ANY,
	OP_SET,        /* set */
	OP_SPLIT,      /* the next one, or that at to */
	OP_SPLIT_BACK, /* that at to, or the next one */
	OP_JUMP,
	OP_SAVE,   /* slot: where a group begins (2 * its number) or ends */
	OP_ASSERT, /* assertion */
	OP_MATCH,
};

enum assertion {
	ASSERT_BEGIN, /* ^ */
	ASSERT_END,   /* $ */
	ASSERT_EDGE,  /* \b: of a word */
	ASSERT_NO_EDGE,
	ASSERT_WORD_BEGIN, /* \<, as of GNU */
	ASSERT_WORD_END,
};

struct range {
	const struct range *next;
	uint32_t first, last;
};

/* A bracket expression. */
struct set {
	uint32_t ascii[4]; /* a bit for each */
	bool is_negated;
	unsigned n_ranges; /* of symbols beyond */
	const struct range *ranges;
};

struct instruction {
	uint8_t op;
	int16_t to; /* from this one on */
	union {
		uint32_t symbol;
		const struct set *set;
		unsigned slot;
		enum assertion assertion;
	};
};

struct regex {
	struct instruction *code;
	size_t n;
	unsigned n_groups; /* without the whole */
	unsigned letters;
	bool is_anchored; /* it begins with ^ */
	uint32_t first;   /* symbol that every match begins with; SYMBOL_NONE: there is no such */
};

static inline bool set_has(const struct set *set, uint32_t symbol)
{
	const struct range *range = set->ranges;

	if (symbol < 0x80) {
		return (set->ascii[symbol / 32] >> symbol % 32 & 1) != set->is_negated;
	}
	while (range != NULL && (symbol < range->first || symbol > range->last)) {
		range = range->next;
	}
	return (range != NULL) != set->is_negated;
}

/* Adds symbols. False: no memory. */
bool set_add(struct arena *arena, struct set *set, uint32_t first, uint32_t last);

/* Adds a class: alpha, ... False: there is none of that name. */
bool set_add_class(struct set *set, struct span name);

/* Reads what stands behind a [ at *at, and goes behind its ]. Returns 0; 1 and *error_r, -ENOMEM. */
int set_parse(struct arena *arena, struct span text, size_t *at, unsigned letters, struct set *set,
    const char **error_r);
