/* SPDX-License-Identifier: MIT
 * Queries that get the columns that lmtpd wants, and those that are not understood. */
#include "adopt/select.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adopt/tokens.h"
#include "tests/unit/unit.h"

/* all: what lists all rows. NULL: refused. */
static const struct {
	enum select_use use;
	const char *text, *want, *all;
} cases[] = {
	/* the guide's, and their like */
	{ SELECT_USER, "SELECT 1 FROM virtual_users WHERE email='%u'",
	    "SELECT email FROM virtual_users WHERE email='%u'", "SELECT email FROM virtual_users" },
	{ SELECT_DOMAIN, "SELECT 1 FROM virtual_domains WHERE '%d' = name;",
	    "SELECT name FROM virtual_domains WHERE '%d' = name",
	    "SELECT name FROM virtual_domains" },
	{ SELECT_ALIAS, "select destination from virtual_aliases where source='%u'",
	    "SELECT destination, source from virtual_aliases where source='%u'",
	    "SELECT source, destination from virtual_aliases ORDER BY source, destination" },
	{ SELECT_PASSWORD, "SELECT email as user, password FROM virtual_users WHERE email='%u';",
	    "SELECT email, password FROM virtual_users WHERE email='%u'",
	    "SELECT email, password FROM virtual_users" },
	{ SELECT_PASSWORD, "SELECT password FROM u WHERE email = '%u'",
	    "SELECT email, password FROM u WHERE email = '%u'", "SELECT email, password FROM u" },

	/* columns in any order and under any name */
	{ SELECT_PASSWORD,
	    "SELECT u.pass AS `password`, 5000 AS userdb_uid, CONCAT('a', 'b, c') x, u.mail user "
	    "FROM "
	    "users u WHERE u.mail = '%u' AND (u.active = 1)",
	    "SELECT u.mail, u.pass FROM users u WHERE u.mail = '%u' AND (u.active = 1)",
	    "SELECT u.mail, u.pass FROM users u WHERE (u.active = 1)" },
	{ SELECT_PASSWORD,
	    "SELECT username, domain, password FROM u WHERE username='%n' AND domain='%d'",
	    "SELECT CONCAT(username, '@', domain), password FROM u WHERE username='%n' AND "
	    "domain='%d'",
	    "SELECT CONCAT(username, '@', domain), password FROM u" },
	{ SELECT_PASSWORD,
	    "SELECT label, a.name AS user, a.password FROM app a WHERE a.name = '%u'",
	    "SELECT a.name, a.password, label AS label FROM app a WHERE a.name = '%u'",
	    "SELECT a.name, a.password FROM app a" },
	{ SELECT_PASSWORD,
	    "SELECT user, password, CONCAT(kind, ' ', note) AS Label FROM u WHERE user = '%u'",
	    "SELECT user, password, CONCAT(kind, ' ', note) AS label FROM u WHERE user = '%u'",
	    "SELECT user, password FROM u" },
	{ SELECT_LABELLED, "SELECT email AS user, password FROM u WHERE email = '%u' LIMIT 1",
	    "SELECT email, password, NULL AS label FROM u WHERE email = '%u' LIMIT 1",
	    "SELECT email, password FROM u" },
	{ SELECT_PASSWORD, "SELECT user FROM u WHERE user = '%u'", NULL, NULL },
	{ SELECT_PASSWORD, "SELECT user, password FROM u WHERE user = user", NULL,
	    "SELECT user, password FROM u WHERE user = user" },
	{ SELECT_PASSWORD, "SELECT * FROM u WHERE user = '%u'", NULL, NULL },

	/* joins, order, conditions in parentheses */
	{ SELECT_USER,
	    "SELECT m.maildir FROM mailbox m JOIN domain d ON d.domain = m.domain WHERE "
	    "(m.username = "
	    "'%u') AND d.active = '1' ORDER BY m.id LIMIT 1",
	    "SELECT m.username FROM mailbox m JOIN domain d ON d.domain = m.domain WHERE "
	    "(m.username = "
	    "'%u') AND d.active = '1' ORDER BY m.id LIMIT 1",
	    "SELECT m.username FROM mailbox m JOIN domain d ON d.domain = m.domain WHERE d.active "
	    "= "
	    "'1'" },
	{ SELECT_USER, "SELECT 1 FROM `my table` WHERE `e mail` = '%u' AND active = 1",
	    "SELECT `e mail` FROM `my table` WHERE `e mail` = '%u' AND active = 1",
	    "SELECT `e mail` FROM `my table` WHERE active = 1" },
	{ SELECT_ALIAS, "SELECT goto FROM alias WHERE name='%n' AND domain='%d'",
	    "SELECT goto, CONCAT(name, '@', domain) FROM alias WHERE '%n' <> '' AND name='%n' AND "
	    "domain='%d'",
	    "SELECT CONCAT(name, '@', domain), goto FROM alias ORDER BY CONCAT(name, '@', domain), "
	    "goto" },
	{ SELECT_USER, "SELECT 1 FROM u WHERE email = '%u' AND CONCAT('%n', x) = y",
	    "SELECT email FROM u WHERE email = '%u' AND CONCAT('%n', x) = y", NULL },

	/* not of that form */
	{ SELECT_USER, "SELECT 1 FROM u WHERE a = '%u' OR b = '%u'", NULL, NULL },
	{ SELECT_USER, "SELECT 1 FROM u WHERE a = '%u' || b = '%u'", NULL, NULL },
	{ SELECT_USER, "SELECT 1 FROM u WHERE (a = '%u' OR b = '%u')", NULL, NULL },
	{ SELECT_USER, "SELECT 1 FROM u WHERE NOT a = '%u'", NULL, NULL },
	{ SELECT_USER, "SELECT 1 FROM u WHERE a = LOWER('%u')", NULL, NULL },
	{ SELECT_USER, "SELECT 1 FROM u WHERE 'x' = '%u'", NULL, NULL },
	{ SELECT_USER, "SELECT 1 FROM u WHERE a IN (SELECT b FROM c WHERE b = '%u')", NULL, NULL },
	{ SELECT_USER, "SELECT a FROM u WHERE a='%u' UNION SELECT b FROM v WHERE b='%u'", NULL,
	    NULL },
	{ SELECT_USER, "SELECT a FROM u WHERE a='%u' GROUP BY a", NULL, NULL },
	{ SELECT_USER, "SELECT a FROM u", NULL, NULL },
	{ SELECT_USER, "SELECT a FROM u WHERE", NULL, NULL },
	{ SELECT_USER, "SELECT FROM u WHERE a = '%u'", NULL, NULL },
	{ SELECT_USER, "DELETE FROM u WHERE a = '%u'", NULL, NULL },
	{ SELECT_USER, "SELECT a FROM u WHERE a = '%u'; DROP TABLE u", NULL, NULL },
	{ SELECT_USER, "SELECT a FROM u WHERE a = '%u' -- x", NULL, NULL },
	{ SELECT_USER, "SELECT a /* x */ FROM u WHERE a = '%u'", NULL, NULL },
	{ SELECT_USER, "SELECT (a FROM u WHERE a = '%u'", NULL, NULL },
	{ SELECT_USER, "SELECT `a FROM u WHERE a = '%u'", NULL, NULL },
	{ SELECT_ALIAS, "SELECT a, b FROM u WHERE a = '%u'", NULL, NULL },
	{ SELECT_ALIAS, "SELECT AS b FROM u WHERE a = '%u'", NULL, NULL },
	{ SELECT_USER, "", NULL, NULL },
	{ SELECT_USER, ")", NULL, NULL },
};

static void check(const char *what, char *got, const struct error *error, const char *want)
{
	if (want == NULL) {
		expect_text(what, got == NULL ? "refused" : got, "refused");
		assert_int_not_equal(error->text[0], '\0');
	} else {
		expect_text(what, got == NULL ? error->text : got, want);
	}
	free(got);
}

static void test_cases(void **state)
{
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct error error = { "" };

		check(cases[i].text, select_adopt(cases[i].text, cases[i].use, &error), &error,
		    cases[i].want);
		check(cases[i].text, select_all(cases[i].text, cases[i].use, &error), &error,
		    cases[i].all);
	}
}

/* Longer than can be held. */
static void test_long_query(void **state)
{
	char text[16384] = "";
	struct error error = { "" };

	add_text(text, sizeof(text), "%s", "SELECT a FROM u WHERE a = '%u'");
	for (size_t i = 0; i < SELECT_TOKENS_MAX; i++) {
		add_text(text, sizeof(text), " AND b = 1");
	}
	assert_null(select_adopt(text, SELECT_USER, &error));
	assert_false(tokens_are_same(text, text));
}

static void test_identity(void **state)
{
	assert_true(select_is_identity("SELECT email, email FROM u WHERE email='%u'"));
	assert_false(select_is_identity("SELECT goto, email FROM u WHERE email='%u'"));
	assert_false(select_is_identity("SELECT CONCAT(a, b), email FROM u WHERE email='%u'"));
	assert_false(select_is_identity("SELECT email FROM u WHERE email='%u'"));
	assert_false(select_is_identity("x"));
}

static void test_columns(void **state)
{
	static const char text[] =
	    "SELECT email as user, concat('*:bytes=', quota) AS quota_rule, "
	    "'/var/vmail/%d/%n' AS home, 5000 uid, u.allow_nets FROM u WHERE "
	    "email = '%u'";
	static const struct {
		const char *name, *want;
	} columns[] = { { "home", "'/var/vmail/%d/%n'" }, { "UID", "5000" }, { "user", "email" },
		{ "allow_nets", "u.allow_nets" }, { "quota_rule", "concat('*:bytes=', quota)" },
		{ "email", NULL } };
	char names[SELECT_NAMES_MAX];

	for (size_t i = 0; i < LENGTH(columns); i++) {
		char *got = select_column(text, columns[i].name);

		expect_text(columns[i].name, got == NULL ? "none" : got,
		    columns[i].want == NULL ? "none" : columns[i].want);
		free(got);
	}
	select_list_others(text, names);
	expect_text("others", names, "quota_rule, home, uid, allow_nets");
	select_list_others(
	    "SELECT password, email AS user, x AS label, 1 AS userdb_x FROM u WHERE a='%u'", names);
	expect_text("others", names, "");
}

static void test_same(void **state)
{
	assert_true(
	    tokens_are_same("SELECT a FROM b WHERE c = '%u'", "select a from b where c='%u' ;"));
	assert_false(
	    tokens_are_same("SELECT a FROM b WHERE c = '%u'", "SELECT a FROM B WHERE c = '%u'"));
	assert_false(tokens_are_same("SELECT a FROM b", "SELECT a FROM b WHERE c = 1"));
	assert_false(tokens_are_same("SELECT 'A'", "SELECT 'a'"));
}

static const struct {
	const char *query, *want;
} grants[] = {
	{ "SELECT destination, source FROM virtual_aliases WHERE source = '%u'",
	    "GRANT SELECT (destination, source) ON m.virtual_aliases TO u;\n" },
	{ "SELECT a.x, LOWER(a.y) FROM t AS a WHERE a.x = '%u' AND a.z = 1",
	    "GRANT SELECT (x, y, z) ON m.t TO u;\n" },
	{ "SELECT x, p, note AS label FROM t WHERE x = '%u'",
	    "GRANT SELECT (x, p, note) ON m.t TO u;\n" },
	{ "SELECT x FROM other.t t WHERE x = '%u'", "GRANT SELECT (x) ON other.t TO u;\n" },
	{ "SELECT a.x FROM s a JOIN t b ON b.y = a.y, v WHERE a.x = '%u'",
	    "GRANT SELECT ON m.s TO u;\nGRANT SELECT ON m.t TO u;\nGRANT SELECT ON m.v TO u;\n" },
	{ "SELECT 1", "" },
	{ "SELECT `", "" },
};

static void test_grants(void **state)
{
	for (size_t i = 0; i < LENGTH(grants); i++) {
		char *got = select_grants(grants[i].query, "m", "u");

		assert_non_null(got);
		expect_text(grants[i].query, got, grants[i].want);
		free(got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_long_query),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_grants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
