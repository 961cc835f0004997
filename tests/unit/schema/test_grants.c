/* SPDX-License-Identifier: MIT
 * Lines of SHOW GRANTS, of MariaDB and of MySQL: what allows more than to read a database. */
#include "schema/grants.h"

#include <string.h>

#include "tests/unit/unit.h"

static const struct {
	const char *line, *privileges, *object; /* privileges NULL: reading alone */
} lines[] = {
	{ "GRANT USAGE ON *.* TO `a`@`localhost` IDENTIFIED BY PASSWORD '*00AA ON x TO'", NULL,
	    NULL },
	{ "GRANT SELECT ON `mailserver`.* TO `a`@`localhost`", NULL, NULL },
	{ "GRANT SELECT (`email`, `password`) ON `m`.`virtual_users` TO `a`@`%`", NULL, NULL },
	{ "GRANT SELECT, SHOW VIEW, EXECUTE ON `m`.* TO `a`@`%`", NULL, NULL },
	{ "GRANT SELECT (`INSERT`) ON `m`.`t` TO `a`@`%`", NULL, NULL },
	{ "GRANT SELECT ON `INSERT ON x TO y`.* TO `a`@`%`", NULL, NULL },
	{ "GRANT `writer`@`%` TO `a`@`%`", NULL, NULL },
	{ "GRANT writer TO `a`@`%`", NULL, NULL },
	{ "GRANT INSERT ON", NULL, NULL },
	{ "", NULL, NULL },
	{ "GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION",
	    "ALL PRIVILEGES, GRANT OPTION", "*.*" },
	{ "GRANT SELECT, INSERT, UPDATE ON `mail\\_server`.* TO `a`@`%`", "INSERT, UPDATE",
	    "mail\\_server.*" },
	{ "GRANT SELECT (`a`, `b`), UPDATE (`c`, `d`), DELETE ON `m`.`t` TO `a`@`%`",
	    "UPDATE, DELETE", "m.t" },
	{ "GRANT select, file ON *.* TO `a`@`%`", "select, file", "*.*" },
	{ "GRANT SELECT ON `m`.* TO `a`@`%` WITH GRANT OPTION", "GRANT OPTION", "m.*" },
	{ "GRANT SELECT ON *.* TO `a`@`%`", "SELECT", "*.*" },
	{ "GRANT INSERT ON `a TO b`.* TO `a`@`%` IDENTIFIED BY PASSWORD '*SECRET'", "INSERT",
	    "a TO b.*" },
};

static void test_lines(void **state)
{
	char privileges[128], object[128];

	for (size_t i = 0; i < LENGTH(lines); i++) {
		bool is_more = grant_is_more_than_needed(
		    lines[i].line, privileges, sizeof(privileges), object, sizeof(object));

		if (lines[i].privileges == NULL) {
			expect_text(lines[i].line, is_more ? privileges : "", "");
		} else {
			expect_text(lines[i].line, privileges, lines[i].privileges);
			expect_text(lines[i].line, object, lines[i].object);
		}
	}
}

/* Whatever the room, what is written ends within it. */
static void test_room(void **state)
{
	for (size_t i = 0; i < LENGTH(lines); i++) {
		for (size_t n = 1; n < 20; n++) {
			char privileges[20], object[20];

			memset(privileges, 'x', sizeof(privileges));
			memset(object, 'x', sizeof(object));
			grant_is_more_than_needed(lines[i].line, privileges, n, object, n);
			assert_non_null(memchr(privileges, '\0', n));
			assert_non_null(memchr(object, '\0', n));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
