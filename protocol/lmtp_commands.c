/* SPDX-License-Identifier: MIT
 * What each command does: whether it may come now follows from the transaction that stands. A command
 * that has to wait for outcomes sets step->want to LMTP_WAIT and comes again. Pure. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/command.h"
#include "protocol/lmtp_private.h"

static void on_lhlo(struct lmtp *lmtp, const struct command *command, struct lmtp_step *step)
{
	bool had_begun = lmtp->has_begun;
	char *name = strndup(command->argument, command->n_argument);
	char *out = output_reserve(&lmtp->output, REPLY_LINE_MAX);

	if (name == NULL || out == NULL) {
		free(name);
		lmtp->is_out_of_memory = true;
		return;
	}
	lmtp_end_transaction(lmtp); /* RFC 5321 4.1.4: as if RSET had been given */
	free(lmtp->envelope.client);
	lmtp->envelope.client = name;
	lmtp->n_errors = 0;
	/* Not DSN: Postfix would leave the notices of success to us. */
	lmtp->output.n += (size_t)snprintf(out, REPLY_LINE_MAX,
	    "250-%.255s\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
	    "250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n250 SIZE %" PRIu64 "\r\n",
	    lmtp->settings->hostname, lmtp->settings->message_size_limit);
	if (had_begun) {
		step->want = LMTP_ABANDON;
	}
}

static void on_mail(struct lmtp *lmtp, const struct command *command)
{
	uint64_t limit = lmtp->settings->message_size_limit;
	struct envelope *envelope = &lmtp->envelope;

	if (envelope->client == NULL || envelope->sender != NULL) {
		lmtp_answer(lmtp, REPLY_BAD_SEQUENCE);
		return;
	}
	if (limit > 0 && command->size > limit) {
		lmtp_answer(lmtp, REPLY_TOO_BIG);
		return;
	}
	envelope->sender = strndup(command->path.text, command->path.n);
	if (envelope->sender == NULL) {
		lmtp->is_out_of_memory = true;
		return;
	}
	snprintf(envelope->id, sizeof(envelope->id), "%s.%u", lmtp->id, ++lmtp->n_transactions);
	lmtp_answer(lmtp, REPLY_SENDER_OK);
}

enum reply lmtp_check_path(const struct lmtp_settings *settings, const struct path *path,
    struct address *address_r, size_t *n_detail_r)
{
	struct address base;

	if (address_from_path(address_r, path) != ADDRESS_OK) {
		return REPLY_BAD_MAILBOX;
	}
	if (address_split(address_r, settings->recipient_delimiter, &base, n_detail_r) == NULL) {
		*n_detail_r = 0;
	}
	return address_r->n_local - *n_detail_r > ADDRESS_LOCAL_MAX ? REPLY_BAD_MAILBOX
								    : REPLY_NONE;
}

static void on_rcpt(
    struct lmtp *lmtp, const struct command *command, enum reply reply, struct lmtp_step *step)
{
	const struct envelope *envelope = &lmtp->envelope;
	struct recipient *recipient;

	if (envelope->sender == NULL || lmtp->has_begun) {
		lmtp_answer(lmtp, REPLY_BAD_SEQUENCE);
		return;
	}
	/* Whether the limit is met depends on outcomes that are still out. */
	if (lmtp->n_attempts >= LMTP_LOOKUP_MAX ||
	    (lmtp->n_attempts > 0 &&
		envelope->n_recipients + lmtp->n_attempts >= lmtp->settings->recipient_limit)) {
		step->want = LMTP_WAIT;
		return;
	}
	recipient = recipient_new(command->path.text, command->path.n);
	if (recipient == NULL) {
		lmtp->is_out_of_memory = true;
		return;
	}
	if (reply == REPLY_NONE) {
		reply = lmtp_check_path(
		    lmtp->settings, &command->path, &recipient->address, &recipient->n_detail);
	}
	if (reply == REPLY_NONE && envelope->n_recipients >= lmtp->settings->recipient_limit) {
		reply = REPLY_TOO_MANY_RECIPIENTS;
	}
	recipient->reply = reply;
	STAILQ_INSERT_TAIL(&lmtp->attempts, recipient, next);
	lmtp->n_attempts++;
	if (reply == REPLY_NONE) {
		step->want = LMTP_RECIPIENT;
		step->recipient = recipient;
		return;
	}
	lmtp_answer_attempts(lmtp);
}

static void begin_body(struct lmtp *lmtp, struct lmtp_step *step)
{
	lmtp->phase = LMTP_PHASE_BODY;
	lmtp->n_errors = 0;
	if (lmtp->has_begun) {
		return;
	}
	lmtp->has_begun = true;
	body_init(&lmtp->body, !lmtp->is_chunked);
	step->want = LMTP_BEGIN;
}

static void on_data(struct lmtp *lmtp, struct lmtp_step *step)
{
	/* RFC 2033 4.2: without a valid recipient DATA must be refused. */
	if (lmtp->envelope.n_recipients == 0 || lmtp->has_begun) {
		lmtp_answer(lmtp, REPLY_BAD_SEQUENCE);
		return;
	}
	lmtp_put_reply(lmtp, REPLY_START_DATA, NULL, NULL);
	begin_body(lmtp, step);
}

static void on_bdat(struct lmtp *lmtp, const struct command *command, struct lmtp_step *step)
{
	lmtp->n_chunk = command->size;
	if (lmtp->envelope.n_recipients == 0) {
		/* RFC 3030 2: the chunk comes in any case and must be skipped. */
		lmtp->phase = LMTP_PHASE_DISCARD;
		return;
	}
	lmtp->is_chunked = true;
	lmtp->is_last_chunk = command->is_last;
	begin_body(lmtp, step);
}

static void on_rset(struct lmtp *lmtp, struct lmtp_step *step)
{
	bool had_begun = lmtp->has_begun;

	lmtp_end_transaction(lmtp);
	lmtp_answer(lmtp, REPLY_OK);
	if (had_begun) {
		step->want = LMTP_ABANDON;
	}
}

/* A client that was let between transactions a moment ago has its next one on the way; told 421 now,
 * Postfix would put that message off for minutes. */
static bool may_go_on(const struct lmtp *lmtp, enum verb verb)
{
	return lmtp->envelope.sender != NULL || verb == VERB_LHLO || verb == VERB_MAIL ||
	       verb == VERB_QUIT;
}

/* text is NULL for a line that is no command at all. */
void lmtp_on_command(struct lmtp *lmtp, const char *text, size_t n, struct lmtp_step *step)
{
	struct command command = { .verb = VERB_UNKNOWN };
	enum reply parsed = text == NULL ? REPLY_BAD_LINE : command_parse(&command, text, n);

	if (command.verb != VERB_RCPT && lmtp->n_attempts > 0) {
		step->want = LMTP_WAIT;
		return;
	}
	if (lmtp->is_shutting_down && !may_go_on(lmtp, command.verb)) {
		lmtp_close_with(lmtp, REPLY_SHUTTING_DOWN);
		return;
	}
	if (command.verb == VERB_RCPT) {
		on_rcpt(lmtp, &command, parsed, step);
		return;
	}
	if (parsed != REPLY_NONE) {
		lmtp_answer(lmtp, parsed);
		return;
	}
	switch (command.verb) {
	case VERB_LHLO:
		on_lhlo(lmtp, &command, step);
		break;
	case VERB_MAIL:
		on_mail(lmtp, &command);
		break;
	case VERB_DATA:
		on_data(lmtp, step);
		break;
	case VERB_BDAT:
		on_bdat(lmtp, &command, step);
		break;
	case VERB_RSET:
		on_rset(lmtp, step);
		break;
	case VERB_NOOP:
		lmtp_answer(lmtp, REPLY_OK);
		break;
	case VERB_VRFY:
		lmtp_answer(lmtp, REPLY_CANNOT_VERIFY);
		break;
	case VERB_QUIT:
		lmtp_put_reply(lmtp, REPLY_BYE, NULL, NULL);
		lmtp->phase = LMTP_PHASE_CLOSED;
		break;
	case VERB_RCPT:
	case VERB_UNKNOWN:
		assert(!"reached");
	}
}
