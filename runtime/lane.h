/* SPDX-License-Identifier: MIT
 * A lane: threads of its own for one kind of blocking work, so that no kind waits for another.
 *
 * Work is a struct with its inputs and its outcome. lane_submit() gives it to the lane; run() works
 * on it on one of the lane's threads and touches nothing else; done() gets it back on the loop.
 *
 * Threads are woken at the end of the loop's turn, so that what came together can go together: see
 * run_together. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>
#include <uv.h>

struct work {
	void (*run)(struct work *work, void *context); /* on a thread of the lane */
	void (*done)(struct work *work);               /* on the loop; may free or reuse it */
	STAILQ_ENTRY(work) next;
};
STAILQ_HEAD(work_queue, work);

struct lane_settings {
	const char *name; /* of its threads, 15 characters at most */
	unsigned n_threads;
	/* Run by a thread on all the work it takes at once, up to n_together, instead of each one's
	 * run(). NULL: one by one. */
	void (*run_together)(struct work_queue *queue, void *context);
	unsigned n_together;
	/* What each thread has for itself: run()'s context. Called on the thread; NULL for none. */
	void *(*start)(void *data);
	void (*stop)(void *context);
	void *data;
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
	struct work_queue waiting, finished;
	unsigned n_waiting; /* works in the queue */
	/* The one that went idle last comes first: its caches, and those of its connection to the
	 * database, are warm. */
	SLIST_HEAD(, lane_thread) idle;
	unsigned n_idle;   /* threads that wait, those that were just woken among them */
	unsigned n_called; /* threads that were woken and have not come yet */
	bool is_closing;
	struct lane_thread *threads;
	unsigned n_started;
	bool has_submitted; /* in this turn of the loop: its thread only */
	unsigned n_handles;
	uv_async_t wake;
	uv_prepare_t turn; /* its end */
	void (*on_closed)(struct lane *lane);
	void *owner; /* the submitter's */
};

/* Starts the threads. Returns 0 or a negative errno; on_closed() is due in both cases, after
 * lane_close() or on its own. */
int lane_init(struct lane *lane, uv_loop_t *loop, const struct lane_settings *settings,
    void (*on_closed)(struct lane *lane));

/* From the loop's thread. Ownership of work moves to the lane until done(). */
void lane_submit(struct lane *lane, struct work *work);

struct lane_load {
	unsigned n_waiting; /* works in the queue */
	unsigned n_busy, n_threads;
};

/* From the loop's thread. */
void lane_get_load(struct lane *lane, struct lane_load *load_r);

/* Ends the threads; no work may be out. on_closed() is called on the loop when the lane's memory
 * may be reused. */
void lane_close(struct lane *lane);
