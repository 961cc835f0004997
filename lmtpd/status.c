/* SPDX-License-Identifier: MIT
 * The names and words of the document are a promise: lmtpd(8), STATUS. */
#include "lmtpd/status.h"

#include <stdio.h>
#include <string.h>

#include "lmtpd/delivery_log.h"
#include "lmtpd/session.h"

void status_looked_up(struct lmtpd_status *status, const struct lookup *lookup)
{
	if (lookup->is_asked) {
		histogram_add(&status->lookups, lookup->took);
	}
	status->n_untold += lookup->n_doubts;
	if (lookup->reply != REPLY_NO_MEMORY) {
		vitals_asked(&status->vitals,
		    lookup->reply == REPLY_NO_DATABASE ? lookup->resolution.note : NULL);
	}
}

void status_delivered(
    struct lmtpd_status *status, const struct envelope *envelope, const struct delivery *delivery)
{
	const struct recipient *recipient;
	bool is_saved = false;

	STAILQ_FOREACH (recipient, &envelope->recipients, next) {
		status->recipients[recipient->reply]++;
		if (recipient->reply == REPLY_SAVED && delivery != NULL) {
			enum places_fate fate = places_fate(&delivery->places, recipient);

			status->scripts.n_discarded += fate == PLACES_DISCARDED;
			is_saved = is_saved || fate == PLACES_KEPT;
		}
	}
	status->n_messages++;
	if (delivery != NULL) {
		status->n_bytes += is_saved ? delivery->message.size : 0;
		histogram_add(&status->commits, delivery->finished - delivery->committing);
	}
	if (delivery != NULL && delivery->filter != NULL) {
		const struct filter *filter = delivery->filter;

		status->scripts.n_runs += filter->counts.n_runs;
		status->scripts.n_failed += filter->counts.n_failed;
		status->scripts.n_exhausted += filter->counts.n_exhausted;
		status->scripts.n_fuel += filter->counts.n_fuel;
	}
}

static void write_sessions(const struct lmtpd_server *server, struct document *document)
{
	uint64_t n_total = server->status.n_sessions, n_busy = 0;
	const struct peer *peer;

	LIST_FOREACH (peer, &server->daemon.peers, entry) {
		const struct session *session = session_of(peer);

		if (session != NULL) {
			n_total += session->lmtp.envelope.client != NULL; /* it said LHLO */
			n_busy += lmtp_is_in_transaction(&session->lmtp);
		}
	}
	document_group(document, "sessions");
	document_counter(
	    document, "total", "sessions_total", "Connections that said LHLO.", n_total);
	document_gauge(document, "in_transaction", "sessions_in_transaction",
	    "Sessions with an envelope or a message under way.", n_busy);
}

static void write_messages(const struct lmtpd_status *status, struct document *document)
{
	static const struct document_value bytes = { .name = "bytes",
		.metric = "message_bytes_total",
		.help = "Bytes of the messages that were saved, counted once for each.",
		.is_counter = true,
		.is_size = true };

	document_group(document, "messages");
	document_counter(document, "total", "messages_total",
	    "Messages whose data was complete, but for those that were too big.",
	    status->n_messages);
	document_number(document, &bytes, status->n_bytes);
	document_counter(document, "stalled", "messages_stalled_total",
	    "Messages that were put off since the disk stood still.", status->n_stalled);
}

/* Can a recipient end with it? */
static bool is_outcome(enum reply reply)
{
	return reply_is_one(reply) && (reply == REPLY_SAVED || reply_code(reply) >= 400);
}

static void write_recipients(
    const struct lmtpd_status *status, bool soft_bounce, struct document *document)
{
	static const struct document_value soft = { .name = "soft_bounce",
		.metric = "soft_bounce",
		.help = "1 while every 5xx is said as 4xx (lmtp.soft_bounce).",
		.is_left_out_at_0 = true };
	uint64_t n_saved = status->recipients[REPLY_SAVED], n_deferred = 0, n_rejected = 0;

	for (enum reply reply = REPLY_NONE + 1; reply < REPLIES; reply++) {
		if (reply != REPLY_SAVED && is_outcome(reply)) {
			*(reply_is_permanent(reply) ? &n_rejected : &n_deferred) +=
			    status->recipients[reply];
		}
	}
	document_group(document, "recipients");
	document_counter(document, "saved", NULL, NULL, n_saved);
	document_counter(document, "deferred", NULL, NULL, n_deferred);
	document_counter(document, "rejected", NULL, NULL, n_rejected);
	document_number(document, &soft, soft_bounce);
}

static bool is_same_code(enum reply a, enum reply b)
{
	return reply_code(a) == reply_code(b) && strcmp(reply_enhanced(a), reply_enhanced(b)) == 0;
}

/* One may be the soft form of another. */
static bool is_same_line(enum reply a, enum reply b)
{
	return is_same_code(a, b) && strcmp(reply_text(a), reply_text(b)) == 0;
}

/* Counts a reply and all that are the same; false if they were counted with an earlier one. */
static bool count_same(const struct lmtpd_status *status, enum reply reply,
    bool (*is_same)(enum reply a, enum reply b), uint64_t *n_r)
{
	*n_r = 0;
	for (enum reply other = REPLY_NONE + 1; other < REPLIES; other++) {
		if (is_outcome(other) && is_same(other, reply)) {
			if (other < reply) {
				return false;
			}
			*n_r += status->recipients[other];
		}
	}
	return true;
}

/* For people and scripts: by code, which several replies may share. */
static void write_codes(
    const struct lmtpd_status *status, enum reply reply, struct document *document)
{
	char name[32];
	const struct document_value value = {
		.name = name,
		.is_counter = true,
		.is_left_out_at_0 = true,
	};
	uint64_t n;

	if (count_same(status, reply, is_same_code, &n)) {
		snprintf(name, sizeof(name), "%d %s", reply_code(reply), reply_enhanced(reply));
		document_number(document, &value, n);
	}
}

/* All of them, also those that nobody got yet: a rate begins at 0. */
static void write_replies(const struct lmtpd_status *status, struct document *document)
{
	char labels[160];
	const struct document_value value = {
		.metric = "recipients_total",
		.labels = labels,
		.help = "Recipients by outcome and reply.",
		.is_counter = true,
	};

	uint64_t n;

	document_group(document, "replies");
	for (enum reply reply = REPLY_NONE + 1; reply < REPLIES; reply++) {
		if (!is_outcome(reply)) {
			continue;
		}
		write_codes(status, reply, document);
		if (count_same(status, reply, is_same_line, &n)) {
			snprintf(labels, sizeof(labels),
			    "status=\"%s\",code=\"%d\",dsn=\"%s\",reason=\"%s\"",
			    delivery_status(reply), reply_code(reply), reply_enhanced(reply),
			    reply_text(reply));
			document_number(document, &value, n);
		}
	}
}

static void write_policy(const struct lmtpd_status *status, struct document *document)
{
	document_group(document, "policy");
	document_counter(document, "questions", "policy_questions_total",
	    "Questions of Postfix that the policy socket has answered.",
	    status->policy.n_questions);
	document_counter(document, "full", "policy_full_total",
	    "Answers of the policy socket that a mailbox is full.", status->policy.n_full);
	document_counter(document, "disabled", "policy_disabled_total",
	    "Answers of the policy socket that a mailbox is disabled.", status->policy.n_disabled);
}

/* How mail becomes durable on the filesystem of the mail root, and why so. */
static void write_way(const struct storage *storage, struct document *document)
{
	const struct storage_filesystem *base = &storage->filesystems[storage->base];
	char way[128];

	snprintf(way, sizeof(way), "%s: %s",
	    storage_commit_name(storage->n > 0 ? base->commit : STORAGE_STRICT),
	    storage->n > 0 ? base->why : "nothing is known of its filesystem");
	document_words(document, "way", way);
}

static void write_quota(struct lmtpd_server *server, struct document *document)
{
	struct histogram counts;

	accounts_read_counts(&server->accounts, &counts);
	document_group(document, "quota");
	document_histogram(document, "quota_count_duration_seconds",
	    "How long it took to count a mailbox with a limit.", &counts);
	document_counter(document, "untold", "quota_untold_total",
	    "Times that a mailbox got its mail since it could not be counted.",
	    server->status.n_untold);
}

static void write_scripts(const struct lmtpd_server *server, struct document *document)
{
	const struct lmtpd_status *status = &server->status;

	document_group(document, "scripts");
	document_counter(document, "runs", "script_runs_total",
	    "Runs of the scripts of a mailbox over a message.", status->scripts.n_runs);
	document_counter(document, "failed", "script_runs_failed_total",
	    "Runs in which a script failed.", status->scripts.n_failed);
	document_counter(document, "exhausted", "script_runs_exhausted_total",
	    "Of these, runs that needed too much time or memory.", status->scripts.n_exhausted);
	document_counter(document, "fuel", "script_fuel_total",
	    "Work that runs have done: a unit is a byte that was looked at.",
	    status->scripts.n_fuel);
	document_counter(document, "discarded", "script_discarded_total",
	    "Recipients whose message a script has discarded.", status->scripts.n_discarded);
	if (server->daemon.service->n_lanes > SERVICE_SCRIPTS) {
		vitals_write_lane(&status->vitals, document, SERVICE_SCRIPTS, "script");
	}
}

static void write_submissions(const struct lmtpd_server *server, struct document *document)
{
	const struct outbound_counts *counts = &server->outbound.counts;
	const uint64_t *recipients = server->status.recipients;

	document_group(document, "submissions");
	document_counter(document, "redirected", "redirects_total",
	    "Messages that scripts have redirected and the submission server has taken.",
	    counts->n_redirected);
	document_counter(document, "redirects_refused", "redirects_refused_total",
	    "Redirects that it has refused for good: INBOX keeps the message.",
	    counts->n_redirects_refused);
	document_counter(document, "redirects_deferred", "redirects_deferred_total",
	    "Redirects that it has not taken for now: the client keeps the message.",
	    counts->n_redirects_deferred);
	document_counter(document, "notices", "vacation_notices_total",
	    "Answers of vacation that were sent.", counts->n_notices);
	document_counter(document, "notices_failed", "vacation_notices_failed_total",
	    "Answers that the submission server has not taken.", counts->n_notices_failed);
	document_counter(document, "notices_held", "notices_held_total",
	    "Answers and notifications that were not sent: too many of late, or they could not be "
	    "remembered.",
	    counts->n_notices_held);
	document_counter(document, "notified", "notifications_total",
	    "Notifications of scripts that were sent.", counts->n_notified);
	document_counter(document, "notifications_failed", "notifications_failed_total",
	    "Notifications that the submission server has not taken.",
	    counts->n_notifications_failed);
	document_counter(document, "rejected", "script_rejects_total",
	    "Recipients whose script has rejected the message.",
	    recipients[REPLY_REJECTED] + recipients[reply_soften(REPLY_REJECTED)]);
	if (server->daemon.service->n_lanes > SERVICE_SUBMISSIONS) {
		vitals_write_lane(
		    &server->status.vitals, document, SERVICE_SUBMISSIONS, "submission");
	}
	if (server->daemon.service->n_lanes > SERVICE_NOTICES) {
		document_group(document, "notices");
		vitals_write_lane(&server->status.vitals, document, SERVICE_NOTICES, "notice");
	}
}

void status_write(struct daemon *daemon, struct document *document)
{
	struct lmtpd_server *server = (struct lmtpd_server *)daemon;
	const struct lmtpd_status *status = &server->status;

	write_sessions(server, document);
	write_messages(status, document);
	write_recipients(
	    status, lmtpd_config_of(server->daemon.service)->lmtp.soft_bounce, document);
	write_replies(status, document);
	write_policy(status, document);
	document_group(document, "lookups");
	document_histogram(document, "lookup_duration_seconds",
	    "How long the database took for one recipient.", &status->lookups);
	vitals_write_lane(&status->vitals, document, SERVICE_LOOKUPS, "lookup");
	document_group(document, "commits");
	document_histogram(document, "commit_duration_seconds",
	    "How long the disk took to make one message durable.", &status->commits);
	write_way(&lmtpd_config_of(server->daemon.service)->roots[0].storage, document);
	vitals_write_lane(&status->vitals, document, SERVICE_WORKERS, "writer");
	write_quota(server, document);
	write_scripts(server, document);
	write_submissions(server, document);
}
