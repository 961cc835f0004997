/* SPDX-License-Identifier: MIT
 * One mailbox with room is enough: those of a list that are full are left out when the message comes. */
#include "lmtpd/room.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lmtpd/homes.h"
#include "lmtpd/server.h"

/* Does the limit of the mailbox not matter? */
static bool is_free(
    const struct lmtpd_config *config, const struct mailbox *mailbox, struct home *home_r)
{
	struct error error;

	return homes_find(config, mailbox, home_r, &error) != 0 ||
	       !usage_counts_folder(&config->rules.style, home_r->folder);
}

struct room *room_ask(struct accounts *accounts, const struct lmtpd_config *config,
    const struct resolution *resolution, uint64_t size)
{
	struct room *room = NULL;
	struct home home;

	/* Most sites and lists end here, without a call for memory. */
	for (size_t i = 0; i < resolution->n_mailboxes; i++) {
		if (!quota_is_limited(&resolution->mailboxes[i].limit)) {
			return NULL;
		}
	}
	room = calloc(1, sizeof(*room) + resolution->n_mailboxes * sizeof(room->mailboxes[0]));
	for (size_t i = 0; room != NULL && i < resolution->n_mailboxes; i++) {
		const struct mailbox *mailbox = &resolution->mailboxes[i];
		struct room_mailbox *row = &room->mailboxes[i];
		struct quota used;

		if (is_free(config, mailbox, &home)) {
			room_free(room);
			return NULL;
		}
		allowance_take(&row->allowance, accounts, &config->rules, home.root, home.path,
		    &mailbox->limit);
		row->address = mailbox->address;
		room->n++;
		if (allowance_ask(&row->allowance, size, UINT64_MAX, &used) == ALLOWANCE_ROOM) {
			room_free(room);
			return NULL;
		}
	}
	if (room != NULL) {
		room->size = size;
		room->asked = uv_hrtime();
		room->patience = ROOM_PATIENCE;
		room->reply = REPLY_RECIPIENT_OK;
		room->refusal = strcmp(config->full, "refuse") == 0 ? REPLY_FULL : REPLY_FULL_NOW;
	}
	return room;
}

static void note_full(
    struct room *room, const struct room_mailbox *mailbox, const struct quota *used)
{
	const struct quota *limit = &mailbox->allowance.limit;

	snprintf(room->note, sizeof(room->note),
	    "%.200s is full: %" PRIu64 " of %" PRIu64 " bytes, %" PRIu64 " of %" PRIu64
	    " messages (0: no limit)",
	    mailbox->address.text, used->bytes, limit->bytes, used->messages, limit->messages);
}

void room_count(struct room *room)
{
	enum reply refusal = room->refusal;

	for (size_t i = 0; i < room->n && !room->is_idle; i++) {
		const struct room_mailbox *mailbox = &room->mailboxes[i];
		enum allowance_answer answer;
		struct error error;
		struct quota used;

		if (allowance_count(&mailbox->allowance, room->asked, &error) != 0) {
			snprintf(room->note, sizeof(room->note),
			    "%.200s is not counted, and gets its mail: %.150s",
			    mailbox->address.text, error.text);
			room->n_doubts++;
			return;
		}
		answer = allowance_ask(&mailbox->allowance, room->size, room->asked, &used);
		if (answer == ALLOWANCE_ROOM) {
			room->note[0] = '\0';
			return;
		}
		if (answer == ALLOWANCE_FULL_NOW) {
			refusal = REPLY_FULL_NOW;
		}
		if (i == 0) {
			note_full(room, mailbox, &used);
		}
	}
	room->reply = refusal;
}

static void run_room(struct work *work, void *context)
{
	room_count((struct room *)work);
}

static void room_end(struct room *room)
{
	struct service *service = room->service;

	room_free(room);
	service_unref(service);
}

static void done_room(struct work *work)
{
	struct room *room = (struct room *)work;

	if (room->owner != NULL) {
		room->done(room);
	}
	room_end(room);
}

void room_abandon(struct room *room)
{
	room->owner = NULL;
	room->is_idle = true;
	if (lane_withdraw(&room->service->lanes[SERVICE_WORKERS], &room->work)) {
		room_end(room);
	}
}

/* The disk may stand still; the delivery will see. */
static void late_room(struct work *work)
{
	struct room *room = (struct room *)work;
	struct room late = { .n_doubts = 1, .reply = REPLY_RECIPIENT_OK };

	if (room->owner == NULL) {
		return;
	}
	/* What the thread may still be at is not looked at. */
	late.owner = room->owner;
	snprintf(late.note, sizeof(late.note),
	    "%.200s is not counted within %u ms, and gets its mail",
	    room->mailboxes[0].address.text, room->patience);
	room->done(&late);
	room_abandon(room);
}

/* One that stands still must not take the writers of another. */
static unsigned share_of(const struct room *room, const struct devices *devices)
{
	unsigned share = DEVICES_UNKNOWN;

	for (size_t i = 0; i < room->n; i++) {
		const struct allowance *allowance = &room->mailboxes[i].allowance;
		const struct maildir_place place = { .root = allowance->root,
			.mailbox = account_path(allowance->account) };
		unsigned one = devices_share(devices, &place);

		if (i > 0 && one != share) {
			return DEVICES_UNKNOWN;
		}
		share = one;
	}
	return share;
}

void room_submit(
    struct room *room, struct service *service, void (*done)(struct room *room), void *owner)
{
	struct lmtpd_server *server = lmtpd_server_of(service);
	struct lane *lane = &service->lanes[SERVICE_WORKERS];

	room->service = service_ref(service);
	room->done = done;
	room->owner = owner;
	room->work.run = run_room;
	room->work.done = done_room;
	room->work.late = late_room;
	room->work.waited = lane->settings.patience - room->patience;
	room->work.share = share_of(room, &server->devices);
	lane_submit(lane, &room->work);
}

void room_free(struct room *room)
{
	for (size_t i = 0; i < room->n; i++) {
		allowance_drop(&room->mailboxes[i].allowance);
	}
	free(room);
}
