/* SPDX-License-Identifier: MIT
 * Random conversations with a strict client: it counts as Postfix does, one reply for each command
 * and one for each accepted recipient behind the data, and knows beforehand what each must say. A
 * reply too few or too many would put a wrong fate on a message. */
#include "tests/models/edge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CONVERSATIONS = 3000,
	COMMANDS_MAX = 40,
	RECIPIENTS_MAX = 64,
	NAME_MAX_SIZE = 40,
};

static const char *const users[] = { "user", "later", "unknown", "foreign", "down", "loop", "away",
	"memory", "full", "broken", "forgotten", "rejected", "" };

/* What the client knows of the session, from the replies that it has read. */
struct client {
	struct edge edge;
	uint64_t seed;
	size_t at;           /* of the output: what was read */
	struct buffer batch; /* sent, replies not read yet */
	char expected[COMMANDS_MAX][160];
	size_t n_expected;

	bool has_lhlo, has_sender, has_chunks;
	uint64_t n_chunked;
	char accepted[RECIPIENTS_MAX][NAME_MAX_SIZE];
	size_t n_accepted;
	unsigned n_errors; /* in a row, at most: twenty would end the session */
};

static void send_text(struct client *client, const char *text)
{
	buffer_put(&client->batch, text, strlen(text));
}

/* A command whose reply is to begin with these bytes. */
static void command(struct client *client, const char *text, const char *reply)
{
	assert_true(client->n_expected < COMMANDS_MAX);
	send_text(client, text);
	snprintf(client->expected[client->n_expected++], sizeof(client->expected[0]), "%s", reply);
	client->n_errors += reply[0] == '5';
}

/* Sends the batch in pieces of random sizes and reads: exactly the replies that are owed. */
static void flush(struct client *client)
{
	struct edge *edge = &client->edge;

	for (size_t at = 0; at < client->batch.n;) {
		size_t n = 1 + random_below(&client->seed, client->batch.n - at);

		edge_feed(edge, client->batch.p + at, n);
		at += n;
	}
	edge_settle(edge);
	for (size_t i = 0; i < client->n_expected; i++) {
		const char *want = client->expected[i];
		const char *got = edge->output.p + client->at;
		size_t n = next_reply(got, edge->output.n - client->at);

		if (n < strlen(want) || memcmp(got, want, strlen(want)) != 0) {
			fail_msg("reply %zu to %s\n  got  %s\n  want %s...", i,
			    shown(client->batch.p, client->batch.n), shown(got, n), want);
		}
		client->at += n;
	}
	if (client->at != edge->output.n) {
		fail_msg("replies too many to %s: %s", shown(client->batch.p, client->batch.n),
		    shown(edge->output.p + client->at, edge->output.n - client->at));
	}
	client->batch.n = client->n_expected = 0;
}

static void forget_transaction(struct client *client)
{
	client->has_sender = client->has_chunks = false;
	client->n_accepted = 0;
	client->n_chunked = 0;
}

static void send_lhlo(struct client *client)
{
	command(client, "LHLO x\r\n", "250-mx.example.com");
	client->has_lhlo = true;
	forget_transaction(client);
}

static void send_rset(struct client *client)
{
	command(client, "RSET\r\n", "250 2.0.0 OK");
	forget_transaction(client);
}

static void send_mail(struct client *client)
{
	if (!client->has_lhlo || client->has_sender) {
		command(client, "MAIL FROM:<s@d>\r\n", "503 5.5.1");
		return;
	}
	if (client->edge.settings.message_size_limit > 0 && random_below(&client->seed, 6) == 0) {
		command(client, "MAIL FROM:<s@d> SIZE=1000\r\n", "552 5.3.4");
		return;
	}
	command(client, "MAIL FROM:<s@d> SIZE=10\r\n", "250 2.1.0");
	client->has_sender = true;
}

static void send_rcpt(struct client *client)
{
	const char *user = users[random_below(&client->seed, LENGTH(users))];
	char name[NAME_MAX_SIZE], text[100], reply[100];
	enum reply id = edge_rcpt_reply(user);

	snprintf(name, sizeof(name), "%s@d%u", user, (unsigned)random_below(&client->seed, 3));
	snprintf(text, sizeof(text), "RCPT TO:<%s>\r\n", name);
	if (!client->has_sender || client->has_chunks) {
		command(client, text, "503 5.5.1");
		return;
	}
	if (user[0] == '\0') {
		id = REPLY_BAD_MAILBOX;
	} else if (client->n_accepted == client->edge.settings.recipient_limit) {
		id = REPLY_TOO_MANY_RECIPIENTS;
	}
	snprintf(reply, sizeof(reply), "%d %s <%s> ", reply_code(id), reply_enhanced(id), name);
	command(client, text, reply);
	if (id == REPLY_RECIPIENT_OK) {
		snprintf(client->accepted[client->n_accepted++], sizeof(name), "%s", name);
	}
}

/* One reply for each accepted recipient, in order, each with its own fate. */
static void expect_data_replies(struct client *client, bool is_too_big)
{
	for (size_t i = 0; i < client->n_accepted; i++) {
		enum reply id = is_too_big ? REPLY_TOO_BIG : edge_data_reply(client->accepted[i]);
		char reply[100];

		id = id == REPLY_RECIPIENT_OK ? REPLY_NOT_WRITTEN : id;
		snprintf(reply, sizeof(reply), "%d%c%s <%s> ", reply_code(id),
		    id == REPLY_REJECTED ? '-' : ' ', reply_enhanced(id), client->accepted[i]);
		command(client, "", reply);
	}
	forget_transaction(client);
}

/* Bytes that look like ends and commands. */
static size_t make_body(struct client *client, char *body, size_t max)
{
	static const char *const parts[] = { "\r", "\n", ".", "x", "\r\n", "\n.\r\n", "QUIT\r\n" };
	size_t n = 0, n_parts = random_below(&client->seed, 12);

	for (size_t i = 0; i < n_parts; i++) {
		const char *part = parts[random_below(&client->seed, LENGTH(parts))];

		if (n + strlen(part) <= max) {
			memcpy(body + n, part, strlen(part));
			n += strlen(part);
		}
	}
	return n;
}

/* A client that obeys RFC 5321 4.5.2 puts a dot before every line that starts with one. */
static void send_body(struct client *client, const char *body, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool starts = i == 0 || (i >= 2 && body[i - 2] == '\r' && body[i - 1] == '\n');

		if (starts && body[i] == '.') {
			send_text(client, ".");
		}
		buffer_put(&client->batch, body + i, 1);
	}
	send_text(client, n == 0 ? ".\r\n" : "\r\n.\r\n");
}

static void send_data(struct client *client)
{
	char body[100];
	size_t n = make_body(client, body, sizeof(body)), n_wire = n == 0 ? 0 : n + 2;
	uint64_t limit = client->edge.settings.message_size_limit;

	if (client->n_accepted == 0 || client->has_chunks) {
		command(client, "DATA\r\n", "503 5.5.1");
		return;
	}
	command(client, "DATA\r\n", "354 ");
	flush(client); /* RFC 2920 3.1: the body waits for the reply */
	send_body(client, body, n);
	expect_data_replies(client, limit > 0 && n_wire > limit);
}

static void send_bdat(struct client *client)
{
	char body[100], text[40];
	size_t n = make_body(client, body, sizeof(body));
	bool is_last = random_below(&client->seed, 2) == 0;
	uint64_t limit = client->edge.settings.message_size_limit;

	snprintf(text, sizeof(text), "BDAT %zu%s\r\n", n, is_last ? " LAST" : "");
	send_text(client, text);
	buffer_put(&client->batch, body, n);
	if (client->n_accepted == 0) {
		command(client, "", "503 5.5.1");
		return;
	}
	client->has_chunks = true;
	client->n_chunked += n;
	if (is_last) {
		expect_data_replies(client, limit > 0 && client->n_chunked > limit);
	} else {
		command(client, "", "250 2.0.0 Chunk");
	}
}

static void send_other(struct client *client)
{
	switch (random_below(&client->seed, 4)) {
	case 0:
		command(client, "NOOP\r\n", "250 2.0.0 OK");
		break;
	case 1:
		command(client, "VRFY x\r\n", "252 2.0.0");
		break;
	case 2:
		command(client, "NO\rOP\r\n", "500 5.5.2");
		break;
	default:
		command(client, "EHLO x\r\n", "500 5.5.1");
	}
}

static void send_something(struct client *client)
{
	uint64_t dice = random_below(&client->seed, 100);

	if (dice < 4) {
		send_lhlo(client);
	} else if (dice < 8) {
		send_rset(client);
	} else if (dice < 30) {
		send_mail(client);
	} else if (dice < 70) {
		send_rcpt(client);
	} else if (dice < 80) {
		send_data(client);
	} else if (dice < 92) {
		send_bdat(client);
	} else {
		send_other(client);
	}
}

static size_t converse(uint64_t seed)
{
	static const struct lmtp_settings variants[] = {
		{ "mx.example.com", "+", 0, 1000, false },
		{ "mx.example.com", "+", 30, 1000, false },
		{ "mx.example.com", "", 0, 1, false },
		{ "mx.example.com", "+-", 50, 3, false },
	};
	struct client *client = calloc(1, sizeof(*client));
	size_t n_commands = 10 + random_below(&seed, 60), n_replies;

	client->seed = seed;
	edge_init(&client->edge, &variants[random_below(&seed, LENGTH(variants))],
	    (enum edge_order)random_below(&seed, EDGE_ORDERS), 2 + random_below(&seed, 40));
	client->edge.seed = seed;
	command(client, "", "220 ");
	for (size_t i = 0; i < n_commands; i++) {
		/* room for a transaction's replies */
		if (client->n_expected + client->n_accepted + 3 > COMMANDS_MAX ||
		    random_below(&seed, 8) == 0) {
			flush(client);
		}
		if (client->n_accepted + 4 > COMMANDS_MAX / 2) {
			send_rset(client);
		}
		send_something(client);
		if (client->n_errors > 10) {
			command(client, "NOOP\r\n", "250 2.0.0");
			client->n_errors = 0;
		}
	}
	command(client, "QUIT\r\n", "221 2.0.0 Bye");
	flush(client);
	n_replies = check_replies(client->edge.output.p, client->edge.output.n);
	edge_deinit(&client->edge);
	buffer_free(&client->batch);
	free(client);
	return n_replies;
}

static void test_random_conversations(void **state)
{
	size_t n_replies = 0;

	for (uint64_t seed = 1; seed <= CONVERSATIONS; seed++) {
		n_replies += converse(seed);
	}
	assert_true(n_replies > (size_t)30 * CONVERSATIONS);
}

/* Whatever a client sends, each reply is one, and the machine gets on: no command grammar at all. */
static void test_noise(void **state)
{
	static const char *const parts[] = { "LHLO x\r\n", "MAIL FROM:<>\r\n",
		"RCPT TO:<user@d>\r\n", "RCPT TO:<\303\251@d>\r\n", "DATA\r\n", "\r\n.\r\n",
		".\r\n", "BDAT 5\r\n", "BDAT 9 LAST\r\n", "RSET\r\n", "NOOP\r\n", "\r", "\n",
		"\r\n", ".", "<", ">", "\"", "\\", " ", "\t", "MAIL FROM:<", "RCPT TO:<", "@",
		"SIZE=", "9999999999999999999999", "\377", "BDAT 18446744073709551615\r\n",
		"ORCPT=", "LAST", "x" };
	uint64_t seed = 7;

	for (unsigned round = 0; round < 3000; round++) {
		struct edge edge;
		size_t n_parts = random_below(&seed, 60);

		edge_init(&edge, &edge_settings, (enum edge_order)random_below(&seed, EDGE_ORDERS),
		    2 + random_below(&seed, 10));
		for (size_t i = 0; i < n_parts; i++) {
			const char *part = parts[random_below(&seed, LENGTH(parts))];

			edge_feed(&edge, part, strlen(part));
			if (random_below(&seed, 50) == 0) {
				edge_feed(&edge, "\0", 1);
			}
		}
		edge_settle(&edge);
		assert_true(check_replies(edge.output.p, edge.output.n) > 0);
		edge_deinit(&edge);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_conversations),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
