/* SPDX-License-Identifier: MIT
 * Does what lmtpd/policy.c does, without sockets and threads. */
#include "tests/models/policy_edge.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	OUTPUT_BOUND = 65536,
};

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

enum reply policy_edge_reply(const char *address)
{
	/* A name stands before those that it begins with. */
	static const struct {
		const char *name;
		enum reply reply;
	} outcomes[] = {
		{ "fullish", REPLY_FULL_NOW },
		{ "full", REPLY_FULL },
		{ "offish", REPLY_DISABLED_NOW },
		{ "off", REPLY_DISABLED },
		{ "down", REPLY_NO_DATABASE },
		{ "nobody", REPLY_NO_MAILBOX },
	};

	for (size_t i = 0; i < LENGTH(outcomes); i++) {
		if (strncmp(address, outcomes[i].name, strlen(outcomes[i].name)) == 0) {
			return outcomes[i].reply;
		}
	}
	return REPLY_RECIPIENT_OK;
}

void policy_edge_init(struct policy_edge *edge, const struct lmtp_settings *settings)
{
	*edge = (struct policy_edge){ .settings = *settings };
	enter();
	policy_init(&edge->policy, &edge->settings);
	leave();
	buffer_put(&edge->output, "", 0);
	buffer_put(&edge->events, "", 0);
}

static void take_output(struct policy_edge *edge)
{
	size_t n;
	const char *output = output_unsent(&edge->policy.output, &n);

	assert_true(n <= OUTPUT_BOUND);
	if (n > 0) {
		buffer_put(&edge->output, output, n);
		/* In two, since a socket may take only part of it. */
		output_sent(&edge->policy.output, n / 2);
		output_sent(&edge->policy.output, n - n / 2);
	}
}

static void note_request(struct policy_edge *edge)
{
	const struct policy_request *request = &edge->policy.request;
	const struct recipient *recipient = request->recipient;
	char text[POLICY_LINE_MAX];

	assert_non_null(recipient);
	assert_true(recipient->n_detail < recipient->address.n_local);
	snprintf(text, sizeof(text), "ask %s %.*s %" PRIu64 " %s\n", recipient->address.text,
	    (int)recipient->n_detail, recipient_detail(recipient), request->size, request->client);
	buffer_put(&edge->events, text, strlen(text));
}

static void answer(struct policy_edge *edge)
{
	enum reply reply = policy_edge_reply(edge->policy.request.recipient->address.text);
	enum reply action;

	edge->is_out = false;
	enter();
	action = policy_done(&edge->policy, reply);
	leave();
	assert_true(action == REPLY_NONE || reply_code(action) >= 400);
}

/* One wish; false when the machine wants input, an outcome or nothing any more. */
static bool on_want(struct policy_edge *edge, enum policy_want want)
{
	switch (want) {
	case POLICY_NOTHING:
		fail_msg("the machine keeps that for itself");
		return false;
	case POLICY_INPUT:
		assert_int_equal(edge->input.n, 0);
		return false;
	case POLICY_WAIT:
		assert_true(edge->is_out);
		return false;
	case POLICY_FLUSH:
		take_output(edge);
		break;
	case POLICY_LOOK_UP:
		assert_false(edge->is_out);
		edge->is_out = true;
		note_request(edge);
		if (!edge->answers_late) {
			answer(edge);
		}
		break;
	case POLICY_CLOSE:
		assert_true(edge->policy.closed != NULL && edge->policy.closed[0] != '\0');
		edge->is_closed = true;
		buffer_put(&edge->events, "closed\n", 7);
		return false;
	}
	return true;
}

static void run(struct policy_edge *edge)
{
	bool goes_on = true;

	while (goes_on && !edge->is_closed) {
		const char *input = edge->input.n > 0 ? edge->input.p : "";
		enum policy_want want;
		size_t taken;

		enter();
		want = policy_feed(&edge->policy, input, edge->input.n, &taken);
		leave();
		assert_true(taken <= edge->input.n);
		edge->input.n -= taken;
		if (edge->input.n > 0) {
			memmove(edge->input.p, edge->input.p + taken, edge->input.n);
		}
		goes_on = on_want(edge, want);
		if (!edge->reads_late || edge->is_closed) {
			take_output(edge);
		}
	}
}

void policy_edge_feed(struct policy_edge *edge, const char *in, size_t n)
{
	if (!edge->is_closed) {
		buffer_put(&edge->input, in, n);
		run(edge);
	}
}

void policy_edge_settle(struct policy_edge *edge)
{
	while (edge->is_out && !edge->is_closed) {
		answer(edge);
		run(edge);
	}
	take_output(edge);
}

void policy_edge_deinit(struct policy_edge *edge)
{
	policy_deinit(&edge->policy);
	buffer_free(&edge->input);
	buffer_free(&edge->output);
	buffer_free(&edge->events);
}
