/* SPDX-License-Identifier: MIT
 * A line that is held: it comes again, and need not come in the same pieces. */
#include "protocol/line.h"

#include <string.h>

#include "tests/unit/unit.h"

static struct line line;

static void expect_taken(struct text in, int outcome, size_t n_taken, const char *text)
{
	const char *got;
	size_t n, n_text;

	assert_int_equal(line_take(&line, in.p, in.n, &n, &got, &n_text), outcome);
	assert_int_equal(n, n_taken);
	if (text != NULL) {
		expect_bytes("line", got, n_text, text, strlen(text));
	} else {
		assert_null(got);
	}
}

static void expect_another_line(void)
{
	line_done(&line);
	expect_taken((struct text)TEXT("NOOP\r\nQUIT"), LINE_WHOLE, 6, "NOOP");
	line_done(&line);
	assert_null(line.stored);
}

/* The first part stays; the second comes whole, or in two pieces. */
static void test_hold(void **state)
{
	expect_taken((struct text)TEXT("RCPT TO"), LINE_MORE, 7, NULL);
	for (unsigned i = 0; i < 3; i++) {
		expect_taken((struct text)TEXT(":<a>\r\nNOOP"), LINE_WHOLE, 6, "RCPT TO:<a>");
		line_hold(&line);
	}
	expect_taken((struct text)TEXT(":<a"), LINE_MORE, 3, NULL);
	expect_taken((struct text)TEXT(">\r\n"), LINE_WHOLE, 3, "RCPT TO:<a>");
	expect_another_line();
}

/* What has been too long stays so, though less of it comes the next time. */
static void test_hold_what_is_too_long(void **state)
{
	static char long_start[LINE_MAX_SIZE - 10];
	const struct text start = { long_start, sizeof(long_start) };

	memset(long_start, 'x', sizeof(long_start));
	expect_taken(start, LINE_MORE, sizeof(long_start), NULL);
	expect_taken((struct text)TEXT("0123456789\r\n"), LINE_BAD, 12, NULL);
	line_hold(&line);
	expect_taken((struct text)TEXT("012"), LINE_MORE, 3, NULL);
	assert_null(line.stored);
	expect_taken((struct text)TEXT("3456789\r\n"), LINE_BAD, 9, NULL);
	expect_another_line();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hold),
		cmocka_unit_test(test_hold_what_is_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
