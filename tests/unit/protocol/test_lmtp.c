/* SPDX-License-Identifier: MIT
 * Commands: every reply to them, and their order; lines that are none; errors that add up. */
#include "conversation.h" /* cppcheck finds its macros beside it only */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct conversation greetings[] = {
	{ .name = "silence", .input = TEXT(""), .output = GREETING, .events = "" },
	{ .name = "LHLO", .input = TEXT(LHLO), .output = HELLO },
	{ .name = "any case", .input = TEXT("lhlo X\r\nNoOp\r\nqUiT\r\n"), .output = HELLO OK BYE },
	{ .name = "LHLO twice", .input = TEXT(LHLO LHLO), .output = HELLO CAPABILITIES("0") },
	{ .name = "LHLO without a name",
	    .input = TEXT("LHLO\r\nLHLO \r\nLHLO a b\r\n"),
	    .output = GREETING BAD_ARGUMENT BAD_ARGUMENT BAD_ARGUMENT },
	{ .name = "blanks around",
	    .input = TEXT("LHLO  x \r\nNOOP \r\nRSET \r\n"),
	    .output = HELLO OK OK },
	{ .name = "HELO and EHLO",
	    .input = TEXT("HELO x\r\nEHLO x\r\n"),
	    .output = GREETING UNKNOWN UNKNOWN },
	{ .name = "unknown",
	    .input = TEXT("\r\nSTARTTLS\r\nLHLOX x\r\nMAI\r\nX\tY\r\n"),
	    .output = GREETING UNKNOWN UNKNOWN UNKNOWN UNKNOWN UNKNOWN },
	{ .name = "at any time",
	    .input = TEXT("NOOP\r\nNOOP with words\r\nVRFY a\r\nVRFY\r\nRSET\r\n"),
	    .output = GREETING OK OK "252 2.0.0 Try RCPT\r\n252 2.0.0 Try RCPT\r\n" OK },
	{ .name = "arguments that are none",
	    .input = TEXT("RSET x\r\nQUIT x\r\nDATA x\r\n"),
	    .output = GREETING BAD_ARGUMENT BAD_ARGUMENT BAD_ARGUMENT },
	{ .name = "nothing behind QUIT",
	    .input = TEXT("QUIT\r\nNOOP\r\n" LHLO),
	    .output = GREETING BYE },
};

static void test_greetings(void **state)
{
	check_conversations(greetings, LENGTH(greetings));
}

static const struct conversation orders[] = {
	{ .name = "before LHLO",
	    .input = TEXT(MAIL RCPT("user") "DATA\r\nBDAT 3 LAST\r\nabcBDAT 0\r\n"),
	    .output = GREETING BAD_ORDER BAD_ORDER BAD_ORDER BAD_ORDER BAD_ORDER,
	    .events = "" },
	{ .name = "RCPT before MAIL",
	    .input = TEXT(LHLO RCPT("user") "DATA\r\n"),
	    .output = HELLO BAD_ORDER BAD_ORDER,
	    .events = "" },
	{ .name = "DATA without a recipient",
	    .input = TEXT(LHLO MAIL "DATA\r\n"),
	    .output = HELLO SENDER_OK BAD_ORDER,
	    .events = "" },
	{ .name = "DATA with refused recipients",
	    .input = TEXT(LHLO MAIL RCPT("unknown") RCPT("unknown") "DATA\r\nNOOP\r\n"),
	    .output = HELLO SENDER_OK NO_USER("unknown") NO_USER("unknown") BAD_ORDER OK,
	    .events = "refused 550 unknown@example.com\nrefused 550 unknown@example.com\n" },
	{ .name = "MAIL twice",
	    .input = TEXT(LHLO MAIL MAIL RCPT("user")),
	    .output = HELLO SENDER_OK BAD_ORDER RCPT_OK("user") },
	{ .name = "RSET ends the transaction",
	    .input = TEXT(LHLO MAIL RCPT("user") "RSET\r\nDATA\r\n" RCPT("user") MAIL RCPT("user")),
	    .output =
		HELLO SENDER_OK RCPT_OK("user") OK BAD_ORDER BAD_ORDER SENDER_OK RCPT_OK("user"),
	    .events = "" },
	{ .name = "LHLO ends the transaction",
	    .input = TEXT(LHLO MAIL RCPT("user") LHLO "DATA\r\n" MAIL),
	    .output = HELLO SENDER_OK RCPT_OK("user") CAPABILITIES("0") BAD_ORDER SENDER_OK,
	    .events = "" },
	{ .name = "a bad LHLO does not",
	    .input = TEXT(LHLO MAIL "LHLO\r\n" RCPT("user")),
	    .output = HELLO SENDER_OK BAD_ARGUMENT RCPT_OK("user") },
	{ .name = "between the commands of a transaction",
	    .input = TEXT(LHLO MAIL "NOOP\r\n" RCPT("user") "VRFY x\r\nXYZ\r\n" RCPT("later")),
	    .output = HELLO SENDER_OK OK RCPT_OK("user") "252 2.0.0 Try RCPT\r\n" UNKNOWN RCPT_OK(
		"later") },
	{ .name = "QUIT within a transaction",
	    .input = TEXT(LHLO MAIL RCPT("user") RCPT("later") "QUIT\r\n"),
	    .output = HELLO SENDER_OK RCPT_OK("user") RCPT_OK("later") BYE,
	    .events = "" },
};

static void test_orders(void **state)
{
	check_conversations(orders, LENGTH(orders));
}

static const struct lmtp_settings small = {
	.hostname = "mx.example.com",
	.recipient_delimiter = "+",
	.message_size_limit = 1000,
	.recipient_limit = 1000,
};

/* MAIL with one argument: its reply, between LHLO and RSET. */
static const struct {
	const char *argument, *reply;
} senders[] = {
	{ "<>", SENDER_OK },
	{ "<s@example.org>", SENDER_OK },
	{ " <s@example.org>", SENDER_OK },
	{ "<postmaster>", SENDER_OK },
	{ "<@relay.example:s@example.org>", SENDER_OK },
	{ "<\"a b\"@example.org>", SENDER_OK },
	{ "<\"x> SIZE=9999\"@example.org>", SENDER_OK },
	{ "<\303\251@example.org> SMTPUTF8", SENDER_OK },
	{ "<s@example.org> SIZE=0", SENDER_OK },
	{ "<s@example.org> SIZE=1000", SENDER_OK },
	{ "<s@example.org> SIZE=00000000000000000000000001000", SENDER_OK },
	{ "<s@example.org> size=10 body=7bit smtputf8", SENDER_OK },
	{ "<s@example.org> BODY=8BITMIME  SIZE=10 ", SENDER_OK },
	{ "<s@example.org> SIZE=1001", "552 5.3.4 Message too big\r\n" },
	{ "<s@example.org> SIZE=18446744073709551616", "552 5.3.4 Message too big\r\n" },
	{ "<s@example.org> SIZE=99999999999999999999999999999", "552 5.3.4 Message too big\r\n" },
	{ "<s@example.org> SIZE=", BAD_ARGUMENT },
	{ "<s@example.org> SIZE", BAD_ARGUMENT },
	{ "<s@example.org> SIZE=-1", BAD_ARGUMENT },
	{ "<s@example.org> SIZE=+1", BAD_ARGUMENT },
	{ "<s@example.org> SIZE=1k", BAD_ARGUMENT },
	{ "<s@example.org> SIZE=0x10", BAD_ARGUMENT },
	{ "<s@example.org> SMTPUTF8=yes", BAD_ARGUMENT },
	{ "<s@example.org>SIZE=10", BAD_ARGUMENT },
	{ "<s@example.org>\tSIZE=10", BAD_ARGUMENT },
	{ "<s@example.org>>", BAD_ARGUMENT },
	{ "<s@example.org> BODY=BINARYMIME", BAD_PARAMETER },
	{ "<s@example.org> BODY", BAD_PARAMETER },
	{ "<s@example.org> RET=HDRS", BAD_PARAMETER },
	{ "<s@example.org> ENVID=x", BAD_PARAMETER },
	{ "<s@example.org> AUTH=<>", BAD_PARAMETER },
	{ "<s@example.org> =", BAD_PARAMETER },
	{ "<s@example.org> SIZEX=1", BAD_PARAMETER },
	{ "<s@example.org> ORCPT=rfc822;x", BAD_PARAMETER },
	{ "s@example.org", BAD_SENDER },
	{ "<s@example.org", BAD_SENDER },
	{ "<s s@example.org>", BAD_SENDER },
	{ "<s\001@example.org>", BAD_SENDER },
	{ "", BAD_SENDER },
	{ "<", BAD_SENDER },
};

static void test_senders(void **state)
{
	char input[400], output[400];

	for (size_t i = 0; i < LENGTH(senders); i++) {
		snprintf(input, sizeof(input), LHLO "MAIL FROM:%s\r\nRSET\r\n" MAIL,
		    senders[i].argument);
		snprintf(output, sizeof(output), "%s%s", GREETING CAPABILITIES("1000"),
		    senders[i].reply);
		add_text(output, sizeof(output), "%s", OK SENDER_OK);
		check_exchange(&small, senders[i].argument, input, output, "");
	}
}

static void test_mail_syntax(void **state)
{
	static const struct conversation conversations[] = {
		{ .name = "no FROM",
		    .input = TEXT(LHLO "MAIL\r\nMAIL <s@d>\r\nMAIL TO:<s@d>\r\n"),
		    .output = HELLO BAD_ARGUMENT BAD_ARGUMENT BAD_ARGUMENT },
		{ .name = "blank before the colon",
		    .input = TEXT(LHLO "MAIL FROM :<s@d>\r\n"),
		    .output = HELLO BAD_ARGUMENT },
		{ .name = "any case",
		    .input = TEXT(LHLO "mail from:<s@d>\r\nrcpt to:<u@d>\r\n"),
		    .output = HELLO SENDER_OK "250 2.1.5 <u@d> OK\r\n" },
		{ .name = "no limit, any SIZE",
		    .input = TEXT(LHLO "MAIL FROM:<s@d> SIZE=99999999999999999999999\r\n"),
		    .output = HELLO SENDER_OK },
	};

	check_conversations(conversations, LENGTH(conversations));
}

/* Lines end in CRLF and in nothing else. */
static const struct conversation lines[] = {
	{ .name = "lone LF",
	    .input = TEXT("NOOP\nNOOP\r\nNOOP\r\n"),
	    .output = GREETING BAD_LINE OK },
	{ .name = "lone CR",
	    .input = TEXT("NOOP\rNOOP\r\nNOOP\r\n"),
	    .output = GREETING BAD_LINE OK },
	{ .name = "CR CRLF", .input = TEXT("NOOP\r\r\nNOOP\r\n"), .output = GREETING BAD_LINE OK },
	{ .name = "LF CRLF", .input = TEXT("NOOP\n\r\nNOOP\r\n"), .output = GREETING BAD_LINE OK },
	{ .name = "LF CR", .input = TEXT("NOOP\n\rNOOP\r\n"), .output = GREETING BAD_LINE },
	{ .name = "LF first", .input = TEXT("\nNOOP\r\nNOOP\r\n"), .output = GREETING BAD_LINE OK },
	{ .name = "CR first", .input = TEXT("\rNOOP\r\nNOOP\r\n"), .output = GREETING BAD_LINE OK },
	{ .name = "NUL", .input = TEXT("NOOP\0\r\nNOOP\r\n"), .output = GREETING BAD_LINE OK },
	{ .name = "NUL in an address",
	    .input = TEXT(LHLO MAIL "RCPT TO:<user\0@d>\r\n" RCPT("user")),
	    .output = HELLO SENDER_OK BAD_LINE RCPT_OK("user"),
	    .events = "" },
	{ .name = "LF in an address",
	    .input = TEXT(LHLO MAIL "RCPT TO:<user\nRSET@d>\r\n" RCPT("user")),
	    .output = HELLO SENDER_OK BAD_LINE RCPT_OK("user") },
	{ .name = "CR in a sender",
	    .input = TEXT(LHLO "MAIL FROM:<a\rb@d>\r\n" MAIL),
	    .output = HELLO BAD_LINE SENDER_OK },
	{ .name = "no end", .input = TEXT(LHLO "NOOP"), .output = HELLO },
	{ .name = "a CR without its LF", .input = TEXT(LHLO "NOOP\r"), .output = HELLO },
	{ .name = "a bad line behind recipients",
	    .input = TEXT(LHLO MAIL RCPT("user") RCPT("later") "\0\r\n" RCPT("unknown")),
	    .output =
		HELLO SENDER_OK RCPT_OK("user") RCPT_OK("later") BAD_LINE NO_USER("unknown") },
};

static void test_lines(void **state)
{
	check_conversations(lines, LENGTH(lines));
}

/* head, filled up with x to a line of n_line bytes with CRLF, then tail. */
static char *make_line(const char *head, size_t n_line, const char *tail)
{
	size_t n_head = strlen(head);
	char *text = malloc(n_line + strlen(tail) + 1);

	memcpy(text, head, n_head);
	memset(text + n_head, 'x', n_line - 2 - n_head);
	memcpy(text + n_line - 2, "\r\n", 2);
	memcpy(text + n_line, tail, strlen(tail) + 1);
	return text;
}

static void test_line_lengths(void **state)
{
	for (size_t n = LMTP_LINE_MAX - 2; n <= LMTP_LINE_MAX + 2; n++) {
		char *input = make_line("NOOP ", n, "NOOP\r\n");

		check_exchange(NULL, "a long line", input,
		    n <= LMTP_LINE_MAX ? GREETING OK OK : GREETING BAD_LINE OK, "");
		free(input);
	}
}

/* An over-long line that follows recipients whose look-ups are out: their replies come first. */
static void test_long_line_behind_recipients(void **state)
{
	char *line = make_line("NOOP ", LMTP_LINE_MAX + 500, RCPT("later"));
	struct buffer input = { .p = NULL };

	buffer_put(&input, LHLO MAIL RCPT("user"), strlen(LHLO MAIL RCPT("user")));
	buffer_put(&input, line, strlen(line));
	check_exchange(NULL, "a long line behind a recipient", input.p,
	    HELLO SENDER_OK RCPT_OK("user") BAD_LINE RCPT_OK("later"), "");
	buffer_free(&input);
	free(line);
}

/* A line that never ends must not be skipped for ever, nor by a client that sends it in one piece, nor
 * while look-ups are out; their replies come first. */
static void check_endless_line(enum edge_order order, size_t piece, const char *input)
{
	struct edge edge;
	size_t n = strlen(input);

	edge_init(&edge, &edge_settings, order, 64);
	for (size_t at = 0; at < n && !edge.is_closed; at += piece) {
		edge_feed(&edge, input + at, n - at < piece ? n - at : piece);
	}
	edge_settle(&edge);
	expect_text("an endless line", edge.output.p,
	    HELLO SENDER_OK RCPT_OK("user") RCPT_OK("later") TOO_MANY_ERRORS);
	assert_true(edge.is_closed);
	edge_deinit(&edge);
}

static void test_endless_line(void **state)
{
	static const size_t pieces[] = { 1000, 4096, 65536, 4 << 20 };
	static const char start[] = LHLO MAIL RCPT("user") RCPT("later");
	char *line = make_line("NOOP ", 2 << 20, "NOOP\r\n");
	struct buffer input = { .p = NULL };

	buffer_put(&input, start, strlen(start));
	buffer_put(&input, line, strlen(line));
	for (size_t i = 0; i < LENGTH(pieces); i++) {
		for (enum edge_order order = 0; order < EDGE_ORDERS; order++) {
			check_endless_line(order, pieces[i], input.p);
		}
	}
	buffer_free(&input);
	free(line);
}

#define FIVE(text)     text text text text text
#define NINETEEN(text) FIVE(text) FIVE(text) FIVE(text) text text text text

static const struct conversation errors[] = {
	{ .name = "twenty errors",
	    .input = TEXT(NINETEEN("X\r\n") "X\r\nNOOP\r\n"),
	    .output = GREETING NINETEEN(UNKNOWN) UNKNOWN TOO_MANY_ERRORS },
	{ .name = "nineteen and a good one",
	    .input = TEXT(NINETEEN("X\r\n") "NOOP\r\n" NINETEEN("X\r\n") "NOOP\r\n"),
	    .output = GREETING NINETEEN(UNKNOWN) OK NINETEEN(UNKNOWN) OK },
	{ .name = "of all kinds",
	    .input = TEXT("\r\n\n\r\nDATA\r\nRSET x\r\nBDAT 1\r\nx" FIVE("MAIL\r\n")
		    FIVE("MAIL FROM:x\r\n") FIVE("DATA\r\n") "NOOP\r\n"),
	    .output = GREETING UNKNOWN BAD_LINE BAD_ORDER BAD_ARGUMENT BAD_ORDER FIVE(BAD_ARGUMENT)
		FIVE(BAD_SENDER) FIVE(BAD_ORDER) TOO_MANY_ERRORS },
	{ .name = "unknown recipients are no errors",
	    .input = TEXT(LHLO MAIL NINETEEN(RCPT("unknown")) RCPT("unknown") RCPT("user")),
	    .output =
		HELLO SENDER_OK NINETEEN(NO_USER("unknown")) NO_USER("unknown") RCPT_OK("user") },
};

static void test_errors(void **state)
{
	check_conversations(errors, LENGTH(errors));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_greetings),
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_senders),
		cmocka_unit_test(test_mail_syntax),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_line_lengths),
		cmocka_unit_test(test_long_line_behind_recipients),
		cmocka_unit_test(test_endless_line),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
