/* SPDX-License-Identifier: MIT
 * Query templates: what becomes a parameter, what stays text, and what is refused and why. */
#include "schema/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/host.h"
#include "tests/unit/unit.h"

static const struct {
	const char *text, *sql, *parameters;
} templates[] = {
	{ "SELECT email FROM virtual_users WHERE email = '%u'",
	    "SELECT email FROM virtual_users WHERE email = ?", "u" },
	{ "SELECT 1 FROM t WHERE a = %u", "SELECT 1 FROM t WHERE a = ?", "u" },
	{ "WHERE a = \"%u\"", "WHERE a = ?", "u" },
	{ "WHERE l = '%n' AND d = '%d' AND u = %u", "WHERE l = ? AND d = ? AND u = ?", "ndu" },
	{ "%u", "?", "u" },
	{ "'%u'", "?", "u" },
	{ "%u%n", "??", "un" },
	{ "CONCAT(%n, '@', '%d')", "CONCAT(?, '@', ?)", "nd" },
	{ "f('%u')='%d'", "f(?)=?", "ud" },
	{ "'%u' ''", "? ''", "u" },
	/* percent signs */
	{ "a = %u AND b LIKE 'x%%'", "a = ? AND b LIKE 'x%'", "u" },
	{ "a = %u AND b % % 2", NULL, NULL },
	{ "a = %u AND b %% 2", "a = ? AND b % 2", "u" },
	{ "%%u = %u", "%u = ?", "u" },
	{ "'%%u' = %u", "'%u' = ?", "u" },
	/* question marks, quotes and escapes that are text */
	{ "a = '?' AND b = %u", "a = '?' AND b = ?", "u" },
	{ "a = \"?\" AND b = %u", "a = \"?\" AND b = ?", "u" },
	{ "`a?` = %u", "`a?` = ?", "u" },
	{ "a = '''' AND b = %u", "a = '''' AND b = ?", "u" },
	{ "a = 'it''s' AND b = '%u'", "a = 'it''s' AND b = ?", "u" },
	{ "a = '\\'?' AND b = '%u'", "a = '\\'?' AND b = ?", "u" },
	{ "a = '\\\\' AND b = '%u'", "a = '\\\\' AND b = ?", "u" },
	{ "a = '\"' AND b = '%u'", "a = '\"' AND b = ?", "u" },
	{ "a = '`' AND b = %u", "a = '`' AND b = ?", "u" },
	{ "'' = '%u'", "'' = ?", "u" },
	{ "a LIKE '\\%%' AND b = %u", "a LIKE '\\%' AND b = ?", "u" },
	/* refused */
	{ "a LIKE '%u%%'", NULL, "CONCAT" },
	{ "a = 'x%u'", NULL, "CONCAT" },
	{ "a = '\\%u' AND b = %u", NULL, "CONCAT" },
	{ "a LIKE '\\%' AND b = %u", NULL, "%%" },
	{ "a = '%u''x'", NULL, "CONCAT" },
	{ "a = '%u@x'", NULL, "CONCAT" },
	{ "a = '%n@%d'", NULL, "CONCAT" },
	{ "a = `%u`", NULL, "%u" },
	{ "a = '%u\"", NULL, "%u" },
	{ "a = '%u", NULL, "%u" },
	{ "a = %s AND b = %u", NULL, "in password_query alone" },
	{ "a = '%r' AND b = %u", NULL, "in password_query alone" },
	{ "a LIKE '%school%' AND b = %u", NULL, "a percent sign is written %%" },
	{ "a = %U", NULL, "%U" },
	{ "a = %u AND b = 50%", NULL, "%%" },
	{ "%", NULL, "%%" },
	{ "a = ? AND b = %u", NULL, "?" },
	{ "SELECT 1", NULL, "placeholder" },
	{ "", NULL, "placeholder" },
	{ "SELECT '?'", NULL, "placeholder" },
	/* sixteen, and one too many */
	{ "%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%d", "????????????????", "uuuuuuuuuuuuuuud" },
	{ "%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%u%d", NULL, "16" },
};

/* A row without sql is refused; its third column is a part of the reason then. */
static void test_templates(void **state)
{
	for (size_t i = 0; i < LENGTH(templates); i++) {
		struct query query;
		struct error error = { "" };
		int result = query_init(&query, templates[i].text, QUERY_OF_KEY, &error);

		if ((result == 0) != (templates[i].sql != NULL)) {
			fail_msg("%s: %d (%s)", templates[i].text, result, error.text);
		}
		if (result == 0) {
			expect_text(templates[i].text, query.sql, templates[i].sql);
			expect_bytes(templates[i].text, query.parameters, query.n_parameters,
			    templates[i].parameters, strlen(templates[i].parameters));
			query_deinit(&query);
			assert_null(query.sql);
		} else if (error.text[0] == '\0' ||
			   (templates[i].parameters != NULL &&
			       strstr(error.text, templates[i].parameters) == NULL)) {
			fail_msg("%s: \"%s\" does not speak of %s", templates[i].text, error.text,
			    templates[i].parameters);
		}
	}
}

/* Where a query without a key is wanted, it may have none. */
static void test_without_key(void **state)
{
	struct query query;
	struct error error;

	assert_int_equal(query_init(&query, "SELECT 1", QUERY_OF_ALL, &error), 0);
	expect_text("SELECT 1", query.sql, "SELECT 1");
	assert_int_equal(query.n_parameters, 0);
	query_deinit(&query);
}

/* Of a login there may be more, but without the address all logins would find the same. */
static void test_of_a_login(void **state)
{
	static const struct {
		const char *text, *sql, *parameters;
	} logins[] = {
		{ "a = '%u' AND s = '%s' AND r = %r", "a = ? AND s = ? AND r = ?", "usr" },
		{ "IF(%s = 'smtp', \"%r\", %d)", "IF(? = 'smtp', ?, ?)", "srd" },
		{ "s = '%s' AND r = '%r'", NULL, "placeholder" },
		{ "a = %u AND s = 'x%s'", NULL, "CONCAT('...', '%s')" },
		{ "a = %u AND s = %S", NULL, "%u, %n and %d, %s and %r" },
	};

	for (size_t i = 0; i < LENGTH(logins); i++) {
		struct error error = { "" };
		struct query query;
		int result = query_init(&query, logins[i].text, QUERY_OF_LOGIN, &error);

		assert_int_equal(result, logins[i].sql != NULL ? 0 : -1);
		if (result == 0) {
			expect_text(logins[i].text, query.sql, logins[i].sql);
			expect_bytes(logins[i].text, query.parameters, query.n_parameters,
			    logins[i].parameters, strlen(logins[i].parameters));
			query_deinit(&query);
		} else {
			assert_non_null(strstr(error.text, logins[i].parameters));
		}
	}
}

/* Whatever the template: it is refused, or no '%' placeholder is left and there are as many ? outside
 * of quotes as parameters. */
static void test_random_templates(void **state)
{
	static const char *const parts[] = { "%u", "%n", "%d", "%s", "'%r'", "%", "%%", "'", "\"",
		"`", "\\", "?", "a", " ", "'%u'" };
	uint64_t seed = 3;

	for (unsigned round = 0; round < 50000; round++) {
		struct error error;
		char text[60] = "";
		size_t n_parts = random_below(&seed, 10), n_marks = 0;
		struct query query;
		char quote = '\0';

		for (size_t i = 0; i < n_parts; i++) {
			add_text(
			    text, sizeof(text), "%s", parts[random_below(&seed, LENGTH(parts))]);
		}
		if (query_init(&query, text, QUERY_OF_LOGIN, &error) != 0) {
			continue;
		}
		assert_true(strlen(query.sql) <= strlen(text));
		for (const char *p = query.sql; *p != '\0'; p++) {
			if (quote != '\0' && *p == '\\' && p[1] != '\0') {
				p++;
			} else if (quote == '\0' && strchr("'\"`", *p) != NULL) {
				quote = *p;
			} else if (*p == quote) {
				quote = '\0';
			} else if (quote == '\0' && *p == '?') {
				n_marks++;
			}
		}
		if (n_marks != query.n_parameters) {
			fail_msg("%s -> %s: %zu parameters", text, query.sql, query.n_parameters);
		}
		query_deinit(&query);
	}
}

static void test_hosts(void **state)
{
	static const struct {
		const char *text, *name;
		unsigned port;
		const char *socket_path;
	} rows[] = {
		{ "127.0.0.1", "127.0.0.1", 0, NULL },
		{ "db.example.com", "db.example.com", 0, NULL },
		{ "db:3307", "db", 3307, NULL },
		{ "db:65535", "db", 65535, NULL },
		{ "[::1]:3306", "::1", 3306, NULL },
		{ "[::1]", "::1", 0, NULL },
		{ "::1", "::1", 0, NULL },
		{ "fe80::1", "fe80::1", 0, NULL },
		{ "unix:/run/mysqld/mysqld.sock", "localhost", 0, "/run/mysqld/mysqld.sock" },
		{ "", NULL, 0, NULL },
		{ ":3306", NULL, 0, NULL },
		{ "db:", NULL, 0, NULL },
		{ "db:0", NULL, 0, NULL },
		{ "db:65536", NULL, 0, NULL },
		{ "db:99999999999999999999999", NULL, 0, NULL },
		{ "db:+1", NULL, 0, NULL },
		{ "db: 1", NULL, 0, NULL },
		{ "db:1x", NULL, 0, NULL },
		{ "[::1", NULL, 0, NULL },
		{ "[::1]x", NULL, 0, NULL },
		{ "[::1]:", NULL, 0, NULL },
		{ "[]", NULL, 0, NULL },
		{ "unix:", NULL, 0, NULL },
		{ "unix:run/x", NULL, 0, NULL },
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct host host;
		int result = host_parse(&host, rows[i].text);

		if (result != (rows[i].name == NULL ? -1 : 0)) {
			fail_msg("\"%s\": %d", rows[i].text, result);
		}
		if (result == 0) {
			expect_text(rows[i].text, host.name, rows[i].name);
			assert_int_equal(host.port, rows[i].port);
			expect_text(rows[i].text, host.socket_path == NULL ? "" : host.socket_path,
			    rows[i].socket_path == NULL ? "" : rows[i].socket_path);
		}
	}
}

/* What the parameters of a query stand for. */
static void test_values(void **state)
{
	static const struct {
		const char *key, *address, *local, *domain;
	} keys[] = {
		{ "user@example.com", "user@example.com", "user", "example.com" },
		{ "@example.com", "@example.com", "", "example.com" },
		{ "user@", "user@", "user", "" },
		{ "\"a@b\"@example.com", "\"a@b\"@example.com", "\"a@b\"", "example.com" },
		{ "example.com", "example.com", "example.com", "example.com" },
		{ "", "", "", "" },
	};
	struct query query;
	struct error error;

	assert_int_equal(query_init(&query, "%u %n %d", QUERY_OF_KEY, &error), 0);
	for (size_t i = 0; i < LENGTH(keys); i++) {
		const char *const want[] = { keys[i].address, keys[i].local, keys[i].domain };

		for (size_t parameter = 0; parameter < LENGTH(want); parameter++) {
			size_t n;
			const char *value = query_value(&query, parameter, keys[i].key, &n);

			expect_bytes(
			    keys[i].key, value, n, want[parameter], strlen(want[parameter]));
		}
	}
	query_deinit(&query);
	assert_int_equal(query_init(&query, "%s %r %u", QUERY_OF_LOGIN, &error), 0);
	for (int round = 0; round < 2; round++) {
		static const char *const want[][3] = { { "", "", "a@b" },
			{ "smtp", "192.0.2.1", "a@b" } };

		for (size_t parameter = 0; parameter < LENGTH(want[0]); parameter++) {
			size_t n;
			const char *value = query_value(&query, parameter, "a@b", &n);

			expect_bytes("of a login", value, n, want[round][parameter],
			    strlen(want[round][parameter]));
		}
		query.service = "smtp";
		query.client = "192.0.2.1";
	}
	query_deinit(&query);
	assert_true(key_is_ascii("") && key_is_ascii("a@\177"));
	assert_false(key_is_ascii("a\200"));
	assert_false(key_is_ascii("\u00e4@d"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_templates),
		cmocka_unit_test(test_without_key),
		cmocka_unit_test(test_of_a_login),
		cmocka_unit_test(test_random_templates),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
