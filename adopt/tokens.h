/* SPDX-License-Identifier: MIT
 * A query in words. Private to adopt, and pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "adopt/select.h"
#include "base/error.h"

enum token_kind {
	TOKEN_WORD,   /* a name, maybe quoted or of several parts; a key word; a number */
	TOKEN_STRING, /* with its quotes */
	TOKEN_SIGN,   /* one character */
};

struct token {
	enum token_kind kind;
	const char *p;
	size_t n;
	unsigned depth; /* parentheses that it stands in, a parenthesis itself not */
};

struct tokens {
	struct token list[SELECT_TOKENS_MAX];
	size_t n;
};

/* Returns 0, or -1 with the reason in error: it is too long, has comments or several statements, or something is
 * not closed. A semicolon at its end is left out. */
int tokens_read(struct tokens *tokens_r, const char *text, struct error *error);

bool token_is(const struct token *token, const char *word);

/* A key word of SQL, as far as they matter here. */
bool token_is_keyword(const struct token *token);

/* A name of a column or table. */
bool token_is_name(const struct token *token);

/* The first of tokens [from, to) that stands in no parentheses and is that word; to if there is none. */
size_t tokens_find(const struct tokens *tokens, size_t from, size_t to, const char *word);

/* Are two queries the same but for blanks and for letters of key words? Of one that cannot be read that is not known. */
bool tokens_are_same(const char *a, const char *b);
