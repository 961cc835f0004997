/* SPDX-License-Identifier: MIT
 * Scripts that include each other: what is missing, circular, too many or too deep is found before a run. */
#include "sieve/sieve.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

enum {
	SCRIPTS_MAX = 300,
};

static struct sieve_library library[SCRIPTS_MAX];
static char names[SCRIPTS_MAX][8];
static size_t n_library;
static struct sieve_errors errors;

static struct sieve_program *compile(const char *text)
{
	char script[8192] = "require \"include\";\n";
	struct sieve_program *program;

	add_text(script, sizeof(script), "%s", text);
	if (sieve_compile(&sieve_language, span_of(script), &program, &errors) != 0) {
		fail_msg("%s: %s", script, errors.list[0].text);
	}
	return program;
}

static void put(enum sieve_place place, const char *name, const char *text)
{
	assert_true(n_library < SCRIPTS_MAX);
	add_text(names[n_library], sizeof(names[0]), "%s", name);
	library[n_library] =
	    (struct sieve_library){ place, span_of(names[n_library]), compile(text) };
	n_library++;
}

static void empty(void)
{
	for (; n_library > 0; n_library--) {
		sieve_program_free((struct sieve_program *)library[n_library - 1].program);
		names[n_library - 1][0] = '\0';
	}
}

static int link_of(const char *text)
{
	struct sieve_program *program = compile(text);
	int result = sieve_link(program, library, n_library, &errors);

	assert_int_equal(result, errors.n_errors > 0);
	sieve_program_free(program);
	return result;
}

static const struct {
	const char *script;
	unsigned line;
	const char *text; /* NULL: it is fine */
} rows[] = {
	{ "keep;", 0, NULL },
	{ "include \"leaf\"; include \"leaf\"; include :global \"leaf\";", 0, NULL },
	{ "include \"twice\"; include \"leaf\";", 0, NULL },
	{ "include :optional \"none\";", 0, NULL },
	{ "keep;\ninclude \"none\";", 3,
	    "this script, line 3: there is no script \"none\" to include; upload it, or write "
	    ":optional" },
	{ "include :global \"twice\";", 2,
	    "this script, line 2: there is no script \"twice\" to include; upload it, or write "
	    ":optional" },
	{ "include \"leaf\";\ninclude \"lacks\";", 3,
	    "lacks, line 3: there is no script \"none\" to include; upload it, or write "
	    ":optional" },
	{ "include \"self\";", 2,
	    "self, line 2: script \"self\" would include itself; take this include out" },
	{ "\n\ninclude \"ping\";", 4,
	    "pong, line 2: script \"ping\" would include itself; take this include out" },
};

static void test_links(void **state)
{
	put(SIEVE_PERSONAL, "leaf", "keep;");
	put(SIEVE_GLOBAL, "leaf", "keep;");
	put(SIEVE_PERSONAL, "twice", "include \"leaf\"; include :global \"leaf\";");
	put(SIEVE_PERSONAL, "lacks", "keep;\ninclude \"none\";");
	put(SIEVE_PERSONAL, "self", "include \"self\";");
	put(SIEVE_PERSONAL, "ping", "include \"pong\";");
	put(SIEVE_PERSONAL, "pong", "include \"ping\";");
	for (size_t i = 0; i < LENGTH(rows); i++) {
		int result = link_of(rows[i].script);

		assert_int_equal(result, rows[i].text != NULL);
		if (rows[i].text != NULL) {
			expect_text(rows[i].script, errors.list[0].text, rows[i].text);
			assert_int_equal(errors.list[0].line, rows[i].line);
			assert_int_equal(errors.n_errors, 1);
		}
	}
	empty();
}

/* Where the script that all begins with is in the library, too. */
static void test_finds_the_first_script_again(void **state)
{
	put(SIEVE_PERSONAL, "a", "include \"b\";");
	put(SIEVE_PERSONAL, "b", "\ninclude \"a\";");
	assert_int_equal(sieve_link(library[0].program, library, n_library, &errors), 1);
	expect_text("error", errors.list[0].text,
	    "b, line 3: script \"a\" would include itself; take this include out");
	assert_int_equal(errors.list[0].line, 2);
	empty();
}

/* A chain: each includes the next one, and the last one nothing. */
static void put_chain(size_t n)
{
	for (size_t i = 1; i <= n; i++) {
		char name[8] = "", text[32] = "";

		add_text(name, sizeof(name), "%zu", i);
		if (i < n) {
			add_text(text, sizeof(text), "include \"%zu\";", i + 1);
		}
		put(SIEVE_PERSONAL, name, text);
	}
}

static void test_limits_depth(void **state)
{
	put_chain(11);
	assert_int_equal(link_of("include \"2\";"), 0);
	/* What has been met before counts with all that is below it. */
	assert_int_equal(link_of("include \"11\"; include \"5\"; include \"2\";"), 0);
	assert_int_equal(link_of("include \"5\";\ninclude \"1\";"), 1);
	expect_text("error", errors.list[0].text,
	    "4, line 2: script \"5\" is included too deep; 10 scripts may be in each other");
	assert_int_equal(errors.list[0].line, 3);
	empty();
}

/* Each includes all that follow: met once each, not along each of the many ways. */
static void test_limits_work(void **state)
{
	for (int i = 0; i < 10; i++) {
		char name[8] = "", text[400] = "";

		add_text(name, sizeof(name), "%d", i);
		for (int j = i + 1; j < 10; j++) {
			add_text(text, sizeof(text), "include \"%d\";", j);
		}
		put(SIEVE_PERSONAL, name, text);
	}
	assert_int_equal(link_of("include \"9\"; include \"3\"; include \"0\";"), 0);
	empty();
}

/* n scripts, listed by two that are not counted in n. */
static int link_many(int n)
{
	char texts[2][4096] = { "", "" };

	for (int i = 0; i < n; i++) {
		char name[8] = "";

		add_text(name, sizeof(name), "%d", i);
		put(SIEVE_PERSONAL, name, "");
		add_text(texts[i % 2], sizeof(texts[0]), "include \"%d\";", i);
	}
	put(SIEVE_PERSONAL, "odd", texts[1]);
	add_text(texts[0], sizeof(texts[0]), "include \"odd\";");
	n = link_of(texts[0]);
	empty();
	return n;
}

static void test_limits_number(void **state)
{
	assert_int_equal(link_many(SIEVE_INCLUDES_MAX - 1), 0);
	assert_int_equal(link_many(SIEVE_INCLUDES_MAX), 1);
	expect_text(
	    "error", errors.list[0].text, "more than 255 scripts are included; include fewer");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_finds_the_first_script_again),
		cmocka_unit_test(test_limits_depth),
		cmocka_unit_test(test_limits_work),
		cmocka_unit_test(test_limits_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
