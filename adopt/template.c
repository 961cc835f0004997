/* SPDX-License-Identifier: MIT
 * Strings are read as MySQL reads them: a backslash takes the next character along, and a quote that is
 * doubled ends nothing. */
#include "adopt/template.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	NAME_MAX_BYTES = 64, /* of what stands between braces */
};

/* One thing of a query: a placeholder, named by lmtpd's letter; '%' for a percent sign; 0 for other text. */
struct piece {
	char letter;
	size_t n; /* bytes of the text */
};

static int refuse(const char *p, size_t n, const char *why, struct error *error)
{
	return error_set(error, "%.*s %s", (int)n, p, why);
}

static int read_postfix(const char *p, bool is_domain, struct piece *piece_r, struct error *error)
{
	*piece_r = (struct piece){ .n = 2 };
	switch (p[1]) {
	case '%':
		piece_r->letter = '%';
		return 0;
	case 's':
	case 'S':
		piece_r->letter = is_domain ? 'd' : 'u';
		return 0;
	case 'u':
	case 'U':
		piece_r->letter = is_domain ? 'd' : 'n';
		return 0;
	case 'd':
	case 'D':
		piece_r->letter = 'd';
		/* Postfix asks nothing then. */
		return is_domain ? refuse(p, 2, "finds nothing where a domain is asked for", error)
				 : 0;
	default:
		return refuse(p, strnlen(p, 2),
		    isdigit((unsigned char)p[1])
			? "is a part of the domain, which lmtpd does not ask by"
			: "is no placeholder of Postfix",
		    error);
	}
}

/* %{...}, blanks and what makes lower case left out. */
static int read_name(const char *p, struct piece *piece_r, struct error *error)
{
	static const struct {
		const char *name;
		char letter;
	} names[] = { { "service", 's' }, { "protocol", 's' }, { "rip", 'r' }, { "remote_ip", 'r' },
		{ "user", 'u' }, { "username", 'n' }, { "domain", 'd' }, { "user|username", 'n' },
		{ "user|domain", 'd' } };
	size_t n = strcspn(p, "}"), at = 0;
	char name[NAME_MAX_BYTES];
	char *lower;

	for (size_t i = 2; i < n && at < sizeof(name) - 1; i++) {
		if (p[i] != ' ') {
			name[at++] = p[i];
		}
	}
	name[at] = '\0';
	while ((lower = strstr(name, "|lower")) != NULL) {
		memmove(lower, lower + 6, strlen(lower + 6) + 1);
	}
	for (size_t i = 0; p[n] == '}' && i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i].name) == 0) {
			*piece_r = (struct piece){ names[i].letter, n + 1 };
			return 0;
		}
	}
	return refuse(p, p[n] == '}' ? n + 1 : n, "has no like in lmtpd", error);
}

static int read_dovecot(const char *p, bool is_24, struct piece *piece_r, struct error *error)
{
	size_t at = !is_24 && p[1] == 'L' ? 2 : 1;

	if (p[1] == '{') {
		return read_name(p, piece_r, error);
	}
	if (p[at] == '%') {
		*piece_r = (struct piece){ '%', at + 1 };
		return 0;
	}
	if (p[at] != '\0' && strchr("undsr", p[at]) != NULL) {
		*piece_r = (struct piece){ p[at], at + 1 };
		return is_24 ? refuse(p, 2,
				   "is no variable of Dovecot 2.4, which takes it as it stands",
				   error)
			     : 0;
	}
	if (is_24) {
		*piece_r = (struct piece){ '%', 1 };
		return 0;
	}
	return refuse(p, strnlen(p, at + 1), "has no like in lmtpd", error);
}

/* What stands at p, which is not the end. */
static int read_piece(
    const char *p, enum template_dialect dialect, struct piece *piece_r, struct error *error)
{
	*piece_r = (struct piece){ .n = 1 };
	if (*p != '%') {
		return 0;
	}
	return dialect <= TEMPLATE_POSTFIX_DOMAIN
		   ? read_postfix(p, dialect == TEMPLATE_POSTFIX_DOMAIN, piece_r, error)
		   : read_dovecot(p, dialect == TEMPLATE_DOVECOT_24, piece_r, error);
}

static void put_piece(FILE *out, const char *p, const struct piece *piece)
{
	if (piece->letter != 0) {
		fprintf(out, "%%%c", piece->letter);
	} else {
		fwrite(p, 1, piece->n, out);
	}
}

/* The next thing within a string; a backslash and a doubled quote are one with what follows. */
static int read_within(const char *p, char quote, enum template_dialect dialect,
    struct piece *piece_r, struct error *error)
{
	bool is_pair =
	    (p[0] == quote && p[1] == quote) || (p[0] == '\\' && p[1] != '\0' && p[1] != '%');

	if (is_pair) {
		*piece_r = (struct piece){ .n = 2 };
		return 0;
	}
	return read_piece(p, dialect, piece_r, error);
}

static bool is_end(const char *p, char quote)
{
	return *p == '\0' || (p[0] == quote && p[1] != quote);
}

/* As arguments: 'text', '%n', 'text'. */
static void put_pieces(FILE *out, const char *p, char quote, enum template_dialect dialect)
{
	bool is_open = false, is_first = true;
	struct error ignored; /* it was read before */
	struct piece piece;

	fputs("CONCAT(", out);
	for (; !is_end(p, quote); p += piece.n) {
		bool is_placeholder;

		read_within(p, quote, dialect, &piece, &ignored);
		is_placeholder = piece.letter != 0 && piece.letter != '%';
		if (is_open && is_placeholder) {
			fputc(quote, out);
			is_open = false;
		}
		if (!is_open) {
			fputs(is_first ? "" : ", ", out);
			fputc(quote, out);
			is_open = true;
			is_first = false;
		}
		put_piece(out, p, &piece);
		if (is_placeholder) {
			fputc(quote, out);
			is_open = false;
		}
	}
	if (is_open) {
		fputc(quote, out);
	}
	fputc(')', out);
}

/* A string from its opening quote on. Returns the bytes that it has, or -1. */
static long put_string(
    FILE *out, const char *text, enum template_dialect dialect, struct error *error)
{
	size_t n_placeholders = 0, n_others = 0;
	const char *p = text + 1;
	struct piece piece;

	for (; !is_end(p, *text); p += piece.n) {
		if (read_within(p, *text, dialect, &piece, error) != 0) {
			return -1;
		}
		n_placeholders += piece.letter != 0 && piece.letter != '%';
		n_others += piece.letter == 0 || piece.letter == '%';
	}
	if (*p == '\0') {
		return error_set(error, "a quote is not closed");
	}
	if (n_placeholders > 0 && n_placeholders + n_others > 1) {
		put_pieces(out, text + 1, *text, dialect);
		return p + 1 - text;
	}
	fputc(*text, out);
	for (p = text + 1; !is_end(p, *text); p += piece.n) {
		read_within(p, *text, dialect, &piece, error);
		put_piece(out, p, &piece);
	}
	fputc(*text, out);
	return p + 1 - text;
}

/* A quoted name, which cannot depend on what is asked for. Returns the bytes that it has, or -1. */
static long put_name(FILE *out, const char *text, struct error *error)
{
	size_t n = strcspn(text + 1, "`%");

	if (text[n + 1] != '`') {
		return error_set(error, "a name between ` is not closed, or has a percent sign");
	}
	fwrite(text, 1, n + 2, out);
	return (long)n + 2;
}

static int translate(FILE *out, const char *p, enum template_dialect dialect, struct error *error)
{
	while (*p != '\0') {
		struct piece piece = { .n = 0 };
		long n = 0;

		if (*p == '\'' || *p == '"') {
			n = put_string(out, p, dialect, error);
			if (n < 0) {
				return -1;
			}
			p += n;
		} else if (*p == '`') {
			n = put_name(out, p, error);
			if (n < 0) {
				return -1;
			}
			p += n;
		} else if (read_piece(p, dialect, &piece, error) != 0) {
			return -1;
		} else {
			put_piece(out, p, &piece);
			p += piece.n;
		}
	}
	return 0;
}

char *template_translate(const char *text, enum template_dialect dialect, struct error *error)
{
	char *translated = NULL;
	size_t n;
	FILE *out = open_memstream(&translated, &n);
	int result;

	if (out == NULL) {
		error_set(error, "out of memory");
		return NULL;
	}
	result = translate(out, text, dialect, error);
	if (fclose(out) != 0 && result == 0) {
		result = error_set(error, "out of memory");
	}
	if (result != 0) {
		free(translated);
		return NULL;
	}
	return translated;
}
