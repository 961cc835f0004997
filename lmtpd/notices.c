/* SPDX-License-Identifier: MIT
 * A notice is a copy of all that it needs, since its delivery is gone when it is sent. */
#include "lmtpd/notices.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "lmtpd/delivery.h"
#include "lmtpd/server.h"
#include "lmtpd/submitter.h"
#include "maildir/marks.h"
#include "runtime/log.h"

enum {
	SEND_MS = 10000,             /* for one notice */
	END_MS = 2000,               /* for those that wait when the process ends */
	FORGET_MS = 10000,           /* for the disk; then it is late */
	RANK_LAST = QUEUE_RANKS - 1, /* mail goes first */
};

struct notice {
	struct work work; /* first */
	STAILQ_ENTRY(notice) next;
	struct service *service; /* once it is handed on */
	struct outbound *outbound;
	struct letter letter; /* all that it points to stands behind, but for the root */
	time_t now;
	bool is_forgotten; /* nobody has it: the next message is answered instead */
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

static const char *event_of(const struct letter *letter)
{
	return letter->kind == SIEVE_VACATION ? "vacation" : "notify";
}

static void hold(const struct outbox *outbox, const struct letter *letter, const char *why)
{
	log_event(LOG_LEVEL_WARNING, event_of(letter), "%s sends nothing to %s: %s",
	    letter->home.address, letter->to, why);
	outbox->outbound->counts.n_notices_held++;
}

static int make_key(struct key *key_r, const struct letter *letter)
{
	const struct span parts[] = { span_of(letter->home.address), span_of(letter->to) };

	return ids_key(key_r, parts, sizeof(parts) / sizeof(parts[0]));
}

/* Places in the queue: memory is what they cost. */
static size_t places_of(const struct letter *letter)
{
	return 1 + letter->message.n / OUTBOX_NOTICE;
}

/* May a notice go out at all? Then it has its places. */
static bool reserve(const struct outbox *outbox, const struct letter *letter)
{
	struct outbound *outbound = outbox->outbound;
	const char *why = "too many were sent of late, to all or to this one";
	size_t n = places_of(letter);
	struct key key;

	if (atomic_fetch_add(&outbound->n_waiting, n) + n > OUTBOX_NOTICES_MAX) {
		why = "too many are waiting to be sent";
	} else if (make_key(&key, letter) == 0 &&
		   rates_allow(outbound->rates, &key, uv_hrtime() / 1000000)) {
		return true;
	}
	outbound->n_waiting -= n;
	hold(outbox, letter, why);
	return false;
}

/* It does not go out after all. */
static void give_back(const struct outbox *outbox, const struct letter *letter, const char *why)
{
	struct key key;

	outbox->outbound->n_waiting -= places_of(letter);
	if (make_key(&key, letter) == 0) {
		rates_give_back(outbox->outbound->rates, &key);
	}
	hold(outbox, letter, why);
}

static bool is_wanted(const struct outbox *outbox, const struct letter *letter)
{
	switch (letter->kind) {
	case SIEVE_MARK:
		return true;
	case SIEVE_VACATION:
	case SIEVE_NOTIFY:
		return reserve(outbox, letter);
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

/* Keeps a notice to be sent, or tells why it is not. What says how often it may be said is not said without that; a notice of vacation
 * has no id where OpenSSL makes none. */
static void keep(struct notices *notices, const struct outbox *outbox, struct letter *letter,
    struct notice *notice, bool is_marked)
{
	if (letter->id.n > 0 ? is_marked : letter->kind != SIEVE_VACATION) {
		letter->state = LETTER_SENT;
		STAILQ_INSERT_TAIL(notices, notice, next);
	} else {
		free(notice);
		give_back(outbox, letter, "that it did could not be remembered");
	}
}

/* Marks the letters of one mailbox at once, and keeps those that are to be sent. */
static void finish(
    struct notices *notices, const struct outbox *outbox, struct letter **letters, size_t n)
{
	const struct letter *marked[MARKS_AT_ONCE];
	struct notice *made[MARKS_AT_ONCE];
	size_t n_marked = 0;
	bool is_marked;

	for (size_t i = 0; i < n; i++) {
		bool is_sent = letters[i]->kind != SIEVE_MARK;

		made[i] = is_sent ? copy(outbox, letters[i]) : NULL;
		if (is_sent && made[i] == NULL) {
			give_back(outbox, letters[i], "out of memory");
		} else if (letters[i]->id.n > 0) {
			marked[n_marked++] = letters[i];
		}
	}
	is_marked = n_marked == 0 || outbox_mark(outbox, marked, n_marked) == 0;
	for (size_t i = 0; i < n; i++) {
		if (made[i] != NULL) {
			keep(notices, outbox, letters[i], made[i], is_marked);
		}
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

/* --- on a thread of the notices ------------------------------------------------------------------------------------ */

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

	log_begin(&line, is_sent ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, event_of(letter));
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
	notice->is_forgotten = n_sent + n_unknown == 0;
}

/* --- on a writer's thread, again ----------------------------------------------------------------------------------- */

static void run_forget(struct work *work, void *context)
{
	const struct notice *notice = (struct notice *)work;
	const struct letter *letter = &notice->letter;
	int result =
	    marking_forget(notice->outbound->marking, &letter->home, letter->id, notice->now);

	if (result != 0 && result != -ENOENT) {
		log_event(LOG_LEVEL_WARNING, "vacation",
		    "%s has not answered %s, and that it has cannot be forgotten: %s",
		    letter->home.address, letter->to, marks_strerror(result));
	}
}

/* --- on the loop --------------------------------------------------------------------------------------------------- */

static void drop(struct notice *notice)
{
	notice->outbound->n_waiting -= places_of(&notice->letter);
	free(notice);
}

static void done_notice(struct work *work)
{
	struct notice *notice = (struct notice *)work;
	struct service *service = notice->service;

	drop(notice);
	service_unref(service);
}

/* Nobody waits for it. */
static void late_forget(struct work *work)
{
}

/* One that stands still must not take the threads of those of which nothing is known. */
static unsigned disk_of(const struct notice *notice)
{
	const struct scripts_home *home = &notice->letter.home;
	const struct maildir_place place = { .root = home->root, .mailbox = home->path };

	return devices_share(&lmtpd_server_of(notice->service)->devices, &place);
}

/* On a thread that may wait for a disk. */
static void forget(struct notice *notice)
{
	notice->work = (struct work){ .run = run_forget,
		.done = done_notice,
		.late = late_forget,
		.rank = RANK_LAST,
		.share = disk_of(notice),
		.waited = DELIVERY_PATIENCE * 1000 - FORGET_MS };
	lane_submit(&notice->service->lanes[SERVICE_WORKERS], &notice->work);
}

static void done_sending(struct work *work)
{
	struct notice *notice = (struct notice *)work;

	if (notice->is_forgotten) {
		forget(notice);
	} else {
		done_notice(work);
	}
}

/* One that has waited for too long for its turn. */
static void late_sending(struct work *work)
{
	struct notice *notice = (struct notice *)work;
	struct letter *letter = &notice->letter;
	struct outbound_counts *counts = &notice->outbound->counts;

	if (!lane_withdraw(&notice->service->lanes[SERVICE_NOTICES], work)) {
		return;
	}
	log_event(LOG_LEVEL_WARNING, event_of(letter),
	    "%s sends nothing to %s: those before it take too long", letter->home.address,
	    letter->to);
	if (letter->kind == SIEVE_VACATION) {
		counts->n_notices_failed++;
		forget(notice);
	} else {
		counts->n_notifications_failed++;
		done_notice(work);
	}
}

/* Servers that hang do so for a domain, or for all. */
static unsigned share_of(const struct letter *letter)
{
	const char *at = strrchr(letter->to, '@'), *domain = at == NULL ? letter->to : at;
	uint64_t hash = TEXT_HASH_START;

	for (; *domain != '\0'; domain++) {
		char c = text_lower(*domain);

		hash = text_hash(hash, &c, 1);
	}
	return (unsigned)(hash % QUEUE_SHARES);
}

void notices_lane(const struct lmtpd_config *config, struct lane_settings *settings_r)
{
	*settings_r = (struct lane_settings){
		.name = "notice",
		.n_threads = config->sieve.is_enabled ? NOTICES_THREADS : 0,
		.n_descriptors = 1,
		.patience = NOTICES_PATIENCE * 1000,
		.idle = SUBMITTER_IDLE_MS,
		.is_dispensable_late = true,
		.start = submitter_start,
		.stop = submitter_stop,
		.on_idle = submitter_on_idle,
	};
	for (unsigned share = 0; share < QUEUE_SHARES; share++) {
		settings_r->max[share] = 1;
	}
}

void notices_send(struct notices *notices, struct service *service)
{
	struct notice *notice;

	while ((notice = STAILQ_FIRST(notices)) != NULL) {
		STAILQ_REMOVE_HEAD(notices, next);
		notice->service = service_ref(service);
		notice->work = (struct work){ .run = run_notice,
			.done = done_sending,
			.late = late_sending,
			.share = share_of(&notice->letter) };
		lane_submit(&service->lanes[SERVICE_NOTICES], &notice->work);
	}
}

void notices_end(const struct daemon *daemon)
{
	struct service *service;

	LIST_FOREACH (service, &daemon->services, entry) {
		if (service->n_lanes > SERVICE_NOTICES) {
			lane_hurry(&service->lanes[SERVICE_NOTICES], END_MS);
		}
	}
}

void notices_drop(struct notices *notices)
{
	struct notice *notice;

	while ((notice = STAILQ_FIRST(notices)) != NULL) {
		STAILQ_REMOVE_HEAD(notices, next);
		drop(notice);
	}
}
