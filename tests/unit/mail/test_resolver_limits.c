/* SPDX-License-Identifier: MIT
 * Where the resolver stops: levels, results and notes; what it tells of each look-up; and rows that
 * show that a query is wrong. */
#include <argz.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/mail/source.h"

/* l0 -> l1 -> ... -> the mailbox, `levels` aliases long. */
static int resolve_chain(unsigned levels, struct resolution *resolution_r)
{
	struct source_row rows[RESOLVER_LEVEL_MAX + 4];
	char names[RESOLVER_LEVEL_MAX + 4][16];
	struct source source = { rows, levels + 2, 0, 0, "" };
	struct resolver resolver = { .ask = source_ask, .source = &source, .delimiters = "+" };
	struct address address = source_address("l0@d");

	for (unsigned i = 0; i <= levels; i++) {
		snprintf(names[i], sizeof(names[i]), "l%u@d", i);
	}
	for (unsigned i = 0; i < levels; i++) {
		rows[i] = (struct source_row)ALIAS(names[i], names[i + 1]);
	}
	rows[levels] = (struct source_row)MAILBOX(names[levels]);
	rows[levels + 1] = (struct source_row)DOMAIN("d");
	return resolver_resolve(&resolver, &address, resolution_r);
}

static void test_levels(void **state)
{
	struct resolution resolution;

	for (unsigned levels = 0; levels <= RESOLVER_LEVEL_MAX; levels++) {
		assert_int_equal(resolve_chain(levels, &resolution), RESOLVER_FOUND);
		assert_int_equal(resolution.n_mailboxes, 1);
		resolution_deinit(&resolution);
	}
	assert_int_equal(RESOLVER_LEVEL_MAX, 10);
	assert_int_equal(resolve_chain(RESOLVER_LEVEL_MAX + 1, &resolution), RESOLVER_LOOP);
	source_check_note("the chain", resolution.note, "l0@d -> l1@d -> l2@d");
	source_check_note("its end", resolution.note, "l11@d");
	resolution_deinit(&resolution);
}

/* One alias with n destinations, in one row or in n. */
static int resolve_list(
    size_t n, bool is_one_row, struct resolution *resolution_r, size_t *n_asked_r)
{
	struct source_row *rows = calloc(2 * n + 2, sizeof(*rows));
	char(*names)[16] = calloc(n, sizeof(*names)), *list = calloc(n, sizeof(*names)),
	*end = list;
	struct source source = { rows, 0, 0, 0, "" };
	struct resolver resolver = { .ask = source_ask, .source = &source, .delimiters = "+" };
	struct address address = source_address("list@d");
	int outcome;

	for (size_t i = 0; i < n; i++) {
		snprintf(names[i], sizeof(names[i]), "u%zu@d", i);
		end += snprintf(end, sizeof(*names), "%s,", names[i]);
		rows[source.n_rows++] = (struct source_row)MAILBOX(names[i]);
		if (!is_one_row) {
			rows[source.n_rows++] = (struct source_row)ALIAS("list@d", names[i]);
		}
	}
	if (is_one_row) {
		rows[source.n_rows++] = (struct source_row)ALIAS("list@d", list);
	}
	outcome = resolver_resolve(&resolver, &address, resolution_r);
	*n_asked_r = source.n_asked;
	free(rows);
	free(names);
	free(list);
	return outcome;
}

static void test_results(void **state)
{
	struct resolution resolution;
	size_t n_asked;

	for (unsigned is_one_row = 0; is_one_row < 2; is_one_row++) {
		assert_int_equal(
		    resolve_list(RESOLVER_RESULT_MAX, is_one_row, &resolution, &n_asked),
		    RESOLVER_FOUND);
		assert_int_equal(resolution.n_mailboxes, RESOLVER_RESULT_MAX);
		expect_text("the first", resolution.mailboxes[0].address.text, "u0@d");
		expect_text("the last", resolution.mailboxes[999].address.text, "u999@d");
		resolution_deinit(&resolution);
		assert_int_equal(
		    resolve_list(RESOLVER_RESULT_MAX + 1, is_one_row, &resolution, &n_asked),
		    RESOLVER_LOOP);
		source_check_note("too many", resolution.note, "list@d");
		resolution_deinit(&resolution);
		assert_int_equal(
		    resolve_list(5000, is_one_row, &resolution, &n_asked), RESOLVER_LOOP);
		assert_true(n_asked <= (size_t)2 * RESOLVER_RESULT_MAX);
		resolution_deinit(&resolution);
	}
}

/* Each level doubles: a short table must not cost a million look-ups. */
static void test_explosion(void **state)
{
	struct source_row rows[] = {
		ALIAS("a0@d", "a1@d,b1@d"),
		ALIAS("a1@d", "a2@d,b2@d"),
		ALIAS("b1@d", "a2@d,b2@d"),
		ALIAS("a2@d", "a3@d,b3@d"),
		ALIAS("b2@d", "a3@d,b3@d"),
		ALIAS("a3@d", "a4@d,b4@d"),
		ALIAS("b3@d", "a4@d,b4@d"),
		ALIAS("a4@d", "a5@d,b5@d"),
		ALIAS("b4@d", "a5@d,b5@d"),
		ALIAS("a5@d", "a6@d,b6@d"),
		ALIAS("b5@d", "a6@d,b6@d"),
		ALIAS("a6@d", "a7@d,b7@d"),
		ALIAS("b6@d", "a7@d,b7@d"),
		ALIAS("a7@d", "a8@d,b8@d"),
		ALIAS("b7@d", "a8@d,b8@d"),
		ALIAS("a8@d", "a9@d,b9@d"),
		ALIAS("b8@d", "a9@d,b9@d"),
		ALIAS("a9@d", "x@d"),
		ALIAS("b9@d", "x@d"),
		MAILBOX("x@d"),
	};
	struct source source = { rows, LENGTH(rows), 0, 0, "" };
	struct resolver resolver = { .ask = source_ask, .source = &source, .delimiters = "+" };
	struct address address = source_address("a0@d");
	struct resolution resolution;

	assert_int_equal(resolver_resolve(&resolver, &address, &resolution), RESOLVER_LOOP);
	assert_true(source.n_asked < (size_t)5 * RESOLVER_RESULT_MAX);
	resolution_deinit(&resolution);
}

/* A row with a NUL in it is no address; what stands behind the NUL must not be lost in silence. */
static int ask_with_nul(
    void *data, enum resolver_table table, const char *key, row_handler *on_row, void *row_data)
{
	static const char list[] = "a@d\0a@d,c@d";

	if (table == RESOLVER_ALIAS && strcmp(key, "l@d") == 0) {
		return on_row(row_data,
		    &(struct row){ (struct column[]){ { "destination", list, sizeof(list) - 1 },
				       { "source", "l@d", 3 } },
			2 });
	}
	if (table == RESOLVER_MAILBOX && (strcmp(key, "a@d") == 0 || strcmp(key, "c@d") == 0)) {
		return on_row(
		    row_data, &(struct row){ &(struct column){ "email", key, strlen(key) }, 1 });
	}
	return 0;
}

static void test_nul_in_a_row(void **state)
{
	struct resolver resolver = { .ask = ask_with_nul, .delimiters = "+" };
	struct address address = source_address("l@d");
	struct resolution resolution;

	assert_int_equal(resolver_resolve(&resolver, &address, &resolution), RESOLVER_ELSEWHERE);
	resolution_deinit(&resolution);
}

/* Notes that do not fit are cut, not written beyond their room. */
static void test_long_notes(void **state)
{
	struct source_row rows[SOURCE_ROWS_MAX];
	char names[SOURCE_ROWS_MAX][200];
	struct source source = { rows, SOURCE_ROWS_MAX, 0, 0, "" };
	struct resolver resolver = { .ask = source_ask, .source = &source, .delimiters = "+" };
	struct address address = source_address("l@d");
	struct resolution resolution;

	rows[0] = (struct source_row)DOMAIN("d");
	for (size_t i = 1; i < SOURCE_ROWS_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "%0150zu@d", i);
		rows[i] = (struct source_row)ALIAS("l@d", names[i]);
	}
	assert_int_equal(resolver_resolve(&resolver, &address, &resolution), RESOLVER_NO_MAILBOX);
	assert_int_equal(strlen(resolution.note), sizeof(resolution.note) - 1);
	resolution_deinit(&resolution);
}

static void test_trace(void **state)
{
	static const struct source_row rows[] = { STORED("user@d", "User@d"),
		ALIAS("a@d", "b@d,user@d"), DOMAIN("d") };
	struct source source = { rows, LENGTH(rows), 0, 0, "" };
	struct resolver resolver = { .ask = source_ask,
		.source = &source,
		.delimiters = "+",
		.trace = source_trace,
		.trace_data = &source };
	struct address address = source_address("A+x@d");
	struct resolution resolution;

	assert_int_equal(resolver_resolve(&resolver, &address, &resolution), RESOLVER_FOUND);
	resolution_deinit(&resolution);
	expect_text("every look-up, in order", source.trace,
	    "mailbox a+x@d: -\n"
	    "alias a+x@d: -\n"
	    "mailbox a@d: -\n"
	    "alias a@d: b@d,user@d\n"
	    "mailbox b+x@d: -\n"
	    "alias b+x@d: -\n"
	    "mailbox b@d: -\n"
	    "alias b@d: -\n"
	    "alias @d: -\n"
	    "domain d: d\n"
	    "mailbox user+x@d: -\n"
	    "alias user+x@d: -\n"
	    "mailbox user@d: User@d\n");
}

/* Of the linker's --wrap: the n-th allocation fails. */
void *__real_realloc(void *old, size_t n);
void *__wrap_realloc(void *old, size_t n);
error_t __real_argz_append(char **list, size_t *n_list, const char *text, size_t n);
error_t __wrap_argz_append(char **list, size_t *n_list, const char *text, size_t n);

static size_t n_until; /* allocations that succeed first, and the one that fails; 0: none fails */

static bool fails(void)
{
	return n_until > 0 && --n_until == 0;
}

void *__wrap_realloc(void *old, size_t n)
{
	return fails() ? NULL : __real_realloc(old, n);
}

error_t __wrap_argz_append(char **list, size_t *n_list, const char *text, size_t n)
{
	return fails() ? ENOMEM : __real_argz_append(list, n_list, text, n);
}

/* Without memory nothing is found or not found: it is an accident, which passes. */
static void test_memory(void **state)
{
	static const struct source_row rows[] = { MAILBOX("user@d"), MAILBOX("b@d"),
		ALIAS("a@d", "b@d,c@d"), ALIAS("c@d", "user@d"), DOMAIN("d") };
	unsigned n_accidents = 0;

	for (size_t n = 1; n < 30; n++) {
		struct source source = { rows, LENGTH(rows), 0, 0, "" };
		struct resolver resolver = { .ask = source_ask,
			.source = &source,
			.delimiters = "+",
			.trace = source_trace,
			.trace_data = &source };
		struct address address = source_address("a+x@d");
		struct resolution resolution;
		int outcome;

		n_until = n;
		outcome = resolver_resolve(&resolver, &address, &resolution);
		n_until = 0;
		if (outcome != -ENOMEM) {
			assert_int_equal(outcome, RESOLVER_FOUND);
			assert_int_equal(resolution.n_mailboxes, 2);
		}
		n_accidents += outcome == -ENOMEM;
		resolution_deinit(&resolution);
	}
	assert_in_range(n_accidents, 3, 29);
}

/* Other delimiters, and none. */
static void test_delimiters(void **state)
{
	static const struct source_row rows[] = { MAILBOX("user@d"), DOMAIN("d") };
	static const struct {
		const char *delimiters, *address;
		int outcome;
	} cases[] = {
		{ "+", "user+x@d", RESOLVER_FOUND },
		{ "-+", "user-x@d", RESOLVER_FOUND },
		{ "-", "user+x@d", RESOLVER_NO_MAILBOX },
		{ "", "user+x@d", RESOLVER_NO_MAILBOX },
	};

	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct source source = { rows, LENGTH(rows), 0, 0, "" };
		struct resolver resolver = {
			.ask = source_ask, .source = &source, .delimiters = cases[i].delimiters
		};
		struct address address = source_address(cases[i].address);
		struct resolution resolution;

		assert_int_equal(
		    resolver_resolve(&resolver, &address, &resolution), cases[i].outcome);
		resolution_deinit(&resolution);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_explosion),
		cmocka_unit_test(test_nul_in_a_row),
		cmocka_unit_test(test_long_notes),
		cmocka_unit_test(test_trace),
		cmocka_unit_test(test_delimiters),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
