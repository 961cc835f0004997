/* SPDX-License-Identifier: MIT
 * The session machine. One phase says what the next byte is; whether a command may come follows
 * from the transaction that stands (sender, recipients, begun body), not from more states.
 *
 * Replies leave in the order of their commands. RCPTs that follow one another are looked up side by
 * side: each waits in `attempts` until all before it are answered; every other command waits until
 * that queue is empty. Postfix takes a reply too few for a delivery and a reply too many for the
 * answer to its next message, so the replies after the data come from one walk over the very list
 * that the accepted RCPTs were put on. Pure; owned by one connection, on the loop's thread. */
#include "lmtpd/protocol/lmtp.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lmtpd/protocol/command.h"

enum {
	/* A client that sends without reading gets no further than this. */
	OUTPUT_MAX = 32768,
	/* Bytes of one over-long line that are skipped before the session is given up. */
	SKIP_MAX = 1 << 20,
};

enum progress {
	PROGRESS_ON,   /* go on with the next bytes */
	PROGRESS_STEP, /* the edge has to act: step is set */
	PROGRESS_HOLD, /* the command must be taken up again later */
};

/* Room for n more bytes of output, or NULL. */
static char *reserve(struct lmtp *lmtp, size_t n)
{
	if (lmtp->n_output + n > lmtp->output_cap) {
		size_t cap = 2 * (lmtp->n_output + n);
		char *grown = realloc(lmtp->output, cap);

		if (grown == NULL) {
			lmtp->is_out_of_memory = true;
			return NULL;
		}
		lmtp->output = grown;
		lmtp->output_cap = cap;
	}
	return lmtp->output + lmtp->n_output;
}

static void put_reply(struct lmtp *lmtp, enum reply reply, const char *address, const char *word)
{
	char *out = reserve(lmtp, REPLY_LINE_MAX);

	if (out != NULL) {
		lmtp->n_output += reply_format(out, reply, address, word);
	}
}

static void close_with(struct lmtp *lmtp, enum reply reply)
{
	put_reply(lmtp, reply, NULL, lmtp->settings->hostname);
	lmtp->phase = LMTP_PHASE_CLOSED;
}

/* Answers a command that is no RCPT. */
static void answer(struct lmtp *lmtp, enum reply reply)
{
	put_reply(lmtp, reply, NULL, NULL);
	if (!reply_is_permanent(reply)) {
		lmtp->n_errors = 0;
	} else if (++lmtp->n_errors >= LMTP_ERROR_MAX) {
		close_with(lmtp, REPLY_TOO_MANY_ERRORS);
	}
}

static void free_recipient(struct lmtp *lmtp, struct lmtp_recipient *recipient)
{
	if (recipient->data != NULL) {
		lmtp->callbacks->release(recipient->data);
	}
	free(recipient);
}

static void free_recipients(struct lmtp *lmtp, struct lmtp_recipients *list)
{
	struct lmtp_recipient *recipient;

	while ((recipient = STAILQ_FIRST(list)) != NULL) {
		STAILQ_REMOVE_HEAD(list, next);
		free_recipient(lmtp, recipient);
	}
}

static void end_transaction(struct lmtp *lmtp)
{
	free(lmtp->sender);
	lmtp->sender = NULL;
	free_recipients(lmtp, &lmtp->recipients);
	lmtp->n_recipients = 0;
	lmtp->has_begun = lmtp->is_chunked = lmtp->is_last_chunk = lmtp->is_too_big = false;
}

void lmtp_init(struct lmtp *lmtp, const struct lmtp_settings *settings,
    const struct lmtp_callbacks *callbacks)
{
	*lmtp = (struct lmtp){ .settings = settings, .callbacks = callbacks };
	STAILQ_INIT(&lmtp->attempts);
	STAILQ_INIT(&lmtp->recipients);
	put_reply(lmtp, REPLY_GREETING, NULL, settings->hostname);
}

void lmtp_deinit(struct lmtp *lmtp)
{
	end_transaction(lmtp);
	free_recipients(lmtp, &lmtp->attempts);
	free(lmtp->line);
	free(lmtp->lhlo);
	free(lmtp->output);
	*lmtp = (struct lmtp){ .phase = LMTP_PHASE_CLOSED };
}

/* Puts out the replies of the RCPTs at the head of the queue that have one. */
static void answer_attempts(struct lmtp *lmtp)
{
	struct lmtp_recipient *first;

	while ((first = STAILQ_FIRST(&lmtp->attempts)) != NULL && first->reply != REPLY_NONE) {
		STAILQ_REMOVE_HEAD(&lmtp->attempts, next);
		lmtp->n_attempts--;
		put_reply(lmtp, first->reply, first->text, NULL);
		if (first->reply == REPLY_RECIPIENT_OK) {
			STAILQ_INSERT_TAIL(&lmtp->recipients, first, next);
			lmtp->n_recipients++;
			continue;
		}
		lmtp->callbacks->refused(lmtp->callbacks->context, first);
		free_recipient(lmtp, first);
	}
}

void lmtp_recipient_done(struct lmtp *lmtp, struct lmtp_recipient *recipient, enum reply reply)
{
	assert(recipient->reply == REPLY_NONE && reply != REPLY_NONE);
	recipient->reply = reply;
	answer_attempts(lmtp);
}

static enum progress on_lhlo(struct lmtp *lmtp, const struct command *command, struct lmtp_step *step)
{
	bool had_begun = lmtp->has_begun;
	char *name = strndup(command->argument, command->n_argument);
	char *out = reserve(lmtp, REPLY_LINE_MAX);

	if (name == NULL || out == NULL) {
		free(name);
		lmtp->is_out_of_memory = true;
		return PROGRESS_ON;
	}
	end_transaction(lmtp); /* RFC 5321 4.1.4: as if RSET had been given */
	free(lmtp->lhlo);
	lmtp->lhlo = name;
	lmtp->has_lhlo = true;
	lmtp->n_errors = 0;
	/* Not DSN: Postfix would leave the notices of success to us. */
	lmtp->n_output += (size_t)snprintf(out, REPLY_LINE_MAX,
	    "250-%.255s\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
	    "250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n250 SIZE %" PRIu64 "\r\n",
	    lmtp->settings->hostname, lmtp->settings->message_size_limit);
	step->want = LMTP_ABANDON;
	return had_begun ? PROGRESS_STEP : PROGRESS_ON;
}

static void on_mail(struct lmtp *lmtp, const struct command *command)
{
	uint64_t limit = lmtp->settings->message_size_limit;

	if (!lmtp->has_lhlo || lmtp->sender != NULL) {
		answer(lmtp, REPLY_BAD_SEQUENCE);
		return;
	}
	if (limit > 0 && command->size > limit) {
		answer(lmtp, REPLY_TOO_BIG);
		return;
	}
	lmtp->sender = strndup(command->path.text, command->path.n);
	if (lmtp->sender == NULL) {
		lmtp->is_out_of_memory = true;
		return;
	}
	lmtp->n_transactions++;
	answer(lmtp, REPLY_SENDER_OK);
}

enum reply lmtp_check_path(
    const struct lmtp_settings *settings, const struct path *path, struct address *address_r)
{
	struct address base;
	size_t n_detail, n_local;

	if (address_from_path(address_r, path) != ADDRESS_OK) {
		return REPLY_BAD_MAILBOX;
	}
	n_local = address_r->n_local;
	if (address_split(address_r, settings->recipient_delimiter, &base, &n_detail) != NULL) {
		n_local = base.n_local;
	}
	return n_local > ADDRESS_LOCAL_MAX ? REPLY_BAD_MAILBOX : REPLY_NONE;
}

static enum progress on_rcpt(struct lmtp *lmtp, const struct command *command, enum reply parsed,
    struct lmtp_step *step)
{
	struct lmtp_recipient *recipient;
	size_t n_text = command->path.n;

	if (lmtp->sender == NULL || lmtp->has_begun) {
		answer(lmtp, REPLY_BAD_SEQUENCE);
		return PROGRESS_ON;
	}
	/* Whether the limit is met depends on outcomes that are still out. */
	if (lmtp->n_attempts >= LMTP_LOOKUP_MAX || (lmtp->n_attempts > 0 &&
	    lmtp->n_recipients + lmtp->n_attempts >= lmtp->settings->recipient_limit)) {
		return PROGRESS_HOLD;
	}
	recipient = calloc(1, sizeof(*recipient) + n_text + 1);
	if (recipient == NULL) {
		lmtp->is_out_of_memory = true;
		return PROGRESS_ON;
	}
	if (n_text > 0) {
		memcpy(recipient->text, command->path.text, n_text);
	}
	recipient->reply = parsed;
	if (recipient->reply == REPLY_NONE) {
		recipient->reply =
		    lmtp_check_path(lmtp->settings, &command->path, &recipient->address);
	}
	if (recipient->reply == REPLY_NONE && lmtp->n_recipients >= lmtp->settings->recipient_limit) {
		recipient->reply = REPLY_TOO_MANY_RECIPIENTS;
	}
	STAILQ_INSERT_TAIL(&lmtp->attempts, recipient, next);
	lmtp->n_attempts++;
	if (recipient->reply == REPLY_NONE) {
		step->want = LMTP_RECIPIENT;
		step->recipient = recipient;
		return PROGRESS_STEP;
	}
	answer_attempts(lmtp);
	return PROGRESS_ON;
}

static enum progress begin_body(struct lmtp *lmtp, struct lmtp_step *step)
{
	lmtp->phase = LMTP_PHASE_BODY;
	lmtp->n_errors = 0;
	if (lmtp->has_begun) {
		return PROGRESS_ON;
	}
	lmtp->has_begun = true;
	body_init(&lmtp->body, !lmtp->is_chunked);
	step->want = LMTP_BEGIN;
	return PROGRESS_STEP;
}

static enum progress on_data(struct lmtp *lmtp, struct lmtp_step *step)
{
	/* RFC 2033 4.2: without a valid recipient DATA must be refused. */
	if (lmtp->n_recipients == 0 || lmtp->has_begun) {
		answer(lmtp, REPLY_BAD_SEQUENCE);
		return PROGRESS_ON;
	}
	put_reply(lmtp, REPLY_START_DATA, NULL, NULL);
	return begin_body(lmtp, step);
}

static enum progress on_bdat(struct lmtp *lmtp, const struct command *command, struct lmtp_step *step)
{
	lmtp->n_chunk = command->size;
	if (lmtp->n_recipients == 0) {
		/* RFC 3030 2: the chunk comes in any case and must be skipped. */
		lmtp->phase = LMTP_PHASE_DISCARD;
		return PROGRESS_ON;
	}
	lmtp->is_chunked = true;
	lmtp->is_last_chunk = command->is_last;
	return begin_body(lmtp, step);
}

static enum progress on_rset(struct lmtp *lmtp, struct lmtp_step *step)
{
	bool had_begun = lmtp->has_begun;

	end_transaction(lmtp);
	answer(lmtp, REPLY_OK);
	step->want = LMTP_ABANDON;
	return had_begun ? PROGRESS_STEP : PROGRESS_ON;
}

static enum progress on_command(
    struct lmtp *lmtp, const char *line, size_t n, struct lmtp_step *step)
{
	struct command command = { .verb = VERB_UNKNOWN };
	enum reply parsed = REPLY_BAD_LINE;

	if (!lmtp->is_line_bad) {
		parsed = command_parse(&command, line, n);
	}
	if (command.verb != VERB_RCPT && lmtp->n_attempts > 0) {
		return PROGRESS_HOLD;
	}
	if (lmtp->is_shutting_down && command.verb != VERB_QUIT) {
		if (lmtp->n_attempts > 0) {
			return PROGRESS_HOLD;
		}
		close_with(lmtp, REPLY_SHUTTING_DOWN);
		return PROGRESS_ON;
	}
	if (command.verb == VERB_RCPT) {
		return on_rcpt(lmtp, &command, parsed, step);
	}
	if (parsed != REPLY_NONE) {
		answer(lmtp, parsed);
		return PROGRESS_ON;
	}
	switch (command.verb) {
	case VERB_LHLO:
		return on_lhlo(lmtp, &command, step);
	case VERB_MAIL:
		on_mail(lmtp, &command);
		break;
	case VERB_DATA:
		return on_data(lmtp, step);
	case VERB_BDAT:
		return on_bdat(lmtp, &command, step);
	case VERB_RSET:
		return on_rset(lmtp, step);
	case VERB_NOOP:
		answer(lmtp, REPLY_OK);
		break;
	case VERB_VRFY:
		answer(lmtp, REPLY_CANNOT_VERIFY);
		break;
	case VERB_QUIT:
		put_reply(lmtp, REPLY_BYE, NULL, NULL);
		lmtp->phase = LMTP_PHASE_CLOSED;
		break;
	case VERB_RCPT:
	case VERB_UNKNOWN:
		assert(!"reached");
	}
	return PROGRESS_ON;
}

/* Length of in[0..n) up to and including the first CRLF, 0 if there is none; the CR may have been
 * the last byte before. */
static size_t find_line_end(const char *in, size_t n, bool is_after_cr)
{
	const char *lf = in;

	while ((lf = memchr(lf, '\n', n - (size_t)(lf - in))) != NULL) {
		if (lf == in ? is_after_cr : lf[-1] == '\r') {
			return (size_t)(lf - in) + 1;
		}
		lf++;
		if (lf == in + n) {
			break;
		}
	}
	return 0;
}

static bool is_clean(const char *line, size_t n)
{
	return memchr(line, '\r', n) == NULL && memchr(line, '\n', n) == NULL &&
	    memchr(line, '\0', n) == NULL;
}

/* Keeps a part of a line until the rest has come; of a line that is too long only the length. */
static void store(struct lmtp *lmtp, const char *in, size_t n)
{
	if (n == 0) {
		return;
	}
	lmtp->is_after_cr = in[n - 1] == '\r';
	if (lmtp->n_line + n > LMTP_LINE_MAX) {
		lmtp->is_line_long = true;
		free(lmtp->line);
		lmtp->line = NULL;
	} else if (!lmtp->is_line_long) {
		if (lmtp->line == NULL && (lmtp->line = malloc(LMTP_LINE_MAX)) == NULL) {
			lmtp->is_out_of_memory = true;
			return;
		}
		memcpy(lmtp->line + lmtp->n_line, in, n);
	}
	lmtp->n_line += n;
}

static void forget_line(struct lmtp *lmtp)
{
	free(lmtp->line);
	lmtp->line = NULL;
	lmtp->n_line = 0;
	lmtp->is_line_bad = lmtp->is_line_long = lmtp->is_after_cr = false;
}

/* Takes one command off the input, or what there is of it. Returns the bytes taken; a command that
 * must wait is not taken at all, except for the parts that came before. */
static size_t feed_command(struct lmtp *lmtp, const char *in, size_t n, struct lmtp_step *step)
{
	size_t end = n == 0 ? 0 : find_line_end(in, n, lmtp->is_after_cr);
	size_t n_stored = lmtp->n_line;
	const char *line = in;
	size_t n_line = end;
	enum progress progress;

	if (end == 0) {
		store(lmtp, in, n);
		if (lmtp->n_line > SKIP_MAX) {
			if (lmtp->n_attempts > 0) {
				step->want = LMTP_WAIT;
			} else {
				close_with(lmtp, REPLY_TOO_MANY_ERRORS);
			}
		}
		return n;
	}
	if (n_stored > 0) {
		bool is_after_cr = lmtp->is_after_cr;

		store(lmtp, in, end);
		/* The stored part alone stays when the command has to wait. */
		lmtp->is_after_cr = is_after_cr;
		line = lmtp->line;
		n_line = lmtp->n_line;
	}
	if (lmtp->is_out_of_memory) {
		return end;
	}
	lmtp->is_line_bad = lmtp->is_line_long || n_line > LMTP_LINE_MAX || !is_clean(line, n_line - 2);
	progress = on_command(lmtp, line, n_line - 2, step);
	if (progress == PROGRESS_HOLD) {
		lmtp->n_line = n_stored;
		step->want = LMTP_WAIT;
		return 0;
	}
	forget_line(lmtp);
	return end;
}

static void refuse_too_big(struct lmtp *lmtp)
{
	struct lmtp_recipient *recipient;

	STAILQ_FOREACH(recipient, &lmtp->recipients, next) {
		recipient->reply = REPLY_TOO_BIG;
		put_reply(lmtp, recipient->reply, recipient->text, NULL);
		lmtp->callbacks->refused(lmtp->callbacks->context, recipient);
	}
	end_transaction(lmtp);
	lmtp->phase = LMTP_PHASE_COMMAND;
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
		put_reply(lmtp, REPLY_CHUNK_OK, NULL, NULL);
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
		answer(lmtp, REPLY_BAD_SEQUENCE);
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
		enum lmtp_phase phase = lmtp->phase;

		switch (phase) {
		case LMTP_PHASE_COMMAND:
			if (lmtp->n_output - lmtp->n_sent > OUTPUT_MAX) {
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
		if (lmtp->is_out_of_memory) {
			lmtp->phase = LMTP_PHASE_CLOSED;
			step_r->want = LMTP_CLOSE;
		}
		if (taken == before && lmtp->phase == phase) {
			break;
		}
	}
	return taken;
}

void lmtp_delivered(struct lmtp *lmtp, const char *id)
{
	struct lmtp_recipient *recipient;

	assert(lmtp->phase == LMTP_PHASE_DELIVERING);
	STAILQ_FOREACH(recipient, &lmtp->recipients, next) {
		/* Still the reply of RCPT: nobody has said that it was saved. */
		if (recipient->reply == REPLY_RECIPIENT_OK) {
			recipient->reply = REPLY_NOT_WRITTEN;
		}
		put_reply(lmtp, recipient->reply, recipient->text,
		    recipient->reply == REPLY_SAVED ? id : NULL);
	}
	end_transaction(lmtp);
	lmtp->phase = LMTP_PHASE_COMMAND;
	if (lmtp->is_shutting_down) {
		close_with(lmtp, REPLY_SHUTTING_DOWN);
	}
}

void lmtp_shut_down(struct lmtp *lmtp)
{
	lmtp->is_shutting_down = true;
	if (lmtp->phase == LMTP_PHASE_COMMAND && lmtp->sender == NULL && lmtp->n_line == 0) {
		close_with(lmtp, REPLY_SHUTTING_DOWN);
	}
}

void lmtp_time_out(struct lmtp *lmtp)
{
	if (lmtp->phase != LMTP_PHASE_CLOSED) {
		close_with(lmtp, REPLY_IDLE);
	}
}

const char *lmtp_output(const struct lmtp *lmtp, size_t *n_r)
{
	*n_r = lmtp->n_output - lmtp->n_sent;
	return lmtp->output + lmtp->n_sent;
}

void lmtp_sent(struct lmtp *lmtp, size_t n)
{
	assert(n <= lmtp->n_output - lmtp->n_sent);
	lmtp->n_sent += n;
	if (lmtp->n_sent == lmtp->n_output) {
		free(lmtp->output);
		lmtp->output = NULL;
		lmtp->n_output = lmtp->n_sent = lmtp->output_cap = 0;
	}
}

bool lmtp_is_in_body(const struct lmtp *lmtp)
{
	return lmtp->phase == LMTP_PHASE_DELIVERING || lmtp->has_begun;
}
