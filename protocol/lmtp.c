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
#include <string.h>

#include "base/text.h"
#include "protocol/lmtp_private.h"

enum {
	/* A client that sends without reading gets no further than this. */
	OUTPUT_MAX = 32768,
	/* Bytes of one over-long line that are skipped before the session is given up. */
	SKIP_MAX = 1 << 20,
};

enum reply lmtp_soften(const struct lmtp *lmtp, enum reply reply)
{
	return lmtp->settings->soft_bounce ? reply_soften(reply) : reply;
}

void lmtp_put_reply(struct lmtp *lmtp, enum reply reply, const char *address, const char *word)
{
	char *out = output_reserve(&lmtp->output, REPLY_LINE_MAX);

	if (out != NULL) {
		lmtp->output.n += reply_format(out, lmtp_soften(lmtp, reply), address, word);
	}
}

enum lmtp_want lmtp_close_with(struct lmtp *lmtp, enum reply reply)
{
	lmtp_put_reply(lmtp, reply, NULL, lmtp->settings->hostname);
	lmtp->phase = LMTP_PHASE_CLOSED;
	return LMTP_NOTHING;
}

enum lmtp_want lmtp_answer(struct lmtp *lmtp, enum reply reply)
{
	lmtp_put_reply(lmtp, reply, NULL, NULL);
	if (!reply_is_permanent(reply)) {
		lmtp->n_errors = 0;
	} else if (++lmtp->n_errors >= LMTP_ERROR_MAX) {
		lmtp_close_with(lmtp, REPLY_TOO_MANY_ERRORS);
	}
	return LMTP_NOTHING;
}

enum lmtp_want lmtp_end_transaction(struct lmtp *lmtp)
{
	enum lmtp_want want = lmtp->is_in_body ? LMTP_ABANDON : LMTP_NOTHING;

	envelope_clear(&lmtp->envelope);
	lmtp->is_in_body = lmtp->is_chunked = lmtp->is_last_chunk = lmtp->is_too_big = false;
	return want;
}

void lmtp_init(struct lmtp *lmtp, const struct lmtp_settings *settings, const char *id)
{
	*lmtp = (struct lmtp){
		.settings = settings,
		.id = id,
		.line = { .end = LINE_CRLF, .max = LMTP_LINE_MAX },
	};
	STAILQ_INIT(&lmtp->attempts);
	STAILQ_INIT(&lmtp->refused);
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
	free(lmtp->output.bytes);
	*lmtp = (struct lmtp){ .phase = LMTP_PHASE_CLOSED };
}

/* Takes n bytes off what is left of the input. */
static void skip(struct span *input, size_t n)
{
	input->p += n;
	input->n -= n;
}

static bool is_clean(const char *text, size_t n)
{
	return memchr(text, '\r', n) == NULL && memchr(text, '\n', n) == NULL &&
	       memchr(text, '\0', n) == NULL;
}

/* Takes one command off the input, or what there is of it. A command that must wait is not taken,
 * except for the parts of it that came before. */
static enum lmtp_want feed_command(struct lmtp *lmtp, struct span *input, struct lmtp_step *step)
{
	const char *text;
	size_t n_text, taken;
	enum lmtp_want want = LMTP_INPUT;
	int outcome;

	if (lmtp->output.n - lmtp->output.n_sent > OUTPUT_MAX) {
		return LMTP_FLUSH;
	}
	outcome = line_take(&lmtp->line, input->p, input->n, &taken, &text, &n_text);
	if (outcome < 0) {
		lmtp->output.is_out_of_memory = true;
		return LMTP_NOTHING;
	}
	if (lmtp->line.n_before + taken > SKIP_MAX) {
		/* The replies to RCPTs that are looked up come first. */
		want =
		    lmtp->n_attempts > 0 ? LMTP_WAIT : lmtp_close_with(lmtp, REPLY_TOO_MANY_ERRORS);
	} else if (outcome != LINE_MORE) {
		bool is_command = outcome == LINE_WHOLE && is_clean(text, n_text);

		want = lmtp_on_command(lmtp, is_command ? text : NULL, n_text, step);
	}
	if (outcome != LINE_MORE && want == LMTP_WAIT) {
		line_hold(&lmtp->line);
		return want;
	}
	skip(input, taken);
	if (outcome != LINE_MORE) {
		line_done(&lmtp->line);
	}
	return want;
}

/* One reply, in the words of the recipient's user. */
static void put_said(struct lmtp *lmtp, const struct recipient *recipient)
{
	char *out = output_reserve(&lmtp->output, REPLY_LINES_MAX);

	if (out != NULL) {
		lmtp->output.n += reply_format_said(
		    out, lmtp_soften(lmtp, recipient->reply), recipient->text, recipient->said);
	}
}

/* Everybody's reply to the data; @otherwise to those that still have that of RCPT: nobody has said
 * what became of the message there. */
static void answer_data(struct lmtp *lmtp, enum reply otherwise)
{
	struct recipient *recipient;

	STAILQ_FOREACH (recipient, &lmtp->envelope.recipients, next) {
		if (recipient->reply == REPLY_RECIPIENT_OK) {
			recipient->reply = lmtp_soften(lmtp, otherwise);
		}
		if (recipient->said != NULL) {
			put_said(lmtp, recipient);
		} else {
			lmtp_put_reply(lmtp, recipient->reply, recipient->text,
			    recipient->reply == REPLY_SAVED ? lmtp->envelope.id : NULL);
		}
	}
}

/* The message has its replies. */
static enum lmtp_want end_message(struct lmtp *lmtp)
{
	enum lmtp_want want = lmtp_end_transaction(lmtp);

	lmtp->phase = LMTP_PHASE_COMMAND;
	if (lmtp->is_shutting_down) {
		lmtp_close_with(lmtp, REPLY_SHUTTING_DOWN);
	}
	return want;
}

/* The last byte of the message was decoded, or that of its chunk. */
static enum lmtp_want end_body(struct lmtp *lmtp, size_t n_body)
{
	if (lmtp->is_chunked && !lmtp->is_last_chunk) {
		lmtp_put_reply(lmtp, REPLY_CHUNK_OK, NULL, NULL);
		lmtp->phase = LMTP_PHASE_COMMAND;
		return n_body > 0 ? LMTP_BODY : LMTP_NOTHING;
	}
	if (!lmtp->is_too_big) {
		lmtp->phase = LMTP_PHASE_DELIVERING;
		return LMTP_DELIVER;
	}
	answer_data(lmtp, REPLY_TOO_BIG);
	STAILQ_CONCAT(&lmtp->refused, &lmtp->envelope.recipients);
	lmtp->phase = LMTP_PHASE_TOO_BIG;
	return LMTP_NOTHING;
}

/* Takes body off the input. */
static enum lmtp_want feed_body(
    struct lmtp *lmtp, struct span *input, char *body, size_t body_cap, size_t *n_body_r)
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
	*n_body_r = lmtp->is_too_big ? 0 : n_body;
	if (is_over) {
		return end_body(lmtp, *n_body_r);
	}
	if (n_body == 0) {
		return LMTP_INPUT;
	}
	return *n_body_r > 0 ? LMTP_BODY : LMTP_NOTHING;
}

/* Takes a chunk that was refused off the input. */
static enum lmtp_want feed_discard(struct lmtp *lmtp, struct span *input)
{
	size_t n = input->n > lmtp->n_chunk ? (size_t)lmtp->n_chunk : input->n;

	skip(input, n);
	lmtp->n_chunk -= n;
	if (lmtp->n_chunk > 0) {
		return LMTP_INPUT;
	}
	lmtp->phase = LMTP_PHASE_COMMAND;
	return lmtp_answer(lmtp, REPLY_BAD_SEQUENCE);
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

static enum lmtp_want feed_phase(
    struct lmtp *lmtp, struct span *input, char *body, size_t body_cap, struct lmtp_step *step)
{
	switch (lmtp->phase) {
	case LMTP_PHASE_COMMAND:
		return feed_command(lmtp, input, step);
	case LMTP_PHASE_BODY:
		return feed_body(lmtp, input, body, body_cap, &step->n_body);
	case LMTP_PHASE_DISCARD:
		return feed_discard(lmtp, input);
	case LMTP_PHASE_DELIVERING:
		return LMTP_WAIT;
	case LMTP_PHASE_TOO_BIG: /* the edge has heard of all of them */
		return end_message(lmtp);
	case LMTP_PHASE_CLOSED:
		break;
	}
	return LMTP_CLOSE;
}

size_t lmtp_feed(struct lmtp *lmtp, const char *in, size_t n, char *body, size_t body_cap,
    struct lmtp_step *step_r)
{
	struct span input = { in, n };

	*step_r = (struct lmtp_step){ .want = LMTP_NOTHING };
	/* Each turn takes a command or a chunk, or ends in a wish. */
	while (step_r->want == LMTP_NOTHING && !tell_refused(lmtp, step_r)) {
		step_r->want = feed_phase(lmtp, &input, body, body_cap, step_r);
		if (lmtp->output.is_out_of_memory) {
			lmtp->phase = LMTP_PHASE_CLOSED;
			step_r->want = LMTP_CLOSE;
		}
	}
	return n - input.n;
}

void lmtp_delivered(struct lmtp *lmtp)
{
	assert(lmtp->phase == LMTP_PHASE_DELIVERING);
	answer_data(lmtp, REPLY_NOT_WRITTEN);
	end_message(lmtp);
}

void lmtp_time_out(struct lmtp *lmtp)
{
	if (lmtp->phase != LMTP_PHASE_CLOSED) {
		lmtp_close_with(lmtp, lmtp->is_shutting_down ? REPLY_SHUTTING_DOWN : REPLY_IDLE);
	}
}

bool lmtp_is_in_transaction(const struct lmtp *lmtp)
{
	return lmtp->envelope.sender != NULL || lmtp->phase != LMTP_PHASE_COMMAND;
}
