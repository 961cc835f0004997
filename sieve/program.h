/* SPDX-License-Identifier: MIT
 * A program: the tree of a script's commands, in one arena. Private to sieve. */
#pragma once

#include "sieve/lexer.h"
#include "sieve/sieve.h"

struct word;

/* A string with variables in it (RFC 5229 3). */
enum piece_kind {
	PIECE_TEXT,
	PIECE_VARIABLE, /* index: into the program's */
	PIECE_MATCH,    /* ${index} */
	PIECE_NAMED,    /* of a namespace, text is its full name: "env.name" */
};

struct piece {
	enum piece_kind kind;
	unsigned index;
	struct span text;
};

struct string {
	struct span text; /* as it stands; of a constant: what it is */
	const struct piece *pieces;
	size_t n_pieces; /* 0: a constant */
};

/* What an argument is for: each command has at most one of each. */
enum slot {
	/* by position, in order */
	SLOT_FIRST,
	SLOT_SECOND,
	SLOT_THIRD,
	/* tags */
	SLOT_COMPARATOR,   /* string; value: enum comparator */
	SLOT_MATCH,        /* value: enum match; of :count and :value its string is the relation */
	SLOT_ADDRESS_PART, /* value: enum address_part */
	SLOT_INDEX,        /* number */
	SLOT_LAST,
	SLOT_ZONE, /* string; value 1: :originalzone */
	SLOT_COPY,
	SLOT_CREATE,
	SLOT_FLAGS,
	SLOT_SPECIAL_USE,
	SLOT_SIZE,      /* value 1: :over */
	SLOT_TRANSFORM, /* of body: value enum body_transform, strings of :content */
	SLOT_MIME,
	SLOT_ANYCHILD,
	SLOT_MIME_PART, /* value: enum mime_part, strings of :param */
	SLOT_PERIOD,    /* number; value 1: seconds */
	SLOT_SUBJECT,
	SLOT_FROM,
	SLOT_ADDRESSES,
	SLOT_IS_MIME,
	SLOT_HANDLE,
	SLOT_ID, /* of duplicate: value 1: :header */
	SLOT_PERCENT,
	SLOT_IMPORTANCE,
	SLOT_OPTIONS,
	SLOT_MESSAGE,
	SLOT_NAME,
	SLOT_LIMIT, /* of extracttext's :first */
	SLOT_PLACE, /* of include: value enum sieve_place */
	SLOT_ONCE,
	SLOT_OPTIONAL,
	/* modifiers of set, by precedence (RFC 5229 4) */
	SLOT_MODIFIER_40, /* value: enum modifier */
	SLOT_MODIFIER_30,
	SLOT_MODIFIER_20,
	SLOT_MODIFIER_15,
	SLOT_MODIFIER_10,
	SLOT_HOST, /* whatever the host's commands want */
};

struct argument {
	enum slot slot;
	int value; /* of a tag, see the table */
	uint64_t number;
	const struct string *strings; /* one or a list */
	size_t n_strings;
	struct position at;
};

/* A command or a test. */
struct node {
	const struct word *word;
	struct position at;
	struct argument *arguments;
	size_t n_arguments;
	struct node *tests; /* its first test; the others follow by next */
	struct node *block; /* its first command; NULL: none, or an empty block */
	struct node *next;
	const void
	    *made; /* what the word's check has made of its arguments, e.g. regular expressions */
};

/* NULL: it was not given. Each test asks for several. */
static inline const struct argument *node_argument(const struct node *node, enum slot slot)
{
	for (size_t i = 0; i < node->n_arguments; i++) {
		if (node->arguments[i].slot == slot) {
			return &node->arguments[i];
		}
	}
	return NULL;
}

struct sieve_program {
	struct arena arena;
	struct node *commands;
	uint64_t extensions; /* that it requires */
	struct span *variables;
	unsigned n_variables;
	uint8_t *is_global; /* of each of them: it is shared between scripts (RFC 6609 3.4.1) */
	struct sieve_include *includes;
	size_t n_includes;
	bool sends;
};
