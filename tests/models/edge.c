/* SPDX-License-Identifier: MIT
 * The edge of the tests: does what session.c does, without sockets and threads. */
#include "tests/models/edge.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	OUTPUT_BOUND = 65536, /* besides the replies of one transaction's recipients */
};

void (*edge_enter)(void);
void (*edge_leave)(void);

const struct lmtp_settings edge_settings = {
	.hostname = "mx.example.com",
	.recipient_delimiter = "+",
	.message_size_limit = 0,
	.recipient_limit = 1000,
};

void buffer_put(struct buffer *buffer, const void *bytes, size_t n)
{
	if (buffer->n + n + 1 > buffer->cap) {
		buffer->cap = 2 * (buffer->n + n + 1);
		buffer->p = realloc(buffer->p, buffer->cap);
		assert_non_null(buffer->p);
	}
	if (n > 0) {
		memcpy(buffer->p + buffer->n, bytes, n);
	}
	buffer->n += n;
	buffer->p[buffer->n] = '\0';
}

void buffer_free(struct buffer *buffer)
{
	free(buffer->p);
	*buffer = (struct buffer){ .p = NULL };
}

static void enter(void)
{
	if (edge_enter != NULL) {
		edge_enter();
	}
}

static void leave(void)
{
	if (edge_leave != NULL) {
		edge_leave();
	}
}

static void note(struct edge *edge, const char *what, const char *of)
{
	buffer_put(&edge->events, what, strlen(what));
	buffer_put(&edge->events, of, strlen(of));
	buffer_put(&edge->events, "\n", 1);
}

struct outcome {
	const char *name;
	enum reply reply;
};

static enum reply find_outcome(
    const struct outcome *outcomes, size_t n, const char *text, enum reply otherwise)
{
	for (size_t i = 0; i < n; i++) {
		if (strncmp(text, outcomes[i].name, strlen(outcomes[i].name)) == 0) {
			return outcomes[i].reply;
		}
	}
	return otherwise;
}

enum reply edge_rcpt_reply(const char *text)
{
	static const struct outcome outcomes[] = {
		{ "unknown", REPLY_NO_MAILBOX },
		{ "foreign", REPLY_NO_DOMAIN },
		{ "down", REPLY_NO_DATABASE },
		{ "loop", REPLY_ALIAS_LOOP },
		{ "away", REPLY_ALIAS_ELSEWHERE },
		{ "memory", REPLY_NO_MEMORY },
	};

	return find_outcome(outcomes, LENGTH(outcomes), text, REPLY_RECIPIENT_OK);
}

enum reply edge_data_reply(const char *text)
{
	static const struct outcome outcomes[] = {
		{ "full", REPLY_DISK_FULL },
		{ "broken", REPLY_NOT_WRITTEN },
		{ "forgotten", REPLY_RECIPIENT_OK },
		{ "rejected", REPLY_REJECTED },
	};

	return find_outcome(outcomes, LENGTH(outcomes), text, REPLY_SAVED);
}

static void on_refused(struct edge *edge, const struct recipient *recipient)
{
	char what[40];

	assert_int_not_equal(recipient->reply, REPLY_NONE);
	snprintf(what, sizeof(what), "refused %d ", reply_code(recipient->reply));
	note(edge, what, recipient->text);
}

void edge_init(
    struct edge *edge, const struct lmtp_settings *settings, enum edge_order order, size_t body_cap)
{
	*edge = (struct edge){
		.settings = *settings,
		.order = order,
		.body_cap = body_cap,
		.room = malloc(body_cap),
		.seed = body_cap,
	};
	assert_non_null(edge->room);
	enter();
	lmtp_init(&edge->lmtp, &edge->settings, "S1");
	leave();
}

static void take_output(struct edge *edge)
{
	size_t n;
	const char *output = output_unsent(&edge->lmtp.output, &n);

	if (n > 0) {
		buffer_put(&edge->output, output, n);
		output_sent(&edge->lmtp.output, n);
	}
}

static void look_up(struct edge *edge, struct recipient *recipient)
{
	/* That the machine frees it is for the leak sanitizer to see. */
	recipient->resolution.mailboxes = calloc(1, sizeof(struct mailbox));
	recipient->resolution.n_mailboxes = 1;
	enter();
	lmtp_recipient_done(&edge->lmtp, recipient, edge_rcpt_reply(recipient->text));
	leave();
}

static void look_up_pending(struct edge *edge, size_t i)
{
	struct recipient *recipient = edge->pending[i];

	memmove(edge->pending + i, edge->pending + i + 1,
	    (--edge->n_pending - i) * sizeof(struct recipient *));
	look_up(edge, recipient);
}

static void on_recipient(struct edge *edge, struct recipient *recipient)
{
	assert_int_equal(recipient->reply, REPLY_NONE);
	if (edge->order == EDGE_AT_ONCE) {
		look_up(edge, recipient);
		return;
	}
	assert_true(edge->n_pending < LMTP_LOOKUP_MAX);
	edge->pending[edge->n_pending++] = recipient;
	while (edge->order == EDGE_SHUFFLED && edge->n_pending > 0 &&
	       random_below(&edge->seed, 3) == 0) {
		look_up_pending(edge, random_below(&edge->seed, edge->n_pending));
	}
}

static size_t count_unsent(const struct edge *edge)
{
	size_t n;
	const char *output = output_unsent(&edge->lmtp.output, &n);
	size_t n_replies = 0;

	for (size_t at = 0, n_reply; at < n; at += n_reply) {
		n_reply = next_reply(output + at, n - at);
		n_replies++;
	}
	return n_replies;
}

/* As many replies come as there are recipients, no matter what. */
static void deliver(struct edge *edge)
{
	struct recipient *recipient;
	size_t n_before = count_unsent(edge), n_recipients = 0, n_after;

	STAILQ_FOREACH (recipient, &edge->lmtp.envelope.recipients, next) {
		recipient->reply = edge_data_reply(recipient->text);
		if (recipient->reply == REPLY_REJECTED) {
			recipient->said = strdup(EDGE_SAID);
		}
		note(edge, "deliver ", recipient->text);
		n_recipients++;
	}
	note(edge, "body ", shown(edge->body.p, edge->body.n));
	buffer_put(&edge->stored, &edge->body.n, sizeof(edge->body.n));
	buffer_put(&edge->stored, edge->body.p, edge->body.n);
	edge->body.n = 0;
	edge->has_begun = edge->is_delivering = false;
	enter();
	lmtp_delivered(&edge->lmtp);
	leave();
	n_after = count_unsent(edge) - (edge->lmtp.phase == LMTP_PHASE_CLOSED); /* the last word */
	if (!edge->lmtp.output.is_out_of_memory) {
		assert_int_equal(n_after - n_before, n_recipients);
	}
}

/* One step; false when the machine wants input, an outcome or nothing any more. */
static bool on_step(struct edge *edge, const struct lmtp_step *step)
{
	if (step->n_body > 0 && step->want != LMTP_CLOSE) {
		assert_true(edge->has_begun);
		assert_true(step->want == LMTP_BODY || step->want == LMTP_DELIVER);
		buffer_put(&edge->body, edge->room, step->n_body);
	}
	switch (step->want) {
	case LMTP_NOTHING:
		fail_msg("the machine keeps that for itself");
		return false;
	case LMTP_INPUT:
		assert_int_equal(edge->input.n, 0);
		return false;
	case LMTP_WAIT:
		assert_true(edge->n_pending > 0 || edge->lmtp.phase == LMTP_PHASE_DELIVERING);
		return false;
	case LMTP_CLOSE:
		edge->is_closed = true;
		return false;
	case LMTP_FLUSH:
		take_output(edge);
		break;
	case LMTP_REFUSED:
		on_refused(edge, step->recipient);
		break;
	case LMTP_RECIPIENT:
		on_recipient(edge, step->recipient);
		break;
	case LMTP_BEGIN:
		assert_false(edge->has_begun);
		assert_int_equal(edge->n_pending, 0);
		edge->has_begun = true;
		note(edge, "begin", edge->lmtp.envelope.is_utf8 ? " utf8" : "");
		break;
	case LMTP_BODY:
		break;
	case LMTP_DELIVER:
		assert_true(edge->has_begun && edge->lmtp.is_in_body);
		edge->is_delivering = true;
		if (!edge->delivers_late) {
			deliver(edge);
		}
		break;
	case LMTP_ABANDON:
		assert_true(edge->has_begun);
		edge->has_begun = false;
		edge->body.n = 0;
		note(edge, "abandon", "");
		break;
	}
	return true;
}

/* What a client can make the machine hold that does not read its replies. */
static void check_memory(struct edge *edge)
{
	size_t n;

	output_unsent(&edge->lmtp.output, &n);
	assert_true(n <= OUTPUT_BOUND +
			     (edge->settings.recipient_limit + LMTP_LOOKUP_MAX) * REPLY_LINE_MAX);
	assert_true(edge->lmtp.n_attempts <= LMTP_LOOKUP_MAX);
	assert_true(edge->lmtp.envelope.n_recipients <= edge->settings.recipient_limit);
}

static void run(struct edge *edge)
{
	struct lmtp_step step;
	size_t taken;
	unsigned n_still = 0;
	bool goes_on = true;

	while (goes_on && !edge->is_closed) {
		const char *input = edge->input.n > 0 ? edge->input.p : "";

		enter();
		taken =
		    lmtp_feed(&edge->lmtp, input, edge->input.n, edge->room, edge->body_cap, &step);
		leave();
		assert_true(taken <= edge->input.n && step.n_body <= edge->body_cap);
		edge->input.n -= taken;
		if (edge->input.n > 0) {
			memmove(edge->input.p, edge->input.p + taken, edge->input.n);
		}
		n_still = taken > 0 || step.want != LMTP_BODY ? 0 : n_still + 1;
		assert_true(n_still < 4); /* a machine that does not get on */
		goes_on = on_step(edge, &step);
		check_memory(edge);
		if (!edge->reads_late || edge->is_closed) {
			take_output(edge);
		}
	}
}

void edge_feed(struct edge *edge, const char *in, size_t n)
{
	if (edge->is_closed) {
		return;
	}
	buffer_put(&edge->input, in, n);
	run(edge);
}

void edge_settle(struct edge *edge)
{
	while (edge->n_pending > 0 || edge->is_delivering) {
		if (edge->is_delivering) {
			deliver(edge);
		} else {
			look_up_pending(edge, edge->n_pending - 1);
		}
		if (edge->n_pending == 0 || random_below(&edge->seed, 2) == 0) {
			run(edge);
		}
	}
	take_output(edge);
}

void edge_shut_down(struct edge *edge)
{
	enter();
	edge->lmtp.is_shutting_down = true;
	leave();
	run(edge);
}

void edge_time_out(struct edge *edge)
{
	enter();
	lmtp_time_out(&edge->lmtp);
	leave();
	run(edge);
}

void edge_deinit(struct edge *edge)
{
	lmtp_deinit(&edge->lmtp);
	free(edge->room);
	buffer_free(&edge->input);
	buffer_free(&edge->output);
	buffer_free(&edge->body);
	buffer_free(&edge->stored);
	buffer_free(&edge->events);
}

static bool is_code(const char *line, size_t n)
{
	return n >= 4 && line[0] >= '2' && line[0] <= '5' && isdigit((unsigned char)line[1]) &&
	       isdigit((unsigned char)line[2]) && (line[3] == ' ' || line[3] == '-');
}

/* RFC 2034 4: neither the greeting nor the replies of LHLO nor 3yz carry one. */
static bool has_enhanced(const char *line, size_t n)
{
	size_t n_code = n > 4 ? enhanced_code_length(line + 4, line[0]) : 0;

	return n_code > 0 && line[4 + n_code] == ' ';
}

static void check_line(const char *line, size_t n, bool is_first)
{
	bool is_plain = is_first || line[0] == '3' || strncmp(line + 3, "-", 1) == 0 ||
			strncmp(line, "250 SIZE ", 9) == 0;

	if (n + 2 > 512 || !is_code(line, n) || (!is_plain && !has_enhanced(line, n))) {
		fail_msg("not a reply: %s", shown(line, n));
	}
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f) {
			fail_msg("a control byte in a reply: %s", shown(line, n));
		}
	}
}

size_t check_replies(const char *output, size_t n)
{
	size_t n_replies = 0;

	for (size_t at = 0; at < n;) {
		const char *end = memmem(output + at, n - at, "\r\n", 2);

		if (end == NULL) {
			fail_msg("a reply without its end: %s", shown(output + at, n - at));
			return 0;
		}
		check_line(output + at, (size_t)(end - output) - at, at == 0);
		n_replies += output[at + 3] == ' ';
		at = (size_t)(end - output) + 2;
	}
	return n_replies;
}

size_t next_reply(const char *output, size_t n)
{
	size_t at = 0;
	bool is_last = n == 0;

	while (!is_last) {
		const char *end = memmem(output + at, n - at, "\r\n", 2);

		assert_non_null(end);
		is_last = output[at + 3] == ' ';
		at = (size_t)(end - output) + 2;
	}
	return at;
}
