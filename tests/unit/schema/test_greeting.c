/* SPDX-License-Identifier: MIT
 * The first packet of servers, cut at every byte. */
#include "schema/greeting.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define PACKET(version, capabilities)       \
	"\x4a\x00\x00\x00\x0a" version "\0" \
	"\x07\x00\x00\x00"                  \
	"abcdefgh"                          \
	"\x00" capabilities "rest"

static const struct {
	const char *text;
	size_t n;
	size_t n_known; /* from so many bytes on it is known what it is */
	enum greeting want;
} cases[] = {
	{ PACKET("8.4.0", "\x00\x08"), 30, 26, GREETING_TLS },
	{ PACKET("8.4.0", "\xff\xff"), 30, 26, GREETING_TLS },
	{ PACKET("8.4.0", "\xff\xf7"), 30, 26, GREETING_PLAIN },
	{ PACKET("", "\x00\x00"), 25, 21, GREETING_PLAIN },
	/* an error, another protocol of databases, and what is none */
	{ "\x17\x00\x00\x00\xff\x10\x04Too many connections", 27, 6, GREETING_OTHER },
	{ "\x17\x00\x00\x00\x09"
	  "3.23",
	    9, 6, GREETING_OTHER },
	{ "220 mail.example.com ESMTP", 26, 6, GREETING_OTHER },
	/* a version without an end */
	{ "\x4a\x00\x00\x00\x0a"
	  "88888888888888888888888888888888",
	    37, 38, GREETING_SHORT },
};

static void test_cases(void **state)
{
	for (size_t i = 0; i < LENGTH(cases); i++) {
		for (size_t n = 0; n <= cases[i].n; n++) {
			/* a copy, so that nothing behind is read unseen */
			unsigned char *copy = malloc(n == 0 ? 1 : n);

			assert_non_null(copy);
			memcpy(copy, cases[i].text, n);
			assert_int_equal(greeting_parse(copy, n),
			    n < cases[i].n_known ? GREETING_SHORT : cases[i].want);
			free(copy);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
