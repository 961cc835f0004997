/* SPDX-License-Identifier: MIT
 * What EXPLAIN says, of servers that put it otherwise, and who types what. */
#include "schema/inspection.h"

#include "tests/unit/schema/server.h"
#include "tests/unit/unit.h"

static const char *hosts[] = { "one" };
/* The column is called email: it is none of a plan's. */
static const struct server_row rows[] = { { "nobody@lmtpd-check.invalid", "-> Table scan" } };
static const struct directory_settings settings = {
	.hosts = { hosts, LENGTH(hosts) },
	.user = "",
	.password = "",
	.dbname = "",
	.option_file = "",
	.tls = "",
	.tls_ca = "",
	.timeout = 5,
	.queries = { [DIRECTORY_MAILBOX] = "%u" },
};

static int setup(void **state)
{
	server = (struct server){
		.hosts = { { "one", false, 0 } },
		.rows = rows,
		.n_rows = LENGTH(rows),
	};
	return 0;
}

static void test_unknown_form(void **state)
{
	struct directory *directory = directory_new(&settings);
	struct inspection_scan scan;

	assert_int_equal(inspection_plan(directory, DIRECTORY_MAILBOX, &scan), 0);
	assert_true(scan.is_unknown);
	assert_false(scan.is_full);
	directory_free(directory);
}

static void test_client(void **state)
{
	struct directory *directory = directory_new(&settings);
	struct directory_transport transport;

	expect_text("before", inspection_client(directory), "mariadb");
	inspection_transport(directory, &transport);
	assert_false(transport.is_socket);
	server.is_mysql = true;
	assert_int_equal(directory_connect(directory), 0);
	inspection_transport(directory, &transport);
	assert_true(transport.is_socket);
	directory_free(directory);
	directory = directory_new(&settings);
	assert_int_equal(inspection_try(directory, DIRECTORY_MAILBOX), 0);
	expect_text("MySQL", inspection_client(directory), "mysql");
	directory_free(directory);
	assert_int_equal(server.n_open, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_unknown_form, setup),
		cmocka_unit_test_setup(test_client, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
