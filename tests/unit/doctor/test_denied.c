/* SPDX-License-Identifier: MIT
 * What servers say to an account that may not read. */
#include "doctor/denied.h"

#include "tests/unit/unit.h"

#define DENIED "SELECT command denied to user 'mailuser'@'localhost' for "

static const struct {
	const char *said, *table, *column; /* table NULL: not understood */
} cases[] = {
	/* MariaDB 10.11, MySQL 8. */
	{ "mysql unix:/run/s: user_query: prepare: " DENIED
	  "column 'enabled' in table 'virtual_users' (1143)",
	    "virtual_users", "enabled" },
	{ DENIED "column 'a$1' in table 'T_2'", "T_2", "a$1" },
	{ DENIED "table `mailserver`.`nodes` (1142)", "nodes", "" },
	{ DENIED "table 'nodes' (1142)", "nodes", "" },
	{ "", NULL, NULL },
	{ "Unknown column 'enabled' in 'field list' (1054)", NULL, NULL },
	{ "INSERT command denied to user 'a'@'b' for table 'nodes'", NULL, NULL },
	{ DENIED, NULL, NULL },
	{ DENIED "column ", NULL, NULL },
	{ DENIED "column '", NULL, NULL },
	{ DENIED "column 'home", NULL, NULL },
	{ DENIED "column 'home'", NULL, NULL },
	{ DENIED "column home in table 'virtual_users'", NULL, NULL },
	{ DENIED "table `mailserver`.", NULL, NULL },
	/* What cannot be typed as it is. */
	{ DENIED "column '\"; rm -rf /' in table 'virtual_users'", NULL, NULL },
	{ DENIED "column 'home' in table 'my table'", NULL, NULL },
	{ DENIED "column '' in table 'virtual_users'", NULL, NULL },
	{ DENIED
	    "column 'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn' in table "
	    "'virtual_users'",
	    NULL, NULL },
};

static void test_cases(void **state)
{
	struct denied denied;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool is_read = denied_read(cases[i].said, &denied);

		assert_int_equal(is_read, cases[i].table != NULL);
		if (is_read) {
			assert_string_equal(denied.table, cases[i].table);
			assert_string_equal(denied.column, cases[i].column);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
