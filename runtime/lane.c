/* SPDX-License-Identifier: MIT
 * Worker threads with a queue each way. libuv has a pool of its own, but it is one queue for every
 * kind of work: a slow database would hold up the disk. */
#include "runtime/lane.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

enum {
	STACK_SIZE = 512 * 1024
};

/* Moves what one thread takes at once into taken. False: there is nothing that may be taken. */
static bool take(struct lane *lane, struct work_queue *taken)
{
	uint64_t now = uv_hrtime() / 1000000; /* as uv_now() */
	struct work *work;

	STAILQ_INIT(taken);
	for (unsigned n = lane->settings.n_together; n > 0; n--) {
		work = queue_take(&lane->queue, now);
		if (work == NULL) {
			break;
		}
		STAILQ_INSERT_TAIL(taken, work, next);
	}
	return !STAILQ_EMPTY(taken);
}

static void run(struct lane *lane, struct work_queue *taken, void *context)
{
	if (lane->settings.run_together != NULL) {
		lane->settings.run_together(taken, context);
	} else {
		struct work *work = STAILQ_FIRST(taken);

		work->run(work, context);
	}
}

/* The time, by the clock of wake, in so many milliseconds. */
static struct timespec time_in(unsigned milliseconds)
{
	uint64_t then = uv_hrtime() + (uint64_t)milliseconds * 1000000;

	return (struct timespec){ .tv_sec = (time_t)(then / 1000000000),
		.tv_nsec = (long)(then % 1000000000) };
}

/* Waits to be woken. With the mutex. True: it must tell that it was not, for so long. */
static bool wait_idle(struct lane_thread *thread, bool must_tell)
{
	struct lane *lane = thread->lane;
	struct timespec end = time_in(lane->settings.idle);

	thread->is_idle = true;
	lane->n_idle++;
	SLIST_INSERT_HEAD(&lane->idle, thread, next);
	while (thread->is_idle) {
		if (!must_tell) {
			pthread_cond_wait(&thread->wake, &lane->mutex);
		} else if (pthread_cond_timedwait(&thread->wake, &lane->mutex, &end) == ETIMEDOUT &&
			   thread->is_idle) {
			/* Nobody may call it while it is told. */
			SLIST_REMOVE(&lane->idle, thread, lane_thread, next);
			thread->is_idle = false;
			lane->n_idle--;
			return true;
		}
	}
	lane->n_idle--;
	lane->n_called--;
	return false;
}

/* The thread to wake next, NULL for none. With the mutex; whoever calls this wakes the thread. */
static struct lane_thread *take_idle(struct lane *lane)
{
	struct lane_thread *thread = SLIST_FIRST(&lane->idle);

	if (thread != NULL) {
		SLIST_REMOVE_HEAD(&lane->idle, next);
		thread->is_idle = false;
		lane->n_called++;
	}
	return thread;
}

static void *run_thread(void *data)
{
	struct lane_thread *thread = data;
	struct lane *lane = thread->lane;
	void *context = NULL;
	bool must_tell = false; /* that it is idle: it has worked since it last did */

	if (lane->settings.start != NULL) {
		context = lane->settings.start(lane->settings.data);
	}
	pthread_mutex_lock(&lane->mutex);
	for (;;) {
		struct work_queue taken;
		struct work *work;
		bool is_first;

		if (!take(lane, &taken)) {
			if (lane->is_closing) {
				break;
			}
			if (wait_idle(thread, must_tell)) {
				must_tell = false;
				pthread_mutex_unlock(&lane->mutex);
				lane->settings.on_idle(context);
				pthread_mutex_lock(&lane->mutex);
			}
			continue;
		}
		pthread_mutex_unlock(&lane->mutex);
		run(lane, &taken, context);
		must_tell = lane->settings.on_idle != NULL;
		pthread_mutex_lock(&lane->mutex);
		STAILQ_FOREACH (work, &taken, next) {
			queue_done(&lane->queue, work);
		}
		is_first = STAILQ_EMPTY(&lane->finished);
		STAILQ_CONCAT(&lane->finished, &taken);
		if (is_first) { /* else the loop has been woken and has not come yet */
			/* Whoever is woken wants the mutex at once. */
			pthread_mutex_unlock(&lane->mutex);
			uv_async_send(&lane->wake);
			pthread_mutex_lock(&lane->mutex);
		}
	}
	pthread_mutex_unlock(&lane->mutex);
	if (lane->settings.stop != NULL) {
		lane->settings.stop(context);
	}
	pthread_mutex_lock(&lane->mutex);
	lane->n_ended++;
	/* With the mutex, since the last one's word closes the handle. */
	uv_async_send(&lane->wake);
	pthread_mutex_unlock(&lane->mutex);
	return NULL;
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct lane *lane = handle->data;

	if (--lane->n_handles > 0) {
		return;
	}
	pthread_mutex_destroy(&lane->mutex);
	free(lane->threads);
	lane->on_closed(lane);
}

/* All threads have said that they end: joining them takes no time. */
static void join_threads(struct lane *lane)
{
	for (unsigned i = 0; i < lane->n_started; i++) {
		pthread_join(lane->threads[i].id, NULL);
		pthread_cond_destroy(&lane->threads[i].wake);
	}
	uv_close((uv_handle_t *)&lane->wake, on_handle_closed);
	uv_close((uv_handle_t *)&lane->turn, on_handle_closed);
	uv_close((uv_handle_t *)&lane->timer, on_handle_closed);
}

static void stop_awaiting(struct lane *lane, struct work *work)
{
	if (work->is_awaited) {
		TAILQ_REMOVE(&lane->awaited, work, awaited);
		work->is_awaited = false;
	}
}

/* It is not the lane's any more. */
static void let_go(struct lane *lane, struct work *work)
{
	stop_awaiting(lane, work);
	lane->n_out--;
	lane->n_late -= work->is_late;
	lane->n_dispensable -= work->is_dispensable;
}

static void on_wake(uv_async_t *wake)
{
	struct lane *lane = wake->data;
	struct work_queue finished = STAILQ_HEAD_INITIALIZER(finished);
	struct work *work;
	bool is_over;

	pthread_mutex_lock(&lane->mutex);
	STAILQ_CONCAT(&finished, &lane->finished);
	is_over = lane->is_closing && lane->n_ended == lane->n_started;
	pthread_mutex_unlock(&lane->mutex);
	while ((work = STAILQ_FIRST(&finished)) != NULL) {
		STAILQ_REMOVE_HEAD(&finished, next);
		let_go(lane, work);
		work->done(work);
	}
	if (is_over && !uv_is_closing((uv_handle_t *)wake)) {
		join_threads(lane);
	}
}

/* How long it has waited. */
static uint64_t age_of(const struct work *work, uint64_t now)
{
	return now - work->submitted + work->waited;
}

/* Tells those that are late, and comes again for the next. */
static void on_timer(uv_timer_t *timer)
{
	struct lane *lane = timer->data;
	uint64_t now = uv_now(timer->loop);
	struct work *work;

	while (
	    (work = TAILQ_FIRST(&lane->awaited)) != NULL && age_of(work, now) >= lane->patience) {
		stop_awaiting(lane, work);
		work->is_late = true;
		lane->n_late++;
		work->late(work);
	}
	if (work != NULL) {
		uv_timer_start(timer, on_timer, lane->patience - age_of(work, now), 0);
	}
}

/* Most have waited nowhere else, and come last. */
static void start_awaiting(struct lane *lane, struct work *work)
{
	uint64_t now = work->submitted, age = work->waited;
	struct work *before = TAILQ_LAST(&lane->awaited, awaited_work);

	work->is_awaited = true;
	while (before != NULL && age_of(before, now) < age) {
		before = TAILQ_PREV(before, awaited_work, awaited);
	}
	if (before != NULL) {
		TAILQ_INSERT_AFTER(&lane->awaited, before, work, awaited);
		return;
	}
	TAILQ_INSERT_HEAD(&lane->awaited, work, awaited);
	uv_timer_start(&lane->timer, on_timer, age < lane->patience ? lane->patience - age : 0, 0);
}

/* More threads than those on their way have something to do. With the mutex. */
static bool needs_thread(const struct lane *lane)
{
	return lane->n_called * lane->settings.n_together < queue_n_ready(&lane->queue);
}

static void on_turn(uv_prepare_t *turn)
{
	struct lane *lane = turn->data;
	struct lane_thread *thread;

	if (!lane->has_submitted) {
		return;
	}
	lane->has_submitted = false;
	pthread_mutex_lock(&lane->mutex);
	while (needs_thread(lane) && (thread = take_idle(lane)) != NULL) {
		pthread_mutex_unlock(&lane->mutex);
		pthread_cond_signal(&thread->wake); /* it wants the mutex at once */
		pthread_mutex_lock(&lane->mutex);
	}
	pthread_mutex_unlock(&lane->mutex);
}

/* Signals belong to the loop's thread: workers block them all. */
static int start_threads(struct lane *lane)
{
	pthread_attr_t attr;
	pthread_condattr_t condition;
	sigset_t all, old;
	int error = 0;

	pthread_condattr_init(&condition);
	pthread_condattr_setclock(&condition, CLOCK_MONOTONIC);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (error == 0 && lane->n_started < lane->settings.n_threads) {
		struct lane_thread *thread = &lane->threads[lane->n_started];

		thread->lane = lane;
		pthread_cond_init(&thread->wake, &condition);
		error = pthread_create(&thread->id, &attr, run_thread, thread);
		if (error == 0) {
			pthread_setname_np(thread->id, lane->settings.name);
			lane->n_started++;
		}
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	pthread_condattr_destroy(&condition);
	return -error;
}

int lane_init(struct lane *lane, uv_loop_t *loop, const struct lane_settings *settings,
    void (*on_closed)(struct lane *lane))
{
	int result;

	*lane = (struct lane){
		.settings = *settings,
		.patience = settings->patience,
		.on_closed = on_closed,
	};
	if (settings->run_together == NULL) {
		lane->settings.n_together = 1;
	}
	TAILQ_INIT(&lane->awaited);
	queue_init(&lane->queue, settings->max, settings->n_threads * lane->settings.n_together,
	    settings->overload);
	STAILQ_INIT(&lane->finished);
	pthread_mutex_init(&lane->mutex, NULL);
	SLIST_INIT(&lane->idle);
	lane->threads = calloc(settings->n_threads, sizeof(*lane->threads));
	result = uv_async_init(loop, &lane->wake, on_wake);
	lane->wake.data = lane;
	assert(result == 0); /* the loop has had its eventfd since it began */
	uv_prepare_init(loop, &lane->turn);
	lane->turn.data = lane;
	uv_prepare_start(&lane->turn, on_turn);
	uv_unref((uv_handle_t *)&lane->turn);
	uv_timer_init(loop, &lane->timer);
	lane->timer.data = lane;
	uv_unref((uv_handle_t *)&lane->timer);
	lane->n_handles = 3;
	result = lane->threads == NULL ? -ENOMEM : start_threads(lane);
	if (result < 0) {
		lane_close(lane);
	}
	return result;
}

void lane_submit(struct lane *lane, struct work *work)
{
	lane->n_out++;
	lane->n_dispensable += work->is_dispensable;
	work->submitted = uv_now(lane->timer.loop);
	work->is_late = false;
	work->is_awaited = false;
	if (work->late != NULL && lane->patience > 0) {
		start_awaiting(lane, work);
	}
	pthread_mutex_lock(&lane->mutex);
	queue_add(&lane->queue, work);
	pthread_mutex_unlock(&lane->mutex);
	lane->has_submitted = true;
}

bool lane_withdraw(struct lane *lane, struct work *work)
{
	bool is_withdrawn;

	pthread_mutex_lock(&lane->mutex);
	is_withdrawn = queue_remove(&lane->queue, work);
	pthread_mutex_unlock(&lane->mutex);
	if (is_withdrawn) {
		let_go(lane, work);
	}
	return is_withdrawn;
}

void lane_set_share(struct lane *lane, unsigned share, unsigned max)
{
	pthread_mutex_lock(&lane->mutex);
	lane->queue.max[share] = max;
	pthread_mutex_unlock(&lane->mutex);
	lane->has_submitted = true; /* some that wait may have room now */
}

void lane_hurry(struct lane *lane, unsigned patience)
{
	if (lane->patience == 0 || patience < lane->patience) {
		lane->patience = patience;
		on_timer(&lane->timer);
	}
}

void lane_get_load(struct lane *lane, struct lane_load *load_r)
{
	pthread_mutex_lock(&lane->mutex);
	load_r->n_waiting = lane->queue.n;
	load_r->n_threads = lane->n_started;
	load_r->n_busy = lane->n_started - lane->n_idle;
	pthread_mutex_unlock(&lane->mutex);
}

void lane_close(struct lane *lane)
{
	struct lane_thread *thread;

	assert(lane->n_out == 0);
	pthread_mutex_lock(&lane->mutex);
	lane->is_closing = true;
	while ((thread = take_idle(lane)) != NULL) {
		pthread_cond_signal(&thread->wake);
	}
	uv_async_send(&lane->wake); /* there may be no thread to say it */
	pthread_mutex_unlock(&lane->mutex);
}
