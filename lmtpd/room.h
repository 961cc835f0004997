/* SPDX-License-Identifier: MIT
 * Is there room for a message in one of the mailboxes that a recipient leads to? It is asked at RCPT, and by Postfix
 * before it takes the mail. As a rule memory knows it; else mailboxes are counted, on the writers' lane.
 *
 * What cannot be told is room: mail is not refused for a doubt. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lmtpd/allowance.h"
#include "lmtpd/config.h"
#include "mail/resolver.h"
#include "protocol/reply.h"
#include "runtime/lane.h"
#include "runtime/service.h"

enum {
	ROOM_PATIENCE = 5000, /* ms that counting may take */
	ROOM_HASTE = 2000,    /* the same for who waits for 5 s in all: Postfix's policy client */
};

struct room {
	struct work work;
	struct service *service; /* a reference, while it is out */
	/* On the loop: it is counted, or that cannot be told in time. The room is gone behind it. */
	void (*done)(struct room *room);
	void *owner; /* NULL: nobody waits for it any more */

	uint64_t size; /* of the message, 0: not known */
	uint64_t asked;
	/* REPLY_RECIPIENT_OK, or what it is that all are full; and what that is by the configuration. */
	enum reply reply, refusal;
	_Atomic bool is_idle; /* nobody waits for what is not counted yet */
	unsigned
	    patience; /* ms that counting may take; the submitter's to set, ROOM_PATIENCE by default */
	char note
	    [400]; /* for people: what is full, or why it cannot be told; "" for nothing to say */
	unsigned n_doubts;
	size_t n;
	struct room_mailbox {
		struct allowance allowance;
		struct address address;
	} mailboxes[];
};

/* Any thread. NULL: there is room, as far as is known, or there is no memory. Else counting must tell. */
struct room *room_ask(struct accounts *accounts, const struct lmtpd_config *config,
    const struct resolution *resolution, uint64_t size);

/* Counts, until one has room. Blocking. */
void room_count(struct room *room);

/* Sends it to the writers' lane, on the loop. owner is not NULL. */
void room_submit(
    struct room *room, struct service *service, void (*done)(struct room *room), void *owner);

/* Nobody waits for what was submitted. On the loop. */
void room_abandon(struct room *room);

/* Of what is not out. */
void room_free(struct room *room);
