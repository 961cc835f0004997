/* SPDX-License-Identifier: MIT
 * The lines that are logged when a mailbox crosses them are a promise: lmtpd(8). */
#include "lmtpd/tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "lmtpd/config.h"
#include "lmtpd/room.h"
#include "runtime/log.h"

static bool has_limits(const struct places *places)
{
	for (size_t i = 0; i < places->n; i++) {
		if (quota_is_limited(&places->mailboxes[i]->limit)) {
			return true;
		}
	}
	return false;
}

void tally_make(struct tally *tally, struct accounts *accounts, const struct lmtpd_config *config,
    const struct places *places)
{
	*tally = (struct tally){ .rows = NULL };
	if (!has_limits(places)) {
		return;
	}
	tally->rows = calloc(places->n, sizeof(*tally->rows));
	if (tally->rows == NULL) {
		return;
	}
	tally->n = places->n;
	for (size_t i = 0; i < places->n; i++) {
		const struct maildir_place *place = &places->list[i];

		allowance_take(&tally->rows[i].allowance, accounts, &config->rules, place->root,
		    place->mailbox, &places->mailboxes[i]->limit);
	}
}

void tally_drop(struct tally *tally)
{
	for (size_t i = 0; i < tally->n; i++) {
		allowance_drop(&tally->rows[i].allowance);
	}
	free(tally->rows);
	*tally = (struct tally){ .rows = NULL };
}

/* Counts the mailbox, if it must be and it is not too late for that, and charges the message. */
static enum allowance_answer charge(
    struct tally_row *row, const struct maildir_place *place, uint64_t size, uint64_t end)
{
	const struct allowance *allowance = &row->allowance;
	uint64_t since = uv_hrtime();
	enum allowance_answer answer =
	    allowance_charge(allowance, place->name, size, since, &row->charge, &row->used);
	struct error error;

	if (answer == ALLOWANCE_UNKNOWN) {
		error_set(&error, "counting others of a list has taken long");
		if (since > end || allowance_count(allowance, since, &error) != 0) {
			snprintf(row->doubt, sizeof(row->doubt), "%.255s", error.text);
			return ALLOWANCE_ROOM;
		}
		answer =
		    allowance_charge(allowance, place->name, size, since, &row->charge, &row->used);
	}
	return answer;
}

/* Says whether a place takes the message, and charges it there. */
static enum reply judge(struct tally *tally, const struct places *places, size_t i,
    const struct versions *versions, uint64_t end)
{
	struct tally_row *row = &tally->rows[i];
	const struct maildir_place *place = &places->list[i];
	const struct account_rules *rules = row->allowance.rules;
	const struct maildir_message *message = versions_message(versions, i);

	if (row->allowance.account == NULL || place->result != 0 ||
	    !usage_counts_folder(&rules->style, place->where)) {
		return REPLY_NONE;
	}
	/* It lies there once, as its twin has it, which stands before it. */
	if (place->same != NULL) {
		return places->refusals[place->same - places->list];
	}
	row->size = rules->style.is_virtual ? message->wire_size : message->size;
	switch (charge(row, place, message->wire_size, end)) {
	case ALLOWANCE_FULL:
		return REPLY_FULL;
	case ALLOWANCE_FULL_NOW:
		return REPLY_FULL_NOW;
	default:
		return REPLY_NONE;
	}
}

void tally_charge(struct tally *tally, struct places *places, const struct versions *versions)
{
	/* The client waits, and so does the rest of a list. */
	uint64_t end = uv_hrtime() + ROOM_PATIENCE * UINT64_C(1000000);

	for (size_t i = 0; i < tally->n; i++) {
		places->refusals[i] = judge(tally, places, i, versions, end);
	}
}

void tally_settle(struct tally *tally, const struct places *places, bool is_durable)
{
	for (size_t i = 0; i < tally->n; i++) {
		struct tally_row *row = &tally->rows[i];
		const struct maildir_place *place = &places->list[i];
		/* One that has a twin lies there as that has it, and was charged there. */
		bool is_delivered =
		    is_durable && place->result == 0 && !place->is_unwanted && place->same == NULL;

		row->has_moved = row->charge != NULL && is_delivered;
		allowance_settle(&row->allowance, row->charge, is_delivered, row->size, &row->move);
		row->charge = NULL;
	}
}

static unsigned percent_of(const struct tally_row *row, const struct quota *used)
{
	return quota_percent(&row->allowance.limit, used);
}

int tally_percent(
    const struct tally *tally, const struct places *places, const struct maildir_place *place)
{
	size_t i = (size_t)(place - places->list);
	const struct tally_row *row;

	if (i >= tally->n) {
		return -1;
	}
	row = &tally->rows[i];
	if (row->has_moved) {
		return (int)percent_of(row, &row->move.after);
	}
	return places->refusals[i] != REPLY_NONE ? (int)percent_of(row, &row->used) : -1;
}

/* The highest line that was crossed; 0: none. */
static unsigned crossed(const struct tally_row *row)
{
	static const unsigned lines[] = { 100, 95, 80 };
	unsigned before = percent_of(row, &row->move.before);
	unsigned after = percent_of(row, &row->move.after);

	for (size_t i = 0; row->has_moved && i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (before < lines[i] && after >= lines[i]) {
			return lines[i];
		}
	}
	return 0;
}

static void log_row(const struct tally_row *row, const struct mailbox *mailbox,
    const struct quota *used, enum log_level level, const char *reason)
{
	const struct quota *limit = &row->allowance.limit;
	struct log_line line;
	char percent[16];

	log_begin(&line, level, "quota");
	/* The user's to mend. */
	line.is_routine = true;
	log_address(&line, "mailbox", mailbox->address.text);
	snprintf(percent, sizeof(percent), "%u%%", quota_percent(limit, used));
	log_text(&line, "quota", percent);
	log_number(&line, "bytes", used->bytes);
	log_number(&line, "bytes_limit", limit->bytes);
	log_number(&line, "messages", used->messages);
	log_number(&line, "messages_limit", limit->messages);
	log_quoted(&line, "reason", reason);
	log_end(&line);
}

unsigned tally_log(const struct tally *tally, const struct places *places)
{
	unsigned n_doubts = 0;

	for (size_t i = 0; i < tally->n; i++) {
		const struct tally_row *row = &tally->rows[i];
		const struct mailbox *mailbox = places->mailboxes[i];
		unsigned line = crossed(row);
		char reason[64];

		if (row->doubt[0] != '\0') {
			log_event(LOG_LEVEL_WARNING, "quota",
			    "%s is not counted, and gets its mail: %s", mailbox->address.text,
			    row->doubt);
			n_doubts++;
		}
		if (line > 0) {
			snprintf(reason, sizeof(reason), "has reached %u %% of its limit", line);
			log_row(row, mailbox, &row->move.after,
			    line > 80 ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, reason);
		}
		if (places->refusals[i] != REPLY_NONE && places->list[i].result == 0) {
			log_row(row, mailbox, &row->used, LOG_LEVEL_WARNING,
			    "a message has no room in it");
		}
	}
	return n_doubts;
}
