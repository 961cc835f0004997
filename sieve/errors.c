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

static bool is_like(char a, char b)
{
	return text_lower(a) == text_lower(b);
}

/* Is b the same as a but for one letter that is another, is missing, is too much, or is swapped with the next? */
static bool is_near(struct span a, struct span b)
{
	while (a.n > 0 && b.n > 0 && is_like(a.p[0], b.p[0])) {
		a = span_from(a, 1);
		b = span_from(b, 1);
	}
	while (a.n > 0 && b.n > 0 && is_like(a.p[a.n - 1], b.p[b.n - 1])) {
		a.n--;
		b.n--;
	}
	return (a.n <= 1 && b.n <= 1) ||
	       (a.n == 2 && b.n == 2 && is_like(a.p[0], b.p[1]) && is_like(a.p[1], b.p[0]));
}

void near_try(struct near *near, const char *name)
{
	if (near->wanted.n > 2 && near->name == NULL && is_near(near->wanted, span_of(name))) {
		near->name = name;
	}
}

const char *near_text(struct near *near)
{
	if (near->name != NULL) {
		snprintf(near->text, sizeof(near->text), "; did you mean %s?", near->name);
	}
	return near->text;
}
