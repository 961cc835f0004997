/* SPDX-License-Identifier: MIT
 * A lane: threads of its own for one kind of blocking work, so that no kind waits for another.
 *
 * Work is a struct with its inputs and its outcome. lane_submit() gives it to the lane; run() works
 * on it on one of the lane's threads and touches nothing else; done() gets it back on the loop. */
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
	/* What each thread has for itself: run()'s context. Called on the thread; NULL for none. */
	void *(*start)(void *data);
	void (*stop)(void *context);
	void *data;
};

struct lane {
	struct lane_settings settings;
	pthread_mutex_t mutex;
	pthread_cond_t has_work;
	struct work_queue waiting, finished;
	bool is_closing;
	pthread_t *threads;
	unsigned n_started;
	uv_async_t wake;
	void (*on_closed)(struct lane *lane);
	void *owner; /* the submitter's */
};

/* Starts the threads. Returns 0 or a negative errno; on_closed() is due in both cases, after
 * lane_close() or on its own. */
int lane_init(struct lane *lane, uv_loop_t *loop, const struct lane_settings *settings,
    void (*on_closed)(struct lane *lane));

/* From the loop's thread. Ownership of work moves to the lane until done(). */
void lane_submit(struct lane *lane, struct work *work);

/* Ends the threads; no work may be out. on_closed() is called on the loop when the lane's memory
 * may be reused. */
void lane_close(struct lane *lane);
