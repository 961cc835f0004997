/* SPDX-License-Identifier: MIT
 * RCPT: every address that is taken or refused, in what words, and how many of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation.h" /* cppcheck finds its macros beside it only */

#define OCTETS_32         "0123456789abcdef0123456789abcdef"
#define OCTETS_64         OCTETS_32 OCTETS_32
#define OCTETS_128        OCTETS_64 OCTETS_64
#define BAD_MAILBOX(text) "550 5.1.3 <" text "> Address can be no mailbox here\r\n"

/* RCPT with one path. Its reply, when no look-up is needed or it finds somebody. */
static const struct {
	const char *argument, *reply;
} recipients[] = {
	{ "<user@example.com>", RCPT_OK("user") },
	{ " <user@example.com>", RCPT_OK("user") },
	{ "<User@Example.COM>", "250 2.1.5 <User@Example.COM> OK\r\n" },
	{ "<user+detail@example.com>", RCPT_OK("user+detail") },
	{ "<@relay.example:user@example.com>", RCPT_OK("user") },
	{ "<user@example.com> ORCPT=rfc822;user@example.com", RCPT_OK("user") },
	{ "<user@example.com> orcpt=utf-8;x", RCPT_OK("user") },
	{ "<unknown@example.com>", NO_USER("unknown") },
	{ "<foreign@example.com>", "550 5.1.2 <foreign@example.com> Domain not served here\r\n" },
	{ "<down@example.com>",
	    "451 4.4.3 <down@example.com> Database out of reach, try again later\r\n" },
	{ "<loop@example.com>", "451 4.4.6 <loop@example.com> Alias expansion loops\r\n" },
	{ "<away@example.com>", "451 4.3.5 <away@example.com> Alias leads elsewhere\r\n" },
	{ "<memory@example.com>", "451 4.3.0 <memory@example.com> Out of memory\r\n" },
	/* 8 bit and quoting come back as they were sent */
	{ "<\303\251t\303\251@example.com>", RCPT_OK("\303\251t\303\251") },
	{ "<\"a b\"@example.com>", RCPT_OK("\"a b\"") },
	{ "<\"a\\\"b\"@example.com>", RCPT_OK("\"a\\\"b\"") },
	{ "<\"x> ORCPT=y\"@example.com>", RCPT_OK("\"x> ORCPT=y\"") },
	{ "<a@[127.0.0.1]>", "250 2.1.5 <a@[127.0.0.1]> OK\r\n" },
	{ "<user++@example.com>", RCPT_OK("user++") },
	{ "<+@example.com>", RCPT_OK("+") },
	{ "<.hidden@example.com>", RCPT_OK(".hidden") },
	{ "<%d%n%u@example.com>", RCPT_OK("%d%n%u") },
	{ "<'; DROP TABLE x; --@example.com>", BAD_MAILBOX("") },
	/* what would be no path is for the look-up to say */
	{ "<../../x@example.com>", RCPT_OK("../../x") },
	{ "<a/b@example.com>", RCPT_OK("a/b") },
	{ "<\"a/b\"@example.com>", RCPT_OK("\"a/b\"") },
	{ "<..@example.com>", RCPT_OK("..") },
	{ "<.@example.com>", RCPT_OK(".") },
	{ "<user+a/b@example.com>", RCPT_OK("user+a/b") },
	{ "<user+../x@example.com>", RCPT_OK("user+../x") },
	{ "<user+.@example.com>", RCPT_OK("user+.") },
	{ "<a@../..>", "250 2.1.5 <a@../..> OK\r\n" },
	{ "<a@d/../e>", "250 2.1.5 <a@d/../e> OK\r\n" },
	/* the only one without a domain */
	{ "<postmaster>", "250 2.1.5 <postmaster> OK\r\n" },
	{ "<POSTmaster>", "250 2.1.5 <POSTmaster> OK\r\n" },
	/* addresses that can be nobody's */
	{ "<\"\"@d>", BAD_MAILBOX("\"\"@d") },
	{ "<>", BAD_MAILBOX("") },
	{ "<postmasters>", BAD_MAILBOX("postmasters") },
	{ "<postmaster+x>", BAD_MAILBOX("postmaster+x") },
	{ "<@d>", BAD_MAILBOX("@d") },
	{ "<a@>", BAD_MAILBOX("a@") },
	{ "<a@b@c>", BAD_MAILBOX("a@b@c") },
	{ "<\303@d>", BAD_MAILBOX("?@d") },
	{ "<\300\257@d>", BAD_MAILBOX("?"
				      "?@d") },
	{ "user@example.com", BAD_MAILBOX("") },
	{ "<user@example.com", BAD_MAILBOX("") },
	{ "<a\001@d>", BAD_MAILBOX("") },
	{ "<a\tb@d>", BAD_MAILBOX("") },
	{ "<a\177@d>", BAD_MAILBOX("") },
	{ "", BAD_MAILBOX("") },
	/* 255 octets */
	{ "<" OCTETS_64 "@d>", "250 2.1.5 <" OCTETS_64 "@d> OK\r\n" },
	{ "<" OCTETS_64 "x@d>", "250 2.1.5 <" OCTETS_64 "x@d> OK\r\n" },
	{ "<" OCTETS_64 "+" OCTETS_64 "@d>", "250 2.1.5 <" OCTETS_64 "+" OCTETS_64 "@d> OK\r\n" },
	{ "<" OCTETS_128 OCTETS_64 OCTETS_32 "+@d>",
	    "250 2.1.5 <" OCTETS_128 OCTETS_64 OCTETS_32 "+@d> OK\r\n" },
	{ "<" OCTETS_128 OCTETS_128 "@d>", BAD_MAILBOX(OCTETS_128 OCTETS_128 "@d") },
	{ "<x+" OCTETS_128 OCTETS_64 OCTETS_64 "@d>",
	    BAD_MAILBOX("x+" OCTETS_128 OCTETS_64 OCTETS_64 "@d") },
	{ "<x@" OCTETS_128 OCTETS_64 OCTETS_32 OCTETS_32 ">",
	    BAD_MAILBOX("x@" OCTETS_128 OCTETS_64 OCTETS_32 OCTETS_32) },
};

static void test_recipients(void **state)
{
	char input[800], output[800];

	for (size_t i = 0; i < LENGTH(recipients); i++) {
		snprintf(input, sizeof(input), LHLO MAIL "RCPT TO:%s\r\n" RCPT("later") "RSET\r\n",
		    recipients[i].argument);
		snprintf(output, sizeof(output), "%s%s", HELLO SENDER_OK, recipients[i].reply);
		add_text(output, sizeof(output), "%s", RCPT_OK("later") OK);
		check_exchange(NULL, recipients[i].argument, input, output, NULL);
	}
}

/* The edge hears of every refused recipient, with its address where there is one. */
static const struct conversation refusals[] = {
	{ .name = "parameters",
	    .input = TEXT(LHLO MAIL "RCPT TO:<user@d> NOTIFY=NEVER\r\nRCPT TO:<user@d> SIZE=1\r\n"
				    "RCPT TO:<user@d>ORCPT=x\r\n"),
	    .output = HELLO SENDER_OK "555 5.5.4 <user@d> Unsupported parameter\r\n"
				      "555 5.5.4 <user@d> Unsupported parameter\r\n"
				      "501 5.5.4 <user@d> Bad argument\r\n",
	    .events = "refused 555 user@d\nrefused 555 user@d\nrefused 501 user@d\n" },
	{ .name = "address",
	    .input = TEXT(LHLO MAIL "RCPT TO:<a@b@d>\r\nRCPT TO:<@d>\r\n"),
	    .output = HELLO SENDER_OK BAD_MAILBOX("a@b@d") BAD_MAILBOX("@d"),
	    .events = "refused 550 a@b@d\nrefused 550 @d\n" },
	{ .name = "look-up",
	    .input = TEXT(LHLO MAIL RCPT("down") RCPT("user") RCPT("unknown") RCPT("foreign")),
	    .output = HELLO SENDER_OK
	    "451 4.4.3 <down@example.com> Database out of reach, try again later\r\n" RCPT_OK(
		"user") NO_USER("unknown") "550 5.1.2 <foreign@example.com> Domain not served "
					   "here\r\n",
	    .events = "refused 451 down@example.com\nrefused 550 unknown@example.com\n"
		      "refused 550 foreign@example.com\n" },
	{ .name = "no TO",
	    .input = TEXT(LHLO MAIL "RCPT\r\nRCPT <u@d>\r\n" RCPT("user")),
	    .output = HELLO SENDER_OK
	    "501 5.5.4 <> Bad argument\r\n501 5.5.4 <> Bad argument\r\n" RCPT_OK("user") },
	{ .name = "the same one twice",
	    .input = TEXT(LHLO MAIL RCPT("user") RCPT("user") "DATA\r\nx\r\n.\r\n"),
	    .output =
		HELLO SENDER_OK RCPT_OK("user") RCPT_OK("user") START SAVED("user") SAVED("user") },
};

static void test_refusals(void **state)
{
	check_conversations(refusals, LENGTH(refusals));
}

static const struct lmtp_settings two_recipients = {
	.hostname = "mx.example.com",
	.recipient_delimiter = "+",
	.message_size_limit = 0,
	.recipient_limit = 2,
};
#define TOO_MANY(user) "452 4.5.3 <" user "@example.com> Too many recipients\r\n"

/* Refused recipients do not count, whenever their look-up comes back. */
static const struct conversation limits[] = {
	{ .name = "three of two",
	    .settings = &two_recipients,
	    .input = TEXT(LHLO MAIL RCPT("a") RCPT("b") RCPT("c") "DATA\r\nx\r\n.\r\n"),
	    .output =
		HELLO SENDER_OK RCPT_OK("a") RCPT_OK("b") TOO_MANY("c") START SAVED("a") SAVED("b"),
	    .events = "refused 452 c@example.com\nbegin\ndeliver a@example.com\n"
		      "deliver b@example.com\nbody x\\n\n" },
	{ .name = "refused ones in between",
	    .settings = &two_recipients,
	    .input = TEXT(LHLO MAIL RCPT("unknown") RCPT("a") RCPT("down") RCPT("unknown") RCPT("b")
		    RCPT("c") RCPT("unknown")),
	    .output = HELLO SENDER_OK NO_USER("unknown")
		RCPT_OK("a") "451 4.4.3 <down@example.com> Database out of reach, try again "
			     "later\r\n" NO_USER("unknown") RCPT_OK("b") TOO_MANY("c")
				 TOO_MANY("unknown") },
	{ .name = "bad ones beyond it",
	    .settings = &two_recipients,
	    .input = TEXT(LHLO MAIL RCPT("a") RCPT("b") "RCPT TO:<@d>\r\n" RCPT("c")),
	    .output = HELLO SENDER_OK RCPT_OK("a") RCPT_OK("b") BAD_MAILBOX("@d") TOO_MANY("c") },
	{ .name = "each transaction anew",
	    .settings = &two_recipients,
	    .input =
		TEXT(LHLO MAIL RCPT("a") RCPT("b") RCPT("c") "RSET\r\n" MAIL RCPT("c") RCPT("d")),
	    .output = HELLO SENDER_OK RCPT_OK("a") RCPT_OK("b") TOO_MANY("c")
		OK SENDER_OK RCPT_OK("c") RCPT_OK("d") },
};

static void test_limits(void **state)
{
	check_conversations(limits, LENGTH(limits));
}

/* More recipients in one go than are looked up side by side. */
static void test_many_recipients(void **state)
{
	enum {
		MANY = 3 * LMTP_LOOKUP_MAX + 5
	};
	struct buffer input = { .p = NULL }, output = { .p = NULL };
	char line[80];

	buffer_put(&input, LHLO MAIL, strlen(LHLO MAIL));
	buffer_put(&output, HELLO SENDER_OK, strlen(HELLO SENDER_OK));
	for (unsigned i = 0; i < MANY; i++) {
		const char *user = i % 3 == 2 ? "unknown" : "user";
		int n = snprintf(line, sizeof(line), "RCPT TO:<%s%u@d>\r\n", user, i);

		buffer_put(&input, line, (size_t)n);
		n = snprintf(line, sizeof(line),
		    i % 3 == 2 ? "550 5.1.1 <%s%u@d> User doesn't exist\r\n"
			       : "250 2.1.5 <%s%u@d> OK\r\n",
		    user, i);
		buffer_put(&output, line, (size_t)n);
	}
	check_exchange(NULL, "many", input.p, output.p, NULL);
	buffer_free(&input);
	buffer_free(&output);
}

/* What RCPT would be answered without a look-up, as the dry run asks it. */
static void test_check_path(void **state)
{
	static const struct {
		const char *path;
		enum reply reply;
		size_t n_detail;
	} rows[] = {
		{ "user@d", REPLY_NONE, 0 },
		{ "user+@d", REPLY_NONE, 1 },
		{ "user+lists@d", REPLY_NONE, 6 },
		{ "\"user+a b\"@d", REPLY_NONE, 4 },
		{ "\"a b\"@d", REPLY_NONE, 0 },
		{ OCTETS_64 "@d", REPLY_NONE, 0 },
		{ OCTETS_64 "+" OCTETS_128 "@d", REPLY_NONE, 129 },
		{ OCTETS_128 OCTETS_64 "@d", REPLY_NONE, 0 },
		{ OCTETS_128 OCTETS_128 "@d", REPLY_BAD_MAILBOX, 0 },
		{ "..@d", REPLY_NONE, 0 },
		{ "user+a/b@d", REPLY_NONE, 4 },
		{ "@d", REPLY_BAD_MAILBOX, 0 },
		{ "postmaster", REPLY_NONE, 0 },
		{ "Postmaster", REPLY_NONE, 0 },
		{ "user", REPLY_BAD_MAILBOX, 0 },
		{ "", REPLY_BAD_MAILBOX, 0 },
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct path path = { rows[i].path, strlen(rows[i].path) };
		struct address address;
		size_t n_detail;
		enum reply reply = lmtp_check_path(&edge_settings, &path, &address, &n_detail);

		if (reply != rows[i].reply ||
		    (reply == REPLY_NONE && n_detail != rows[i].n_detail)) {
			fail_msg("%s", rows[i].path);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recipients),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_many_recipients),
		cmocka_unit_test(test_check_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
