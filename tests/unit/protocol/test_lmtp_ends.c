/* SPDX-License-Identifier: MIT
 * The end of the daemon and the silence of the client in every phase, and what makes a session wait. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation.h" /* cppcheck finds its macros beside it only */

/* With the end of the transaction, of one that comes yet, or with any other command. */
static const struct conversation shut_downs[] = {
	{ .name = "before LHLO",
	    .input = TEXT(""),
	    .event = CONVERSATION_SHUT_DOWN,
	    .more = TEXT(OPEN "DATA\r\nx\r\n.\r\nNOOP\r\n"),
	    .output = OPENED START SAVED("user") SHUTTING_DOWN,
	    .events = DELIVERED("x\\n") },
	{ .name = "between transactions, the next one on its way",
	    .input = TEXT(OPEN "DATA\r\nx\r\n.\r\n"),
	    .event = CONVERSATION_SHUT_DOWN,
	    .more = TEXT(MAIL RCPT("user") "DATA\r\ny\r\n.\r\n" MAIL),
	    .output = OPENED START SAVED("user") SENDER_OK RCPT_OK("user")
		START SAVED_AS("2", "user") SHUTTING_DOWN,
	    .events = DELIVERED("x\\n") DELIVERED("y\\n") },
	{ .name = "between transactions, RSET",
	    .input = TEXT(LHLO),
	    .event = CONVERSATION_SHUT_DOWN,
	    .more = TEXT("RSET\r\n" MAIL),
	    .output = HELLO SHUTTING_DOWN },
	{ .name = "between transactions, silence",
	    .input = TEXT(LHLO),
	    .event = CONVERSATION_SHUT_DOWN,
	    .output = HELLO },
	{ .name = "within a command",
	    .input = TEXT(LHLO "NO"),
	    .event = CONVERSATION_SHUT_DOWN,
	    .more = TEXT("OP\r\nNOOP\r\n"),
	    .output = HELLO SHUTTING_DOWN },
	{ .name = "behind MAIL",
	    .input = TEXT(LHLO MAIL),
	    .event = CONVERSATION_SHUT_DOWN,
	    .more = TEXT(RCPT("user") "RSET\r\nRSET\r\n"),
	    .output = OPENED OK SHUTTING_DOWN },
	{ .name = "behind RCPT",
	    .input = TEXT(OPEN),
	    .event = CONVERSATION_SHUT_DOWN,
	    .more = TEXT("DATA\r\nx\r\n.\r\n" MAIL),
	    .output = OPENED START SAVED("user") SHUTTING_DOWN,
	    .events = DELIVERED("x\\n") },
	{ .name = "QUIT is answered",
	    .input = TEXT(OPEN),
	    .event = CONVERSATION_SHUT_DOWN,
	    .more = TEXT("QUIT\r\n"),
	    .output = OPENED BYE },
	{ .name = "behind DATA",
	    .input = TEXT(OPEN "DATA\r\n"),
	    .event = CONVERSATION_SHUT_DOWN,
	    .more = TEXT("a\r\n.\r\n" MAIL),
	    .output = OPENED START SAVED("user") SHUTTING_DOWN,
	    .events = DELIVERED("a\\n") },
	{ .name = "within the body",
	    .input = TEXT(OPEN "DATA\r\na\r"),
	    .event = CONVERSATION_SHUT_DOWN,
	    .more = TEXT("\n.\r\nQUIT\r\n"),
	    .output = OPENED START SAVED("user") SHUTTING_DOWN,
	    .events = DELIVERED("a\\n") },
	{ .name = "within a body that is too big",
	    .settings = &conversation_ten_bytes,
	    .input = TEXT(OPEN "DATA\r\n0123456789"),
	    .event = CONVERSATION_SHUT_DOWN,
	    .more = TEXT("\r\n.\r\n"),
	    .output = OPENED_10 START TOO_BIG("user") SHUTTING_DOWN,
	    .events = DROPPED },
	{ .name = "within the last chunk",
	    .input = TEXT(OPEN "BDAT 3 LAST\r\na"),
	    .event = CONVERSATION_SHUT_DOWN,
	    .more = TEXT("bcNOOP\r\n"),
	    .output = OPENED SAVED("user") SHUTTING_DOWN,
	    .events = DELIVERED("abc") },
	{ .name = "within a skipped chunk",
	    .input = TEXT(LHLO "BDAT 6\r\nNO"),
	    .event = CONVERSATION_SHUT_DOWN,
	    .more = TEXT("OP\r\nNOOP\r\n"),
	    .output = HELLO BAD_ORDER SHUTTING_DOWN },
	{ .name = "behind QUIT",
	    .input = TEXT("QUIT\r\n"),
	    .event = CONVERSATION_SHUT_DOWN,
	    .output = GREETING BYE },
};

static void test_shut_downs(void **state)
{
	check_conversations(shut_downs, LENGTH(shut_downs));
}

/* A message that comes in chunks is on its way from the first one to the last. */
static const struct conversation shut_downs_in_chunks[] = {
	{ .name = "within the first chunk",
	    .input = TEXT(OPEN "BDAT 3\r\na"),
	    .event = CONVERSATION_SHUT_DOWN,
	    .more = TEXT("bcBDAT 1 LAST\r\ndNOOP\r\n"),
	    .output = OPENED CHUNK_OK SAVED("user") SHUTTING_DOWN,
	    .events = DELIVERED("abcd") },
	{ .name = "between chunks",
	    .input = TEXT(OPEN "BDAT 3\r\nabc"),
	    .event = CONVERSATION_SHUT_DOWN,
	    .more = TEXT("BDAT 1 LAST\r\ndNOOP\r\n"),
	    .output = OPENED CHUNK_OK SAVED("user") SHUTTING_DOWN,
	    .events = DELIVERED("abcd") },
};

static void test_shut_downs_in_chunks(void **state)
{
	check_conversations(shut_downs_in_chunks, LENGTH(shut_downs_in_chunks));
}

/* The end of the daemon while look-ups are out: the transaction goes on all the same. */
static void test_shut_down_with_look_ups(void **state)
{
	struct edge edge;
	static const char input[] = LHLO MAIL RCPT("user") RCPT("unknown"),
			  data[] = "DATA\r\nx\r\n.\r\n";

	edge_init(&edge, &edge_settings, EDGE_REVERSED, 64);
	edge_feed(&edge, input, strlen(input));
	edge_shut_down(&edge);
	edge_feed(&edge, data, strlen(data));
	expect_text("look-ups are out", edge.output.p, HELLO SENDER_OK);
	edge_settle(&edge);
	expect_text("look-ups are in", edge.output.p,
	    HELLO SENDER_OK RCPT_OK("user") NO_USER("unknown") START SAVED("user") SHUTTING_DOWN);
	assert_true(edge.is_closed);
	edge_deinit(&edge);
}

/* Silence then has another reason. */
static void test_shut_down_and_time_out(void **state)
{
	struct edge edge;

	edge_init(&edge, &edge_settings, EDGE_REVERSED, 64);
	edge_feed(&edge, LHLO, strlen(LHLO));
	assert_false(lmtp_is_in_transaction(&edge.lmtp));
	edge_feed(&edge, MAIL, strlen(MAIL));
	assert_true(lmtp_is_in_transaction(&edge.lmtp));
	edge_feed(&edge, "RSET\r\n", strlen("RSET\r\n"));
	assert_false(lmtp_is_in_transaction(&edge.lmtp));
	edge_shut_down(&edge);
	edge_time_out(&edge);
	expect_text("silence", edge.output.p, HELLO SENDER_OK OK SHUTTING_DOWN);
	assert_true(edge.is_closed);
	edge_deinit(&edge);
}

static const struct conversation time_outs[] = {
	{ .name = "before LHLO",
	    .input = TEXT(""),
	    .event = CONVERSATION_TIME_OUT,
	    .more = TEXT(LHLO),
	    .output = GREETING IDLE },
	{ .name = "within a command",
	    .input = TEXT("LHL"),
	    .event = CONVERSATION_TIME_OUT,
	    .more = TEXT("O x\r\n"),
	    .output = GREETING IDLE },
	{ .name = "within a transaction",
	    .input = TEXT(OPEN),
	    .event = CONVERSATION_TIME_OUT,
	    .more = TEXT("DATA\r\n"),
	    .output = OPENED IDLE },
	{ .name = "within the body",
	    .input = TEXT(OPEN "DATA\r\nx\r\n."),
	    .event = CONVERSATION_TIME_OUT,
	    .more = TEXT("\r\n"),
	    .output = OPENED START IDLE,
	    .events = "begin\n" },
	{ .name = "within a chunk",
	    .input = TEXT(OPEN "BDAT 3 LAST\r\nx"),
	    .event = CONVERSATION_TIME_OUT,
	    .more = TEXT("yz"),
	    .output = OPENED IDLE,
	    .events = "begin\n" },
	{ .name = "behind QUIT",
	    .input = TEXT("QUIT\r\n"),
	    .event = CONVERSATION_TIME_OUT,
	    .output = GREETING BYE },
};

static void test_time_outs(void **state)
{
	check_conversations(time_outs, LENGTH(time_outs));
}

/* A client that sends without reading is held up before its replies fill the memory. */
static void test_flush(void **state)
{
	enum {
		MANY = 20000
	};
	struct lmtp lmtp;
	char *input = malloc((size_t)6 * MANY), body[64];
	size_t taken = 0, n_output, n_total = 0;
	unsigned n_flushes = 0;
	struct lmtp_step step = { .want = LMTP_FLUSH };

	for (size_t i = 0; i < MANY; i++) {
		memcpy(input + 6 * i, "NOOP\r\n", 6);
	}
	lmtp_init(&lmtp, &edge_settings, "S1");
	while (step.want == LMTP_FLUSH) {
		taken += lmtp_feed(
		    &lmtp, input + taken, (size_t)6 * MANY - taken, body, sizeof(body), &step);
		output_unsent(&lmtp.output, &n_output);
		assert_in_range(n_output, 1, 65536);
		n_total += n_output;
		output_sent(&lmtp.output, n_output);
		n_flushes++;
	}
	assert_int_equal(step.want, LMTP_INPUT);
	assert_int_equal(taken, 6 * MANY);
	assert_int_equal(n_total, strlen(GREETING) + MANY * strlen(OK));
	assert_true(n_flushes > 2);
	lmtp_deinit(&lmtp);
	free(input);
}

/* A client that reads its replies byte by byte gets each byte once, in order, also of those that are
 * put out meanwhile. */
static void test_sent_in_parts(void **state)
{
	static const char input[] = "NOOP\r\n", want[] = GREETING OK OK OK;
	struct lmtp lmtp;
	struct lmtp_step step;
	char body[64], got[sizeof(want)];
	size_t n, n_got = 0;

	lmtp_init(&lmtp, &edge_settings, "S1");
	for (unsigned i = 0; i < 40; i++) {
		if (i < 3) {
			lmtp_feed(&lmtp, input, strlen(input), body, sizeof(body), &step);
		}
		got[n_got++] = *output_unsent(&lmtp.output, &n);
		assert_int_equal(
		    n, (i < 2 ? strlen(GREETING) + (i + 1) * strlen(OK) : strlen(want)) - i);
		output_sent(&lmtp.output, 1);
	}
	memcpy(got + n_got, output_unsent(&lmtp.output, &n), strlen(want) - n_got);
	expect_bytes("sent", got, n_got + n, want, strlen(want));
	output_sent(&lmtp.output, n);
	lmtp_deinit(&lmtp);
}

/* What the end of the daemon waits for, and what of it is data. */
static void test_in_transaction(void **state)
{
	static const struct {
		const char *input;
		bool is_in_transaction, is_in_body;
	} rows[] = {
		{ LHLO, false, false }, { MAIL, true, false }, { RCPT("user"), true, false },
		{ "DATA\r\nx\r\n", true, true }, { ".\r\n", false, false },
		{ "BDAT 6\r\nNO", true, false }, /* refused, but its bytes are on their way */
		{ "OP\r\n", false, false },
		{ MAIL RCPT("user") "BDAT 1\r\nx", true, true },           /* between chunks */
		{ "RSET\r\n", false, false }, { "QUIT\r\n", true, false }, /* the reply is */
	};
	struct edge edge;

	edge_init(&edge, &edge_settings, EDGE_AT_ONCE, 64);
	assert_null(edge.lmtp.envelope.client);
	for (size_t i = 0; i < LENGTH(rows); i++) {
		edge_feed(&edge, rows[i].input, strlen(rows[i].input));
		if (lmtp_is_in_transaction(&edge.lmtp) != rows[i].is_in_transaction ||
		    edge.lmtp.is_in_body != rows[i].is_in_body ||
		    edge.lmtp.envelope.client == NULL) {
			fail_msg("behind %s", shown(rows[i].input, strlen(rows[i].input)));
		}
	}
	edge_deinit(&edge);
}

/* Nothing is taken while a delivery is under way: what is pipelined behind it waits. */
static void test_nothing_taken_while_delivering(void **state)
{
	static const char input[] = OPEN "DATA\r\nx\r\n.\r\n", behind[] = "QUIT\r\n";
	struct edge edge;
	struct lmtp_step step;
	struct recipient *recipient;
	char body[64];

	edge_init(&edge, &edge_settings, EDGE_AT_ONCE, 64);
	edge_feed(&edge, input, strlen(input) - 1);
	assert_int_equal(
	    lmtp_feed(&edge.lmtp, input + strlen(input) - 1, 1, body, sizeof(body), &step), 1);
	assert_int_equal(step.want, LMTP_DELIVER);
	assert_true(edge.lmtp.is_in_body);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(
		    lmtp_feed(&edge.lmtp, behind, strlen(behind), body, sizeof(body), &step), 0);
		assert_int_equal(step.want, LMTP_WAIT);
	}
	STAILQ_FOREACH (recipient, &edge.lmtp.envelope.recipients, next) {
		recipient->reply = REPLY_SAVED;
	}
	edge_shut_down(&edge); /* past its last dot it is finished and answered */
	lmtp_delivered(&edge.lmtp);
	assert_false(edge.lmtp.is_in_body);
	edge_feed(&edge, behind, strlen(behind));
	expect_text("behind", edge.output.p, OPENED START SAVED("user") SHUTTING_DOWN);
	edge_deinit(&edge);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shut_downs),
		cmocka_unit_test(test_shut_downs_in_chunks),
		cmocka_unit_test(test_shut_down_with_look_ups),
		cmocka_unit_test(test_shut_down_and_time_out),
		cmocka_unit_test(test_time_outs),
		cmocka_unit_test(test_flush),
		cmocka_unit_test(test_sent_in_parts),
		cmocka_unit_test(test_in_transaction),
		cmocka_unit_test(test_nothing_taken_while_delivering),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
