/* SPDX-License-Identifier: MIT
 * As MySQL cuts a query, but for what nobody writes into a configuration. */
#include "adopt/tokens.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

static const char *const keywords[] = { "SELECT", "DISTINCT", "FROM", "WHERE", "AND", "OR", "XOR",
	"NOT", "AS", "JOIN", "INNER", "LEFT", "RIGHT", "OUTER", "CROSS", "NATURAL", "STRAIGHT_JOIN",
	"ON", "USING", "IN", "IS", "NULL", "LIKE", "BETWEEN", "ORDER", "GROUP", "BY", "HAVING",
	"LIMIT", "UNION", "ALL", "INTO", "ASC", "DESC", "TRUE", "FALSE", "CASE", "WHEN", "THEN",
	"ELSE", "END", "EXISTS", "INTERVAL", "BINARY", "COLLATE", "REGEXP", "RLIKE", "DIV", "MOD",
	"FOR", "LOCK", "OFFSET", "PROCEDURE" };

static bool is_of_word(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80 || strchr("_$.@", c) != NULL;
}

/* Bytes of a string from its quote on; 0 if it is not closed. */
static size_t measure_string(const char *p)
{
	char quote = *p;
	size_t n = 1;

	while (p[n] != '\0') {
		bool is_escaped = p[n] == '\\' && quote != '`' && p[n + 1] != '\0';

		if (is_escaped || (p[n] == quote && p[n + 1] == quote)) {
			n += 2;
		} else if (p[n] == quote) {
			return n + 1;
		} else {
			n++;
		}
	}
	return 0;
}

/* Bytes of a word, whose parts may be quoted; 0 if a quote is not closed. */
static size_t measure_word(const char *p)
{
	size_t n = 0;

	while (p[n] != '\0' && (p[n] == '`' || is_of_word(p[n]))) {
		size_t quoted = p[n] == '`' ? measure_string(p + n) : 1;

		if (quoted == 0) {
			return 0;
		}
		n += quoted;
	}
	return n;
}

static int read_token(const char *p, unsigned *depth, struct token *token_r, struct error *error)
{
	*token_r = (struct token){ TOKEN_SIGN, p, 1, *depth };
	if (*p == '#' || strncmp(p, "--", 2) == 0 || strncmp(p, "/*", 2) == 0) {
		return error_set(error, "it has a comment");
	}
	if (*p == '\'' || *p == '"') {
		token_r->kind = TOKEN_STRING;
		token_r->n = measure_string(p);
	} else if (*p == '`' || is_of_word(*p)) {
		token_r->kind = TOKEN_WORD;
		token_r->n = measure_word(p);
	} else if (*p == '(') {
		++*depth;
	} else if (*p == ')') {
		token_r->depth = *depth -= *depth > 0;
	} else if (*p == ';') {
		return error_set(error, "it has more than one statement");
	}
	return token_r->n > 0 ? 0 : error_set(error, "a quote is not closed");
}

int tokens_read(struct tokens *tokens_r, const char *text, struct error *error)
{
	unsigned depth = 0;

	tokens_r->n = 0;
	text += strspn(text, " \t\r\n");
	while (*text != '\0' && text[strspn(text, "; \t\r\n")] != '\0') {
		if (tokens_r->n == SELECT_TOKENS_MAX) {
			return error_set(error, "it is too long to be understood");
		}
		if (read_token(text, &depth, &tokens_r->list[tokens_r->n], error) != 0) {
			return -1;
		}
		text += tokens_r->list[tokens_r->n++].n;
		text += strspn(text, " \t\r\n");
	}
	return depth == 0 ? 0 : error_set(error, "a parenthesis is not closed");
}

bool token_is(const struct token *token, const char *word)
{
	return token->kind != TOKEN_STRING && text_is(token->p, token->n, word);
}

bool token_is_keyword(const struct token *token)
{
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
		if (token_is(token, keywords[i])) {
			return true;
		}
	}
	return false;
}

bool token_is_name(const struct token *token)
{
	return token->kind == TOKEN_WORD && !isdigit((unsigned char)token->p[0]) &&
	       memchr(token->p, '@', token->n) == NULL && !token_is_keyword(token);
}

size_t tokens_find(const struct tokens *tokens, size_t from, size_t to, const char *word)
{
	while (
	    from < to && (tokens->list[from].depth > 0 || !token_is(&tokens->list[from], word))) {
		from++;
	}
	return from;
}

bool tokens_are_same(const char *a, const char *b)
{
	struct tokens tokens_a, tokens_b;
	struct error ignored;

	if (tokens_read(&tokens_a, a, &ignored) != 0 || tokens_read(&tokens_b, b, &ignored) != 0 ||
	    tokens_a.n != tokens_b.n) {
		return false;
	}
	for (size_t i = 0; i < tokens_a.n; i++) {
		const struct token *x = &tokens_a.list[i], *y = &tokens_b.list[i];
		bool is_keyword = token_is_keyword(x);

		if (x->n != y->n ||
		    (is_keyword ? strncasecmp(x->p, y->p, x->n) : memcmp(x->p, y->p, x->n)) != 0) {
			return false;
		}
	}
	return true;
}
