/* SPDX-License-Identifier: MIT
 * event=delivery. The fields are a promise to people who read and parse the log: lmtpd(8). */
#include "lmtpd/delivery_log.h"

#include <stdio.h>

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

/* The folder that the message lies in, of the first mailbox; "" is INBOX. */
static void find_folder(
    const struct recipient *recipient, const struct delivery *delivery, char *name_r, size_t n)
{
	const struct maildir_place *place =
	    delivery == NULL || recipient->reply == REPLY_DISK_STALLED
		? NULL
		: delivery->places.of[recipient->first_mailbox];

	name_r[0] = '\0';
	if (place != NULL && place->where != NULL && place->where[0] != '\0') {
		folder_to_name(
		    &lmtpd_config_of(delivery->service)->folder_style, place->where, name_r, n);
	}
}

/* What its first mailbox with a limit holds now. */
static void put_quota(
    struct log_line *line, const struct recipient *recipient, const struct delivery *delivery)
{
	char text[16];
	int percent = -1;

	/* What a thread may still be at is not looked at. */
	if (delivery == NULL || recipient->reply == REPLY_DISK_STALLED) {
		return;
	}
	for (size_t i = 0; i < recipient->resolution.n_mailboxes && percent < 0; i++) {
		const struct maildir_place *place =
		    delivery->places.of[recipient->first_mailbox + i];

		if (place != NULL) {
			percent = tally_percent(&delivery->tally, &delivery->places, place);
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

void delivery_log(const struct envelope *envelope, const struct recipient *recipient,
    const struct delivery *delivery, const char *reason)
{
	enum reply reply = recipient->reply;
	struct log_line line;
	char mailboxes[1024], folder[1024];

	list_mailboxes(&recipient->resolution, mailboxes, sizeof(mailboxes));
	find_folder(recipient, delivery, folder, sizeof(folder));
	log_begin(&line, reply == REPLY_SAVED ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "delivery");
	/* The sender's problem, not ours. What else is refused for good will bounce, since Postfix took it:
	 * its own maps should have known. */
	line.is_routine = is_too_big(reply);
	log_text(&line, "session", envelope->id);
	log_text(&line, "qid", delivery != NULL ? delivery->facts.queue_id : "");
	log_address(&line, "from", envelope->sender);
	log_address(&line, "to", recipient->text);
	log_address(&line, "mailbox", mailboxes);
	if (folder[0] != '\0') {
		log_text(&line, "folder", folder);
	}
	log_text(&line, "msgid", delivery != NULL ? delivery->facts.message_id : "");
	/* What a thread may still be at is not looked at. */
	log_number(&line, "size",
	    delivery != NULL && reply != REPLY_DISK_STALLED ? delivery->message.size : 0);
	log_number(&line, "ms", ms_of(delivery, reply));
	put_quota(&line, recipient, delivery);
	log_text(&line, "status", delivery_status(reply));
	log_number(&line, "code", (uint64_t)reply_code(reply));
	log_text(&line, "dsn", reply_enhanced(reply));
	log_quoted(&line, "reason", reason);
	log_end(&line);
}

void delivery_log_notes(const struct delivery *delivery)
{
	for (size_t i = 0; i < delivery->places.n; i++) {
		const struct maildir_place *place = &delivery->places.list[i];

		if (place->note[0] != '\0') {
			log_event(LOG_LEVEL_WARNING, "folder", "%s/%s: %s", place->root->base,
			    place->mailbox, place->note);
		}
	}
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
