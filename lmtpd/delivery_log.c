/* SPDX-License-Identifier: MIT
 * event=delivery. The fields are a promise to people who read and parse the log: lmtpd(8). */
#include "lmtpd/delivery_log.h"

#include <stdio.h>
#include <string.h>

#include "protocol/reply.h"
#include "runtime/log.h"

/* The mailboxes that a recipient leads to, divided by commas; cut where the room ends. */
static void list_mailboxes(const struct resolution *resolution, char *out, size_t n_out)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < resolution->n_mailboxes && n < n_out; i++) {
		n += (size_t)snprintf(out + n, n_out - n, "%s%s", i > 0 ? "," : "",
		    resolution->mailboxes[i].address.text);
	}
}

/* What a thread may still be at is not looked at. */
static bool has_places(const struct recipient *recipient, const struct delivery *delivery)
{
	return delivery != NULL && recipient->reply != REPLY_DISK_STALLED;
}

/* Appends a word, divided by a comma, unless it is there already; it is cut where the room ends. */
static void append(char *list, size_t cap, const char *word)
{
	size_t n = strlen(list), n_word = strlen(word);

	for (const char *p = list; *p != '\0'; p += strcspn(p, ",")) {
		p += *p == ',';
		if (strcspn(p, ",") == n_word && strncmp(p, word, n_word) == 0) {
			return;
		}
	}
	snprintf(list + n, cap - n, "%s%s", n > 0 ? "," : "", word);
}

/* The folders that the message lies in, divided by commas; "" if that is INBOX alone. */
static void list_folders(
    const struct recipient *recipient, const struct delivery *delivery, char *list_r, size_t n)
{
	const struct places *places = &delivery->places;
	size_t end = recipient->first_mailbox + recipient->resolution.n_mailboxes;

	list_r[0] = '\0';
	for (size_t i = recipient->first_mailbox; i < end; i++) {
		const struct places_slot *slot = &places->slots[i];

		for (size_t k = slot->first; k < slot->first + slot->n; k++) {
			const struct maildir_place *place = places->of[k];
			char name[1024] = "INBOX";

			if (places->refusals[place - places->list] != REPLY_NONE) {
				continue; /* it has no room */
			}
			if (place->where != NULL && place->where[0] != '\0') {
				folder_to_name(&lmtpd_config_of(delivery->service)->folder_style,
				    place->where, name, sizeof(name));
			}
			append(list_r, n, name);
		}
	}
	if (strcmp(list_r, "INBOX") == 0) {
		list_r[0] = '\0';
	}
}

/* The scripts that ran for the recipient. */
static void list_scripts(
    const struct recipient *recipient, const struct delivery *delivery, char *list_r, size_t n)
{
	const struct filter *filter = delivery->filter;
	size_t end = recipient->first_mailbox + recipient->resolution.n_mailboxes;

	list_r[0] = '\0';
	for (size_t i = recipient->first_mailbox; filter != NULL && filter->error == 0 && i < end;
	     i++) {
		if (filter->runs[i].scripts[0] != '\0') {
			append(list_r, n, filter->runs[i].scripts);
		}
	}
}

/* Whom scripts of the recipient have sent mail of a kind to. */
static void list_letters(const struct recipient *recipient, const struct delivery *delivery,
    enum sieve_action_kind kind, char *list_r, size_t n)
{
	const struct filter *filter = delivery->filter;
	size_t end = recipient->first_mailbox + recipient->resolution.n_mailboxes;

	list_r[0] = '\0';
	for (size_t i = 0; filter != NULL && i < filter->outbox.n; i++) {
		const struct letter *letter = &filter->outbox.list[i];

		if (letter->kind == kind && letter->state == LETTER_SENT &&
		    letter->slot >= recipient->first_mailbox && letter->slot < end) {
			append(list_r, n, letter->to);
		}
	}
}

static void put_text(struct log_line *line, const char *key, const char *text)
{
	if (text[0] != '\0') {
		log_text(line, key, text);
	}
}

static void put_letters(struct log_line *line, const struct recipient *recipient,
    const struct delivery *delivery, enum sieve_action_kind kind, const char *key)
{
	char list[1024];

	list_letters(recipient, delivery, kind, list, sizeof(list));
	if (list[0] != '\0') {
		log_address(line, key, list);
	}
}

/* Where it went, and by whose word. */
static void put_folders(
    struct log_line *line, const struct recipient *recipient, const struct delivery *delivery)
{
	char list[1024];

	if (has_places(recipient, delivery)) {
		if (recipient->reply == REPLY_SAVED) {
			list_folders(recipient, delivery, list, sizeof(list));
			put_text(line, "folder", list);
		}
		list_scripts(recipient, delivery, list, sizeof(list));
		put_text(line, "script", list);
		put_letters(line, recipient, delivery, SIEVE_REDIRECT, "redirect");
		put_letters(line, recipient, delivery, SIEVE_VACATION, "vacation");
	}
}

/* What its first mailbox with a limit holds now. */
static void put_quota(
    struct log_line *line, const struct recipient *recipient, const struct delivery *delivery)
{
	char text[16];
	int percent = -1;

	if (!has_places(recipient, delivery)) {
		return;
	}
	for (size_t i = 0; i < recipient->resolution.n_mailboxes && percent < 0; i++) {
		const struct places *places = &delivery->places;
		const struct places_slot *slot = &places->slots[recipient->first_mailbox + i];

		/* Each folder's copy adds to what the one before came to. */
		for (size_t k = slot->first; k < slot->first + slot->n; k++) {
			int one = tally_percent(&delivery->tally, places, places->of[k]);

			percent = one > percent ? one : percent;
		}
	}
	if (percent >= 0) {
		snprintf(text, sizeof(text), "%d%%", percent);
		log_text(line, "quota", text);
	}
}

static bool is_too_big(enum reply reply)
{
	return reply == REPLY_TOO_BIG || reply == reply_soften(REPLY_TOO_BIG);
}

const char *delivery_status(enum reply reply)
{
	if (reply == REPLY_SAVED) {
		return "saved";
	}
	return reply_is_permanent(reply) ? "rejected" : "deferred";
}

/* From the end of the data to its durability, or until it was given up. */
static uint64_t ms_of(const struct delivery *delivery, enum reply reply)
{
	uint64_t end;

	if (delivery == NULL) {
		return 0;
	}
	end = reply == REPLY_DISK_STALLED ? uv_hrtime() : delivery->finished;
	return (end - delivery->ended) / 1000000;
}

/* Of a list that has the message: whose script does not want it. */
static void log_left_out(const struct recipient *recipient, const struct places *places)
{
	for (size_t i = 0; i < recipient->resolution.n_mailboxes; i++) {
		const char *why = places->slots[recipient->first_mailbox + i].rejection;

		if (why != NULL) {
			log_event(LOG_LEVEL_WARNING, "alias",
			    "%s: %s is left out, since its script rejects the message: %s",
			    recipient->text, recipient->resolution.mailboxes[i].address.text, why);
		}
	}
}

void delivery_log(const struct envelope *envelope, const struct recipient *recipient,
    const struct delivery *delivery, const char *reason)
{
	static const char *const fates[] = { [PLACES_KEPT] = "saved",
		[PLACES_REDIRECTED] = "redirected",
		[PLACES_DISCARDED] = "discarded" };
	enum reply reply = recipient->reply;
	struct log_line line;
	char mailboxes[1024];

	list_mailboxes(&recipient->resolution, mailboxes, sizeof(mailboxes));
	log_begin(&line, reply == REPLY_SAVED ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "delivery");
	/* The sender's problem, not ours. What else is refused for good will bounce, since Postfix took it:
	 * its own maps should have known. */
	line.is_routine = is_too_big(reply);
	log_text(&line, "session", envelope->id);
	log_text(&line, "qid", delivery != NULL ? delivery->facts.queue_id : "");
	log_address(&line, "from", envelope->sender);
	log_address(&line, "to", recipient->text);
	log_address(&line, "mailbox", mailboxes);
	put_folders(&line, recipient, delivery);
	log_text(&line, "msgid", delivery != NULL ? delivery->facts.message_id : "");
	log_number(&line, "size",
	    delivery != NULL && has_places(recipient, delivery) ? delivery->message.size : 0);
	log_number(&line, "ms", ms_of(delivery, reply));
	put_quota(&line, recipient, delivery);
	log_text(&line, "status",
	    reply == REPLY_SAVED ? fates[places_fate(&delivery->places, recipient)]
				 : delivery_status(reply));
	log_number(&line, "code", (uint64_t)reply_code(reply));
	log_text(&line, "dsn", reply_enhanced(reply));
	log_quoted(&line, "reason", reason);
	log_end(&line);
	if (reply == REPLY_SAVED && delivery != NULL) {
		log_left_out(recipient, &delivery->places);
	}
}

static void log_runs(const struct delivery *delivery)
{
	const struct filter *filter = delivery->filter;

	if (filter == NULL || filter->error != 0) {
		return;
	}
	for (size_t i = 0; i < delivery->places.n_slots; i++) {
		if (filter->runs[i].note[0] != '\0') {
			log_event(LOG_LEVEL_WARNING, "script", "%s: %s",
			    filter->mailboxes[i].address, filter->runs[i].note);
		}
	}
}

/* A script names a folder that is not there: its user should make it. */
static bool is_missed(const struct maildir_place *place)
{
	return place->folder[0] != '\0' && place->where != NULL && place->where[0] == '\0';
}

void delivery_log_notes(const struct delivery *delivery)
{
	for (size_t i = 0; i < delivery->places.n; i++) {
		const struct maildir_place *place = &delivery->places.list[i];

		if (place->note[0] != '\0') {
			log_event(LOG_LEVEL_WARNING, "folder", "%s/%s: %s", place->root->base,
			    place->mailbox, place->note);
		} else if (delivery->filter != NULL && is_missed(place)) {
			log_event(LOG_LEVEL_WARNING, "folder",
			    "%s/%s: there is no %s, INBOX is used", place->root->base,
			    place->mailbox, place->folder);
		}
	}
	log_runs(delivery);
}

void delivery_log_refusal(const struct envelope *envelope, const struct recipient *recipient)
{
	const char *reason = reply_text(recipient->reply);

	/* That a message is too big has nothing to do with what was found for its recipients. */
	if (!is_too_big(recipient->reply) && recipient->resolution.note[0] != '\0') {
		reason = recipient->resolution.note;
	}
	delivery_log(envelope, recipient, NULL, reason);
}
