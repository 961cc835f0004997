/* SPDX-License-Identifier: MIT
 * What waits for a lane, and which of it is next.
 *
 * Work of a lower rank goes first. Of each share no more than its max is under way at a time: shares
 * are what may stand still each by itself, such as disks, and one of them must not take all threads.
 * Among the rest the oldest is next; but when that has waited for longer than overload, not all can be
 * served any more, and the newest is: somebody still waits for it. Pure; whoever has it keeps others out. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

enum {
	QUEUE_RANKS = 3,
	QUEUE_SHARES = 8,
};

struct work;
TAILQ_HEAD(waiting_work, work);

struct queue {
	struct waiting_work waiting[QUEUE_RANKS][QUEUE_SHARES];
	unsigned n;                       /* that wait */
	unsigned n_of[QUEUE_SHARES];      /* of each share */
	unsigned n_running[QUEUE_SHARES]; /* were taken, and are not done */
	unsigned max[QUEUE_SHARES];
	uint64_t overload; /* ms; 0: never */
};

/* Each share begins with its max, or n where that is 0. */
void queue_init(
    struct queue *queue, const unsigned max[QUEUE_SHARES], unsigned n, uint64_t overload);

void queue_add(struct queue *queue, struct work *work);

/* Takes work back that waits. False: it is not there any more. */
bool queue_remove(struct queue *queue, struct work *work);

/* How many could be taken. */
unsigned queue_n_ready(const struct queue *queue);

/* The next one, at that time; NULL: none may be taken. queue_done() is due when it has been worked on. */
struct work *queue_take(struct queue *queue, uint64_t now);
void queue_done(struct queue *queue, const struct work *work);
