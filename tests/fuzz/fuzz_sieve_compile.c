/* SPDX-License-Identifier: MIT
 * Fuzz target of the compiler: whatever a script is, it is a program or there are errors within its lines; it takes memory in
 * proportion; its line ends may be of either kind; and what lies between its words means nothing. An input is a script. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "sieve/word.h"

enum {
	MEMORY_LEAST = 64 << 10, /* bytes of the smallest program, and */
	MEMORY_RATE = 128,       /* for each byte of its script */
	SCRIPT_MAX = 5000,       /* bytes of one that is written in other ways, too */
};

static const char *const blanks[] = { " ", "\t\r\n", "/* } ; \" * / # */", "# { text:\n", "\n\n" };

/* --- a script read by rules of its own -------------------------------------------------------------------------- */

static bool is_word_byte(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' ||
	       c == ':';
}

/* Length of what lies between words; of a script that was accepted, comments end. */
static size_t blank_length(const char *p, size_t n)
{
	const char *end = NULL;

	if (*p == '#') {
		end = memchr(p, '\n', n);
		return end != NULL ? (size_t)(end - p) + 1 : n;
	}
	if (n > 1 && memcmp(p, "/*", 2) == 0) {
		end = memmem(p + 2, n - 2, "*/", 2);
		return end != NULL ? (size_t)(end - p) + 2 : n;
	}
	return *p == ' ' || *p == '\t' || *p == '\r' || *p == '\n';
}

/* Lines up to one that is a dot. */
static size_t text_length(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\n' && i + 1 < n && p[i + 1] == '.' &&
		    (i + 2 == n || p[i + 2] == '\r' || p[i + 2] == '\n')) {
			return i + 2;
		}
	}
	return n;
}

static size_t word_length(const char *p, size_t n)
{
	size_t length = 0;

	if (*p == '"') {
		for (length = 1; length < n && p[length] != '"'; length++) {
			length += p[length] == '\\';
		}
		return length < n ? length + 1 : n;
	}
	while (length < n && is_word_byte(p[length])) {
		length++;
		if (p[length - 1] == ':' && length > 1) {
			break;
		}
	}
	if (length == 5 && text_is(p, 5, "text:")) {
		return 5 + text_length(p + 5, n - 5);
	}
	/* A tag right behind a name is a word of its own. */
	if (length > 1 && p[length - 1] == ':') {
		length--;
	}
	return length > 0 ? length : 1;
}

/* Writes it with other things between its words. Returns the length. */
static size_t respell(const char *p, size_t n, char *out)
{
	size_t n_out = 0, turn = 0;

	for (size_t i = 0, length; i < n; i += length) {
		length = blank_length(p + i, n - i);
		if (length == 0) {
			const char *blank = blanks[turn++ % (sizeof(blanks) / sizeof(blanks[0]))];

			length = word_length(p + i, n - i);
			memcpy(out + n_out, p + i, length);
			n_out += length;
			/* What ends a text is a line end. */
			if (p[i + length - 1] == '.') {
				out[n_out++] = '\n';
			}
			memcpy(out + n_out, blank, strlen(blank));
			n_out += strlen(blank);
		}
	}
	return n_out;
}

static size_t to_crlf(const char *p, size_t n, char *out)
{
	size_t n_out = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\n' && (i == 0 || p[i - 1] != '\r')) {
			out[n_out++] = '\r';
		}
		out[n_out++] = p[i];
	}
	return n_out;
}

/* --- programs --------------------------------------------------------------------------------------------------- */

static void compare_strings(const struct string *a, const struct string *b)
{
	fuzz_require(span_equals(a->text, b->text) && a->n_pieces == b->n_pieces, "same string");
	for (size_t i = 0; i < a->n_pieces; i++) {
		fuzz_require(a->pieces[i].kind == b->pieces[i].kind &&
				 a->pieces[i].index == b->pieces[i].index &&
				 span_equals(a->pieces[i].text, b->pieces[i].text),
		    "same piece");
	}
}

/* Nested no deeper than a script may be. */
static void compare_nodes(const struct node *a, const struct node *b)
{
	for (; a != NULL && b != NULL; a = a->next, b = b->next) {
		fuzz_require(a->word == b->word && a->n_arguments == b->n_arguments, "same word");
		for (size_t i = 0; i < a->n_arguments; i++) {
			const struct argument *x = &a->arguments[i], *y = &b->arguments[i];

			fuzz_require(x->slot == y->slot && x->value == y->value &&
					 x->number == y->number && x->n_strings == y->n_strings,
			    "same argument");
			for (size_t j = 0; j < x->n_strings; j++) {
				compare_strings(&x->strings[j], &y->strings[j]);
			}
		}
		compare_nodes(a->tests, b->tests);
		compare_nodes(a->block, b->block);
	}
	fuzz_require(a == NULL && b == NULL, "as many commands");
}

static void compare_programs(const struct sieve_program *a, const struct sieve_program *b)
{
	fuzz_require(a->extensions == b->extensions && a->sends == b->sends &&
			 a->n_variables == b->n_variables && a->n_includes == b->n_includes,
	    "same program");
	for (unsigned i = 0; i < a->n_variables; i++) {
		fuzz_require(span_equals(a->variables[i], b->variables[i]) &&
				 a->is_global[i] == b->is_global[i],
		    "same variable");
	}
	for (size_t i = 0; i < a->n_includes; i++) {
		fuzz_require(span_equals(a->includes[i].name, b->includes[i].name), "same include");
	}
	compare_nodes(a->commands, b->commands);
}

static void check_errors(const struct sieve_errors *errors, const char *script, size_t n)
{
	unsigned n_lines = 1;
	size_t n_kept = 0;

	for (size_t i = 0; i < n; i++) {
		n_lines += script[i] == '\n';
	}
	for (size_t i = 0; i < errors->n; i++) {
		const struct sieve_error *error = &errors->list[i];
		size_t length = strnlen(error->text, sizeof(error->text));

		fuzz_require(error->line <= n_lines && error->column <= n + 1 &&
				 (error->line == 0) == (error->column == 0),
		    "errors are of the script");
		fuzz_require(length > 0 && length < sizeof(error->text) &&
				 utf8_is_valid(error->text, length) &&
				 !text_has_control(error->text, length),
		    "errors are text");
		n_kept += !error->is_warning;
	}
	fuzz_require(n_kept == errors->n_errors || errors->n == SIEVE_ERRORS_MAX, "they are kept");
}

static struct sieve_program *compile(const char *script, size_t n, struct sieve_errors *errors)
{
	char *copy = fuzz_copy(script, n);
	struct sieve_program *program;
	int result = sieve_compile(&sieve_language, (struct span){ copy, n }, &program, errors);

	free(copy);
	fuzz_require(result == 0 || result == 1, "it is a program or not");
	fuzz_require((result == 1) == (errors->n_errors > 0) && (result == 0) == (program != NULL),
	    "who has no program has errors");
	check_errors(errors, script, n);
	if (program != NULL) {
		fuzz_require(sieve_program_size(program) <= MEMORY_LEAST + MEMORY_RATE * n,
		    "a program takes memory in proportion");
	}
	return program;
}

/* The same script with other line ends: also its errors are the same. */
static void check_line_ends(const char *script, size_t n, const struct sieve_program *program,
    const struct sieve_errors *errors)
{
	char *out = fuzz_room(2 * n);
	struct sieve_errors other_errors;
	struct sieve_program *other = compile(out, to_crlf(script, n, out), &other_errors);

	fuzz_require((program == NULL) == (other == NULL), "line ends mean nothing");
	fuzz_require(errors->n == other_errors.n && memcmp(errors->list, other_errors.list,
							errors->n * sizeof(errors->list[0])) == 0,
	    "nor for errors");
	if (program != NULL) {
		compare_programs(program, other);
	}
	sieve_program_free(other);
	free(out);
}

static void check_blanks(const char *script, size_t n, const struct sieve_program *program)
{
	char *out = fuzz_room(20 * n);
	struct sieve_errors errors;
	struct sieve_program *other = compile(out, respell(script, n, out), &errors);

	fuzz_require(other != NULL, "blanks mean nothing");
	compare_programs(program, other);
	sieve_program_free(other);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *script = (const char *)data;
	struct sieve_errors errors;
	struct sieve_program *program = compile(script, n, &errors);

	if (n <= SCRIPT_MAX) {
		check_line_ends(script, n, program, &errors);
		if (program != NULL) {
			check_blanks(script, n, program);
		}
	}
	sieve_program_free(program);
	return 0;
}
