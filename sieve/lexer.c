/* SPDX-License-Identifier: MIT
 * Tokens. Each byte of a script is looked at a fixed number of times. */
#include "sieve/lexer.h"

#include <string.h>

#include "base/utf8.h"

/* Characters are counted, not the bytes that they are continued by. */
static void take(struct lexer *lexer, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)*lexer->p++;

		if (c == '\n') {
			lexer->at.line++;
			lexer->at.column = 1;
		} else if ((c & 0xc0) != 0x80) {
			lexer->at.column++;
		}
	}
}

static size_t left(const struct lexer *lexer)
{
	return (size_t)(lexer->end - lexer->p);
}

static bool is_next(const struct lexer *lexer, const char *text)
{
	size_t n = strlen(text);

	return left(lexer) >= n && memcmp(lexer->p, text, n) == 0;
}

const char *lexer_init(struct lexer *lexer, struct span script)
{
	const char *p = script.n > 0 ? script.p : "";

	*lexer = (struct lexer){ p, p + script.n, { 1, 1 } };
	if (is_next(lexer, "\xef\xbb\xbf")) {
		return "the script begins with a byte order mark; save it as UTF-8 without one";
	}
	while (lexer->p < lexer->end) {
		if (*lexer->p == '\0') {
			return "there is a NUL byte; take it out";
		}
		if (*lexer->p == '\r' && (left(lexer) == 1 || lexer->p[1] != '\n')) {
			return "a line ends in CR alone; write CRLF or LF";
		}
		take(lexer, 1);
	}
	*lexer = (struct lexer){ p, p + script.n, { 1, 1 } };
	return NULL;
}

static bool is_of_name(char c)
{
	return text_is_letter(c) || c == '_' || text_is_digit(c);
}

/* Goes behind the next string; the end if there is none. */
static bool skip_behind(struct lexer *lexer, const char *text)
{
	const char *found = memmem(lexer->p, left(lexer), text, strlen(text));

	take(lexer, found != NULL ? (size_t)(found - lexer->p) + strlen(text) : left(lexer));
	return found != NULL;
}

/* White space and comments. False: one has no end. */
static bool skip_blanks(struct lexer *lexer)
{
	while (lexer->p < lexer->end) {
		if (strchr(" \t\r\n", *lexer->p) != NULL) {
			take(lexer, 1);
		} else if (*lexer->p == '#') {
			skip_behind(lexer, "\n");
		} else if (!is_next(lexer, "/*")) {
			break;
		} else {
			take(lexer, 2);
			if (!skip_behind(lexer, "*/")) {
				return false;
			}
		}
	}
	return true;
}

static void read_name(struct lexer *lexer, struct token *token)
{
	const char *begin = lexer->p;
	size_t n = *begin == ':';

	while (n < left(lexer) && is_of_name(begin[n])) {
		n++;
	}
	token->type = *begin == ':' ? TOKEN_TAG : TOKEN_IDENTIFIER;
	token->text = (struct span){ begin, n };
	if (n == 1 && *begin == ':') {
		token->error = "behind a colon there must be the name of a tag, such as :is";
	} else if (text_is_digit(begin[*begin == ':'])) {
		token->error = "the name of a tag cannot begin with a digit";
	} else if (n - (*begin == ':') > LEXER_NAME_MAX) {
		token->error = "a name is longer than 64 bytes; no command, test or tag is";
	}
	take(lexer, n);
}

static void read_number(struct lexer *lexer, struct token *token)
{
	bool is_too_large = false;
	unsigned shift = 0;
	size_t n = 0;

	for (; n < left(lexer) && text_is_digit(lexer->p[n]); n++) {
		is_too_large |=
		    __builtin_mul_overflow(token->number, 10, &token->number) ||
		    __builtin_add_overflow(token->number, lexer->p[n] - '0', &token->number);
	}
	token->type = TOKEN_NUMBER;
	if (n < left(lexer) && is_of_name(lexer->p[n])) {
		char c = (char)(lexer->p[n++] | 0x20);

		shift = c == 'k' ? 10 : c == 'm' ? 20 : c == 'g' ? 30 : 64;
	}
	for (; n < left(lexer) && is_of_name(lexer->p[n]); n++) {
		shift = 64;
	}
	token->text = (struct span){ lexer->p, n };
	if (shift == 64) {
		token->error = "a number may only have K, M or G behind it";
	} else if (is_too_large || token->number > UINT64_MAX >> shift) {
		token->error = "a number is above 18446744073709551615; write a smaller one";
	} else {
		token->number <<= shift;
	}
	take(lexer, n);
}

static void read_quoted(struct lexer *lexer, struct token *token)
{
	const char *p = lexer->p + 1;

	while (p < lexer->end && *p != '"') {
		p += *p == '\\' && lexer->end - p > 1 ? 2 : 1;
	}
	token->type = TOKEN_STRING;
	token->text = (struct span){ lexer->p + 1, (size_t)(p - lexer->p - 1) };
	if (p == lexer->end) {
		token->error = "a string that begins here has no end; write \" behind it";
	}
	take(lexer, (size_t)(p - lexer->p) + (p < lexer->end));
}

/* Behind "text:": the rest of its line may be a comment; its own lines end with one that is a dot. */
static void read_lines(struct lexer *lexer, struct token *token)
{
	const char *begin;

	token->type = TOKEN_STRING;
	token->is_multi_line = true;
	while (lexer->p < lexer->end && (*lexer->p == ' ' || *lexer->p == '\t')) {
		take(lexer, 1);
	}
	if (!is_next(lexer, "#") && !is_next(lexer, "\n") && !is_next(lexer, "\r\n")) {
		token->error = "behind text: its line must end; begin the text in the next one";
		return;
	}
	skip_behind(lexer, "\n");
	begin = lexer->p;
	while (lexer->p < lexer->end && !is_next(lexer, ".\n") && !is_next(lexer, ".\r\n") &&
	       !(left(lexer) == 1 && *lexer->p == '.')) {
		skip_behind(lexer, "\n");
	}
	token->text = (struct span){ begin, (size_t)(lexer->p - begin) };
	if (lexer->p == lexer->end) {
		token->error =
		    "a text that begins here has no end; write a line with a dot alone behind it";
	}
	skip_behind(lexer, "\n");
}

static void read_token(struct lexer *lexer, struct token *token)
{
	char c = *lexer->p;

	if (text_is_digit(c)) {
		read_number(lexer, token);
	} else if (c == ':' || is_of_name(c)) {
		read_name(lexer, token);
		if (token->type == TOKEN_IDENTIFIER && span_is(token->text, "text") &&
		    is_next(lexer, ":")) {
			take(lexer, 1);
			read_lines(lexer, token);
		}
	} else if (c == '"') {
		read_quoted(lexer, token);
	} else {
		token->type = (unsigned char)c;
		token->text = (struct span){ lexer->p, 1 };
		if (strchr("()[]{},;", c) == NULL) {
			size_t n = utf8_length(lexer->p, left(lexer));

			token->text.n = n > 0 ? n : 1;
			token->error = "this character has no meaning here; is a quote missing?";
		}
		take(lexer, token->text.n);
	}
	if (token->error == NULL && token->type == TOKEN_STRING &&
	    !utf8_is_valid(token->text.p, token->text.n)) {
		token->error = "a string is no UTF-8; save the script as UTF-8";
	}
}

void lexer_next(struct lexer *lexer, struct token *token_r)
{
	struct position begin = lexer->at;
	bool is_closed = skip_blanks(lexer);

	*token_r = (struct token){ TOKEN_END, lexer->at };
	if (!is_closed) {
		/* Where it begins says more than where the script ends. */
		token_r->at = begin;
		token_r->error = "behind here a comment has no end; write */ behind it";
	} else if (lexer->p < lexer->end) {
		read_token(lexer, token_r);
	}
	if (token_r->error != NULL) {
		token_r->type = TOKEN_BAD;
	}
}

struct span lexer_string(struct arena *arena, const struct token *token)
{
	const struct span in = token->text;
	bool is_line_start = true;
	size_t n_lines = 0, n = 0;
	char *out;

	for (size_t i = 0; i < in.n; i++) {
		n_lines += in.p[i] == '\n';
	}
	out = arena_alloc(arena, in.n + n_lines + 1);
	for (size_t i = 0; out != NULL && i < in.n; i++) {
		/* A quoted string never ends in a backslash. */
		bool is_stuffed = is_line_start && in.n - i > 1 && memcmp(in.p + i, "..", 2) == 0;

		i += token->is_multi_line ? is_stuffed : in.p[i] == '\\';
		if (in.p[i] == '\n' && (n == 0 || out[n - 1] != '\r')) {
			out[n++] = '\r';
		}
		out[n++] = in.p[i];
		is_line_start = in.p[i] == '\n';
	}
	return (struct span){ out, n };
}
