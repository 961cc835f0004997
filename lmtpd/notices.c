/* SPDX-License-Identifier: MIT
 * A notice is a copy of all that it needs, since its delivery is gone when it is sent. */
#include "lmtpd/notices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "lmtpd/server.h"
#include "lmtpd/submitter.h"
#include "maildir/home.h"
#include "maildir/marks.h"
#include "runtime/log.h"

enum {
	SEND_MS = 30000, /* for one notice */
	MARKS_PATIENCE_MS = 2000,
};

struct notice {
	struct work work; /* first */
	SLIST_ENTRY(notice) next;
	struct service *service; /* once it is handed on */
	struct outbound *outbound;
	struct letter letter; /* all that it points to stands behind, but for the root */
	time_t now;
	char room[];
};

/* --- on a writer's thread ------------------------------------------------------------------------------------------ */

static const char *put(char **room, const char *text, size_t n)
{
	char *copy = *room;

	memcpy(copy, text, n);
	copy[n] = '\0';
	*room += n + 1;
	return copy;
}

/* NULL: no memory. */
static struct notice *copy(const struct outbox *outbox, const struct letter *letter)
{
	const struct scripts_home *home = &letter->home;
	struct notice *notice = calloc(
	    1, sizeof(*notice) + strlen(letter->from) + strlen(letter->to) + letter->message.n +
		   letter->id.n + strlen(home->path) + strlen(home->address) + 6);
	char *room;

	if (notice == NULL) {
		return NULL;
	}
	room = notice->room;
	notice->outbound = outbox->outbound;
	notice->now = outbox->now;
	notice->letter = *letter;
	notice->letter.from = put(&room, letter->from, strlen(letter->from));
	notice->letter.to = put(&room, letter->to, strlen(letter->to));
	notice->letter.message.p = put(&room, letter->message.p, letter->message.n);
	notice->letter.id.p = put(&room, letter->id.p, letter->id.n);
	notice->letter.home.path = put(&room, home->path, strlen(home->path));
	notice->letter.home.address = put(&room, home->address, strlen(home->address));
	return notice;
}

static void hold(const struct letter *letter, const char *why)
{
	log_event(LOG_LEVEL_WARNING, letter->kind == SIEVE_VACATION ? "vacation" : "notify",
	    "%s sends nothing to %s: %s", letter->home.address, letter->to, why);
}

/* May a notice go out at all? */
static bool is_allowed(const struct outbox *outbox, const struct letter *letter)
{
	const struct span parts[] = { span_of(letter->home.address), span_of(letter->to) };
	struct outbound *outbound = outbox->outbound;
	struct key key;

	if (outbound->n_waiting >= OUTBOX_NOTICES_MAX) {
		hold(letter, "too many are waiting to be sent");
	} else if (ids_key(&key, parts, 2) != 0 ||
		   !rates_allow(outbound->rates, &key, uv_hrtime() / 1000000)) {
		hold(letter, "too many were sent of late, to all or to this one");
	} else {
		return true;
	}
	outbound->counts.n_notices_held++;
	return false;
}

static bool is_wanted(const struct outbox *outbox, const struct letter *letter)
{
	switch (letter->kind) {
	case SIEVE_MARK:
		return true;
	case SIEVE_VACATION:
	case SIEVE_NOTIFY:
		return is_allowed(outbox, letter);
	default:
		return false;
	}
}

/* Does the message stay with the client, since what rejects it only puts it off? It comes again, and must not be taken for one that has been here,
 * nor be told of each time. */
static bool comes_again(
    const struct filter *filter, const struct places *places, const struct letter *letter)
{
	return filter->config->lmtp.soft_bounce && places->slots[letter->slot].rejection != NULL;
}

/* Marks the letters of one mailbox at once, and keeps those that are to be sent. */
static void finish(
    struct notices *notices, const struct outbox *outbox, struct letter **letters, size_t n)
{
	const struct letter *marked[MARKS_AT_ONCE];
	size_t n_marked = 0;
	bool is_marked;

	for (size_t i = 0; i < n; i++) {
		if (letters[i]->id.n > 0) {
			marked[n_marked++] = letters[i];
		}
	}
	is_marked = n_marked == 0 || outbox_mark(outbox, marked, n_marked) == 0;
	for (size_t i = 0; i < n; i++) {
		struct letter *letter = letters[i];
		struct notice *notice;
		bool is_due;

		if (letter->kind == SIEVE_MARK) {
			continue;
		}
		/* What says how often it may be said is not said without that. A notice of vacation has no id where
		 * OpenSSL makes none. */
		is_due = letter->id.n > 0 ? is_marked : letter->kind != SIEVE_VACATION;
		notice = is_due ? copy(outbox, letter) : NULL;
		if (notice == NULL) {
			hold(letter,
			    is_due ? "out of memory" : "that it did could not be remembered");
			outbox->outbound->counts.n_notices_held++;
			continue;
		}
		letter->state = LETTER_SENT;
		outbox->outbound->n_waiting++;
		SLIST_INSERT_HEAD(notices, notice, next);
	}
}

void notices_prepare(struct notices *notices, struct filter *filter, const struct places *places)
{
	const struct outbox *outbox = &filter->outbox;
	struct letter *letters[MARKS_AT_ONCE];
	size_t n = 0;

	for (size_t i = 0; i < outbox->n; i++) {
		struct letter *letter = &outbox->list[i];

		if (!places_reach_slot(places, letter->slot) ||
		    comes_again(filter, places, letter) || !is_wanted(outbox, letter)) {
			continue;
		}
		if (n > 0 && (n == MARKS_AT_ONCE ||
				 strcmp(letters[0]->home.address, letter->home.address) != 0)) {
			finish(notices, outbox, letters, n);
			n = 0;
		}
		letters[n++] = letter;
	}
	if (n > 0) {
		finish(notices, outbox, letters, n);
	}
}

/* --- on a thread of the submissions -------------------------------------------------------------------------------- */

/* Makes a list of the lines; returns how many. */
static size_t split(char *lines, const char **list, size_t max)
{
	size_t n = 0;

	for (char *line, *rest = lines; n < max && (line = strsep(&rest, "\n")) != NULL;) {
		if (line[0] != '\0') {
			list[n++] = line;
		}
	}
	return n;
}

/* The next message is answered instead. */
static void forget(const struct notice *notice)
{
	const struct letter *letter = &notice->letter;
	unsigned patience = MARKS_PATIENCE_MS;
	int fd = home_open(letter->home.root, letter->home.path);

	if (fd >= 0) {
		marks_forget(fd, letter->home.address, letter->id, notice->now, &patience);
		close(fd);
	}
}

static void tell(
    const struct letter *letter, const char *to, const struct submission_outcome *outcome)
{
	static const char *const statuses[] = { [SUBMISSION_PENDING] = "deferred",
		[SUBMISSION_ACCEPTED] = "sent",
		[SUBMISSION_REFUSED] = "refused",
		[SUBMISSION_DEFERRED] = "deferred",
		[SUBMISSION_UNKNOWN] = "unknown" };
	bool is_sent = outcome->result == SUBMISSION_ACCEPTED;
	struct log_line line;

	log_begin(&line, is_sent ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
	    letter->kind == SIEVE_VACATION ? "vacation" : "notify");
	log_address(&line, "mailbox", letter->home.address);
	log_address(&line, "to", to);
	log_text(&line, "status", statuses[outcome->result]);
	log_number(&line, "code", (uint64_t)outcome->words.code);
	log_quoted(&line, "reason", is_sent ? "" : outcome->words.text);
	log_end(&line);
}

static void run_notice(struct work *work, void *context)
{
	struct notice *notice = (struct notice *)work;
	struct letter *letter = &notice->letter;
	struct outbound_counts *counts = &notice->outbound->counts;
	const struct lmtpd_config *config = lmtpd_config_of(notice->service);
	struct submission_outcome outcomes[SUBMISSION_RECIPIENTS_MAX];
	const char *list[SUBMISSION_RECIPIENTS_MAX];
	struct submission_message message = { .sender = letter->from,
		.recipients = list,
		.n_recipients = split((char *)letter->to, list, SUBMISSION_RECIPIENTS_MAX),
		.content = { .leading = letter->message } };
	size_t n_sent = 0, n_unknown = 0;

	submitter_submit(
	    context, &config->sieve.submitter, &message, uv_hrtime() / 1000000 + SEND_MS, outcomes);
	for (size_t i = 0; i < message.n_recipients; i++) {
		tell(letter, list[i], &outcomes[i]);
		n_sent += outcomes[i].result == SUBMISSION_ACCEPTED;
		n_unknown += outcomes[i].result == SUBMISSION_UNKNOWN;
	}
	if (letter->kind == SIEVE_NOTIFY) {
		counts->n_notified += n_sent;
		counts->n_notifications_failed += message.n_recipients - n_sent;
		return;
	}
	counts->n_notices += n_sent;
	counts->n_notices_failed += n_sent == 0;
	/* What may have gone out does not go again: an answer that is missing does less harm than two. */
	if (n_sent + n_unknown == 0) {
		forget(notice);
	}
}

/* --- on the loop --------------------------------------------------------------------------------------------------- */

static void done_notice(struct work *work)
{
	struct notice *notice = (struct notice *)work;
	struct service *service = notice->service;

	notice->outbound->n_waiting--;
	free(notice);
	service_unref(service);
}

void notices_send(struct notices *notices, struct service *service)
{
	struct notice *notice;

	while ((notice = SLIST_FIRST(notices)) != NULL) {
		SLIST_REMOVE_HEAD(notices, next);
		notice->service = service_ref(service);
		notice->work.run = run_notice;
		notice->work.done = done_notice;
		notice->work.is_dispensable = true;
		lane_submit(&service->lanes[SERVICE_SUBMISSIONS], &notice->work);
	}
}

void notices_drop(struct notices *notices)
{
	struct notice *notice;

	while ((notice = SLIST_FIRST(notices)) != NULL) {
		SLIST_REMOVE_HEAD(notices, next);
		notice->outbound->n_waiting--;
		free(notice);
	}
}
