/* SPDX-License-Identifier: MIT
 * The delivery of one transaction: its places, its bytes, and the writer lane.
 *
 * A message that fits into the buffer takes one trip to a thread; of a larger one the buffer goes
 * there each time it is full, while the session waits and its client with it. Where scripts take long, two more
 * follow the last one: to a thread of theirs, and back to the disk with the places that they want.
 *
 * What is to be redirected is handed to Postfix, by a trip to a thread of the submissions, when all that is likely to fail here has not
 * failed, and before the message gets its names: after its acknowledgement nobody else would have it. What scripts want to be
 * remembered is written behind the names, so that a message that comes again is not taken for one that was delivered; and what
 * they want to be said goes out when the client has its answer.
 *
 * A disk may stand still, and the thread with it. After DELIVERY_PATIENCE the client is told to keep the
 * message, and then it must not be delivered: whoever is first, the loop that gives it up or the thread
 * that has made it durable, decides what becomes of it. */
#pragma once

#include <stdbool.h>

#include "lmtpd/config.h"
#include "lmtpd/filter.h"
#include "lmtpd/notices.h"
#include "lmtpd/places.h"
#include "lmtpd/tally.h"
#include "lmtpd/versions.h"
#include "mail/envelope.h"
#include "mail/header.h"
#include "protocol/reply.h"

enum {
	/* Mailboxes of one transaction, counted for each recipient: what lists among them may cost. */
	DELIVERY_MAILBOXES_MAX = 10000,
	DELIVERY_PATIENCE = 60, /* seconds for one trip, and for all that follow the last byte */
	DELIVERY_NAMING = 15,   /* of them, that redirects leave for what comes behind them */
};

struct delivery {
	struct work work;
	struct service *service;
	void (*done)(struct delivery *delivery);
	void (*late)(struct delivery *delivery);
	void *owner; /* NULL: it was given up */
	/* Of who comes first. */
	_Atomic enum delivery_fate {
		DELIVERY_OPEN,
		DELIVERY_GIVEN_UP,
		DELIVERY_DURABLE
	} fate;

	enum service_lane lane; /* that it was given to last */
	/* The trip that follows, on a thread's word. NULL: none, it goes to its owner. */
	void (*next)(struct work *work, void *context);
	enum service_lane next_lane;

	char *buffer;
	size_t n, cap;
	size_t n_last;    /* bytes there of the last write */
	size_t n_header;  /* of the fields put on top, in the first buffer */
	bool is_open;     /* the message is being written, */
	bool is_prepared; /* or is ready for its names */
	bool is_last;
	bool is_out; /* on the lane */

	struct maildir_message message;
	struct places places;
	struct tally tally;       /* of their quotas */
	struct filter *filter;    /* NULL: no script runs for it */
	struct places expected;   /* those before the filter, if places are its */
	struct versions versions; /* of the message, from its commit on */
	struct notices notices;   /* to be sent */
	struct header_facts facts;
	uint64_t ended;      /* uv_hrtime() of the end of data, */
	uint64_t committing; /* of the beginning of its commit, */
	uint64_t prepared;   /* of what was made ready for it, before redirects, */
	uint64_t finished;   /* and of its durability */
};

/* Of an envelope that is complete. NULL when out of memory. */
struct delivery *delivery_new(struct service *service, struct envelope *envelope);

/* Is there room for the next bytes (buffer + n, cap - n)? A small buffer grows first; false: it must
 * be written. */
bool delivery_make_room(struct delivery *delivery);

/* Sends what the buffer holds to the lane; done() gets the delivery back on the loop, the buffer
 * empty. is_last: the message is complete, done() finds the results in places. Or late() is told that the
 * disk has not taken it in time: it may read the delivery, but for its places, and lets go of it. */
void delivery_write(struct delivery *delivery, bool is_last,
    void (*done)(struct delivery *delivery), void (*late)(struct delivery *delivery), void *owner);

/* Drops the message and frees the delivery, on the lane if it has a file. Not while it is out. */
void delivery_abandon(struct delivery *delivery);

void delivery_free(struct delivery *delivery);
