/* SPDX-License-Identifier: MIT
 * The look-up of one recipient: the resolver on a thread of the look-up lane, and, where its mailboxes have limits
 * that may be near, their count on one of the writers' lane. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "lmtpd/config.h"
#include "lmtpd/room.h"
#include "mail/envelope.h"
#include "protocol/reply.h"

struct lookup {
	struct work work;
	LIST_ENTRY(lookup) entry; /* of its owner's */
	struct service *service;  /* a reference */
	struct address address;   /* as the client wrote it */
	struct address key;       /* the same in lower case, as it is looked up */
	uint64_t size;            /* of the message, as far as the client says; 0: not known */
	uint64_t submitted;       /* uv_hrtime() */
	bool is_asked;            /* the database was, which took so many nanoseconds */
	uint64_t took;
	enum reply reply;  /* the outcome */
	struct room *room; /* that is to be counted; NULL: nothing is */
	bool is_counting;  /* it is out */
	/* The owner's to set on the loop: ms that counting may take; 0: as a rule. */
	unsigned room_patience;
	unsigned n_doubts; /* mailboxes that could not be */
	struct resolution resolution;
	/* On the loop, one or the other: it is back, or the database has not answered in time. */
	void (*done)(struct lookup *lookup);
	void (*late)(struct lookup *lookup);
	void *owner;                 /* the submitter's; NULL: nobody waits for it any more */
	struct recipient *recipient; /* as well: the thread works on a copy of its address */
};
LIST_HEAD(lookups, lookup);

/* Submits the look-up. done() gets it back, takes what it wants of the resolution, and frees it with
 * lookup_free(); late() abandons it. NULL when out of memory. */
struct lookup *lookup_start(struct service *service, struct recipient *recipient, uint64_t size,
    void (*done)(struct lookup *lookup), void (*late)(struct lookup *lookup), void *owner);
void lookup_free(struct lookup *lookup);

/* Its owner does not wait for it any more, and has it off its list: it is freed now, or when it is back. */
void lookup_abandon(struct lookup *lookup);

/* For the lane: look-ups that wait side by side. */
void lookup_run_together(struct work_queue *queue, void *context);

/* A resolver_ask whose source is a struct directory. */
int lookup_ask(
    void *source, enum resolver_table table, const char *key, row_handler *on_row, void *data);

/* Of several addresses or mailboxes a command's exit code tells the gravest: out of memory, no database, try later,
 * unknown; EX_OK for none of them. */
int lookup_graver(int a, int b);

/* The look-up itself, for the lane and for --check. Blocking. When the database gave no
 * answer, or a row is refused, the resolution's note says why. */
enum reply lookup_resolve(struct directory *directory, const struct lmtpd_config *config,
    const struct address *address, resolver_trace *trace, void *trace_data,
    struct resolution *resolution_r);

/* What somebody types for the path of RCPT, with or without angle brackets. */
struct path lookup_path(const char *text);
