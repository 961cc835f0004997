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
#include <string.h>

#include "protocol/lmtp_private.h"

enum {
	/* A client that sends without reading gets no further than this. */
	OUTPUT_MAX = 32768,
	/* Bytes of one over-long line that are skipped before the session is given up. */
	SKIP_MAX = 1 << 20,
};

void lmtp_put_reply(struct lmtp *lmtp, enum reply reply, const char *address, const char *word)
{
	char *out = output_reserve(&lmtp->output, REPLY_LINE_MAX);

	if (out != NULL) {
		lmtp->output.n += reply_format(out, reply, address, word);
	}
}

void lmtp_close_with(struct lmtp *lmtp, enum reply reply)
{
	lmtp_put_reply(lmtp, reply, NULL, lmtp->settings->hostname);
	lmtp->phase = LMTP_PHASE_CLOSED;
}

/* Answers a command that is no RCPT. */
void lmtp_answer(struct lmtp *lmtp, enum reply reply)
{
	lmtp_put_reply(lmtp, reply, NULL, NULL);
	if (!reply_is_permanent(reply)) {
		lmtp->n_errors = 0;
	} else if (++lmtp->n_errors >= LMTP_ERROR_MAX) {
		lmtp_close_with(lmtp, REPLY_TOO_MANY_ERRORS);
	}
}

void lmtp_init(struct lmtp *lmtp, const struct lmtp_settings *settings, const char *id)
{
	*lmtp = (struct lmtp){ .settings = settings, .id = id };
	STAILQ_INIT(&lmtp->attempts);
	STAILQ_INIT(&lmtp->refused);
	line_init(&lmtp->line, LINE_CRLF, LMTP_LINE_MAX);
	envelope_init(&lmtp->envelope);
	lmtp_put_reply(lmtp, REPLY_GREETING, NULL, settings->hostname);
}

void lmtp_deinit(struct lmtp *lmtp)
{
	envelope_deinit(&lmtp->envelope);
	recipients_free(&lmtp->attempts);
	recipients_free(&lmtp->refused);
	recipient_free(lmtp->told);
	line_done(&lmtp->line);
	output_deinit(&lmtp->output);
	*lmtp = (struct lmtp){ .phase = LMTP_PHASE_CLOSED };
}

/* What is left of the input. */
struct input {
	const char *p;
	size_t n;
};

static void skip(struct input *input, size_t n)
{
	input->p += n;
	input->n -= n;
}

static bool is_clean(const char *text, size_t n)
{
	return memchr(text, '\r', n) == NULL && memchr(text, '\n', n) == NULL &&
	       memchr(text, '\0', n) == NULL;
}

/* Deals with a line that has come whole; outcome is of line_take(). */
static void on_line(
    struct lmtp *lmtp, int outcome, const char *text, size_t n, struct lmtp_step *step)
{
	bool is_command = outcome == LINE_WHOLE && is_clean(text, n);

	lmtp_on_command(lmtp, is_command ? text : NULL, n, step);
}

/* Takes one command off the input, or what there is of it. A command that must wait is not taken,
 * except for the parts of it that came before. */
static void feed_command(struct lmtp *lmtp, struct input *input, struct lmtp_step *step)
{
	const char *text;
	size_t n_before = lmtp->line.n, n_text, taken;
	int outcome;

	if (lmtp->output.n - lmtp->output.n_sent > OUTPUT_MAX) {
		step->want = LMTP_FLUSH;
		return;
	}
	outcome = line_take(&lmtp->line, input->p, input->n, &taken, &text, &n_text);
	if (outcome < 0) {
		lmtp->is_out_of_memory = true;
	} else if (n_before + taken > SKIP_MAX && lmtp->n_attempts == 0) {
		lmtp_close_with(lmtp, REPLY_TOO_MANY_ERRORS);
	} else if (n_before + taken > SKIP_MAX) {
		step->want = LMTP_WAIT; /* their replies come first */
	} else if (outcome != LINE_MORE) {
		on_line(lmtp, outcome, text, n_text, step);
	} else {
		step->want = LMTP_INPUT;
	}
	if (outcome == LINE_MORE) {
		skip(input, taken);
	} else if (step->want == LMTP_WAIT) {
		line_hold(&lmtp->line);
	} else {
		skip(input, taken);
		line_done(&lmtp->line);
	}
}

/* The message has its replies. */
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
		lmtp_put_reply(lmtp, REPLY_TOO_BIG, recipient->text, NULL);
	}
	STAILQ_CONCAT(&lmtp->refused, &lmtp->envelope.recipients);
	lmtp->phase = LMTP_PHASE_TOO_BIG;
}

/* Its last byte was decoded, or that of its chunk. */
static void end_body(struct lmtp *lmtp, struct lmtp_step *step)
{
	if (lmtp->is_chunked && !lmtp->is_last_chunk) {
		lmtp_put_reply(lmtp, REPLY_CHUNK_OK, NULL, NULL);
		lmtp->phase = LMTP_PHASE_COMMAND;
		step->want = step->n_body > 0 ? LMTP_BODY : LMTP_NOTHING;
	} else if (lmtp->is_too_big) {
		refuse_too_big(lmtp);
	} else {
		lmtp->phase = LMTP_PHASE_DELIVERING;
		step->want = LMTP_DELIVER;
	}
}

/* Takes body off the input. */
static void feed_body(
    struct lmtp *lmtp, struct input *input, char *body, size_t body_cap, struct lmtp_step *step)
{
	uint64_t limit = lmtp->settings->message_size_limit;
	size_t n = lmtp->is_chunked && input->n > lmtp->n_chunk ? (size_t)lmtp->n_chunk : input->n;
	size_t n_body, taken = body_decode(&lmtp->body, input->p, n, body, body_cap, &n_body);
	bool is_over;

	skip(input, taken);
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
	if (is_over) {
		end_body(lmtp, step);
	} else if (n_body == 0) {
		step->want = LMTP_INPUT;
	} else {
		step->want = step->n_body > 0 ? LMTP_BODY : LMTP_NOTHING;
	}
}

static void feed_discard(struct lmtp *lmtp, struct input *input, struct lmtp_step *step)
{
	size_t n = input->n > lmtp->n_chunk ? (size_t)lmtp->n_chunk : input->n;

	skip(input, n);
	lmtp->n_chunk -= n;
	if (lmtp->n_chunk > 0) {
		step->want = LMTP_INPUT;
		return;
	}
	lmtp->phase = LMTP_PHASE_COMMAND;
	lmtp_answer(lmtp, REPLY_BAD_SEQUENCE);
}

/* Hands out the next recipient that was refused; false if there is none. */
static bool tell_refused(struct lmtp *lmtp, struct lmtp_step *step)
{
	recipient_free(lmtp->told);
	lmtp->told = STAILQ_FIRST(&lmtp->refused);
	if (lmtp->told == NULL) {
		return false;
	}
	STAILQ_REMOVE_HEAD(&lmtp->refused, next);
	*step = (struct lmtp_step){ .want = LMTP_REFUSED, .recipient = lmtp->told };
	return true;
}

static void feed_phase(
    struct lmtp *lmtp, struct input *input, char *body, size_t body_cap, struct lmtp_step *step)
{
	switch (lmtp->phase) {
	case LMTP_PHASE_COMMAND:
		feed_command(lmtp, input, step);
		break;
	case LMTP_PHASE_BODY:
		feed_body(lmtp, input, body, body_cap, step);
		break;
	case LMTP_PHASE_DISCARD:
		feed_discard(lmtp, input, step);
		break;
	case LMTP_PHASE_DELIVERING:
		step->want = LMTP_WAIT;
		break;
	case LMTP_PHASE_TOO_BIG: /* the edge has heard of all of them */
		end_message(lmtp);
		step->want = LMTP_ABANDON;
		break;
	case LMTP_PHASE_CLOSED:
		step->want = LMTP_CLOSE;
		break;
	}
}

size_t lmtp_feed(struct lmtp *lmtp, const char *in, size_t n, char *body, size_t body_cap,
    struct lmtp_step *step_r)
{
	struct input input = { in, n };

	*step_r = (struct lmtp_step){ .want = LMTP_NOTHING };
	/* Each turn takes a command or a chunk, or ends in a wish. */
	while (step_r->want == LMTP_NOTHING && !tell_refused(lmtp, step_r)) {
		feed_phase(lmtp, &input, body, body_cap, step_r);
		if (lmtp->is_out_of_memory || lmtp->output.is_out_of_memory) {
			lmtp->phase = LMTP_PHASE_CLOSED;
			step_r->want = LMTP_CLOSE;
		}
	}
	return n - input.n;
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
		lmtp_put_reply(lmtp, recipient->reply, recipient->text,
		    recipient->reply == REPLY_SAVED ? lmtp->envelope.id : NULL);
	}
	end_message(lmtp);
}

void lmtp_renew(struct lmtp *lmtp, const struct lmtp_settings *settings)
{
	assert(!lmtp_is_in_transaction(lmtp));
	lmtp->settings = settings;
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
	return output_unsent(&lmtp->output, n_r);
}

void lmtp_sent(struct lmtp *lmtp, size_t n)
{
	output_sent(&lmtp->output, n);
}

bool lmtp_has_begun(const struct lmtp *lmtp)
{
	return lmtp->envelope.client != NULL;
}

bool lmtp_is_in_body(const struct lmtp *lmtp)
{
	return lmtp->phase == LMTP_PHASE_DELIVERING || lmtp->has_begun;
}

bool lmtp_is_in_transaction(const struct lmtp *lmtp)
{
	return lmtp->envelope.sender != NULL || lmtp->phase != LMTP_PHASE_COMMAND;
}
