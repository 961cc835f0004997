/* SPDX-License-Identifier: MIT
 * A lane: threads of its own for one kind of blocking work, so that no kind waits for another.
 *
 * Work is a struct with its inputs and its outcome. lane_submit() gives it to the lane; run() works
 * on it on one of the lane's threads and touches nothing else; done() gets it back on the loop.
 *
 * Threads are woken at the end of the loop's turn, so that what came together can go together: see
 * run_together.
 *
 * A library that blocks cannot be called back, but nobody need wait for it: work that has not come back
 * within the lane's patience is told to be late, and its owner answers without it. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>
#include <uv.h>

#include "runtime/queue.h"

struct work {
	void (*run)(struct work *work, void *context); /* on a thread of the lane */
	void (*done)(struct work *work);               /* on the loop; may free or reuse it */
	/* On the loop, once at most: it takes longer than the lane's patience. The work is still the
	 * lane's, and done() is still due. NULL: it may take its time. */
	void (*late)(struct work *work);
	unsigned rank, share; /* who goes first, see queue.h */
	unsigned waited; /* ms that count as if it had waited them here: its patience is shorter */
	bool is_dispensable; /* as a lane's; it has no late() */

	/* the lane's */
	bool is_waiting, is_awaited, is_late;
	TAILQ_ENTRY(work) waiting;
	STAILQ_ENTRY(work) next;
	TAILQ_ENTRY(work) awaited;
	uint64_t submitted; /* uv_now() */
};
STAILQ_HEAD(work_queue, work);
TAILQ_HEAD(awaited_work, work);

struct lane_settings {
	const char *name; /* of its threads, 15 characters at most */
	unsigned n_threads;
	unsigned n_descriptors;     /* that a thread may have open */
	unsigned patience;          /* milliseconds; 0: without end */
	unsigned max[QUEUE_SHARES]; /* threads that may work for each share; 0: all */
	unsigned overload;          /* milliseconds, see queue.h */
	unsigned idle;              /* milliseconds, see on_idle */
	/* The process may end without what still hangs here: nothing of it is promised to anybody. */
	bool is_dispensable;
	/* The same of what is late. */
	bool is_dispensable_late;
	/* Run by a thread on all the work it takes at once, up to n_together, instead of each one's
	 * run(). NULL: one by one. */
	void (*run_together)(struct work_queue *queue, void *context);
	unsigned n_together;
	/* What each thread has for itself: run()'s context. Called on the thread; NULL for none. */
	void *(*start)(void *data);
	void (*stop)(void *context);
	void *data;
	/* Called on a thread, once after it has worked, when it has had nothing to do for idle milliseconds: what it keeps
	 * for its next work may go. NULL: it is not told. */
	void (*on_idle)(void *context);
};

/* A thread of a lane. */
struct lane_thread {
	struct lane *lane;
	pthread_t id;
	pthread_cond_t wake;
	bool is_idle;
	SLIST_ENTRY(lane_thread) next; /* of the idle ones */
};

struct lane {
	struct lane_settings settings;
	pthread_mutex_t mutex;
	struct queue queue;
	struct work_queue finished;
	/* The one that went idle last comes first: its caches, and those of its connection to the
	 * database, are warm. */
	SLIST_HEAD(, lane_thread) idle;
	unsigned n_idle;   /* threads that wait, those that were just woken among them */
	unsigned n_called; /* threads that were woken and have not come yet */
	bool is_closing;
	struct lane_thread *threads;
	unsigned n_started, n_ended; /* threads */

	/* the loop's */
	bool has_submitted;          /* in this turn */
	unsigned n_out;              /* works that are not done, */
	unsigned n_late;             /* those of them whose owners were told that they are late, */
	unsigned n_dispensable;      /* and those that are dispensable */
	struct awaited_work awaited; /* those that can be late, the oldest first */
	unsigned patience;
	unsigned n_handles;
	uv_async_t wake;
	uv_prepare_t turn; /* its end */
	uv_timer_t timer;  /* of the oldest */
	void (*on_closed)(struct lane *lane);
	void *owner; /* the submitter's */
};

/* Starts the threads. Returns 0 or a negative errno; on_closed() is due in both cases, after
 * lane_close() or on its own. */
int lane_init(struct lane *lane, uv_loop_t *loop, const struct lane_settings *settings,
    void (*on_closed)(struct lane *lane));

/* From the loop's thread. Ownership of work moves to the lane until done(). */
void lane_submit(struct lane *lane, struct work *work);

/* From the loop's thread. Takes work back that was not begun: done() is not due then. False: it is under
 * way, or was done. */
bool lane_withdraw(struct lane *lane, struct work *work);

/* From the loop's thread: how many threads may work for a share from now on. */
void lane_set_share(struct lane *lane, unsigned share, unsigned max);

struct lane_load {
	unsigned n_waiting; /* works in the queue */
	unsigned n_busy, n_threads;
};

/* From the loop's thread. */
void lane_get_load(struct lane *lane, struct lane_load *load_r);

/* From now on work is late after so many milliseconds, if that is less than before. */
void lane_hurry(struct lane *lane, unsigned patience);

/* Ends the threads; no work may be out. Does not wait for them: on_closed() is called on the loop when
 * all have ended and the lane's memory may be reused. */
void lane_close(struct lane *lane);
