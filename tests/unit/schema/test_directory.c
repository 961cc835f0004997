/* SPDX-License-Identifier: MIT
 * Which host is asked, how often, and what is told when none answers; with servers made of tables. */
#include "schema/directory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "schema/directory_private.h"
#include "tests/unit/schema/server.h"
#include "tests/unit/unit.h"

static const char *hosts[] = { "one", "two" };
static const struct server_row rows[] = { { "a@d", "a@d" } };

static struct directory_settings settings_of(const char *query)
{
	return (struct directory_settings){
		.hosts = { hosts, LENGTH(hosts) },
		.user = "",
		.password = "",
		.dbname = "",
		.option_file = "",
		.tls = "",
		.tls_ca = "",
		.timeout = 5,
		.queries = { [DIRECTORY_MAILBOX] = query },
	};
}

static int server_setup(void **state)
{
	server = (struct server){
		.hosts = { { "one", false, 0 }, { "two", false, 0 } },
		.rows = rows,
		.n_rows = LENGTH(rows),
	};
	return 0;
}

static int server_teardown(void **state)
{
	assert_int_equal(server.n_open, 0);
	return 0;
}

static int count_row(void *data, const struct row *row)
{
	++*(unsigned *)data;
	return 0;
}

static const struct {
	const char *name;
	struct server_host hosts[SERVER_HOSTS_MAX];
	const char *query;
	unsigned n_columns;
	int outcome;
	const char *log, *host, *error;
} connects[] = {
	{ "the first of two", { { "one", false, 0 }, { "two", false, 0 } }, "%u", 0, DIRECTORY_OK,
	    "connect one; ", "one", NULL },
	{ "the second when the first is away",
	    { { "one", true, DIRECTORY_OTHER_FAULT }, { "two", false, 0 } }, "%u", 0, DIRECTORY_OK,
	    "connect one; connect two; ", "two", NULL },
	{ "the second when the first does not want us",
	    { { "one", true, DIRECTORY_BAD_ACCOUNT }, { "two", false, 0 } }, "%u", 0, DIRECTORY_OK,
	    "connect one; connect two; ", "two", NULL },
	{ "both away",
	    { { "one", true, DIRECTORY_OTHER_FAULT }, { "two", true, DIRECTORY_OTHER_FAULT } },
	    "%u", 0, -EIO, "connect one; connect two; ", "", "two fails" },
	{ "refused by the last",
	    { { "one", true, DIRECTORY_OTHER_FAULT }, { "two", true, DIRECTORY_BAD_ACCOUNT } },
	    "%u", 0, DIRECTORY_REFUSED, "connect one; connect two; ", "", "two fails" },
	{ "no right to the database",
	    { { "one", true, DIRECTORY_OTHER_FAULT }, { "two", true, DIRECTORY_NO_GRANT } }, "%u",
	    0, DIRECTORY_REFUSED, "connect one; connect two; ", "", "two fails" },
	{ "refused by the first, the second away",
	    { { "one", true, DIRECTORY_BAD_ACCOUNT }, { "two", true, DIRECTORY_OTHER_FAULT } },
	    "%u", 0, DIRECTORY_REFUSED, "connect one; connect two; ", "", "one fails" },
	{ "a bad query may be good elsewhere", { { "one", false, 0 }, { "two", false, 0 } },
	    "bad %u", 0, DIRECTORY_BAD_QUERY, "connect one; connect two; ", "",
	    "user_query fails" },
	{ "too many columns", { { "one", false, 0 }, { "two", false, 0 } }, "%u", 2,
	    DIRECTORY_BAD_QUERY, "connect one; connect two; ", "",
	    "mysql two: user_query: it has 2 columns, allowed are 1 to 1 (0)" },
};

static void test_connect(void **state)
{
	for (size_t i = 0; i < LENGTH(connects); i++) {
		struct directory_settings settings = settings_of(connects[i].query);
		struct directory *directory = directory_new(&settings);

		server_setup(state);
		memcpy(server.hosts, connects[i].hosts, sizeof(server.hosts));
		server.n_columns = connects[i].n_columns;
		if (directory_connect(directory) != connects[i].outcome) {
			fail_msg("%s: not the outcome", connects[i].name);
		}
		expect_text(connects[i].name, server.log, connects[i].log);
		expect_text(connects[i].name, directory_host(directory), connects[i].host);
		if (connects[i].error != NULL) {
			expect_text(
			    connects[i].name, directory_error(directory), connects[i].error);
		}
		directory_free(directory);
		server_teardown(state);
	}
}

/* Columns behind the first count by their names: in any letters, and no other. */
static void test_names(void **state)
{
	static const char *const names[] = { "home", "enabled", NULL };
	static const struct {
		const char *column;
		int outcome;
		const char *error;
	} cases[] = {
		{ "home", DIRECTORY_OK, NULL },
		{ "ENABLED", DIRECTORY_OK, NULL },
		{ NULL, DIRECTORY_OK, NULL },
		{ "homes", DIRECTORY_BAD_QUERY,
		    "mysql two: user_query: its column homes is not known; behind the address "
		    "there may be "
		    "home, enabled" },
		{ "", DIRECTORY_BAD_QUERY,
		    "mysql two: user_query: its column  is not known; behind the address there may "
		    "be home, "
		    "enabled" },
	};

	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct directory_settings settings = settings_of("%u");
		struct directory *directory;

		settings.mailbox_columns = names;
		directory = directory_new(&settings);
		server_setup(state);
		server.hosts[0] = (struct server_host){ "one", false, 0 };
		server.hosts[1] = (struct server_host){ "two", false, 0 };
		server.n_columns = 3;
		server.column = cases[i].column;
		assert_int_equal(directory_connect(directory), cases[i].outcome);
		if (cases[i].error != NULL) {
			expect_text("error", directory_error(directory), cases[i].error);
		}
		directory_free(directory);
		server_teardown(state);
	}
}

/* All hosts share the time-out, and each has a second at least. */
static void test_patience(void **state)
{
	struct directory_settings settings = settings_of("%u");
	struct directory *directory = directory_new(&settings);

	server_setup(state);
	assert_int_equal(directory_patience(&settings), 5);
	assert_int_equal(directory_connect(directory), 0);
	assert_int_equal(server.patience, 2);
	directory_disconnect(directory);
	server.hosts[0].is_away = true;
	assert_int_equal(directory_connect(directory), 0);
	assert_int_equal(server.patience, 5);
	directory_disconnect(directory);
	settings.timeout = 1;
	server.now += DIRECTORY_BAD_SECONDS + 1;
	assert_int_equal(directory_patience(&settings), 2);
	assert_int_equal(directory_connect(directory), 0);
	assert_int_equal(server.patience, 2);
	directory_free(directory);
	server_teardown(state);
}

/* A question whose execution fails, on a connection that is new or lay idle. */
static const struct {
	const char *name;
	bool is_old;
	unsigned n_fail;
	enum directory_fault why;
	int seconds;
	const char *key;
	int outcome;
	const char *log;
} failures[] = {
	{ "an old connection broke", true, 1, DIRECTORY_STALE, 0, "a@d", 0, "1; connect one; 1; " },
	{ "and the new one too", true, 2, DIRECTORY_STALE, 0, "a@d", -EIO, "1; connect one; 1; " },
	{ "it let us wait", true, 1, DIRECTORY_STALE, 5, "a@d", -EIO, "1; " },
	{ "not for long", true, 1, DIRECTORY_STALE, 4, "a@d", 0, "1; connect one; 1; " },
	{ "another fault", true, 1, DIRECTORY_OTHER_FAULT, 0, "a@d", -EIO, "1; " },
	{ "a new connection", false, 1, DIRECTORY_STALE, 0, "a@d", -EIO, "connect one; 1; " },
	{ "the next host answers", true, 1, DIRECTORY_NOT_READY, 0, "a@d", 0,
	    "1; connect two; 1; " },
	{ "also at once", false, 1, DIRECTORY_NOT_READY, 0, "a@d", 0,
	    "connect one; 1; connect two; 1; " },
	{ "no host answers", false, 9, DIRECTORY_NOT_READY, 0, "a@d", -EIO,
	    "connect one; 1; connect two; 1; " },
	{ "there is no time for another host", true, 1, DIRECTORY_NOT_READY, 5, "a@d", -EIO,
	    "1; " },
	{ "no such character there", true, 1, DIRECTORY_BEYOND_CHARSET, 0, "\u00e4@d", 0, "1; " },
	{ "collations are mixed", true, 1, DIRECTORY_BEYOND_CHARSET, 0, "a@d", -EIO, "1; " },
};

static void test_ask(void **state)
{
	for (size_t i = 0; i < LENGTH(failures); i++) {
		struct directory_settings settings = settings_of("%u");
		struct directory *directory = directory_new(&settings);
		unsigned n_rows = 0;
		int outcome;

		server_setup(state);
		if (failures[i].is_old) {
			assert_int_equal(directory_connect(directory), 0);
			server.log[0] = '\0';
		}
		server.n_executions_fail = failures[i].n_fail;
		server.why = failures[i].why;
		server.seconds = failures[i].seconds;
		outcome = directory_ask(
		    directory, DIRECTORY_MAILBOX, failures[i].key, count_row, &n_rows);
		if (outcome != failures[i].outcome) {
			fail_msg("%s: %d", failures[i].name, outcome);
		}
		expect_text(failures[i].name, server.log, failures[i].log);
		assert_int_equal(n_rows, outcome == 0 && failures[i].key[0] == 'a');
		directory_free(directory);
		server_teardown(state);
	}
}

static unsigned ask(struct directory *directory)
{
	unsigned n_rows = 0;

	server.log[0] = '\0';
	directory_ask(directory, DIRECTORY_MAILBOX, "a@d", count_row, &n_rows);
	return n_rows;
}

/* A host that has failed is left alone for a while, also when a new connection is needed; as long as there
 * is one that has not. */
static void test_bad_hosts(void **state)
{
	struct directory_settings settings = settings_of("%u");
	struct directory *directory = directory_new(&settings);

	server.n_executions_fail = 1;
	server.why = DIRECTORY_NOT_READY;
	assert_int_equal(ask(directory), 1);
	expect_text("at first", server.log, "connect one; 1; connect two; 1; ");
	directory_disconnect(directory);
	server.now += DIRECTORY_BAD_SECONDS - 2;
	assert_int_equal(ask(directory), 1);
	expect_text("soon after", server.log, "connect two; 1; ");
	directory_disconnect(directory);
	server.hosts[1].is_away = true;
	assert_int_equal(ask(directory), 1);
	expect_text("when the other is away", server.log, "connect two; connect one; 1; ");
	directory_disconnect(directory);
	server.hosts[0].is_away = true;
	assert_int_equal(ask(directory), 0);
	expect_text("both are", server.log, "connect one; connect two; ");
	server.hosts[0].is_away = server.hosts[1].is_away = false;
	server.now += DIRECTORY_BAD_SECONDS + 1;
	assert_int_equal(ask(directory), 1);
	expect_text("later", server.log, "connect one; 1; ");
	directory_free(directory);
}

/* A server that hangs in the middle of a connection is one too. */
static void test_host_that_hangs(void **state)
{
	struct directory_settings settings = settings_of("%u");
	struct directory *directory = directory_new(&settings);

	server.n_executions_fail = 1;
	server.why = DIRECTORY_STALE;
	server.seconds = 5;
	assert_int_equal(ask(directory), 0);
	expect_text("nobody waits twice", server.log, "connect one; 1; ");
	assert_int_equal(ask(directory), 1);
	expect_text("the next one", server.log, "connect two; 1; ");
	directory_free(directory);
}

static int stop_at_row(void *data, const struct row *row)
{
	expect_text("the column's name", row->columns[0].name, "email");
	return *(int *)data;
}

/* What the handler says comes back, and the connection with rows that nobody fetched goes. */
static void test_stopped(void **state)
{
	struct directory_settings settings = settings_of("%u");
	struct directory *directory = directory_new(&settings);
	int stop = 7;

	assert_int_equal(directory_ask(directory, DIRECTORY_MAILBOX, "a@d", stop_at_row, &stop), 7);
	expect_text("the host", directory_host(directory), "");
	stop = 0;
	assert_int_equal(directory_ask(directory, DIRECTORY_MAILBOX, "a@d", stop_at_row, &stop), 0);
	expect_text("all", server.log, "connect one; 1; connect one; 1; ");
	directory_free(directory);
}

/* Somebody has to mend it, if it was asked for by the key; an option file's was an accident always. */
static void test_no_tls(void **state)
{
	struct directory_settings settings = settings_of("%u");
	struct directory *directory = directory_new(&settings);

	for (size_t i = 0; i < LENGTH(hosts); i++) {
		server.hosts[i].is_away = true;
		server.hosts[i].why = DIRECTORY_NO_TLS;
	}
	assert_int_equal(directory_connect(directory), -EIO);
	settings.tls = "required";
	assert_int_equal(directory_connect(directory), DIRECTORY_REFUSED);
	directory_free(directory);
}

/* A refusal is an accident for whoever asks. */
static void test_option_file(void **state)
{
	struct directory_settings settings = settings_of("%u");
	struct directory *directory = directory_new(&settings);
	unsigned n_rows = 0;

	settings.option_file = "/nowhere/at/all";
	assert_int_equal(directory_connect(directory), DIRECTORY_REFUSED);
	assert_int_equal(
	    directory_ask(directory, DIRECTORY_MAILBOX, "a@d", count_row, &n_rows), -EIO);
	expect_text("why", directory_error(directory),
	    "mysql.option_file: /nowhere/at/all: No such file or directory");
	settings.option_file = "";
	settings.tls = "required";
	settings.tls_ca = "/nowhere/at/all";
	assert_int_equal(directory_connect(directory), DIRECTORY_REFUSED);
	expect_text("why", directory_error(directory),
	    "mysql.tls_ca: /nowhere/at/all: No such file or directory");
	settings.tls_ca = "";
	settings.hosts.n = 0;
	assert_int_equal(directory_connect(directory), -EIO);
	expect_text("why", directory_error(directory), "mysql: no hosts");
	expect_text("nothing was tried", server.log, "");
	directory_free(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_patience),
		cmocka_unit_test(test_ask),
		cmocka_unit_test_setup_teardown(test_bad_hosts, server_setup, server_teardown),
		cmocka_unit_test_setup_teardown(
		    test_host_that_hangs, server_setup, server_teardown),
		cmocka_unit_test_setup_teardown(test_stopped, server_setup, server_teardown),
		cmocka_unit_test_setup_teardown(test_no_tls, server_setup, server_teardown),
		cmocka_unit_test_setup_teardown(test_option_file, server_setup, server_teardown),
	};

	return cmocka_run_group_tests_name("directory", tests, NULL, NULL);
}
