/* SPDX-License-Identifier: MIT
 * Compiling scripts: what is just not too much, what is, and what is said when there is no memory. */
#include "sieve/sieve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sieve/run.h"
#include "tests/unit/unit.h"

static struct sieve_errors errors;

/* A script that is put together, as long as it may be and a little more. */
static char script[SIEVE_SCRIPT_MAX + 1024];
static size_t length;

static void begin(const char *text)
{
	length = strlen(text);
	memcpy(script, text, length);
}

static void add(const char *text, size_t times)
{
	size_t n = strlen(text);

	assert_true(length + times * n <= sizeof(script));
	for (; times > 0; times--) {
		memcpy(script + length, text, n);
		length += n;
	}
}

static void expect(const char *part)
{
	struct sieve_program *program;
	int result =
	    sieve_compile(&sieve_language, (struct span){ script, length }, &program, &errors);

	if (result != (part != NULL) ||
	    (part != NULL && strstr(errors.list[0].text, part) == NULL)) {
		fail_msg("%.60s: %d, %s, wanted %s", script, result, errors.list[0].text,
		    part != NULL ? part : "none");
	}
	sieve_program_free(program);
}

static const struct row {
	const char *begin, *repeated, *middle, *repeated_behind, *end;
	size_t n; /* that many times it is fine, and not once more */
	const char *part;
} rows[] = {
	{ "", "if true {", "", "}", "", 32, "more than 32 blocks" },
	{ "if ", "not ", "true {}", "", "", 31, "more than 32 tests" },
	{ "if ", "anyof(", "true", ")", "{}", 31, "more than 32 tests" },
	{ "require \"variables\";", "set \"a\" \"b\";", "", "", "", 1000, NULL },
	{ "require [\"include\", \"variables\"]; global [\"a\"", ", \"a\"", "];", "", "", 1000,
	    NULL },
	{ "#", "x", "", "", "", SIEVE_SCRIPT_MAX - 1, "more than 1048576 bytes" },
	{ "keep; #", "\377", "", "", "", 100000, NULL },
	{ "require \"fileinto\"; fileinto \"", "\n", "\";", "", "", 1000000, NULL },
	{ "require \"include\"; include \"", "a", "\";", "", "", 256, "no name of a script" },
	{ "require \"variables\"; set \"", "a", "\" \"\";", "", "", 64, "longer than 64 bytes" },
	{ "require \"variables\"; redirect \"${", "a", "}\";", "", "", 64, "longer than 64 bytes" },
	{ "if exists [\"a\"", ",\"a\"", "] {}", "", "", 40000, NULL },
};

static void test_limits(void **state)
{
	for (size_t i = 0; i < LENGTH(rows); i++) {
		const struct row *row = &rows[i];

		for (size_t more = 0; more <= (row->part != NULL ? 1U : 0U); more++) {
			begin(row->begin);
			add(row->repeated, row->n + more);
			add(row->middle, 1);
			add(row->repeated_behind, row->n + more);
			add(row->end, 1);
			expect(more == 0 ? NULL : row->part);
		}
	}
}

static void test_limits_names_and_arguments(void **state)
{
	begin("");
	add("k", 64);
	add(";", 1);
	expect("there is no command");
	begin("");
	add("k", 65);
	add(";", 1);
	expect("longer than 64 bytes");
	begin("keep :");
	add("k", 65);
	add(";", 1);
	expect("longer than 64 bytes");
	begin("keep");
	add(" 1", 32);
	add(";", 1);
	expect("takes no argument");
	begin("keep");
	add(" 1", 33);
	add(";", 1);
	expect("more than 32 arguments");
}

/* As many of each as may be, then one more. */
static void test_limits_variables_and_includes(void **state)
{
	for (int n = RUN_VARIABLES_MAX; n <= RUN_VARIABLES_MAX + 1; n++) {
		begin("require [\"include\", \"variables\"];\n");
		for (int i = 0; i < n; i++) {
			char line[64] = "";

			add_text(line, sizeof(line), "include \"s%d\"; set \"v%d\" \"${v%d}\";\n",
			    i, i / 2, i);
			add(line, 1);
		}
		expect(n == RUN_VARIABLES_MAX ? NULL : "more than 255 scripts are included");
	}
	assert_int_equal(errors.n_errors, 2);
	assert_non_null(strstr(errors.list[1].text, "one variable more than the 255"));
	assert_int_equal(errors.list[1].line, 257);
}

/* RFC 5228 2.10.6: all at once is too much, but some are said. */
static void test_says_that_there_are_more(void **state)
{
	begin("");
	add("x\n;", 30);
	expect("no command x");
	assert_int_equal(errors.n, SIEVE_ERRORS_MAX);
	assert_int_equal(errors.n_errors, 30);
	assert_int_equal(errors.list[29].line, 30);
	assert_non_null(strstr(errors.list[29].text, "no command x"));
	add("x\n;", 300000);
	expect("no command x");
	assert_int_equal(errors.n, SIEVE_ERRORS_MAX);
	assert_int_equal(errors.n_errors, 31);
	assert_non_null(strstr(errors.list[29].text, "there are more errors"));
}

/* Flags that are none are warned of; they leave room for errors. */
static void test_keeps_room_for_errors(void **state)
{
	begin("require \"imap4flags\";");
	add("addflag \"\\\\x\";", 100);
	expect(NULL);
	assert_int_equal(errors.n, SIEVE_ERRORS_MAX / 2);
	assert_true(errors.list[0].is_warning);
	assert_int_equal(errors.n_errors, 0);
	add("x;", 1);
	expect("\\x");
	assert_int_equal(errors.n, SIEVE_ERRORS_MAX / 2 + 1);
	assert_false(errors.list[SIEVE_ERRORS_MAX / 2].is_warning);
	/* Nor is there room for them behind as many errors as there may be. */
	begin("require \"imap4flags\";");
	add("x;", SIEVE_ERRORS_MAX);
	add("addflag \"\\\\x\";", 1);
	expect("no command x");
	assert_int_equal(errors.n, SIEVE_ERRORS_MAX);
	assert_false(errors.list[SIEVE_ERRORS_MAX - 1].is_warning);
}

/* Nothing that a script says gets out as it should not. */
static void test_shows_nothing_but_text(void **state)
{
	begin("require [\"a\001\nb\", \"");
	add("\303\251", 100);
	add("\"];", 1);
	expect("no extension \"a???b\"");
	for (const char *c = errors.list[1].text; *c != '\0'; c++) {
		assert_true((unsigned char)*c >= 0x20);
	}
}

/* Scripts that take more memory than a program may have. */
static void test_limits_memory(void **state)
{
	static const char *const parts[] = { "keep;", "if true{}", "stop;#\n" };

	for (size_t i = 0; i < LENGTH(parts); i++) {
		begin("");
		add(parts[i], SIEVE_SCRIPT_MAX / strlen(parts[i]));
		expect("script is too large");
		assert_true(errors.list[0].line > 0);
	}
	begin("if exists [\"\"");
	add(",\"\"", 300000);
	add("] {}", 1);
	expect("script is too large");
	begin("require \"variables\"; redirect \"");
	add("${1}", 250000);
	add("\";", 1);
	expect("script is too large");
}

/* --- no memory -------------------------------------------------------------------------------------------------- */

static size_t allocations_left = SIZE_MAX;

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

static bool may_allocate(void)
{
	return allocations_left > 0 && (allocations_left == SIZE_MAX || allocations_left-- > 0);
}

void *__wrap_malloc(size_t n)
{
	return may_allocate() ? __real_malloc(n) : NULL;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return may_allocate() ? __real_calloc(n, size) : NULL;
}

static void test_lacks_memory(void **state)
{
	struct sieve_program *program = NULL;
	size_t n = 0;
	int result;

	begin("require [\"variables\", \"include\", \"fileinto\", \"encoded-character\"];");
	for (int i = 0; i < 250; i++) {
		char line[400] = "";

		add_text(line, sizeof(line),
		    "include \"%d\"; global \"g%d\"; if true { set \"v\" \"${hex:41}${g%d}%200d\"; "
		    "}\n",
		    i, i, i, i);
		add(line, 1);
	}
	do {
		allocations_left = n++;
		result = sieve_compile(
		    &sieve_language, (struct span){ script, length }, &program, &errors);
		allocations_left = SIZE_MAX;
		assert_true(result == 0 || (result == -ENOMEM && program == NULL));
		assert_int_equal(errors.n_errors, 0);
	} while (result != 0);
	assert_true(n > 10);
	sieve_program_free(program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_limits_names_and_arguments),
		cmocka_unit_test(test_limits_variables_and_includes),
		cmocka_unit_test(test_says_that_there_are_more),
		cmocka_unit_test(test_keeps_room_for_errors),
		cmocka_unit_test(test_shows_nothing_but_text),
		cmocka_unit_test(test_limits_memory),
		cmocka_unit_test(test_lacks_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
