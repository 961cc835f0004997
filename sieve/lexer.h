/* SPDX-License-Identifier: MIT
 * The words that a script consists of (RFC 5228 8.1). It is a value: a copy of it reads the same tokens once more. Private
 * to sieve. */
#pragma once

#include "base/arena.h"

enum {
	LEXER_NAME_MAX = 64, /* bytes of an identifier, or of a tag without its colon */
};

enum token_type {
	TOKEN_END = 0,
	TOKEN_BAD, /* error says why */
	TOKEN_IDENTIFIER,
	TOKEN_TAG,
	TOKEN_NUMBER,
	TOKEN_STRING,
	/* and these, as they stand: ( ) [ ] { } , ; */
};

/* In a script, from 1; columns are characters. */
struct position {
	unsigned line, column;
};

struct token {
	int type; /* enum token_type, or a character */
	struct position at;
	struct span
	    text; /* of a name; of a tag, with its colon; of a string, what lexer_string() reads */
	bool is_multi_line;
	uint64_t number;
	const char *error;
};

struct lexer {
	const char *p, *end;
	struct position at; /* of p */
};

/* Can it be a script at all: has it no NUL, no CR without an LF, no byte order mark? Else what is wrong, and where: lexer is
 * there then. NULL: it is fine, and lexer at its start. */
const char *lexer_init(struct lexer *lexer, struct span script);

void lexer_next(struct lexer *lexer, struct token *token_r);

/* The bytes that a string stands for: its lines end in CRLF. p is NULL: no memory. */
struct span lexer_string(struct arena *arena, const struct token *token);
