/* SPDX-License-Identifier: MIT
 * Where a socket is: what is well-formed, and what it means. */
#include "runtime/endpoint.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define TEN     "xxxxxxxxxx"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const struct {
	const char *text;
	const char *parts; /* of a socket its path, else "host port"; NULL: it is none */
} rows[] = {
	{ "unix:/run/lmtp", "/run/lmtp" },
	{ "unix:/", "/" },
	/* 107 bytes, as sun_path holds with its NUL */
	{ "unix:/" HUNDRED "xxxxxx", "/" HUNDRED "xxxxxx" },
	{ "unix:/" HUNDRED "xxxxxxx", NULL },
	{ "unix:relative", NULL },
	{ "unix:", NULL },
	{ "inet:127.0.0.1:24", "127.0.0.1 24" },
	{ "inet:localhost:65535", "localhost 65535" },
	{ "inet:[::1]:24", "::1 24" },
	{ "inet:[::]:24", ":: 24" },
	{ "inet:127.0.0.1", NULL },
	{ "inet:127.0.0.1:", NULL },
	{ "inet:127.0.0.1:smtp", NULL },
	{ "inet:127.0.0.1:-1", NULL },
	{ "inet:127.0.0.1: 24", NULL },
	{ "inet:127.0.0.1:24x", NULL },
	{ "inet:127.0.0.1:65536", NULL },
	{ "inet:127.0.0.1:99999999999999999999", NULL },
	{ "inet::24", NULL },
	{ "inet:[]:24", NULL },
	{ "inet:[::1]", NULL },
	{ "inet:[::1]24", NULL },
	{ "inet:[::1:24", NULL },
	{ "inet:::1:24", NULL },
	{ "inet:" HUNDRED HUNDRED HUNDRED ":24", NULL },
	{ "", NULL },
	{ "/run/lmtp", NULL },
	{ "127.0.0.1:24", NULL },
	{ "tcp:127.0.0.1:24", NULL },
	{ "UNIX:/run/lmtp", NULL },
};

static void test_rows(void **state)
{
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct endpoint endpoint;
		struct error error = { "" };
		char parts[400];
		int result = endpoint_parse(&endpoint, rows[i].text, &error);

		if (result != (rows[i].parts != NULL ? 0 : -1)) {
			fail_msg("\"%s\": %d (%s)", rows[i].text, result, error.text);
		}
		assert_int_equal(error.text[0] == '\0', result == 0);
		assert_int_equal(endpoint_check(rows[i].text, &error), result);
		if (result != 0) {
			assert_non_null(strstr(error.text, rows[i].text));
			continue;
		}
		assert_ptr_equal(endpoint.text, rows[i].text);
		if (endpoint.path != NULL) {
			snprintf(parts, sizeof(parts), "%s", endpoint.path);
		} else {
			snprintf(parts, sizeof(parts), "%s %s", endpoint.host, endpoint.port);
		}
		expect_text(rows[i].text, parts, rows[i].parts);
	}
}

/* The longest host, and one that is longer. */
static void test_long_host(void **state)
{
	struct endpoint endpoint;
	struct error error;
	char text[sizeof(endpoint.host) + 20] = "inet:", host[sizeof(endpoint.host) + 1];

	memset(host, 'x', sizeof(host));
	host[sizeof(endpoint.host) - 1] = '\0';
	add_text(text, sizeof(text), "%s:24", host);
	assert_int_equal(endpoint_parse(&endpoint, text, &error), 0);
	expect_text("longest", endpoint.host, host);
	host[sizeof(endpoint.host) - 1] = 'x';
	host[sizeof(endpoint.host)] = '\0';
	snprintf(text, sizeof(text), "inet:%s:24", host);
	assert_int_equal(endpoint_parse(&endpoint, text, &error), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_long_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
