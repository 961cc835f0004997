/* SPDX-License-Identifier: MIT
 * Lines of both kinds, whole, in parts and too long; and a line that is held: it comes again, and need
 * not come in the same pieces. */
#include "protocol/line.h"

#include <string.h>

#include "tests/unit/unit.h"

enum {
	MAX = 16,
};

static struct line line;

static void expect_taken(const char *in, int outcome, size_t n_taken, const char *text)
{
	const char *got;
	size_t n, n_text;

	assert_int_equal(line_take(&line, in, strlen(in), &n, &got, &n_text), outcome);
	assert_int_equal(n, n_taken);
	expect_bytes("line", got, n_text, text, strlen(text));
}

static void expect_another_line(void)
{
	line_done(&line);
	expect_taken("NOOP\r\nQUIT", LINE_WHOLE, 6, line.end == LINE_CRLF ? "NOOP" : "NOOP\r");
	line_done(&line);
	assert_null(line.stored);
}

/* Where a line ends, and what of it is text, in one piece and cut at every byte. */
static void test_ends(void **state)
{
	static const struct {
		const char *in, *text;
		enum line_end end;
		int outcome;
	} rows[] = {
		{ "a b\r\n", "a b", LINE_CRLF, LINE_WHOLE },
		{ "\r\n", "", LINE_CRLF, LINE_WHOLE },
		{ "a\nb\rc\r\r\n", "a\nb\rc\r", LINE_CRLF, LINE_WHOLE },
		{ "\n\r\n", "\n", LINE_CRLF, LINE_WHOLE },
		{ "0123456789abcd\r\n", "0123456789abcd", LINE_CRLF, LINE_WHOLE },
		{ "0123456789abcde\r\n", "0123456789abcde\r", LINE_CRLF, LINE_LONG },
		{ "0123456789abcdefghij\r\n", "0123456789abcdef", LINE_CRLF, LINE_LONG },
		{ "a b\n", "a b", LINE_LF, LINE_WHOLE },
		{ "\n", "", LINE_LF, LINE_WHOLE },
		{ "a\r\n", "a\r", LINE_LF, LINE_WHOLE },
		{ "0123456789abcde\n", "0123456789abcde", LINE_LF, LINE_WHOLE },
		{ "0123456789abcdef\n", "0123456789abcdef", LINE_LF, LINE_LONG },
		{ "0123456789abcdefghij\n", "0123456789abcdef", LINE_LF, LINE_LONG },
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		const char *in = rows[i].in;
		size_t n = strlen(in), n_taken, n_text;
		const char *text;

		for (size_t cut = 0; cut < n; cut++) {
			line = (struct line){ .end = rows[i].end, .max = MAX };
			assert_int_equal(
			    line_take(&line, in, cut, &n_taken, &text, &n_text), LINE_MORE);
			assert_int_equal(n_taken, cut);
			expect_taken(in + cut, rows[i].outcome, n - cut, rows[i].text);
			expect_another_line();
		}
		line = (struct line){ .end = rows[i].end, .max = MAX };
		for (size_t at = 0; at + 1 < n; at++) {
			assert_int_equal(
			    line_take(&line, in + at, 1, &n_taken, &text, &n_text), LINE_MORE);
		}
		expect_taken(in + n - 1, rows[i].outcome, 1, rows[i].text);
		expect_another_line();
	}
}

/* The first part stays; the second comes whole, or in two pieces. */
static void test_hold(void **state)
{
	line = (struct line){ .end = LINE_CRLF, .max = MAX };
	expect_taken("RCPT TO", LINE_MORE, 7, "");
	for (unsigned i = 0; i < 3; i++) {
		expect_taken(":<a>\r\nNOOP", LINE_WHOLE, 6, "RCPT TO:<a>");
		line_hold(&line);
	}
	expect_taken(":<a", LINE_MORE, 3, "");
	expect_taken(">\r\n", LINE_WHOLE, 3, "RCPT TO:<a>");
	expect_another_line();
}

/* Held between CR and LF, and with nothing before it. */
static void test_hold_an_end(void **state)
{
	line = (struct line){ .end = LINE_CRLF, .max = MAX };
	expect_taken("QUIT\r", LINE_MORE, 5, "");
	for (unsigned i = 0; i < 3; i++) {
		expect_taken("\nNOOP", LINE_WHOLE, 1, "QUIT");
		line_hold(&line);
	}
	expect_taken("\n", LINE_WHOLE, 1, "QUIT");
	line_done(&line);
	expect_taken("QUIT\r\n", LINE_WHOLE, 6, "QUIT");
	line_hold(&line);
	expect_taken("QUIT", LINE_MORE, 4, "");
	expect_taken("\r\n", LINE_WHOLE, 2, "QUIT");
	expect_another_line();
}

/* It stays too long, in whatever pieces it comes the next time. */
static void test_hold_what_is_too_long(void **state)
{
	line = (struct line){ .end = LINE_CRLF, .max = MAX };
	expect_taken("0123456789", LINE_MORE, 10, "");
	expect_taken("abcdefghij\r\n", LINE_LONG, 12, "0123456789abcdef");
	line_hold(&line);
	expect_taken("abc", LINE_MORE, 3, "");
	expect_taken("defghij\r\n", LINE_LONG, 9, "0123456789abcdef");
	expect_another_line();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_hold),
		cmocka_unit_test(test_hold_an_end),
		cmocka_unit_test(test_hold_what_is_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
