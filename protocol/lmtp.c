/* SPDX-License-Identifier: MIT
 * The session machine. One phase says what the next byte is; whether a command may come follows
 * from the transaction that stands (sender, recipients, begun body), not from more states.
 *
 * Replies leave in the order of their commands. RCPTs that follow one another are looked up side by
 * side: each waits in `attempts` until all before it are answered; every other command waits until
 * that queue is empty. Postfix takes a reply too few for a delivery and a reply too many for the
 * answer to its next message, so the replies after the data come from one walk over the very list
 * that the accepted RCPTs were put on. Pure; owned by one connection, on the loop's thread. */
#include "protocol/lmtp.h"

#include <assert.h>
#include <stdlib.h>

#include "protocol/lmtp_private.h"

enum {
	/* A client that sends without reading gets no further than this. */
	OUTPUT_MAX = 32768,
	/* Bytes of one over-long line that are skipped before the session is given up. */
	SKIP_MAX = 1 << 20,
};

void lmtp_close_with(struct lmtp *lmtp, enum reply reply)
{
	output_reply(&lmtp->output, reply, NULL, lmtp->settings->hostname);
	lmtp->phase = LMTP_PHASE_CLOSED;
}

/* Answers a command that is no RCPT. */
void lmtp_answer(struct lmtp *lmtp, enum reply reply)
{
	output_reply(&lmtp->output, reply, NULL, NULL);
	if (!reply_is_permanent(reply)) {
		lmtp->n_errors = 0;
	} else if (++lmtp->n_errors >= LMTP_ERROR_MAX) {
		lmtp_close_with(lmtp, REPLY_TOO_MANY_ERRORS);
	}
}

void lmtp_init(struct lmtp *lmtp, const struct lmtp_settings *settings,
    const struct lmtp_callbacks *callbacks, const char *id)
{
	*lmtp = (struct lmtp){ .settings = settings, .callbacks = callbacks, .id = id };
	STAILQ_INIT(&lmtp->attempts);
	envelope_init(&lmtp->envelope);
	output_reply(&lmtp->output, REPLY_GREETING, NULL, settings->hostname);
}

void lmtp_deinit(struct lmtp *lmtp)
{
	envelope_deinit(&lmtp->envelope);
	recipients_free(&lmtp->attempts);
	line_done(&lmtp->line);
	free(lmtp->output.bytes);
	*lmtp = (struct lmtp){ .phase = LMTP_PHASE_CLOSED };
}

/* Takes one command off the input, or what there is of it. Returns the bytes taken; a command that
 * must wait is not taken, except for the parts of it that came before. */
static size_t feed_command(struct lmtp *lmtp, const char *in, size_t n, struct lmtp_step *step)
{
	const char *text;
	size_t n_before = lmtp->line.n, n_text, taken;
	int outcome = line_take(&lmtp->line, in, n, &taken, &text, &n_text);

	if (outcome < 0) {
		lmtp->is_out_of_memory = true;
		return taken;
	}
	if (n_before + taken > SKIP_MAX) {
		if (lmtp->n_attempts == 0) {
			lmtp_close_with(lmtp, REPLY_TOO_MANY_ERRORS);
			return taken;
		}
		step->want = LMTP_WAIT; /* their replies come first */
		if (outcome == LINE_MORE) {
			return taken;
		}
		line_hold(&lmtp->line);
		return 0;
	}
	if (outcome == LINE_MORE) {
		return taken;
	}
	lmtp_on_command(lmtp, text, n_text, step);
	if (step->want == LMTP_WAIT) {
		line_hold(&lmtp->line);
		return 0;
	}
	line_done(&lmtp->line);
	return taken;
}

/* Its replies are put out. */
static void end_message(struct lmtp *lmtp)
{
	lmtp_end_transaction(lmtp);
	lmtp->phase = LMTP_PHASE_COMMAND;
	if (lmtp->is_shutting_down) {
		lmtp_close_with(lmtp, REPLY_SHUTTING_DOWN);
	}
}

static void refuse_too_big(struct lmtp *lmtp)
{
	struct recipient *recipient;

	STAILQ_FOREACH (recipient, &lmtp->envelope.recipients, next) {
		recipient->reply = REPLY_TOO_BIG;
		output_reply(&lmtp->output, REPLY_TOO_BIG, recipient->text, NULL);
		lmtp->callbacks->refused(lmtp->callbacks->context, recipient);
	}
	end_message(lmtp);
}

/* Takes body off the input. Sets step->want when the edge has to act. */
static size_t feed_body(struct lmtp *lmtp, const char *in, size_t n, char *body, size_t body_cap,
    struct lmtp_step *step)
{
	uint64_t limit = lmtp->settings->message_size_limit;
	size_t taken, n_body;
	bool is_over;

	n = lmtp->is_chunked && n > lmtp->n_chunk ? (size_t)lmtp->n_chunk : n;
	taken = body_decode(&lmtp->body, in, n, body, body_cap, &n_body);
	lmtp->n_chunk -= lmtp->is_chunked ? taken : 0;
	is_over = lmtp->is_chunked ? lmtp->n_chunk == 0 : lmtp->body.state == BODY_END;
	if (is_over && lmtp->is_last_chunk) {
		if (n_body == body_cap) { /* no room for a CR held back: once more */
			is_over = false;
		} else {
			n_body += body_finish(&lmtp->body, body + n_body);
		}
	}
	/* What is too big is taken to its end and dropped: replying earlier would put the client's
	 * next commands and our replies out of step. */
	lmtp->is_too_big = lmtp->is_too_big || (limit > 0 && lmtp->body.n_wire > limit);
	step->n_body = lmtp->is_too_big ? 0 : n_body;
	if (!is_over) {
		step->want = step->n_body > 0 ? LMTP_BODY : LMTP_INPUT;
	} else if (lmtp->is_chunked && !lmtp->is_last_chunk) {
		output_reply(&lmtp->output, REPLY_CHUNK_OK, NULL, NULL);
		lmtp->phase = LMTP_PHASE_COMMAND;
		step->want = step->n_body > 0 ? LMTP_BODY : LMTP_INPUT;
	} else if (lmtp->is_too_big) {
		refuse_too_big(lmtp);
		step->want = LMTP_ABANDON;
	} else {
		lmtp->phase = LMTP_PHASE_DELIVERING;
		step->want = LMTP_DELIVER;
	}
	return taken;
}

static size_t feed_discard(struct lmtp *lmtp, size_t n)
{
	n = n > lmtp->n_chunk ? (size_t)lmtp->n_chunk : n;
	lmtp->n_chunk -= n;
	if (lmtp->n_chunk == 0) {
		lmtp->phase = LMTP_PHASE_COMMAND;
		lmtp_answer(lmtp, REPLY_BAD_SEQUENCE);
	}
	return n;
}

size_t lmtp_feed(struct lmtp *lmtp, const char *in, size_t n, char *body, size_t body_cap,
    struct lmtp_step *step_r)
{
	size_t taken = 0;

	*step_r = (struct lmtp_step){ .want = LMTP_INPUT };
	while (step_r->want == LMTP_INPUT) {
		size_t before = taken;
		uint64_t n_wire = lmtp->body.n_wire;
		enum lmtp_phase phase = lmtp->phase;

		switch (phase) {
		case LMTP_PHASE_COMMAND:
			if (lmtp->output.n - lmtp->output.n_sent > OUTPUT_MAX) {
				step_r->want = LMTP_FLUSH;
				break;
			}
			taken += feed_command(lmtp, in + taken, n - taken, step_r);
			break;
		case LMTP_PHASE_BODY:
			taken += feed_body(lmtp, in + taken, n - taken, body, body_cap, step_r);
			break;
		case LMTP_PHASE_DISCARD:
			taken += feed_discard(lmtp, n - taken);
			break;
		case LMTP_PHASE_DELIVERING:
			step_r->want = LMTP_WAIT;
			break;
		case LMTP_PHASE_CLOSED:
			step_r->want = LMTP_CLOSE;
			break;
		}
		if (lmtp->is_out_of_memory || lmtp->output.is_out_of_memory) {
			lmtp->phase = LMTP_PHASE_CLOSED;
			step_r->want = LMTP_CLOSE;
		}
		if (taken == before && lmtp->phase == phase && lmtp->body.n_wire == n_wire) {
			break;
		}
	}
	return taken;
}

struct envelope *lmtp_envelope(struct lmtp *lmtp)
{
	return &lmtp->envelope;
}

void lmtp_delivered(struct lmtp *lmtp)
{
	struct recipient *recipient;

	assert(lmtp->phase == LMTP_PHASE_DELIVERING);
	STAILQ_FOREACH (recipient, &lmtp->envelope.recipients, next) {
		/* Still the reply of RCPT: nobody has said that it was saved. */
		if (recipient->reply == REPLY_RECIPIENT_OK) {
			recipient->reply = REPLY_NOT_WRITTEN;
		}
		output_reply(&lmtp->output, recipient->reply, recipient->text,
		    recipient->reply == REPLY_SAVED ? lmtp->envelope.id : NULL);
	}
	end_message(lmtp);
}

void lmtp_shut_down(struct lmtp *lmtp)
{
	lmtp->is_shutting_down = true;
}

void lmtp_time_out(struct lmtp *lmtp)
{
	if (lmtp->phase != LMTP_PHASE_CLOSED) {
		lmtp_close_with(lmtp, lmtp->is_shutting_down ? REPLY_SHUTTING_DOWN : REPLY_IDLE);
	}
}

const char *lmtp_output(const struct lmtp *lmtp, size_t *n_r)
{
	*n_r = lmtp->output.n - lmtp->output.n_sent;
	return *n_r == 0 ? "" : lmtp->output.bytes + lmtp->output.n_sent;
}

void lmtp_sent(struct lmtp *lmtp, size_t n)
{
	output_sent(&lmtp->output, n);
}

bool lmtp_is_in_body(const struct lmtp *lmtp)
{
	return lmtp->phase == LMTP_PHASE_DELIVERING || lmtp->has_begun;
}

bool lmtp_is_in_transaction(const struct lmtp *lmtp)
{
	return lmtp->envelope.sender != NULL || lmtp->phase != LMTP_PHASE_COMMAND;
}
