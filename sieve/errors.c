/* SPDX-License-Identifier: MIT
 * What is said of a script that is broken. */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "sieve/compile.h"

/* Texts have parts of scripts in them: no control byte and nothing but UTF-8 gets out. */
static void clean(char *text)
{
	size_t n = strlen(text), length;

	for (size_t i = 0; i < n; i += length) {
		length = utf8_length(text + i, n - i);
		if (length == 0 || text_is_control(text[i])) {
			length = 1;
			text[i] = '?';
		}
	}
}

void errors_add(struct sieve_errors *errors, bool is_warning, struct position at,
    const char *format, va_list arguments)
{
	struct sieve_error *error = &errors->list[errors->n];

	errors->n_errors += !is_warning;
	/* Warnings leave room for errors. */
	if (errors->n >= (is_warning ? SIEVE_ERRORS_MAX / 2 : SIEVE_ERRORS_MAX)) {
		if (!is_warning) {
			error[-1].is_warning = false;
			snprintf(error[-1].text, sizeof(error->text),
			    "there are more errors; mend those that stand above first");
		}
		return;
	}
	errors->n++;
	error->line = at.line;
	error->column = at.column;
	error->is_warning = is_warning;
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	clean(error->text);
}

void compile_error(struct compiler *compiler, struct position at, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	errors_add(compiler->errors, false, at, format, arguments);
	va_end(arguments);
}

void compile_warning(struct compiler *compiler, struct position at, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	errors_add(compiler->errors, true, at, format, arguments);
	va_end(arguments);
}

/* --- what was meant --------------------------------------------------------------------------------------------- */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many letters must be changed, put in, taken out, or swapped with the next, to make b of a; case does not count. */
static size_t distance(struct span a, struct span b)
{
	size_t rows[3][LEXER_NAME_MAX + 1];

	for (size_t j = 0; j <= b.n; j++) {
		rows[0][j] = j;
	}
	for (size_t i = 1; i <= a.n; i++) {
		size_t *row = rows[i % 3], *above = rows[(i + 2) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			bool is_equal = (a.p[i - 1] | 0x20) == (b.p[j - 1] | 0x20);

			row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + !is_equal);
			if (i > 1 && j > 1 && !is_equal &&
			    (a.p[i - 2] | 0x20) == (b.p[j - 1] | 0x20) &&
			    (a.p[i - 1] | 0x20) == (b.p[j - 2] | 0x20)) {
				row[j] = least(row[j], rows[(i + 1) % 3][j - 2] + 1);
			}
		}
	}
	return rows[a.n % 3][b.n];
}

void near_try(struct near *near, const char *name)
{
	const struct span known = { name, strlen(name) };
	size_t found;

	if (near->wanted.n > LEXER_NAME_MAX || known.n > LEXER_NAME_MAX) {
		return;
	}
	found = distance(near->wanted, known);
	if (found <= 2 && 2 * found < near->wanted.n &&
	    (near->name == NULL || found < near->distance)) {
		near->name = name;
		near->distance = found;
	}
}

const char *near_text(struct near *near)
{
	if (near->name != NULL) {
		snprintf(near->text, sizeof(near->text), "; did you mean %s?", near->name);
	}
	return near->text;
}
