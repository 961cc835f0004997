/* SPDX-License-Identifier: MIT
 * Messages: DATA and BDAT, the replies behind them, and messages that are too big. */
#include "conversation.h" /* cppcheck finds its macros beside it only */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FULL(user) "452 4.3.1 <" user "@example.com> Disk full\r\n"
#define BROKEN(user)                                \
	"451 4.2.0 <" user "@example.com> Mailbox " \
	"could not be written, see the server's log\r\n"
static const struct conversation data[] = {
	{ .name = "one recipient",
	    .input = TEXT(OPEN "DATA\r\nS: x\r\n\r\nhi\r\n.\r\nQUIT\r\n"),
	    .output = OPENED START SAVED("user") BYE,
	    .events = DELIVERED("S: x\\n\\nhi\\n") },
	{ .name = "nothing in it",
	    .input = TEXT(OPEN "DATA\r\n.\r\nNOOP\r\n"),
	    .output = OPENED START SAVED("user") OK,
	    .events = DELIVERED("") },
	{ .name = "stuffed",
	    .input = TEXT(OPEN "DATA\r\n..\r\n..a\r\n.\r\n"),
	    .output = OPENED START SAVED("user"),
	    .events = DELIVERED(".\\n.a\\n") },
	{ .name = "8 bit, NUL, lone CR and LF",
	    .input = TEXT(OPEN "DATA\r\n\377\0\r\na\rb\nc\r\n.\r\n"),
	    .output = OPENED START SAVED("user"),
	    .events = DELIVERED("\\xff\\x00\\na\\rb\\nc\\n") },
	{ .name = "commands in it",
	    .input = TEXT(OPEN "DATA\r\nQUIT\r\nRSET\r\n.\r\nNOOP\r\n"),
	    .output = OPENED START SAVED("user") OK,
	    .events = DELIVERED("QUIT\\nRSET\\n") },
	{ .name = "CR CRLF.CRLF",
	    .input = TEXT(OPEN "DATA\r\na\r\r\n.\r\nNOOP\r\n"),
	    .output = OPENED START SAVED("user") OK,
	    .events = DELIVERED("a\\r\\n") },
	{ .name = "mixed results",
	    .input = TEXT(LHLO MAIL RCPT("broken") RCPT("user") RCPT("full") RCPT("unknown")
		    RCPT("forgotten") RCPT("later") "DATA\r\nx\r\n.\r\nNOOP\r\n"),
	    .output = HELLO SENDER_OK RCPT_OK("broken") RCPT_OK("user") RCPT_OK("full")
		NO_USER("unknown") RCPT_OK("forgotten") RCPT_OK("later") START BROKEN("broken")
		    SAVED("user") FULL("full") BROKEN("forgotten") SAVED("later") OK },
	{ .name = "a forgotten reply is no success",
	    .input = TEXT(LHLO MAIL RCPT("forgotten") "DATA\r\nx\r\n.\r\n"),
	    .output = HELLO SENDER_OK RCPT_OK("forgotten") START BROKEN("forgotten") },
	{ .name = "refused recipients have none",
	    .input = TEXT(LHLO MAIL RCPT("unknown") RCPT("down") "RCPT TO:<@d>\r\n" RCPT("user")
		    RCPT("foreign") "DATA\r\nx\r\n.\r\n"),
	    .output = HELLO SENDER_OK NO_USER(
		"unknown") "451 4.4.3 <down@example.com> Database out of reach, try again later\r\n"
			   "550 5.1.3 <@d> Address can be no mailbox here\r\n" RCPT_OK(
			       "user") "550 5.1.2 <foreign@example.com> Domain not served "
				       "here\r\n" START SAVED("user") },
	{ .name = "two transactions",
	    .input =
		TEXT(OPEN "DATA\r\n1\r\n.\r\n" MAIL RCPT("later") "DATA\r\n2\r\n.\r\nDATA\r\n"),
	    .output = OPENED START SAVED("user") SENDER_OK RCPT_OK("later")
		START SAVED_AS("2", "later") BAD_ORDER,
	    .events = DELIVERED("1\\n") "begin\ndeliver later@example.com\nbody 2\\n\n" },
	{ .name = "bytes in the transaction's own order",
	    .input = TEXT(OPEN "DATA\r\nx\r\n.\r\n.\r\nNOOP\r\n"),
	    .output = OPENED START SAVED("user") UNKNOWN OK },
	{ .name = "no end",
	    .input = TEXT(OPEN "DATA\r\nx\r\n.\r"),
	    .output = OPENED START,
	    .events = "begin\n" },
	{ .name = "8-bit addresses",
	    .input =
		TEXT(LHLO "MAIL FROM:<\303\244@d> SMTPUTF8\r\nRCPT TO:<\303\244@\303\244.d>\r\n"
			  "DATA\r\nx\r\n.\r\n"),
	    .output = HELLO SENDER_OK "250 2.1.5 <\303\244@\303\244.d> OK\r\n" START
				      "250 2.0.0 <\303\244@\303\244.d> S1.1 Saved\r\n",
	    .events = "begin utf8\ndeliver \303\244@\303\244.d\nbody x\\n\n" },
	{ .name = "8-bit addresses without the parameter, and transactions without them",
	    .input = TEXT(LHLO "MAIL FROM:<s@d>\r\nRCPT TO:<unknown\303\244@d>\r\n" RCPT(
		"user") "DATA\r\nx\r\n.\r\n"
			"MAIL FROM:<s@d>\r\nRCPT TO:<\303\244@d>\r\nDATA\r\nx\r\n.\r\n"
			"MAIL FROM:<\303\244@d>\r\n" RCPT(
			    "user") "DATA\r\nx\r\n.\r\n"
				    "MAIL FROM:<s@d> smtputf8\r\n" RCPT(
					"user") "DATA\r\nx\r\n.\r\n"),
	    .output = HELLO SENDER_OK
	    "550 5.1.1 <unknown\303\244@d> User doesn't exist\r\n" RCPT_OK("user")
		START SAVED("user") SENDER_OK
	    "250 2.1.5 <\303\244@d> OK\r\n" START
	    "250 2.0.0 <\303\244@d> S1.2 Saved\r\n" SENDER_OK RCPT_OK("user")
		START SAVED_AS("3", "user") SENDER_OK RCPT_OK("user") START SAVED_AS("4", "user"),
	    .events = "refused 550 unknown\303\244@d\n" DELIVERED(
		"x\\n") "begin utf8\ndeliver \303\244@d\nbody x\\n\n"
			"begin utf8\ndeliver user@example.com\nbody x\\n\n"
			"begin utf8\ndeliver user@example.com\nbody x\\n\n" },
};

static void test_data(void **state)
{
	check_conversations(data, LENGTH(data));
}

/* None of them ends the message: what follows is body, never a command, and there is one set of
 * replies, in the right place, also when the message is too big. */
static void test_false_ends(void **state)
{
	static const char *const false_ends[] = {
		"\n.\n",
		"\n.\r",
		"\r.\n",
		"\r.\r",
		"\n.\r\n",
		"\r.\r\n",
		"\r\n.\n",
		"\r\n.\r",
		"\r\n.\r\r\n",
		"\r\r\n.\r\r\n",
	};
	static const struct lmtp_settings tiny = { .hostname = "mx.example.com",
		.recipient_delimiter = "+",
		.message_size_limit = 5,
		.recipient_limit = 10 };
	char input[300];

	for (size_t i = 0; i < LENGTH(false_ends); i++) {
		struct conversation conversation = {
			.name = "false end",
			.input = { input, 0 },
			.output = OPENED START SAVED("user") OK BYE,
		};

		conversation.input.n = (size_t)snprintf(input, sizeof(input),
		    OPEN "DATA\r\na%s" MAIL RCPT("evil") "\r\n.\r\nNOOP\r\nQUIT\r\n",
		    false_ends[i]);
		check_conversations(&conversation, 1);
		conversation.settings = &tiny;
		conversation.output = GREETING CAPABILITIES("5") SENDER_OK RCPT_OK("user")
		    START TOO_BIG("user") OK BYE;
		conversation.events = "begin\nrefused 552 user@example.com\nabandon\n";
		check_conversations(&conversation, 1);
	}
}

/* All of them as chunks, with the true end and commands behind: bytes that are counted. */
static void test_false_ends_in_chunks(void **state)
{
	static const char bytes[] =
	    "a\n.\nb\n.\rc\r.\nd\r.\re\n.\r\nf\r.\r\ng\r\n.\nh\r\n.\ri\r\n.\r\r\n"
	    "j\r\r\n.\r\r\nk\r\n.\r\n" MAIL "QUIT\r\n";
	char input[600];
	struct conversation conversation = {
		.name = "false ends in chunks",
		.output = OPENED CHUNK_OK SAVED("user") OK BYE,
	};

	for (size_t first = 0; first <= strlen(bytes); first++) {
		conversation.input.p = input;
		conversation.input.n = (size_t)snprintf(input, sizeof(input),
		    OPEN "BDAT %zu\r\n%.*sBDAT %zu LAST\r\n%sNOOP\r\nQUIT\r\n", first, (int)first,
		    bytes, strlen(bytes) - first, bytes + first);
		conversation.events = DELIVERED(
		    "a\\n.\\nb\\n.\\rc\\r.\\nd\\r.\\re\\n.\\nf\\r.\\ng\\n.\\nh\\n.\\ri\\n.\\r\\n"
		    "j\\r\\n.\\r\\nk\\n.\\nMAIL FROM:<s@example.org>\\nQUIT\\n");
		check_conversations(&conversation, 1);
	}
}

static const struct conversation false_ends_with_nul[] = {
	{ .name = "CRLF NUL.CRLF",
	    .input = TEXT(OPEN "DATA\r\na\r\n\0.\r\nRSET\r\n.\r\nNOOP\r\n"),
	    .output = OPENED START SAVED("user") OK,
	    .events = DELIVERED("a\\n\\x00.\\nRSET\\n") },
	{ .name = "CRLF.NUL CRLF",
	    .input = TEXT(OPEN "DATA\r\na\r\n.\0\r\nRSET\r\n.\r\nNOOP\r\n"),
	    .output = OPENED START SAVED("user") OK,
	    .events = DELIVERED("a\\n\\x00\\nRSET\\n") },
};

static void test_false_ends_with_nul(void **state)
{
	check_conversations(false_ends_with_nul, LENGTH(false_ends_with_nul));
}

static const struct conversation chunks[] = {
	{ .name = "one",
	    .input = TEXT(OPEN "BDAT 6 LAST\r\na\r\nb\r\nNOOP\r\n"),
	    .output = OPENED SAVED("user") OK,
	    .events = DELIVERED("a\\nb\\n") },
	{ .name = "several",
	    .input = TEXT(OPEN "BDAT 2\r\na\rBDAT 1\r\n\nBDAT 3 last\r\n.\r\n"),
	    .output = OPENED CHUNK_OK CHUNK_OK SAVED("user"),
	    .events = DELIVERED("a\\n.\\n") },
	{ .name = "0 LAST",
	    .input = TEXT(OPEN "BDAT 3\r\na\r\nBDAT 0 LAST\r\nNOOP\r\n"),
	    .output = OPENED CHUNK_OK SAVED("user") OK,
	    .events = DELIVERED("a\\n") },
	{ .name = "nothing but 0 LAST",
	    .input = TEXT(OPEN "BDAT 0 LAST\r\n"),
	    .output = OPENED SAVED("user"),
	    .events = DELIVERED("") },
	{ .name = "0",
	    .input = TEXT(OPEN "BDAT 0\r\nBDAT 0\r\nBDAT 1 LAST\r\nx"),
	    .output = OPENED CHUNK_OK CHUNK_OK SAVED("user"),
	    .events = DELIVERED("x") },
	{ .name = "CR at the very end",
	    .input = TEXT(OPEN "BDAT 2 LAST\r\na\rNOOP\r\n"),
	    .output = OPENED SAVED("user") OK,
	    .events = DELIVERED("a\\r") },
	{ .name = "CR between chunks",
	    .input = TEXT(OPEN "BDAT 2\r\na\rBDAT 0\r\nBDAT 1 LAST\r\nb"),
	    .output = OPENED CHUNK_OK CHUNK_OK SAVED("user"),
	    .events = DELIVERED("a\\rb") },
	{ .name = "CR, then 0 LAST",
	    .input = TEXT(OPEN "BDAT 3\r\nab\rBDAT 0 LAST\r\n"),
	    .output = OPENED CHUNK_OK SAVED("user"),
	    .events = DELIVERED("ab\\r") },
	{ .name = "dots are not special",
	    .input = TEXT(OPEN "BDAT 15 LAST\r\n.\r\n..\r\n\r\n.\r\nQUITNOOP\r\n"),
	    .output = OPENED SAVED("user") UNKNOWN,
	    .events = DELIVERED(".\\n..\\n\\n.\\nQUI") },
	{ .name = "mixed results",
	    .input = TEXT(LHLO MAIL RCPT("full") RCPT("user") RCPT("forgotten") "BDAT 1 LAST\r\nx"),
	    .output = HELLO SENDER_OK RCPT_OK("full") RCPT_OK("user") RCPT_OK("forgotten")
		FULL("full") SAVED("user") BROKEN("forgotten") },
	{ .name = "a reply in the words of a user, of several lines, is one",
	    .input = TEXT(LHLO MAIL RCPT("user") RCPT("rejected") RCPT("later") "BDAT 1 LAST\r\nx"),
	    .output = HELLO SENDER_OK RCPT_OK("user") RCPT_OK("rejected") RCPT_OK("later")
		SAVED("user") "550-5.7.1 <rejected@example.com> Not this one.\r\n"
			      "550 5.7.1 And never again.\r\n" SAVED("later") },
	{ .name = "without a recipient the chunk is skipped",
	    .input = TEXT(LHLO MAIL RCPT("unknown") "BDAT 10 LAST\r\nNOOP\r\nQUITBDAT 6\r\nNOOP\r\n"
						    "BDAT 0 LAST\r\nNOOP\r\n"),
	    .output = HELLO SENDER_OK NO_USER("unknown") BAD_ORDER BAD_ORDER BAD_ORDER OK,
	    .events = "refused 550 unknown@example.com\n" },
	{ .name = "without a transaction as well",
	    .input = TEXT("BDAT 6\r\nNOOP\r\nNOOP\r\n"),
	    .output = GREETING BAD_ORDER OK },
	{ .name = "other commands in between",
	    .input =
		TEXT(OPEN "BDAT 1\r\na" MAIL RCPT("later") "DATA\r\nNOOP\r\nX\r\nBDAT 1 LAST\r\nb"),
	    .output = OPENED CHUNK_OK BAD_ORDER BAD_ORDER BAD_ORDER OK UNKNOWN SAVED("user"),
	    .events = DELIVERED("ab") },
	{ .name = "RSET in between",
	    .input = TEXT(OPEN "BDAT 1\r\naRSET\r\nBDAT 1 LAST\r\nb" MAIL),
	    .output = OPENED CHUNK_OK OK BAD_ORDER SENDER_OK,
	    .events = "begin\nabandon\n" },
	{ .name = "LHLO in between",
	    .input = TEXT(OPEN "BDAT 1\r\na" LHLO "BDAT 1 LAST\r\nb"),
	    .output = OPENED CHUNK_OK CAPABILITIES("0") BAD_ORDER,
	    .events = "begin\nabandon\n" },
	{ .name = "a new transaction starts from nothing",
	    .input = TEXT(OPEN "BDAT 2\r\na\rRSET\r\n" MAIL RCPT("user") "DATA\r\n..b\r\n.\r\n"),
	    .output = OPENED CHUNK_OK OK SENDER_OK RCPT_OK("user") START SAVED_AS("2", "user"),
	    .events = "begin\nabandon\n" DELIVERED(".b\\n") },
	{ .name = "DATA, then chunks",
	    .input =
		TEXT(OPEN "DATA\r\na\r\n.\r\n" MAIL RCPT("user") "BDAT 4 LAST\r\n..b\rNOOP\r\n"),
	    .output = OPENED START SAVED("user") SENDER_OK RCPT_OK("user") SAVED_AS("2", "user") OK,
	    .events = DELIVERED("a\\n") DELIVERED("..b\\r") },
	{ .name = "syntax",
	    .input = TEXT(OPEN "BDAT\r\nBDAT x\r\nBDAT -1\r\nBDAT 0x1\r\nBDAT 1k LAST\r\n"
			       "BDAT LAST\r\nBDAT 0 FIRST\r\nBDAT 0 LAST x\r\nBDAT 0 LAST\r\n"),
	    .output = OPENED BAD_ARGUMENT BAD_ARGUMENT BAD_ARGUMENT BAD_ARGUMENT BAD_ARGUMENT
		BAD_ARGUMENT BAD_ARGUMENT BAD_ARGUMENT SAVED("user") },
	{ .name = "QUIT in between",
	    .input = TEXT(OPEN "BDAT 1\r\naQUIT\r\nNOOP\r\n"),
	    .output = OPENED CHUNK_OK BYE,
	    .events = "begin\n" },
};

static void test_chunks(void **state)
{
	check_conversations(chunks, LENGTH(chunks));
}

#define AGAIN    MAIL RCPT("user") "DATA\r\n1234567\r\n.\r\n"
#define AGAIN_OK SENDER_OK RCPT_OK("user") START SAVED_AS("2", "user")
/* Drained to the true end, answered once for each recipient; then all goes on as ever. */
static const struct conversation sizes[] = {
	{ .name = "exactly",
	    .settings = &conversation_ten_bytes,
	    .input = TEXT(OPEN "DATA\r\n12345678\r\n.\r\n"),
	    .output = OPENED_10 START SAVED("user") },
	{ .name = "stuffing and end mark do not count",
	    .settings = &conversation_ten_bytes,
	    .input = TEXT(OPEN "DATA\r\n..2\r\n..6\r\n\r\n.\r\n"),
	    .output = OPENED_10 START SAVED("user"),
	    .events = DELIVERED(".2\\n.6\\n\\n") },
	{ .name = "one byte more",
	    .settings = &conversation_ten_bytes,
	    .input = TEXT(OPEN "DATA\r\n123456789\r\n.\r\n" AGAIN),
	    .output = OPENED_10 START TOO_BIG("user") AGAIN_OK,
	    .events = DROPPED DELIVERED("1234567\\n") },
	{ .name = "much more",
	    .settings = &conversation_ten_bytes,
	    .input =
		TEXT(OPEN "DATA\r\n0123456789\r\n..\r\n\r\r\r\n\r\r.\r\n\n.\r\n0\r\n.\r\n" AGAIN),
	    .output = OPENED_10 START TOO_BIG("user") AGAIN_OK,
	    .events = DROPPED DELIVERED("1234567\\n") },
	{ .name = "CRs at its end",
	    .settings = &conversation_ten_bytes,
	    .input = TEXT(OPEN "DATA\r\n0123456789\r\r\r\r\rx\r\rx\r\r\r\n.\r\nNOOP\r\n"),
	    .output = OPENED_10 START TOO_BIG("user") OK,
	    .events = DROPPED },
	{ .name = "two recipients of three",
	    .settings = &conversation_ten_bytes,
	    .input = TEXT(
		LHLO MAIL RCPT("user") RCPT("unknown") RCPT("full") "DATA\r\n0123456789\r\n.\r\n"),
	    .output = GREETING CAPABILITIES("10") SENDER_OK RCPT_OK("user") NO_USER("unknown")
		RCPT_OK("full") START TOO_BIG("user") TOO_BIG("full") },
	{ .name = "a chunk",
	    .settings = &conversation_ten_bytes,
	    .input = TEXT(OPEN "BDAT 11 LAST\r\n01234567890" AGAIN),
	    .output = OPENED_10 TOO_BIG("user") AGAIN_OK,
	    .events = DROPPED DELIVERED("1234567\\n") },
	{ .name = "a chunk of CRs",
	    .settings = &conversation_ten_bytes,
	    .input = TEXT(OPEN "BDAT 14 LAST\r\n01234567890\rx\rNOOP\r\n"),
	    .output = OPENED_10 TOO_BIG("user") OK,
	    .events = DROPPED },
	{ .name = "the second chunk",
	    .settings = &conversation_ten_bytes,
	    .input = TEXT(OPEN "BDAT 6\r\n012345BDAT 6\r\n012345BDAT 1\r\nxBDAT 0 LAST\r\n" AGAIN),
	    .output = OPENED_10 CHUNK_OK CHUNK_OK CHUNK_OK TOO_BIG("user") AGAIN_OK,
	    .events = DROPPED DELIVERED("1234567\\n") },
	{ .name = "RSET behind too much",
	    .settings = &conversation_ten_bytes,
	    .input = TEXT(OPEN "BDAT 12\r\n012345678901RSET\r\n" AGAIN),
	    .output = OPENED_10 CHUNK_OK OK AGAIN_OK,
	    .events = "begin\nabandon\n" DELIVERED("1234567\\n") },
	{ .name = "SIZE= says so",
	    .settings = &conversation_ten_bytes,
	    .input = TEXT(LHLO "MAIL FROM:<s@d> SIZE=11\r\n" RCPT("user") "DATA\r\n" AGAIN),
	    .output = GREETING CAPABILITIES(
		"10") "552 5.3.4 Message too big\r\n" BAD_ORDER BAD_ORDER SENDER_OK RCPT_OK("user")
		START SAVED("user") },
	{ .name = "SIZE= lies",
	    .settings = &conversation_ten_bytes,
	    .input =
		TEXT(LHLO "MAIL FROM:<s@d> SIZE=1\r\n" RCPT("user") "DATA\r\n01234567890\r\n.\r\n"),
	    .output = OPENED_10 START TOO_BIG("user") },
};

static void test_sizes(void **state)
{
	check_conversations(sizes, LENGTH(sizes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_false_ends),
		cmocka_unit_test(test_false_ends_with_nul),
		cmocka_unit_test(test_false_ends_in_chunks),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
