/* SPDX-License-Identifier: MIT
 * The table of replies, row by row, and their formatter against hostile strings. */
#include "protocol/reply.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "tests/unit/unit.h"

static void check_row(enum reply reply)
{
	const char *enhanced = reply_enhanced(reply), *text = reply_text(reply);
	int code = reply_code(reply);
	size_t n;

	assert_in_range(code, 200, 599);
	assert_int_equal(reply_is_permanent(reply), code >= 500);
	if (reply == REPLY_GREETING || code / 100 == 3) {
		expect_text("RFC 2034 forbids one", enhanced, "");
	} else if ((n = enhanced_code_length(enhanced, (char)('0' + code / 100))) == 0 ||
		   enhanced[n] != '\0') {
		fail_msg("%d %s", code, enhanced);
	}
	assert_true(strlen(text) > 0 && strlen(text) < 80);
	for (const char *p = text; *p != '\0'; p++) {
		assert_in_range(*p, ' ', '~');
	}
}

static void test_rows(void **state)
{
	for (enum reply reply = REPLY_NONE + 1; reply < REPLY_COUNT; reply++) {
		check_row(reply);
	}
}

/* What others rely on; a mail that bounces or stays hangs on each of these numbers. */
static void test_promised_codes(void **state)
{
	static const struct {
		enum reply reply;
		int code;
		const char *enhanced;
	} rows[] = {
		{ REPLY_RECIPIENT_OK, 250, "2.1.5" },
		{ REPLY_SAVED, 250, "2.0.0" },
		{ REPLY_CANNOT_VERIFY, 252, "2.0.0" },
		{ REPLY_SHUTTING_DOWN, 421, "4.3.2" },
		{ REPLY_NO_DATABASE, 451, "4.4.3" },
		{ REPLY_ALIAS_LOOP, 451, "4.4.6" },
		{ REPLY_ALIAS_ELSEWHERE, 451, "4.3.5" },
		{ REPLY_BAD_PATH, 451, "4.3.5" },
		{ REPLY_NOT_WRITTEN, 451, "4.2.0" },
		{ REPLY_DISABLED_NOW, 450, "4.2.1" },
		{ REPLY_FULL_NOW, 452, "4.2.2" },
		{ REPLY_DISK_FULL, 452, "4.3.1" },
		{ REPLY_DISK_STALLED, 451, "4.3.0" },
		{ REPLY_TOO_MANY_RECIPIENTS, 452, "4.5.3" },
		{ REPLY_UNKNOWN_COMMAND, 500, "5.5.1" },
		{ REPLY_BAD_SEQUENCE, 503, "5.5.1" },
		{ REPLY_NO_MAILBOX, 550, "5.1.1" },
		{ REPLY_NO_DOMAIN, 550, "5.1.2" },
		{ REPLY_BAD_MAILBOX, 550, "5.1.3" },
		{ REPLY_DISABLED, 550, "5.2.1" },
		{ REPLY_FULL, 552, "5.2.2" },
		{ REPLY_TOO_BIG, 552, "5.3.4" },
		{ REPLY_UNKNOWN_PARAMETER, 555, "5.5.4" },
		{ REPLY_REJECTED, 550, "5.7.1" },
		{ REPLY_NOT_SENT, 451, "4.3.0" },
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		assert_int_equal(reply_code(rows[i].reply), rows[i].code);
		expect_text(
		    reply_text(rows[i].reply), reply_enhanced(rows[i].reply), rows[i].enhanced);
	}
}

/* An accident must never become a bounce. */
static void test_accidents_are_temporary(void **state)
{
	static const enum reply accidents[] = { REPLY_NO_DATABASE, REPLY_ALIAS_LOOP,
		REPLY_ALIAS_ELSEWHERE, REPLY_BAD_PATH, REPLY_NOT_WRITTEN, REPLY_DISK_FULL,
		REPLY_DISK_STALLED, REPLY_NOT_SENT, REPLY_NO_MEMORY, REPLY_TOO_MANY_RECIPIENTS,
		REPLY_SHUTTING_DOWN, REPLY_IDLE };

	for (size_t i = 0; i < LENGTH(accidents); i++) {
		assert_int_equal(reply_code(accidents[i]) / 100, 4);
		assert_false(reply_is_permanent(accidents[i]));
	}
}

static const struct {
	enum reply reply;
	const char *address, *word, *line;
} lines[] = {
	{ REPLY_OK, NULL, NULL, "250 2.0.0 OK\r\n" },
	{ REPLY_GREETING, NULL, "mx.example.com", "220 mx.example.com LMTP lmtpd ready\r\n" },
	{ REPLY_START_DATA, NULL, NULL, "354 End data with <CR><LF>.<CR><LF>\r\n" },
	{ REPLY_RECIPIENT_OK, "a@d", NULL, "250 2.1.5 <a@d> OK\r\n" },
	{ REPLY_SAVED, "a@d", "S1.T1", "250 2.0.0 <a@d> S1.T1 Saved\r\n" },
	{ REPLY_NO_MAILBOX, "", NULL, "550 5.1.1 <> User doesn't exist\r\n" },
	{ REPLY_NO_MAILBOX, "\303\251@d", NULL, "550 5.1.1 <\303\251@d> User doesn't exist\r\n" },
	{ REPLY_RECIPIENT_OK, "a\r\n250 2.0.0 <b@d> OK", NULL,
	    "250 2.1.5 <a??250 2.0.0 <b@d> OK> OK\r\n" },
	{ REPLY_RECIPIENT_OK, "\001\037\177\t", NULL,
	    "250 2.1.5 <???"
	    "?> OK\r\n" },
	{ REPLY_SAVED, "%s%n%d", "%s\r\n%n", "250 2.0.0 <%s%n%d> %s??%n Saved\r\n" },
	/* bytes that are no UTF-8 are in no reply; what is, stays whole */
	{ REPLY_BAD_MAILBOX, "\303@d", NULL, "550 5.1.3 <?@d> Address can be no mailbox here\r\n" },
	{ REPLY_BAD_MAILBOX, "\300\257\303\251", NULL,
	    "550 5.1.3 <???"
	    "?> Address can be no mailbox here\r\n" },
	{ REPLY_SHUTTING_DOWN, NULL, "mx\nx", "421 4.3.2 mx?x Shutting down\r\n" },
};

static void test_format(void **state)
{
	char out[REPLY_LINE_MAX];

	for (size_t i = 0; i < LENGTH(lines); i++) {
		size_t n = reply_format(out, lines[i].reply, lines[i].address, lines[i].word);

		expect_bytes(lines[i].line, out, n, lines[i].line, strlen(lines[i].line));
	}
}

/* An address that is too long is cut between two characters, never within one. */
static void test_format_cuts_between_characters(void **state)
{
	char address[600], out[REPLY_LINE_MAX + 1];

	for (size_t shift = 0; shift < 4; shift++) {
		size_t n = shift;

		memset(address, 'a', shift);
		while (n + 4 < sizeof(address)) {
			memcpy(address + n, "\360\237\222\214", 4);
			n += 4;
		}
		address[n] = '\0';
		n = reply_format(out, REPLY_NO_MAILBOX, address, NULL);
		out[n] = '\0';
		assert_true(utf8_is_valid(out, n));
		assert_null(strchr(out, '?'));
		assert_true(n > 300);
	}
}

static const struct {
	const char *said, *lines;
} sayings[] = {
	{ NULL, "550 5.7.1 <a@d> The recipient does not take this message\r\n" },
	{ "", "550 5.7.1 <a@d> The recipient does not take this message\r\n" },
	{ " \r\n\001\r\n", "550 5.7.1 <a@d> The recipient does not take this message\r\n" },
	{ "\345\220\246", "550 5.7.1 <a@d> The recipient does not take this message\r\n" },
	{ "go away", "550 5.7.1 <a@d> go away\r\n" },
	{ "\r\none\r\n", "550 5.7.1 <a@d> one\r\n" },
	{ "one\r\ntwo  \nthree\rfour",
	    "550-5.7.1 <a@d> one\r\n550-5.7.1 two\r\n550-5.7.1 three\r\n550 5.7.1 four\r\n" },
	{ "one\n\ntwo", "550-5.7.1 <a@d> one\r\n550-5.7.1 \r\n550 5.7.1 two\r\n" },
	{ "a\tl\303\266schen \200\001b", "550 5.7.1 <a@d> a l?schen b\r\n" },
	{ "250 2.0.0 <b@d> Saved", "550 5.7.1 <a@d> 250 2.0.0 <b@d> Saved\r\n" },
};

static void test_what_a_user_says(void **state)
{
	char out[REPLY_LINES_MAX];

	for (size_t i = 0; i < LENGTH(sayings); i++) {
		size_t n = reply_format_said(out, REPLY_REJECTED, "a@d", sayings[i].said);

		expect_bytes(sayings[i].lines, out, n, sayings[i].lines, strlen(sayings[i].lines));
	}
}

/* However long it is: whole lines, each with the code, the last alone without a hyphen, and nothing is lost of what fits. */
static void test_what_a_user_says_at_length(void **state)
{
	static const char *const words[] = { "x", "word ", "\r\n", "y\n", "\303\266 z\r" };
	char said[3000], address[600], *out = test_malloc(REPLY_LINES_MAX);

	memset(address, 'a', sizeof(address) - 1);
	address[sizeof(address) - 1] = '\0';
	for (size_t word = 0; word < LENGTH(words); word++) {
		for (size_t length = 1; length < sizeof(said); length += 1 + length / 16) {
			size_t n, n_word = strlen(words[word]), n_lines = 0;

			for (size_t i = 0; i < length; i++) {
				said[i] = words[word][i % n_word];
			}
			said[length] = '\0';
			n = reply_format_said(out, REPLY_REJECTED, address, said);
			assert_in_range(n, 1, REPLY_LINES_MAX);
			for (size_t at = 0; at < n;) {
				char *end = memchr(out + at, '\n', n - at);

				assert_non_null(end);
				assert_in_range(end - (out + at), 10, REPLY_LINE_MAX - 1);
				assert_int_equal(end[-1], '\r');
				assert_memory_equal(
				    out + at, end + 1 == out + n ? "550 5.7.1 " : "550-5.7.1 ", 10);
				at = (size_t)(end - out) + 1;
				n_lines++;
			}
			assert_in_range(n_lines, 1, REPLY_SAID_LINES);
		}
	}
	test_free(out);
}

/* Every reply with every length of address and word: bounded, one line, its own text at the end. */
static void test_format_is_bounded(void **state)
{
	char address[1200], word[1200], *out = test_malloc(REPLY_LINE_MAX), end[100];

	for (enum reply reply = REPLY_NONE + 1; reply < REPLY_COUNT; reply++) {
		for (size_t length = 0; length < sizeof(address); length += 1 + length / 8) {
			size_t n;

			memset(address, '\303', sizeof(address));
			memset(word, '\r', sizeof(word));
			address[length] = word[length] = '\0';
			n = reply_format(out, reply, address, word);
			snprintf(end, sizeof(end), " %s\r\n", reply_text(reply));
			assert_in_range(n, strlen(end), REPLY_LINE_MAX);
			expect_bytes(
			    "the end", out + n - strlen(end), strlen(end), end, strlen(end));
			assert_ptr_equal(memchr(out, '\r', n), out + n - 2);
			assert_ptr_equal(memchr(out, '\n', n), out + n - 1);
			assert_null(memchr(out, '\0', n));
		}
	}
	test_free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_promised_codes),
		cmocka_unit_test(test_accidents_are_temporary),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_format_cuts_between_characters),
		cmocka_unit_test(test_format_is_bounded),
		cmocka_unit_test(test_what_a_user_says),
		cmocka_unit_test(test_what_a_user_says_at_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
