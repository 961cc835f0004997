/* SPDX-License-Identifier: MIT
 * The policy protocol: what Postfix sends, and every byte of the answer, however the input was cut and
 * whenever look-ups are answered. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/models/policy_edge.h"

#define START             "request=smtpd_access_policy\n"
#define RCPT(address)     START "protocol_state=RCPT\nrecipient=" address "\n"
#define DUNNO             "action=DUNNO\n\n"
#define ASK(address)      "ask " address "  0 \n"
#define FULL(address)     "action=452 4.2.2 <" address "> Mailbox is full\n\n"
#define DISABLED(address) "action=550 5.2.1 <" address "> Mailbox is disabled\n\n"

struct conversation {
	const char *name;
	const struct lmtp_settings *settings; /* NULL: edge_settings */
	struct text input;
	const char *output, *events;
};

static const struct lmtp_settings soft = {
	.hostname = "mx.example.com",
	.recipient_delimiter = "+",
	.soft_bounce = true,
};

/* As Postfix 3.7 sends it. */
static const char postfix[] =
    "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\n"
    "client_address=192.0.2.7\nclient_name=unknown\nclient_port=41302\n"
    "reverse_client_name=unknown\nserver_address=127.0.0.1\nserver_port=25\n"
    "helo_name=client.example.net\nsender=sender@example.net\nrecipient=off@example.com\n"
    "recipient_count=0\nqueue_id=\ninstance=39ef.6560c0c3.1f4a2.0\nsize=4711\n"
    "etrn_domain=\nstress=\nsasl_method=\nsasl_username=\nsasl_sender=\nccert_subject=\n"
    "ccert_issuer=\nccert_fingerprint=\nccert_pubkey_fingerprint=\nencryption_protocol=\n"
    "encryption_cipher=\nencryption_keysize=0\npolicy_context=\ncompatibility_level=3.6\n"
    "mail_version=3.7.11\n\n";

static const struct conversation answers[] = {
	{ .name = "silence", .input = TEXT(""), .output = "", .events = "" },
	{ .name = "as Postfix asks",
	    .input = { postfix, sizeof(postfix) - 1 },
	    .output = DISABLED("off@example.com"),
	    .events = "ask off@example.com  4711 192.0.2.7\n" },
	{ .name = "a mailbox that takes mail",
	    .input = TEXT(RCPT("user@d") "\n"),
	    .output = DUNNO,
	    .events = ASK("user@d") },
	{ .name = "full, and full for now, are the same here",
	    .input = TEXT(RCPT("full@d") "\n" RCPT("fullish@d") "\n"),
	    .output = FULL("full@d") FULL("fullish@d"),
	    .events = ASK("full@d") ASK("fullish@d") },
	{ .name = "disabled, for good and for now",
	    .input = TEXT(RCPT("off@d") "\n" RCPT("offish@d") "\n"),
	    .output =
		DISABLED("off@d") "action=450 4.2.1 <offish@d> Mailbox is disabled for now\n\n",
	    .events = ASK("off@d") ASK("offish@d") },
	{ .name = "soft_bounce",
	    .settings = &soft,
	    .input = TEXT(RCPT("off@d") "\n" RCPT("full@d") "\n" RCPT("offish@d") "\n"),
	    .output = "action=450 4.2.1 <off@d> Mailbox is disabled\n\n" FULL(
		"full@d") "action=450 4.2.1 <offish@d> Mailbox is disabled for now\n\n",
	    .events = ASK("off@d") ASK("full@d") ASK("offish@d") },
	{ .name = "no database, nobody",
	    .input = TEXT(RCPT("down@d") "\n" RCPT("nobody@d") "\n"),
	    .output = DUNNO DUNNO,
	    .events = ASK("down@d") ASK("nobody@d") },
	{ .name = "many, in order",
	    .input = TEXT(RCPT("off1@d") "\n" RCPT("x@d") "\n" RCPT("full2@d") "\n\n" RCPT(
		"off3@d") "\n" START "\n" RCPT("off4@d") "\n"),
	    .output = DISABLED("off1@d") DUNNO FULL("full2@d") DUNNO DISABLED("off3@d")
		DUNNO DISABLED("off4@d"),
	    .events = ASK("off1@d") ASK("x@d") ASK("full2@d") ASK("off3@d") ASK("off4@d") },
	{ .name = "a request without its end",
	    .input = TEXT(RCPT("off@d") "\n" RCPT("off@d")),
	    .output = DISABLED("off@d"),
	    .events = ASK("off@d") },
};

static const struct conversation doubts[] = {
	{ .name = "nothing is asked", .input = TEXT("\n\n"), .output = DUNNO DUNNO, .events = "" },
	{ .name = "another request",
	    .input = TEXT("request=junk_mail\nprotocol_state=RCPT\nrecipient=off@d\n\n"
			  "protocol_state=RCPT\nrecipient=off@d\n\n"),
	    .output = DUNNO DUNNO,
	    .events = "" },
	{ .name = "another state",
	    .input = TEXT(START "protocol_state=DATA\nrecipient=off@d\n\n" START
				"protocol_state=END-OF-MESSAGE\nrecipient=off@d\n\n" START
				"protocol_state=\nrecipient=off@d\n\n" START "recipient=off@d\n\n"),
	    .output = DUNNO DUNNO DUNNO DUNNO,
	    .events = "" },
	{ .name = "no recipient",
	    .input = TEXT(START "protocol_state=RCPT\n\n" RCPT("") "\n"),
	    .output = DUNNO DUNNO,
	    .events = "" },
	{ .name = "what is no address",
	    .input = TEXT(RCPT("off") "\n" RCPT("postmaster") "\n" RCPT("@d") "\n" RCPT(
		"off@") "\n" RCPT("off@d\r") "\n" RCPT("off\377@d") "\n"),
	    .output = DUNNO DUNNO DUNNO DUNNO DUNNO DUNNO,
	    .events = "" },
	{ .name = "nothing of one request is left for the next",
	    .input = TEXT(RCPT("x@d") "size=1\nclient_address=::1\n\n"
				      "request=smtpd_access_policy\n\n"
				      "protocol_state=RCPT\nrecipient=off@d\n\n" RCPT("y@d") "\n"),
	    .output = DUNNO DUNNO DUNNO DUNNO,
	    .events = "ask x@d  1 ::1\n" ASK("y@d") },
	{ .name = "lines that are no attributes",
	    .input = TEXT(RCPT("off@d") "nonsense\n\n" RCPT("off@d") "=x\n\n" RCPT(
		"off@d") "a\0=b\n\n" RCPT("off@d\0") "\n" RCPT("off@d") "x=\n\n"),
	    .output = DUNNO DUNNO DUNNO DUNNO DISABLED("off@d"),
	    .events = ASK("off@d") },
	{ .name = "another protocol",
	    .input = TEXT("LHLO client.example.org\r\nMAIL FROM:<>\r\n\r\n"),
	    .output = "",
	    .events = "" },
};

static const struct conversation attributes[] = {
	{ .name = "a detail",
	    .input = TEXT(RCPT("off+a=b@d") "\n"),
	    .output = DISABLED("off+a=b@d"),
	    .events = "ask off+a=b@d +a=b 0 \n" },
	{ .name = "of what comes twice the last counts",
	    .input = TEXT("request=x\nrecipient=off@d\nprotocol_state=VRFY\nsize=7\nsize=8\n" RCPT(
		"full@d") "\n" RCPT("off@d") "size=9\nsize=x\nprotocol_state=EHLO\n\n"),
	    .output = FULL("full@d") DUNNO,
	    .events = "ask full@d  8 \n" },
	{ .name = "sizes",
	    .input = TEXT(
		RCPT("a@d") "size=0\n\n" RCPT("a@d") "size=\n\n" RCPT("a@d") "size=12x\n\n" RCPT(
		    "a@d") "size=-1\n\n" RCPT("a@d") "size=99999999999999999999999\n\n"),
	    .output = DUNNO DUNNO DUNNO DUNNO DUNNO,
	    .events =
		ASK("a@d") ASK("a@d") ASK("a@d") ASK("a@d") "ask a@d  18446744073709551615 \n" },
	{ .name = "clients",
	    .input = TEXT(RCPT("a@d") "client_address=0123456789012345678901234567890123456789"
				      "0123456789\n\n"),
	    .output = DUNNO,
	    .events = "ask a@d  0 012345678901234567890123456789012345678901234\n" },
	/* Postfix has taken off what the wire needs. */
	{ .name = "no quoting",
	    .input = TEXT(RCPT("off a\"b\\c@x@d") "\n"),
	    .output = DISABLED("off a\"b\\c@x@d"),
	    .events = ASK("off a\"b\\c@x@d") },
	{ .name = "UTF-8",
	    .input = TEXT(RCPT("off\303\251@\303\244.example") "\n"),
	    .output = DISABLED("off\303\251@\303\244.example"),
	    .events = ASK("off\303\251@\303\244.example") },
};

/* One way of running it. */
struct way {
	size_t cut, piece; /* the first piece of the input, and all others */
	bool answers_late, reads_late;
};

static void check_way(const struct conversation *conversation, struct way way)
{
	const struct text *in = &conversation->input;
	size_t at = way.cut < in->n ? way.cut : in->n;
	struct policy_edge edge;
	char what[200];

	snprintf(what, sizeof(what), "%s (cut at %zu, pieces of %zu, %d %d)", conversation->name,
	    way.cut, way.piece, way.answers_late, way.reads_late);
	policy_edge_init(
	    &edge, conversation->settings != NULL ? conversation->settings : &edge_settings);
	edge.answers_late = way.answers_late;
	edge.reads_late = way.reads_late;
	policy_edge_feed(&edge, in->p, at);
	for (size_t n; at < in->n; at += n) {
		n = way.piece < in->n - at ? way.piece : in->n - at;
		policy_edge_feed(&edge, in->p + at, n);
	}
	policy_edge_settle(&edge);
	expect_text(what, edge.output.p, conversation->output);
	expect_text(what, edge.events.p, conversation->events);
	policy_edge_deinit(&edge);
}

static void check_conversation(const struct conversation *conversation)
{
	for (unsigned i = 0; i < 4; i++) {
		struct way way = { 1, 1, (i & 1) != 0, (i & 2) != 0 };

		check_way(conversation, way);
		way.piece = SIZE_MAX;
		for (way.cut = 0; way.cut <= conversation->input.n; way.cut++) {
			check_way(conversation, way);
		}
	}
}

static void check_conversations(const struct conversation *conversations, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		check_conversation(&conversations[i]);
	}
}

static void test_answers(void **state)
{
	check_conversations(answers, LENGTH(answers));
}

static void test_doubts(void **state)
{
	check_conversations(doubts, LENGTH(doubts));
}

static void test_attributes(void **state)
{
	check_conversations(attributes, LENGTH(attributes));
}

/* Of a line that is as long as may be, and of one that is longer, cut here and there. */
static void test_long_lines(void **state)
{
	static char input[3 * POLICY_LINE_MAX];

	for (size_t n = POLICY_LINE_MAX - 1; n <= POLICY_LINE_MAX + 1; n++) {
		bool is_too_long = n > POLICY_LINE_MAX;
		size_t at =
		    (size_t)snprintf(input, sizeof(input), RCPT("full@d") "\n" RCPT("off@d"));
		struct conversation conversation = {
			.name = "a long line",
			.output = is_too_long ? FULL("full@d") : FULL("full@d") DISABLED("off@d"),
			.events =
			    is_too_long ? ASK("full@d") "closed\n" : ASK("full@d") ASK("off@d"),
		};

		memset(input + at, 'x', n);
		input[at + 1] = '=';
		memcpy(input + at + n - 1, "\n\n", 2);
		conversation.input = (struct text){ input, at + n + 1 };
		for (unsigned i = 0; i < 4; i++) {
			struct way way = { 1, 1, (i & 1) != 0, (i & 2) != 0 };

			check_way(&conversation, way);
			way.piece = 1000;
			check_way(&conversation, way);
			way.piece = SIZE_MAX;
			check_way(&conversation, way);
		}
	}
}

static void test_many_lines(void **state)
{
	static char input[8 * POLICY_LINES_MAX];

	for (unsigned n = POLICY_LINES_MAX - 3; n <= POLICY_LINES_MAX - 2; n++) {
		bool is_too_long = n > POLICY_LINES_MAX - 3;
		struct conversation conversation = {
			.name = "many lines",
			.output = is_too_long ? "" : DISABLED("off@d"),
			.events = is_too_long ? "closed\n" : ASK("off@d"),
		};
		size_t at = 0;

		for (unsigned i = 0; i < n; i++) {
			at += (size_t)snprintf(input + at, sizeof(input) - at, "a=b\n");
		}
		at += (size_t)snprintf(input + at, sizeof(input) - at, RCPT("off@d") "\n");
		conversation.input = (struct text){ input, at };
		check_conversation(&conversation);
	}
}

/* A client that sends and does not read is asked to before more is taken. */
static void test_deaf_client(void **state)
{
	struct policy_edge edge;
	char *input = test_malloc(100000);

	memset(input, '\n', 100000);
	policy_edge_init(&edge, &edge_settings);
	edge.reads_late = true;
	policy_edge_feed(&edge, input, 100000);
	policy_edge_settle(&edge);
	assert_int_equal(edge.output.n, 100000 * strlen(DUNNO));
	assert_int_equal(edge.policy.n_answered, 100000);
	policy_edge_deinit(&edge);
	test_free(input);
}

/* What has ended stays so; and one that is taken down in the middle leaves nothing behind. */
static void test_ends(void **state)
{
	struct policy_edge edge;
	size_t taken;

	policy_edge_init(&edge, &edge_settings);
	edge.answers_late = true;
	policy_edge_feed(&edge, RCPT("off@d") "\nreq", strlen(RCPT("off@d")) + 4);
	assert_true(edge.is_out);
	policy_edge_deinit(&edge);

	policy_edge_init(&edge, &edge_settings);
	edge.policy.closed = "over";
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(policy_feed(&edge.policy, "\n", 1, &taken), POLICY_CLOSE);
		assert_int_equal(taken, 0);
	}
	policy_edge_deinit(&edge);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_doubts),
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_many_lines),
		cmocka_unit_test(test_deaf_client),
		cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
