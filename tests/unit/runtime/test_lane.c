/* SPDX-License-Identifier: MIT
 * Lanes: all work is done exactly once, and comes back on the loop's thread. */
#include "runtime/lane.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

enum {
	THREADS = 8,
	JOBS = 4000,
};

struct fixture {
	uv_loop_t loop;
	struct lane lane;
	pthread_t loop_thread;
	atomic_uint n_started, n_stopped;
	unsigned n_done, n_closed;
	unsigned n_to_go; /* jobs that are not done for good */
};

struct job {
	struct work work; /* first */
	struct fixture *fixture;
	atomic_uint n_run;
	unsigned n_done;
	uint64_t input, outcome;
	unsigned n_times; /* that it shall be submitted */
};

static void on_closed(struct lane *lane)
{
	struct fixture *fixture = lane->settings.data;

	assert_ptr_equal(lane, &fixture->lane);
	fixture->n_closed++;
}

/* Each thread has a context of its own. */
static void *start_thread(void *data)
{
	struct fixture *fixture = data;
	unsigned *context = calloc(1, sizeof(*context));

	atomic_fetch_add(&fixture->n_started, 1);
	return context;
}

static struct fixture *current; /* stop() gets the context alone */

static void stop_thread(void *context)
{
	free(context);
	atomic_fetch_add(&current->n_stopped, 1);
}

static void run_job(struct work *work, void *context)
{
	struct job *job = (struct job *)work;

	(*(unsigned *)context)++; /* a context that two threads shared would be a race */
	atomic_fetch_add(&job->n_run, 1);
	job->outcome = job->input * job->input;
}

static void done_job(struct work *work)
{
	struct job *job = (struct job *)work;
	struct fixture *fixture = job->fixture;

	assert_true(pthread_equal(pthread_self(), fixture->loop_thread));
	assert_int_equal(job->outcome, job->input * job->input);
	job->n_done++;
	fixture->n_done++;
	if (job->n_done < job->n_times) {
		lane_submit(&fixture->lane, work);
	} else if (--fixture->n_to_go == 0) {
		lane_close(&fixture->lane);
	}
}

static void start_lane(struct fixture *fixture, unsigned n_threads)
{
	const struct lane_settings settings = { .name = "unit",
		.n_threads = n_threads,
		.start = start_thread,
		.stop = stop_thread,
		.data = fixture };

	current = fixture;
	assert_int_equal(uv_loop_init(&fixture->loop), 0);
	fixture->loop_thread = pthread_self();
	assert_int_equal(lane_init(&fixture->lane, &fixture->loop, &settings, on_closed), 0);
}

static void run_loop(struct fixture *fixture)
{
	assert_int_equal(uv_run(&fixture->loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&fixture->loop), 0);
}

static void check_work(unsigned n_threads, unsigned n_jobs, unsigned n_times)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct job *jobs = calloc(n_jobs, sizeof(*jobs));

	start_lane(fixture, n_threads);
	fixture->n_to_go = n_jobs;
	for (unsigned i = 0; i < n_jobs; i++) {
		jobs[i].work.run = run_job;
		jobs[i].work.done = done_job;
		jobs[i].fixture = fixture;
		jobs[i].input = i;
		jobs[i].n_times = n_times;
		lane_submit(&fixture->lane, &jobs[i].work);
	}
	run_loop(fixture);
	assert_int_equal(fixture->n_done, n_jobs * n_times);
	assert_int_equal(fixture->n_closed, 1);
	assert_int_equal(atomic_load(&fixture->n_started), n_threads);
	assert_int_equal(atomic_load(&fixture->n_stopped), n_threads);
	for (unsigned i = 0; i < n_jobs; i++) {
		assert_int_equal(atomic_load(&jobs[i].n_run), n_times);
		assert_int_equal(jobs[i].n_done, n_times);
	}
	free(jobs);
	free(fixture);
}

static void test_much_work(void **state)
{
	check_work(THREADS, JOBS, 1);
}

static void test_work_that_comes_again(void **state)
{
	check_work(THREADS, 200, 20);
}

static void test_one_thread(void **state)
{
	check_work(1, 300, 2);
}

static void test_more_threads_than_work(void **state)
{
	check_work(32, 1, 1);
}

/* Nobody has sent work: the lane ends all the same. */
static void test_close_at_once(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	start_lane(fixture, THREADS);
	lane_close(&fixture->lane);
	assert_int_equal(fixture->n_closed, 0); /* on the loop, not within the call */
	run_loop(fixture);
	assert_int_equal(fixture->n_closed, 1);
	assert_int_equal(atomic_load(&fixture->n_stopped), atomic_load(&fixture->n_started));
	free(fixture);
}

struct sequence {
	struct work work;
	unsigned number, *next;
	struct lane *lane;
};

static void run_in_order(struct work *work, void *context)
{
	struct sequence *sequence = (struct sequence *)work;

	if (*sequence->next == sequence->number) {
		(*sequence->next)++;
	}
}

static void done_in_order(struct work *work)
{
	struct sequence *sequence = (struct sequence *)work;

	if (sequence->number == 99) {
		lane_close(sequence->lane);
	}
}

/* One thread takes its work in the order in which it came. */
static void test_order(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct sequence sequences[100];
	unsigned next = 0;

	start_lane(fixture, 1);
	for (unsigned i = 0; i < LENGTH(sequences); i++) {
		sequences[i] = (struct sequence){ { .run = run_in_order, .done = done_in_order }, i,
			&next, &fixture->lane };
		lane_submit(&fixture->lane, &sequences[i].work);
	}
	run_loop(fixture);
	assert_int_equal(next, LENGTH(sequences));
	free(fixture);
}

struct errand {
	struct work work;
	struct fixture *fixture;
	unsigned n_left, n_threads; /* that ran it, one after the other */
	pthread_t thread;           /* the last one */
};

static void run_errand(struct work *work, void *context)
{
	struct errand *errand = (struct errand *)work;

	if (errand->n_threads == 0 || !pthread_equal(errand->thread, pthread_self())) {
		errand->n_threads++;
		errand->thread = pthread_self();
	}
}

/* Until they are all idle, so that each of them could be woken. */
static void wait_for_idle(struct lane *lane)
{
	unsigned n;

	do {
		struct lane_thread *thread;

		n = 0;
		pthread_mutex_lock(&lane->mutex);
		SLIST_FOREACH(thread, &lane->idle, next)
		{
			n++;
		}
		pthread_mutex_unlock(&lane->mutex);
	} while (n < lane->n_started && usleep(100) == 0);
	assert_int_equal(lane->n_called, 0);
}

static void done_errand(struct work *work)
{
	struct errand *errand = (struct errand *)work;
	struct lane *lane = &errand->fixture->lane;

	wait_for_idle(lane);
	if (errand->n_left-- > 0) {
		lane_submit(lane, work);
	} else {
		lane_close(lane);
	}
}

/* Work that comes alone goes to the thread that went idle last, and wakes no other. */
static void test_warm_thread(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct errand errand = { .work = { .run = run_errand, .done = done_errand },
		.fixture = fixture,
		.n_left = 100 };

	start_lane(fixture, THREADS);
	wait_for_idle(&fixture->lane);
	lane_submit(&fixture->lane, &errand.work);
	run_loop(fixture);
	assert_int_equal(errand.n_threads, 1);
	free(fixture);
}

/* Signals belong to the loop's thread: the workers block them all. */
static void run_look_at_signals(struct work *work, void *context)
{
	struct job *job = (struct job *)work;
	sigset_t blocked;

	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	job->outcome = sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGHUP) == 1;
}

static void done_look_at_signals(struct work *work)
{
	struct job *job = (struct job *)work;

	lane_close(&job->fixture->lane);
}

static void test_signals(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct job job = { .fixture = fixture };
	sigset_t before, after;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	start_lane(fixture, 2);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	assert_int_equal(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
	job.work.run = run_look_at_signals;
	job.work.done = done_look_at_signals;
	lane_submit(&fixture->lane, &job.work);
	run_loop(fixture);
	assert_int_equal(job.outcome, 1);
	free(fixture);
}

/* A lane without start() gives its work no context. */
static void run_without_context(struct work *work, void *context)
{
	((struct job *)work)->outcome = context == NULL;
}

static void test_without_context(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct job job = { .fixture = fixture };
	const struct lane_settings settings = { .name = "unit", .n_threads = 1, .data = fixture };

	assert_int_equal(uv_loop_init(&fixture->loop), 0);
	assert_int_equal(lane_init(&fixture->lane, &fixture->loop, &settings, on_closed), 0);
	job.work.run = run_without_context;
	job.work.done = done_look_at_signals;
	lane_submit(&fixture->lane, &job.work);
	run_loop(fixture);
	assert_int_equal(job.outcome, 1);
	assert_int_equal(fixture->n_closed, 1);
	free(fixture);
}

/* One works, the other waits for it; then both are done. */
static void run_until_told(struct work *work, void *context)
{
	struct job *job = (struct job *)work;

	while (atomic_load(&job->n_run) == 0) {
		usleep(100);
	}
}

static void done_until_told(struct work *work)
{
	((struct job *)work)->fixture->n_done++;
}

static void test_load(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct job jobs[2] = { { .fixture = fixture }, { .fixture = fixture } };
	struct lane_load load = { .n_waiting = 0 };

	start_lane(fixture, 1);
	for (unsigned i = 0; i < 2; i++) {
		jobs[i].work.run = run_until_told;
		jobs[i].work.done = done_until_told;
		lane_submit(&fixture->lane, &jobs[i].work);
	}
	while (load.n_waiting != 1) {
		uv_run(&fixture->loop, UV_RUN_NOWAIT);
		lane_get_load(&fixture->lane, &load);
	}
	assert_int_equal(load.n_busy, 1);
	assert_int_equal(load.n_threads, 1);
	atomic_store(&jobs[0].n_run, 1);
	atomic_store(&jobs[1].n_run, 1);
	while (fixture->n_done < 2 || load.n_waiting + load.n_busy > 0) {
		uv_run(&fixture->loop, UV_RUN_NOWAIT);
		lane_get_load(&fixture->lane, &load);
	}
	lane_close(&fixture->lane);
	run_loop(fixture);
	free(fixture);
}

/* What has not begun can be taken back, once; what has begun comes back as ever. A thread that holds all
 * of its share leaves the other one to others. */
static void test_withdrawn(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct job jobs[4] = { { .fixture = fixture }, { .fixture = fixture },
		{ .fixture = fixture }, { .fixture = fixture } };
	struct lane_load load = { .n_busy = 0 };

	start_lane(fixture, 2);
	lane_set_share(&fixture->lane, 0, 1);
	for (unsigned i = 0; i < 4; i++) {
		jobs[i].work.run = run_until_told;
		jobs[i].work.done = done_until_told;
		jobs[i].work.share = i == 3;
		lane_submit(&fixture->lane, &jobs[i].work);
	}
	while (load.n_busy != 2 || load.n_waiting != 2) {
		uv_run(&fixture->loop, UV_RUN_NOWAIT);
		lane_get_load(&fixture->lane, &load);
	}
	assert_true(lane_withdraw(&fixture->lane, &jobs[1].work));
	assert_false(lane_withdraw(&fixture->lane, &jobs[1].work));
	assert_false(lane_withdraw(&fixture->lane, &jobs[0].work));
	assert_false(lane_withdraw(&fixture->lane, &jobs[3].work));
	for (unsigned i = 0; i < 4; i++) {
		atomic_store(&jobs[i].n_run, 1);
	}
	while (fixture->n_done < 3) {
		uv_run(&fixture->loop, UV_RUN_NOWAIT);
	}
	assert_false(lane_withdraw(&fixture->lane, &jobs[2].work));
	lane_close(&fixture->lane);
	run_loop(fixture);
	assert_int_equal(fixture->n_done, 3);
	free(fixture);
}

/* Work that hangs until it is told, on a lane with patience. */
struct hanging {
	struct job job; /* first */
	unsigned n_late, n_late_before_done;
	uint64_t late_at; /* uv_now() */
};

static void late_hanging(struct work *work)
{
	struct hanging *hanging = (struct hanging *)work;
	struct fixture *fixture = hanging->job.fixture;

	assert_true(pthread_equal(pthread_self(), fixture->loop_thread));
	hanging->n_late++;
	hanging->late_at = uv_now(&fixture->loop);
	atomic_store(&hanging->job.n_run, 1); /* now it comes back */
}

static void done_hanging(struct work *work)
{
	struct hanging *hanging = (struct hanging *)work;
	struct fixture *fixture = hanging->job.fixture;

	hanging->n_late_before_done = hanging->n_late;
	if (++fixture->n_done == fixture->n_to_go) {
		lane_close(&fixture->lane);
	}
}

static void start_patient_lane(struct fixture *fixture, unsigned n_threads, unsigned patience)
{
	const struct lane_settings settings = {
		.name = "unit", .n_threads = n_threads, .patience = patience, .data = fixture
	};

	assert_int_equal(uv_loop_init(&fixture->loop), 0);
	fixture->loop_thread = pthread_self();
	assert_int_equal(lane_init(&fixture->lane, &fixture->loop, &settings, on_closed), 0);
}

static void make_hanging(struct fixture *fixture, struct hanging *hanging, bool is_quick)
{
	*hanging = (struct hanging){ .job = { .fixture = fixture } };
	hanging->job.work =
	    (struct work){ .run = run_until_told, .done = done_hanging, .late = late_hanging };
	atomic_store(&hanging->job.n_run, is_quick);
	fixture->n_to_go++;
}

static void submit_hanging(struct fixture *fixture, struct hanging *hanging, bool is_quick)
{
	make_hanging(fixture, hanging, is_quick);
	lane_submit(&fixture->lane, &hanging->job.work);
}

/* What hangs is told to be late, once and before it is done; so is what waits behind it. What comes back in
 * time is not. */
static void test_late(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct hanging hanging[3], quick;
	uint64_t began;

	start_patient_lane(fixture, 2, 100);
	began = uv_now(&fixture->loop);
	submit_hanging(fixture, &quick, true);
	for (unsigned i = 0; i < LENGTH(hanging); i++) {
		submit_hanging(fixture, &hanging[i], false);
	}
	run_loop(fixture);
	assert_int_equal(quick.n_late, 0);
	for (unsigned i = 0; i < LENGTH(hanging); i++) {
		assert_int_equal(hanging[i].n_late, 1);
		assert_int_equal(hanging[i].n_late_before_done, 1);
		assert_true(hanging[i].late_at - began >= 100);
	}
	free(fixture);
}

/* What has waited elsewhere is late so much sooner, also before what was submitted earlier. */
static void test_late_by_what_it_has_waited(void **state)
{
	static const unsigned waited[] = { 20000, 0, 29700, 29900, 50000 };
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct hanging hanging[LENGTH(waited)] = { { .n_late = 0 } };
	uint64_t began;

	start_patient_lane(fixture, 2, 30000);
	began = uv_now(&fixture->loop);
	for (unsigned i = 0; i < LENGTH(waited); i++) {
		make_hanging(fixture, &hanging[i], false);
		hanging[i].job.work.waited = waited[i];
		lane_submit(&fixture->lane, &hanging[i].job.work);
	}
	while (hanging[2].n_late == 0) {
		uv_run(&fixture->loop, UV_RUN_ONCE);
	}
	assert_int_equal(hanging[4].n_late, 1);
	assert_int_equal(hanging[3].n_late, 1);
	assert_in_range(hanging[4].late_at - began, 0, 9000);
	assert_in_range(hanging[3].late_at - began, 100, 9000);
	assert_in_range(hanging[2].late_at - began, 300, 9000);
	assert_true(hanging[4].late_at <= hanging[3].late_at);
	assert_true(hanging[3].late_at <= hanging[2].late_at);
	assert_int_equal(hanging[0].n_late + hanging[1].n_late, 0);
	lane_hurry(&fixture->lane, 50);
	assert_int_equal(hanging[0].n_late, 1);
	run_loop(fixture);
	assert_int_equal(hanging[1].n_late, 1);
	free(fixture);
}

/* Work without late() may take its time. */
static void test_never_late(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct hanging hanging, patient;

	start_patient_lane(fixture, 2, 50);
	patient = (struct hanging){ .job = { .fixture = fixture } };
	patient.job.work = (struct work){ .run = run_until_told, .done = done_hanging };
	fixture->n_to_go++;
	lane_submit(&fixture->lane, &patient.job.work);
	submit_hanging(fixture, &hanging, false);
	while (hanging.n_late == 0) {
		uv_run(&fixture->loop, UV_RUN_ONCE);
	}
	atomic_store(&patient.job.n_run, 1);
	run_loop(fixture);
	assert_int_equal(hanging.n_late, 1);
	assert_int_equal(patient.n_late, 0);
	free(fixture);
}

/* In a hurry what has waited long enough is late at once, and the rest sooner. */
static void test_hurry(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct hanging hanging;
	uint64_t began;

	start_patient_lane(fixture, 1, 60000);
	began = uv_now(&fixture->loop);
	submit_hanging(fixture, &hanging, false);
	lane_hurry(&fixture->lane, 90000); /* less patience only */
	lane_hurry(&fixture->lane, 80);
	assert_int_equal(hanging.n_late, 0);
	run_loop(fixture);
	assert_int_equal(hanging.n_late, 1);
	assert_in_range(hanging.late_at - began, 80, 20000);
	free(fixture);
}

static atomic_bool may_start;

static void *start_when_told(void *data)
{
	while (!atomic_load(&may_start)) {
		usleep(100);
	}
	return NULL;
}

/* Closing does not wait for threads: the loop turns on while they end. */
static void test_close_does_not_wait(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	const struct lane_settings settings = {
		.name = "unit", .n_threads = 2, .start = start_when_told, .data = fixture
	};

	atomic_store(&may_start, false);
	assert_int_equal(uv_loop_init(&fixture->loop), 0);
	assert_int_equal(lane_init(&fixture->lane, &fixture->loop, &settings, on_closed), 0);
	lane_close(&fixture->lane);
	for (unsigned i = 0; i < 100; i++) {
		uv_run(&fixture->loop, UV_RUN_NOWAIT);
		assert_int_equal(fixture->n_closed, 0);
	}
	atomic_store(&may_start, true);
	run_loop(fixture);
	assert_int_equal(fixture->n_closed, 1);
	free(fixture);
}

/* Each thread counts for itself; what it is told is told on it. */
struct idle_context {
	pthread_t thread;
	unsigned n_worked;
};

static atomic_uint n_told;

static void *start_idler(void *data)
{
	struct idle_context *context = calloc(1, sizeof(*context));

	context->thread = pthread_self();
	return context;
}

static void on_idle(void *data)
{
	struct idle_context *context = data;

	assert_true(pthread_equal(context->thread, pthread_self()));
	assert_int_equal(context->n_worked, 1); /* never one that did nothing, and once alone */
	context->n_worked = 0;
	atomic_fetch_add(&n_told, 1);
}

static void run_before_idle(struct work *work, void *data)
{
	((struct idle_context *)data)->n_worked = 1;
}

static void start_idle_lane(struct fixture *fixture, unsigned n_threads, unsigned idle)
{
	const struct lane_settings settings = { .name = "unit",
		.n_threads = n_threads,
		.start = start_idler,
		.stop = free,
		.on_idle = on_idle,
		.idle = idle,
		.data = fixture };

	atomic_store(&n_told, 0);
	assert_int_equal(uv_loop_init(&fixture->loop), 0);
	assert_int_equal(lane_init(&fixture->lane, &fixture->loop, &settings, on_closed), 0);
}

static void submit_and_wait(struct fixture *fixture, struct job *job)
{
	unsigned n = fixture->n_done + 1;

	job->fixture = fixture;
	job->work = (struct work){ .run = run_before_idle, .done = done_until_told };
	lane_submit(&fixture->lane, &job->work);
	while (fixture->n_done < n) {
		uv_run(&fixture->loop, UV_RUN_ONCE);
	}
}

/* A thread that has worked is told when it has been idle for long enough, once; then it works and is told again. */
static void test_idle(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct job job = { .fixture = fixture };

	start_idle_lane(fixture, 3, 1);
	for (unsigned i = 0; i < 20; i++) {
		submit_and_wait(fixture, &job);
		while (atomic_load(&n_told) <= i) {
			usleep(100);
		}
		wait_for_idle(&fixture->lane);
		assert_int_equal(fixture->lane.n_idle, 3);
		usleep(i == 0 ? 20000 : 0);
		assert_int_equal(atomic_load(&n_told), i + 1);
	}
	lane_close(&fixture->lane);
	run_loop(fixture);
	free(fixture);
}

/* Work that comes before is done without it, and so is the end. */
static void test_not_idle_for_long(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct job job = { .fixture = fixture };

	start_idle_lane(fixture, 2, 3600000);
	for (unsigned i = 0; i < 20; i++) {
		submit_and_wait(fixture, &job);
	}
	lane_close(&fixture->lane);
	run_loop(fixture);
	assert_int_equal(atomic_load(&n_told), 0);
	assert_int_equal(fixture->n_closed, 1);
	free(fixture);
}

static atomic_uint is_held, may_go;

static void on_idle_and_held(void *context)
{
	atomic_store(&is_held, 1);
	while (atomic_load(&may_go) == 0) {
		usleep(100);
	}
}

/* Who is being told takes no work; what comes meanwhile is done as soon as he is through. */
static void test_work_while_told(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct job job = { .fixture = fixture };
	struct lane_load load;
	const struct lane_settings settings = { .name = "unit",
		.n_threads = 1,
		.start = start_idler,
		.stop = free,
		.on_idle = on_idle_and_held,
		.idle = 1,
		.data = fixture };

	atomic_store(&is_held, 0);
	atomic_store(&may_go, 0);
	assert_int_equal(uv_loop_init(&fixture->loop), 0);
	assert_int_equal(lane_init(&fixture->lane, &fixture->loop, &settings, on_closed), 0);
	submit_and_wait(fixture, &job);
	while (atomic_load(&is_held) == 0) {
		usleep(100);
	}
	lane_submit(&fixture->lane, &job.work);
	uv_run(&fixture->loop, UV_RUN_NOWAIT);
	lane_get_load(&fixture->lane, &load);
	assert_int_equal(load.n_waiting, 1);
	assert_int_equal(load.n_busy, 1);
	atomic_store(&may_go, 1);
	while (fixture->n_done < 2) {
		uv_run(&fixture->loop, UV_RUN_ONCE);
	}
	lane_close(&fixture->lane);
	run_loop(fixture);
	free(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_much_work),
		cmocka_unit_test(test_work_that_comes_again),
		cmocka_unit_test(test_one_thread),
		cmocka_unit_test(test_more_threads_than_work),
		cmocka_unit_test(test_close_at_once),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_warm_thread),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_without_context),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_withdrawn),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_late_by_what_it_has_waited),
		cmocka_unit_test(test_never_late),
		cmocka_unit_test(test_hurry),
		cmocka_unit_test(test_close_does_not_wait),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_not_idle_for_long),
		cmocka_unit_test(test_work_while_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
