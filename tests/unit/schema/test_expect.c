/* SPDX-License-Identifier: MIT
 * Answers that were asked for ahead: which are kept, how long, and that a question never gets another
 * answer by them; with a server made of a table. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/directory_private.h"
#include "tests/unit/schema/server.h"
#include "tests/unit/unit.h"

static const char *hosts[] = { "one" };
static const struct directory_settings settings = {
	.hosts = { hosts, LENGTH(hosts) },
	.user = "",
	.password = "",
	.dbname = "",
	.option_file = "",
	.tls = "",
	.tls_ca = "",
	.timeout = 5,
	.queries = { [DIRECTORY_MAILBOX] = "%u", [DIRECTORY_ALIAS] = "alias %u" },
};
static struct directory *directory;
static char fits[EXPECTED_TEXT_MAX + 1], does_not[EXPECTED_TEXT_MAX + 2];

static const struct server_row rows[] = {
	{ "a@d", "A@d" },
	{ "b@d", "b@d" },
	{ "twice@d", "first@d" },
	{ "twice@d", "second@d" },
	{ "null@d", NULL },
	{ "fits@d", fits },
	{ "does_not@d", does_not },
	{ "\u00e4@d", "\u00e4@d" },
};

static int setup(void **state)
{
	memset(fits, 'x', sizeof(fits) - 1);
	memset(does_not, 'x', sizeof(does_not) - 1);
	server = (struct server){
		.hosts = { { "one", false, 0 } }, .rows = rows, .n_rows = LENGTH(rows)
	};
	directory = directory_new(&settings);
	assert_int_equal(directory_connect(directory), 0);
	server.log[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	directory_free(directory);
	assert_int_equal(server.n_open, 0);
	return 0;
}

struct answer {
	char text[2048];
};

static int on_row(void *data, const struct row *row)
{
	struct answer *answer = data;
	const struct column *column = &row->columns[0];

	assert_int_equal(row->n_columns, 1);
	expect_text("its name", column->name, "email");
	if (column->text == NULL) {
		add_text(answer->text, sizeof(answer->text), "NULL;");
	} else {
		add_text(answer->text, sizeof(answer->text), "%.*s;", (int)column->n, column->text);
	}
	return 0;
}

/* Asks, and checks the answer and how many statements that took. */
static void expect_answer(const char *key, const char *want, const char *log)
{
	struct answer answer = { "" };

	server.log[0] = '\0';
	assert_int_equal(directory_ask(directory, DIRECTORY_MAILBOX, key, on_row, &answer), 0);
	expect_text(key, answer.text, want);
	expect_text(key, server.log, log);
}

/* As many statements as there are powers of two in the number, and none for one key. */
static void test_sizes(void **state)
{
	static const struct {
		unsigned n;
		const char *log;
	} sizes[] = {
		{ 0, "" },
		{ 1, "" },
		{ 2, "2; " },
		{ 3, "2; " },
		{ 4, "4; " },
		{ 7, "4; 2; " },
		{ 8, "8; " },
		{ 15, "8; 4; 2; " },
		{ 16, "16; " },
		{ 40, "16; " },
	};

	for (size_t i = 0; i < LENGTH(sizes); i++) {
		const char *keys[40];

		for (unsigned key = 0; key < LENGTH(keys); key++) {
			keys[key] = key == 1 ? "b@d" : "nobody@d";
		}
		server.log[0] = '\0';
		directory_expect(directory, keys, sizes[i].n);
		expect_text("the statements", server.log, sizes[i].log);
		expect_answer("b@d", "b@d;", sizes[i].n < 2 ? "1; " : "");
	}
}

static void test_kept(void **state)
{
	static const char *const keys[] = { "a@d", "twice@d", "nobody@d", "a@d", "null@d", "fits@d",
		"\u00e4@d", "does_not@d", "b@d" };
	char text[2 * EXPECTED_TEXT_MAX];

	directory_expect(directory, keys, LENGTH(keys));
	expect_text("one is not ASCII", server.log, "8; ");
	expect_answer("a@d", "A@d;", "");
	expect_answer("a@d", "A@d;", "");
	expect_answer("b@d", "b@d;", "");
	expect_answer("nobody@d", "", "");
	expect_answer("null@d", "NULL;", "");
	snprintf(text, sizeof(text), "%s;", fits);
	expect_answer("fits@d", text, "");
	/* these are asked for alone */
	snprintf(text, sizeof(text), "%s;", does_not);
	expect_answer("does_not@d", text, "1; ");
	expect_answer("twice@d", "first@d;second@d;", "1; ");
	expect_answer("\u00e4@d", "\u00e4@d;", "1; ");
	expect_answer("A@d", "", "1; ");
	/* and others do not disturb what is kept */
	expect_answer("a@d", "A@d;", "");
}

static void test_another_query(void **state)
{
	static const char *const keys[] = { "a@d", "b@d" };
	struct answer answer = { "" };

	directory_expect(directory, keys, LENGTH(keys));
	assert_int_equal(directory_ask(directory, DIRECTORY_ALIAS, "a@d", on_row, &answer), 0);
	expect_text("the statements", server.log, "2; 1; ");
}

/* Later questions see the table of their time. */
static void test_forgotten(void **state)
{
	static const char *const keys[] = { "a@d", "b@d" }, *const others[] = { "c@d", "d@d" };
	static const struct server_row later[] = { { "a@d", "later@d" } };

	directory_expect(directory, keys, LENGTH(keys));
	server.rows = later;
	server.n_rows = LENGTH(later);
	expect_answer("a@d", "A@d;", "");
	directory_forget(directory);
	expect_answer("a@d", "later@d;", "1; ");
	expect_answer("b@d", "", "1; ");
	directory_expect(directory, keys, LENGTH(keys));
	expect_answer("a@d", "later@d;", "");
	directory_expect(directory, others, LENGTH(others));
	expect_answer("a@d", "later@d;", "1; ");
}

/* What a lost connection leaves is asked for again. */
static void test_connection_lost(void **state)
{
	static const char *const keys[] = { "a@d", "b@d", "nobody@d" };

	server.n_executions_fail = 1;
	server.why = DIRECTORY_STALE;
	directory_expect(directory, keys, LENGTH(keys));
	expect_text("executed", server.log, "2; ");
	expect_answer("a@d", "A@d;", "connect one; 1; ");
	for (server.n_rows_before = 0; server.n_rows_before < 2; server.n_rows_before++) {
		server.fetch_fails = true;
		directory_expect(directory, keys, LENGTH(keys));
		expect_answer("a@d", "A@d;", "connect one; 1; ");
		expect_answer("b@d", "b@d;", "1; ");
		expect_answer("nobody@d", "", "1; ");
	}
	server.hosts[0].is_away = true;
	server.n_executions_fail = 1;
	directory_expect(directory, keys, LENGTH(keys));
	directory_expect(directory, keys, LENGTH(keys));
	expect_text("why", directory_error(directory), "one fails");
	server.hosts[0].is_away = false;
	expect_answer("a@d", "A@d;", "connect one; 1; ");
}

/* A connection that ends takes the rows along that it brought. */
static void test_connection_ended(void **state)
{
	static const char *const keys[] = { "a@d", "b@d" };
	struct answer answer = { "" };

	directory_expect(directory, keys, LENGTH(keys));
	expect_answer("a@d", "A@d;", "");
	server.n_executions_fail = 1;
	server.why = DIRECTORY_OTHER_FAULT;
	assert_int_equal(directory_ask(directory, DIRECTORY_ALIAS, "a@d", on_row, &answer), -EIO);
	expect_answer("a@d", "A@d;", "connect one; 1; ");
}

/* A query that cannot be put together goes alone, and that is nobody's error. */
static void test_no_union(void **state)
{
	static const char *const keys[] = { "a@d", "b@d" };

	server.has_no_union = true;
	directory_expect(directory, keys, LENGTH(keys));
	expect_text("no error", directory_error(directory), "");
	expect_answer("a@d", "A@d;", "1; ");
	server.has_no_union = false; /* it is tried once for each connection */
	directory_expect(directory, keys, LENGTH(keys));
	expect_answer("a@d", "A@d;", "1; ");
}

/* A connection that breaks while a statement is prepared says nothing of the query. */
static void test_connection_lost_while_preparing(void **state)
{
	static const char *const keys[] = { "a@d", "b@d" };

	server.n_executions_fail = 1;
	server.why = DIRECTORY_STALE;
	server.has_no_union = true;
	directory_expect(directory, keys, LENGTH(keys));
	expect_answer("a@d", "A@d;", "1; connect one; 1; ");
	server.has_no_union = false;
	server.log[0] = '\0';
	directory_expect(directory, keys, LENGTH(keys));
	expect_text("together again", server.log, "2; ");
	expect_answer("a@d", "A@d;", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_query, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connection_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connection_ended, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_union, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_connection_lost_while_preparing, setup, teardown),
	};

	return cmocka_run_group_tests_name("expect", tests, NULL, NULL);
}
