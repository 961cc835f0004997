/* SPDX-License-Identifier: MIT
 * What each command does: whether it may come now follows from the transaction that stands. A command
 * that has to wait for outcomes returns LMTP_WAIT and comes again. Pure. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/command.h"
#include "protocol/lmtp_private.h"

static enum lmtp_want on_lhlo(struct lmtp *lmtp, const struct command *command)
{
	char *out = output_reserve(&lmtp->output, REPLY_LINE_MAX);
	char *name = out == NULL ? NULL : strndup(command->client.p, command->client.n);
	enum lmtp_want want;

	if (name == NULL) {
		lmtp->output.is_out_of_memory = true;
		return LMTP_NOTHING;
	}
	want = lmtp_end_transaction(lmtp); /* RFC 5321 4.1.4: as if RSET had been given */
	free(lmtp->envelope.client);
	lmtp->envelope.client = name;
	lmtp->n_errors = 0;
	/* Not DSN: Postfix would leave the notices of success to us. */
	lmtp->output.n += (size_t)snprintf(out, REPLY_LINE_MAX,
	    "250-%.255s\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
	    "250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n250 SIZE %" PRIu64 "\r\n",
	    lmtp->settings->hostname, lmtp->settings->message_size_limit);
	return want;
}

static enum lmtp_want on_mail(struct lmtp *lmtp, const struct command *command)
{
	uint64_t limit = lmtp->settings->message_size_limit;
	struct envelope *envelope = &lmtp->envelope;

	if (envelope->client == NULL || envelope->sender != NULL) {
		return lmtp_answer(lmtp, REPLY_BAD_SEQUENCE);
	}
	if (limit > 0 && command->size > limit) {
		return lmtp_answer(lmtp, REPLY_TOO_BIG);
	}
	envelope->sender = strndup(command->path.text, command->path.n);
	if (envelope->sender == NULL) {
		lmtp->output.is_out_of_memory = true;
		return LMTP_NOTHING;
	}
	envelope->is_utf8 = command->is_utf8 || !text_is_ascii(envelope->sender);
	snprintf(envelope->id, sizeof(envelope->id), "%s.%u", lmtp->id, ++lmtp->n_transactions);
	return lmtp_answer(lmtp, REPLY_SENDER_OK);
}

/* Puts out the replies of the RCPTs at the head of the queue that have one. */
static void answer_attempts(struct lmtp *lmtp)
{
	struct recipient *first;

	while ((first = STAILQ_FIRST(&lmtp->attempts)) != NULL && first->reply != REPLY_NONE) {
		STAILQ_REMOVE_HEAD(&lmtp->attempts, next);
		lmtp->n_attempts--;
		lmtp_put_reply(lmtp, first->reply, first->text, NULL);
		if (first->reply == REPLY_RECIPIENT_OK) {
			envelope_add(&lmtp->envelope, first);
		} else {
			STAILQ_INSERT_TAIL(&lmtp->refused, first, next);
		}
	}
}

void lmtp_recipient_done(struct lmtp *lmtp, struct recipient *recipient, enum reply reply)
{
	assert(recipient->reply == REPLY_NONE && reply != REPLY_NONE);
	recipient->reply = lmtp_soften(lmtp, reply);
	if (reply == REPLY_RECIPIENT_OK) {
		lmtp->envelope.n_mailboxes += recipient->resolution.n_mailboxes;
	}
	answer_attempts(lmtp);
}

enum reply lmtp_check_path(const struct lmtp_settings *settings, const struct path *path,
    struct address *address_r, size_t *n_detail_r)
{
	struct address base;

	if (text_is(path->text, path->n, "postmaster")) {
		*address_r = address_postmaster;
		*n_detail_r = 0;
		return REPLY_NONE;
	}
	if (address_from_path(address_r, path) != ADDRESS_OK) {
		return REPLY_BAD_MAILBOX;
	}
	*n_detail_r = address_split(address_r, settings->recipient_delimiter, &base).n;
	return REPLY_NONE;
}

static enum lmtp_want on_rcpt(
    struct lmtp *lmtp, const struct command *command, enum reply reply, struct lmtp_step *step)
{
	const struct envelope *envelope = &lmtp->envelope;
	struct recipient *recipient;

	if (envelope->sender == NULL || lmtp->is_in_body) {
		return lmtp_answer(lmtp, REPLY_BAD_SEQUENCE);
	}
	/* Whether the limit is met depends on outcomes that are still out. */
	if (lmtp->n_attempts >= LMTP_LOOKUP_MAX ||
	    (lmtp->n_attempts > 0 &&
		envelope->n_recipients + lmtp->n_attempts >= lmtp->settings->recipient_limit)) {
		return LMTP_WAIT;
	}
	recipient = recipient_new(command->path.text, command->path.n);
	if (recipient == NULL) {
		lmtp->output.is_out_of_memory = true;
		return LMTP_NOTHING;
	}
	if (reply == REPLY_NONE) {
		reply = lmtp_check_path(
		    lmtp->settings, &command->path, &recipient->address, &recipient->n_detail);
	}
	if (reply == REPLY_NONE && envelope->n_recipients >= lmtp->settings->recipient_limit) {
		reply = REPLY_TOO_MANY_RECIPIENTS;
	}
	recipient->reply = lmtp_soften(lmtp, reply);
	STAILQ_INSERT_TAIL(&lmtp->attempts, recipient, next);
	lmtp->n_attempts++;
	if (reply == REPLY_NONE) {
		step->recipient = recipient;
		return LMTP_RECIPIENT;
	}
	answer_attempts(lmtp);
	return LMTP_NOTHING;
}

static enum lmtp_want begin_body(struct lmtp *lmtp)
{
	lmtp->phase = LMTP_PHASE_BODY;
	lmtp->n_errors = 0;
	if (lmtp->is_in_body) {
		return LMTP_NOTHING; /* with an earlier chunk */
	}
	lmtp->is_in_body = true;
	lmtp->body = (struct body){ .has_dots = !lmtp->is_chunked };
	return LMTP_BEGIN;
}

static enum lmtp_want on_data(struct lmtp *lmtp)
{
	/* RFC 2033 4.2: without a valid recipient DATA must be refused. */
	if (lmtp->envelope.n_recipients == 0 || lmtp->is_in_body) {
		return lmtp_answer(lmtp, REPLY_BAD_SEQUENCE);
	}
	lmtp_put_reply(lmtp, REPLY_START_DATA, NULL, NULL);
	return begin_body(lmtp);
}

static enum lmtp_want on_bdat(struct lmtp *lmtp, const struct command *command)
{
	lmtp->n_chunk = command->size;
	if (lmtp->envelope.n_recipients == 0) {
		/* RFC 3030 2: the chunk comes in any case and must be skipped. */
		lmtp->phase = LMTP_PHASE_DISCARD;
		return LMTP_NOTHING;
	}
	lmtp->is_chunked = true;
	lmtp->is_last_chunk = command->is_last;
	return begin_body(lmtp);
}

static enum lmtp_want on_rset(struct lmtp *lmtp)
{
	enum lmtp_want want = lmtp_end_transaction(lmtp);

	lmtp_answer(lmtp, REPLY_OK);
	return want;
}

static enum lmtp_want on_quit(struct lmtp *lmtp)
{
	lmtp_put_reply(lmtp, REPLY_BYE, NULL, NULL);
	lmtp->phase = LMTP_PHASE_CLOSED;
	return LMTP_NOTHING;
}

/* A client that was let between transactions a moment ago has its next one on the way; told 421 now,
 * Postfix would put that message off for minutes. */
static bool may_go_on(const struct lmtp *lmtp, enum verb verb)
{
	return lmtp->envelope.sender != NULL || verb == VERB_LHLO || verb == VERB_MAIL ||
	       verb == VERB_QUIT;
}

enum lmtp_want lmtp_on_command(
    struct lmtp *lmtp, const char *text, size_t n, struct lmtp_step *step)
{
	struct command command = { .verb = VERB_UNKNOWN };
	enum reply parsed = text == NULL ? REPLY_BAD_LINE : command_parse(&command, text, n);

	if (command.verb != VERB_RCPT && lmtp->n_attempts > 0) {
		return LMTP_WAIT;
	}
	if (lmtp->is_shutting_down && !may_go_on(lmtp, command.verb)) {
		return lmtp_close_with(lmtp, REPLY_SHUTTING_DOWN);
	}
	if (parsed != REPLY_NONE && command.verb != VERB_RCPT) {
		return lmtp_answer(lmtp, parsed);
	}
	switch (command.verb) {
	case VERB_LHLO:
		return on_lhlo(lmtp, &command);
	case VERB_MAIL:
		return on_mail(lmtp, &command);
	case VERB_RCPT: /* one that is refused has its place among the others */
		return on_rcpt(lmtp, &command, parsed, step);
	case VERB_DATA:
		return on_data(lmtp);
	case VERB_BDAT:
		return on_bdat(lmtp, &command);
	case VERB_RSET:
		return on_rset(lmtp);
	case VERB_VRFY:
		return lmtp_answer(lmtp, REPLY_CANNOT_VERIFY);
	case VERB_QUIT:
		return on_quit(lmtp);
	case VERB_NOOP:
	case VERB_UNKNOWN: /* answered above */
		break;
	}
	return lmtp_answer(lmtp, REPLY_OK);
}
