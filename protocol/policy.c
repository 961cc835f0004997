/* SPDX-License-Identifier: MIT
 * The policy machine. One request at a time: while its recipient is looked up no more input is taken, so
 * answers leave in order. Pure; owned by one connection, on the loop's thread. */
#include "protocol/policy.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum {
	OUTPUT_MAX = 32768,
};

void policy_init(struct policy *policy, const struct lmtp_settings *settings)
{
	*policy = (struct policy){ .settings = settings, .line.max = POLICY_LINE_MAX };
}

static void forget_request(struct policy *policy)
{
	recipient_free(policy->request.recipient);
	policy->request = (struct policy_request){ .recipient = NULL };
	policy->is_answered = false;
}

void policy_deinit(struct policy *policy)
{
	forget_request(policy);
	line_done(&policy->line);
	free(policy->output.bytes);
	*policy = (struct policy){ .closed = "" };
}

/* An action is a reply that Postfix is to give, access(5). */
static void put_action(struct policy *policy, enum reply reply)
{
	static const char start[] = "action=", dunno[] = "DUNNO\r\n";
	struct output *output = &policy->output;
	char *out = output_reserve(output, sizeof(start) + REPLY_LINE_MAX);
	size_t n = strlen(start);

	policy->is_answered = true;
	policy->n_answered++;
	if (out == NULL) {
		return;
	}
	memcpy(out, start, n);
	if (reply == REPLY_NONE) {
		memcpy(out + n, dunno, strlen(dunno));
		n += strlen(dunno);
	} else {
		n += reply_format(out + n, reply, policy->request.recipient->text, NULL);
	}
	memcpy(out + n - 2, "\n\n", 2); /* where the CRLF was */
	output->n += n;
}

/* A mailbox that is full has room again one day: whoever is told so before Postfix has taken the message
 * should try again. Whatever keeps lmtpd from knowing, and unknown users, are not for it to tell here:
 * Postfix has its own maps. */
static enum reply find_action(const struct policy *policy, enum reply reply)
{
	switch (reply) {
	case REPLY_FULL:
	case REPLY_FULL_NOW:
		return REPLY_FULL_NOW;
	case REPLY_DISABLED:
		return policy->settings->soft_bounce ? reply_soften(reply) : reply;
	case REPLY_DISABLED_NOW:
		return reply;
	default:
		return REPLY_NONE;
	}
}

enum reply policy_done(struct policy *policy, enum reply reply)
{
	enum reply action = find_action(policy, reply);

	assert(policy->is_out);
	policy->is_out = false;
	put_action(policy, action);
	return action;
}

/* Postfix has taken off the quoting of the wire, so it is read as an address of a row is. One without a
 * domain gets it later: nobody knows yet who that is. */
static bool read_recipient(const struct policy *policy, struct recipient *recipient)
{
	struct address base;

	if (address_from_text(&recipient->address, recipient->text, strlen(recipient->text)) !=
	    ADDRESS_OK) {
		return false;
	}
	recipient->n_detail =
	    address_split(&recipient->address, policy->settings->recipient_delimiter, &base).n;
	return true;
}

static enum policy_want on_request(struct policy *policy)
{
	const struct policy_request *request = &policy->request;

	if (request->is_of_smtpd && request->is_rcpt && !request->is_odd &&
	    request->recipient != NULL && read_recipient(policy, request->recipient)) {
		policy->is_out = true;
		return POLICY_LOOK_UP;
	}
	put_action(policy, REPLY_NONE);
	return POLICY_NOTHING;
}

static void set_recipient(struct policy *policy, struct span value)
{
	recipient_free(policy->request.recipient);
	policy->request.recipient = recipient_new(value.p, value.n);
	if (policy->request.recipient == NULL) {
		policy->output.is_out_of_memory = true;
	}
}

static void on_attribute(struct policy *policy, const char *line, size_t n)
{
	struct policy_request *request = &policy->request;
	const char *equals = memchr(line, '=', n);
	size_t n_name = equals == NULL ? 0 : (size_t)(equals - line);
	struct span value;

	if (n_name == 0 || memchr(line, '\0', n) != NULL) {
		request->is_odd = true;
		return;
	}
	value = (struct span){ equals + 1, n - n_name - 1 };
	if (text_is(line, n_name, "request")) {
		request->is_of_smtpd = text_is(value.p, value.n, "smtpd_access_policy");
	} else if (text_is(line, n_name, "protocol_state")) {
		request->is_rcpt = text_is(value.p, value.n, "RCPT");
	} else if (text_is(line, n_name, "recipient")) {
		set_recipient(policy, value);
	} else if (text_is(line, n_name, "size")) {
		if (!text_number(value.p, value.n, &request->size)) {
			request->size = 0;
		}
	} else if (text_is(line, n_name, "client_address")) {
		snprintf(request->client, sizeof(request->client), "%.*s", (int)value.n, value.p);
	}
}

static enum policy_want on_line(struct policy *policy, const char *line, size_t n)
{
	if (n == 0) {
		return on_request(policy);
	}
	if (++policy->request.n_lines > POLICY_LINES_MAX) {
		policy->closed = "a request has too many lines";
	} else {
		on_attribute(policy, line, n);
	}
	return POLICY_NOTHING;
}

/* Takes one line off the input, or what there is of it. */
static enum policy_want feed_line(
    struct policy *policy, const char *in, size_t n, size_t *n_taken_r)
{
	enum policy_want want = POLICY_NOTHING;
	const char *text;
	size_t n_text;
	int outcome;

	if (policy->is_answered) {
		forget_request(policy);
	}
	if (n == 0) {
		return POLICY_INPUT;
	}
	if (policy->output.n - policy->output.n_sent > OUTPUT_MAX) {
		return POLICY_FLUSH;
	}
	outcome = line_take(&policy->line, in, n, n_taken_r, &text, &n_text);
	if (outcome < 0) {
		policy->output.is_out_of_memory = true;
	} else if (policy->line.n_before + *n_taken_r > POLICY_LINE_MAX) {
		policy->closed = "a line is too long"; /* whether its end has come or not */
	} else if (outcome == LINE_WHOLE) {
		want = on_line(policy, text, n_text);
		line_done(&policy->line);
	}
	return want;
}

static bool is_closed(struct policy *policy)
{
	if (policy->output.is_out_of_memory) {
		policy->closed = "out of memory";
	}
	return policy->closed != NULL;
}

enum policy_want policy_feed(struct policy *policy, const char *in, size_t n, size_t *n_taken_r)
{
	enum policy_want want = policy->is_out ? POLICY_WAIT : POLICY_NOTHING;
	size_t at = 0;

	/* Each turn takes a line, or ends in a wish. */
	while (want == POLICY_NOTHING && !is_closed(policy)) {
		size_t n_taken = 0;

		want = feed_line(policy, in + at, n - at, &n_taken);
		at += n_taken;
	}
	*n_taken_r = at;
	return policy->closed == NULL ? want : POLICY_CLOSE;
}
