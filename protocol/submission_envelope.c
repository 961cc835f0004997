/* SPDX-License-Identifier: MIT
 * The envelope: what is refused without asking the server, what it is asked, and what it answers. Pure. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "mail/address.h"
#include "protocol/submission_private.h"

/* Can it stand between angle brackets? Nothing else keeps an address from being more than one argument. */
static bool is_address(const char *text)
{
	char wire[SUBMISSION_ADDRESS_MAX + 2];
	size_t n = strlen(text);
	struct path path;

	if (n == 0 || n > SUBMISSION_ADDRESS_MAX || !utf8_is_valid(text, n)) {
		return false;
	}
	wire[0] = '<';
	memcpy(wire + 1, text, n);
	wire[n + 1] = '>';
	return path_parse(&path, wire, n + 2) == n + 2 && path.n == n;
}

/* Is RCPT said for it? */
static bool is_asked(const struct submission *submission, size_t i)
{
	return (submission->asked & UINT64_C(1) << i) != 0;
}

static void put_mail(struct submission *submission)
{
	const struct submission_envelope *envelope = submission->envelope;
	bool needs_utf8 = envelope->is_utf8 || !text_is_ascii(envelope->sender);
	char size[32] = "";

	for (size_t i = 0; i < envelope->n_recipients; i++) {
		needs_utf8 |= is_asked(submission, i) && !text_is_ascii(envelope->recipients[i]);
	}
	if (submission->has_size) {
		snprintf(size, sizeof(size), " SIZE=%" PRIu64, envelope->size);
	}
	submission_put(submission, "MAIL FROM:<%s>%s%s%s\r\n", envelope->sender, size,
	    envelope->is_8bit && submission->has_8bitmime ? " BODY=8BITMIME" : "",
	    needs_utf8 ? " SMTPUTF8" : "");
}

static void put_recipient(struct submission *submission, size_t i)
{
	submission_put(submission, "RCPT TO:<%s>\r\n", submission->envelope->recipients[i]);
}

/* The next of them from i on; n_recipients: there is none. */
static size_t find_asked(const struct submission *submission, size_t i)
{
	while (i < submission->envelope->n_recipients && !is_asked(submission, i)) {
		i++;
	}
	return i;
}

static void refuse(struct submission_outcome *outcome, const char *enhanced, const char *text)
{
	outcome->result = SUBMISSION_REFUSED;
	response_words_set(&outcome->words, enhanced, text);
}

/* Refuses what needs no server to be refused. */
static bool is_refused(
    const struct submission *submission, const char *recipient, struct submission_outcome *outcome)
{
	const struct submission_envelope *envelope = submission->envelope;
	bool needs_utf8 =
	    envelope->is_utf8 || !text_is_ascii(envelope->sender) || !text_is_ascii(recipient);
	char text[100];

	if (envelope->sender[0] != '\0' && !is_address(envelope->sender)) {
		refuse(outcome, "5.1.7", "The sender's address cannot be sent");
	} else if (!is_address(recipient)) {
		refuse(outcome, "5.1.3", "The address cannot be sent");
	} else if (submission->size_max > 0 && envelope->size > submission->size_max) {
		snprintf(text, sizeof(text),
		    "The server takes messages of at most %" PRIu64 " bytes", submission->size_max);
		refuse(outcome, "5.3.4", text);
	} else if (needs_utf8 && !submission->has_smtputf8) {
		refuse(outcome, "5.6.7", "The server does not take addresses in UTF-8 (SMTPUTF8)");
	}
	return outcome->result != SUBMISSION_PENDING;
}

/* Says what the server is asked of the recipients that are left. */
static void put_envelope(struct submission *submission)
{
	const struct submission_envelope *envelope = submission->envelope;
	size_t i;

	put_mail(submission);
	if (submission->has_pipelining) {
		for (i = find_asked(submission, 0); i < envelope->n_recipients;
		     i = find_asked(submission, i + 1)) {
			put_recipient(submission, i);
		}
	}
}

void submission_begin(struct submission *submission, const struct submission_envelope *envelope,
    struct submission_outcome *outcomes_r)
{
	assert(envelope->n_recipients > 0 && envelope->n_recipients <= SUBMISSION_RECIPIENTS_MAX);
	assert(submission->phase == SUBMISSION_PHASE_READY ||
	       submission->phase == SUBMISSION_PHASE_CLOSED);
	memset(outcomes_r, 0, envelope->n_recipients * sizeof(*outcomes_r));
	submission->envelope = envelope;
	submission->outcomes = outcomes_r;
	submission->has_answered = false;
	submission->asked = 0;
	submission->at = 0;
	submission->n_chunk = 0;
	submission->content = (struct content){ .has_dots = !submission->has_chunking };
	if (submission->phase == SUBMISSION_PHASE_CLOSED) {
		submission_decide(submission, SUBMISSION_DEFERRED, &submission->end);
		submission->outcomes = NULL;
		return;
	}
	for (size_t i = 0; i < envelope->n_recipients; i++) {
		if (!is_refused(submission, envelope->recipients[i], &outcomes_r[i])) {
			submission->asked |= UINT64_C(1) << i;
		}
	}
	if (submission->asked == 0) {
		submission_become_ready(submission);
		return;
	}
	submission->phase = SUBMISSION_PHASE_ENVELOPE;
	put_envelope(submission);
}

static void end_envelope(struct submission *submission)
{
	if (!submission_has_pending(submission)) {
		submission_reset(submission);
	} else if (submission->has_chunking) {
		submission->phase = SUBMISSION_PHASE_CONTENT;
	} else {
		submission_put(submission, "DATA\r\n");
		submission->phase = SUBMISSION_PHASE_DATA;
	}
}

void submission_on_envelope(struct submission *submission, const struct response_words *words)
{
	struct submission_outcome *outcome =
	    submission->at > 0 ? &submission->outcomes[submission->at - 1] : NULL;

	submission->has_answered = true;
	if (words->code < 400 && outcome != NULL && submission->envelope->is_question &&
	    outcome->result == SUBMISSION_PENDING) {
		*outcome = (struct submission_outcome){ SUBMISSION_ACCEPTED, *words };
	} else if (words->code >= 400 && outcome == NULL) {
		submission_decide(submission, submission_result_of(words->code), words);
	} else if (words->code >= 400 && outcome->result == SUBMISSION_PENDING) {
		*outcome = (struct submission_outcome){ submission_result_of(words->code), *words };
	}
	submission->at = find_asked(submission, submission->at) + 1;
	if (submission->at > submission->envelope->n_recipients) {
		end_envelope(submission);
	} else if (!submission->has_pipelining && !submission_has_pending(submission)) {
		submission_reset(submission); /* the sender was refused */
	} else if (!submission->has_pipelining) {
		put_recipient(submission, submission->at - 1);
	}
}
