/* SPDX-License-Identifier: MIT
 * One after the other over one connection. */
#include "lmtpd/redirects.h"

#include <stdio.h>
#include <string.h>

#include "runtime/log.h"

/* What goes out: a header, of the message or of a version of it, and the body as it came. */
struct source {
	const struct maildir_message *message;
	struct span header;
	uint64_t body; /* where it begins */
};

static ssize_t read_source(void *data, uint64_t offset, char *buffer, size_t n)
{
	const struct source *source = data;

	if (offset >= source->header.n) {
		return maildir_read(
		    source->message, source->body + (offset - source->header.n), buffer, n);
	}
	if (n > source->header.n - offset) {
		n = source->header.n - (size_t)offset;
	}
	memcpy(buffer, source->header.p + offset, n);
	return (ssize_t)n;
}

static void submit(const struct filter *filter, struct submitter *submitter,
    const struct submitter_settings *settings, const struct letter *letter, uint64_t deadline,
    struct submission_outcome *outcome_r)
{
	const struct filter_header *edited = &filter->headers[letter->version];
	struct source source = { .message = filter->message,
		.header = { filter_header_of(filter), filter->n_header },
		.body = filter->n_header };
	struct submission_message message = { .sender = letter->from,
		.recipients = &letter->to,
		.n_recipients = 1,
		.content = { .leading = letter->message,
		    .read = read_source,
		    .source = &source,
		    .omits_return_path = true } };

	if (letter->version > 0) {
		source.header = (struct span){ edited->text, edited->n };
	}
	submitter_submit(submitter, settings, &message, deadline, outcome_r);
}

/* --- what comes of it ---------------------------------------------------------------------------------------------- */

static const char *describe(const struct filter *filter, const struct letter *letter,
    const struct submission_outcome *outcome)
{
	char text[1200];

	if (outcome->words.code != 0) {
		snprintf(text, sizeof(text), "to %.500s: %d %s%s%s", letter->to,
		    outcome->words.code, outcome->words.enhanced,
		    outcome->words.enhanced[0] != '\0' ? " " : "", outcome->words.text);
	} else {
		snprintf(text, sizeof(text), "to %.500s: %s", letter->to, outcome->words.text);
	}
	return arena_copy(filter->outbox.arena, span_of(text)).p;
}

/* Whose script it is should know, too. */
static void tell(const struct filter *filter, const struct letter *letter, const char *why)
{
	char text[1300];

	if (letter->script == NULL) {
		return;
	}
	snprintf(
	    text, sizeof(text), "%s, so the mailbox keeps the message: %s", why, letter->answer);
	for (char *p = text; *p != '\0'; p++) {
		*p = text_is_control(*p) ? ' ' : *p;
	}
	scripts_tell(filter->config, &letter->home,
	    &(struct sieve_note){ letter->script, letter->line, SIEVE_NOTE_ERROR, span_of(text) },
	    filter->facts->message_id);
}

static void settle(struct places *places, const struct letter *letter)
{
	struct places_slot *slot = &places->slots[letter->slot];

	switch (letter->state) {
	case LETTER_SENT:
		slot->is_redirected = true;
		break;
	case LETTER_REFUSED:
		places_fall_back(places, letter->slot);
		break;
	default:
		slot->refusal = letter->answer;
		slot->is_held_by_others = true;
		break;
	}
}

/* The mailbox keeps it, why is said to the admin, and to the user. */
static void give_up(struct filter *filter, struct letter *letter, const char *why, const char *own)
{
	letter->state = LETTER_REFUSED;
	filter->outbox.outbound->counts.n_redirects_refused++;
	log_event(LOG_LEVEL_WARNING, "redirect", "%s: %s, so the mailbox keeps the message: %s",
	    letter->home.address, why, letter->answer);
	tell(filter, letter, own);
}

static void redirect(struct filter *filter, struct submitter *submitter,
    const struct submitter_settings *settings, struct letter *letter, uint64_t deadline)
{
	struct outbound_counts *counts = &filter->outbox.outbound->counts;
	struct submission_outcome outcome;

	submit(filter, submitter, settings, letter, deadline, &outcome);
	letter->answer = describe(filter, letter, &outcome);
	if (letter->answer == NULL) {
		letter->answer = "out of memory";
	}
	switch (outcome.result) {
	case SUBMISSION_ACCEPTED:
		letter->state = LETTER_SENT;
		counts->n_redirected++;
		outbox_redirected(&filter->outbox, letter);
		break;
	case SUBMISSION_REFUSED:
		give_up(filter, letter, "refused for good", "not redirected");
		break;
	default:
		/* A server that takes longer than we wait would send one with each try, until the client returned the message. */
		if (outcome.result == SUBMISSION_UNKNOWN &&
		    outbox_is_unknown_again(&filter->outbox, letter)) {
			give_up(filter, letter, "not confirmed at two tries",
			    "redirected twice, it seems, and not confirmed");
			break;
		}
		letter->state = LETTER_DEFERRED;
		counts->n_redirects_deferred++;
		break;
	}
}

/* --- all of them --------------------------------------------------------------------------------------------------- */

/* The same, of the same mailbox by another recipient, which was dealt with; NULL: none. */
static const struct letter *find_twin(const struct outbox *outbox, size_t i)
{
	const struct letter *letter = &outbox->list[i];

	for (size_t k = 0; k < i; k++) {
		const struct letter *other = &outbox->list[k];

		if (other->kind == SIEVE_REDIRECT && other->state != LETTER_DUE &&
		    other->version == letter->version &&
		    strcmp(other->home.address, letter->home.address) == 0 &&
		    strcmp(other->to, letter->to) == 0) {
			return other;
		}
	}
	return NULL;
}

void redirects_send(struct filter *filter, struct places *places, struct submitter *submitter,
    const struct submitter_settings *settings, uint64_t deadline,
    bool (*goes_on)(const void *context), const void *context)
{
	struct outbox *outbox = &filter->outbox;

	for (size_t i = 0; i < outbox->n && goes_on(context); i++) {
		struct letter *letter = &outbox->list[i];
		const struct letter *twin;

		if (letter->kind != SIEVE_REDIRECT || letter->state != LETTER_DUE ||
		    !places_reach_slot(places, letter->slot)) {
			continue;
		}
		twin = find_twin(outbox, i);
		if (twin != NULL) {
			letter->state = twin->state;
			letter->answer = twin->answer;
			if (letter->state == LETTER_SENT) {
				outbox_redirected(outbox, letter); /* it has an id of its own */
			}
		} else {
			redirect(filter, submitter, settings, letter, deadline);
		}
		settle(places, letter);
	}
}
