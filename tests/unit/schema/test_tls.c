/* SPDX-License-Identifier: MIT
 * Words of mysql.tls, and which lines of an option file stand in their way. */
#include "schema/tls.h"

#include <stdio.h>

#include "tests/unit/unit.h"

static int setup(void **state)
{
	return place_set_up(state, "my.cnf");
}

static void test_words(void **state)
{
	static const struct {
		const char *value, *name, *socket_path;
		enum tls tls;
	} ways[] = {
		{ "", "a", NULL, TLS_BY_LIBRARY },
		{ "", "localhost", "/s", TLS_BY_LIBRARY },
		{ "off", "a", NULL, TLS_OFF },
		{ "try", "a", NULL, TLS_TRY },
		{ "required", "a", NULL, TLS_REQUIRED },
		{ "required", "localhost", "/s", TLS_OFF },
		{ "try", "localhost", NULL, TLS_OFF },
	};
	struct error error = { "" };

	for (size_t i = 0; i < LENGTH(ways); i++) {
		assert_int_equal(tls_check(ways[i].value, &error), 0);
		assert_int_equal(
		    tls_over(ways[i].value, ways[i].name, ways[i].socket_path), ways[i].tls);
	}
	assert_int_equal(tls_check("on", &error), -1);
	expect_text("what is allowed", error.text, "\"on\" is not \"\", off, try or required");
}

static void test_ciphers(void **state)
{
	char text[96];

	tls_describe("TLSv1.3", "C", text, sizeof(text));
	expect_text("a version", text, "TLS 1.3, C");
	tls_describe(NULL, "C", text, sizeof(text));
	expect_text("none", text, "TLS, C");
	tls_describe("DTLS", "C", text, sizeof(text));
	expect_text("another", text, "TLS, C");
	tls_describe("TLSv1.3", NULL, text, sizeof(text));
	expect_text("no cipher", text, "");
}

/* What is found for "", off, and what both others have in common. */
static const struct {
	const char *content, *by_library, *off, *required;
} files[] = {
	{ "", NULL, NULL, NULL },
	{ "[lmtpd]\npassword=x\nsocket = /s\n", NULL, NULL, NULL },
	{ "[lmtpd]\nssl\n", "ssl", "ssl", "ssl" },
	{ "[client]\n  ssl_ca = /ssl\n", "ssl-ca", "ssl-ca", "ssl-ca" },
	{ "[client-server]\nssl-mode=REQUIRED", "ssl-mode", "ssl-mode", "ssl-mode" },
	{ "[client-mariadb]\nssl-enforce\r\n", "ssl-enforce", "ssl-enforce", "ssl-enforce" },
	{ "[lmtpd]\nskip-ssl\n", "skip-ssl", "skip-ssl", "skip-ssl" },
	{ "[lmtpd]\nloose-ssl-ca=x\n", "loose-ssl-ca", "loose-ssl-ca", "loose-ssl-ca" },
	{ "[mysqld]\nssl-ca=/f\n[mysql]\nssl=1\n[mariadb-client]\ntls-version=x\n", NULL, NULL,
	    NULL },
	{ "ssl-ca=/in-no-group\n", NULL, NULL, NULL },
	{ "[lmtpd]\n#ssl-ca=/f\n;ssl\npassword=ssl\n", NULL, NULL, NULL },
	{ "[mysqld]\nssl-ca=/f\n[lmtpd]\nssl-cert=/c\nssl-key=/k\n", "ssl-cert", "ssl-cert", NULL },
	{ "[lmtpd]\ntls_version=TLSv1.3\nssl-cipher=x\nssl-verify-server-cert=0\n", "tls-version",
	    "tls-version", "ssl-verify-server-cert" },
	{ "!includedir /etc/mysql\n", NULL, "!includedir", "!includedir" },
};

static void check_line(const char *path, size_t i, enum tls tls, const char *expected)
{
	char line[TLS_LINE_MAX] = "";

	if (tls_find_line(path, tls, line) != (expected != NULL)) {
		fail_msg("%s: for %d: found \"%s\"", files[i].content, tls, line);
	}
	expect_text(files[i].content, line, expected == NULL ? "" : expected);
}

static void test_lines(void **state)
{
	const struct place *place = *state;

	for (size_t i = 0; i < LENGTH(files); i++) {
		FILE *file = fopen(place->file, "we");

		assert_non_null(file);
		assert_int_equal(fputs(files[i].content, file) >= 0, 1);
		assert_int_equal(fclose(file), 0);
		check_line(place->file, i, TLS_BY_LIBRARY, files[i].by_library);
		check_line(place->file, i, TLS_OFF, files[i].off);
		check_line(place->file, i, TLS_TRY, files[i].required);
		check_line(place->file, i, TLS_REQUIRED, files[i].required);
	}
	check_line("/nowhere/at/all", 0, TLS_REQUIRED, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_ciphers),
		cmocka_unit_test_setup_teardown(test_lines, setup, place_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
