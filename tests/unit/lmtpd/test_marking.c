/* SPDX-License-Identifier: MIT
 * Threads that have something to remember at once: each is told what became of his own, one writes for all of a mailbox, and nobody writes
 * beside him. */
#include "lmtpd/marking.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "maildir/home.h"
#include "tests/unit/unit.h"

enum {
	NOW = 1790000000,
	N_HOMES = 2,
	N_THREADS = 40,
	N_ROUNDS = 50,
};

static struct marking *marking;
static const struct scripts_home homes[N_HOMES] = { { .path = "d/a", .address = "a@d" },
	{ .path = "d/b", .address = "b@d" } };

/* --- the world: a file of marks for each home ---------------------------------------------------------------------- */

static struct file {
	_Atomic int n_writers; /* that are at it now */
	atomic_size_t n_added, n_forgotten, n_writes;
} files[N_HOMES];
static _Atomic bool is_held_up; /* who writes for the first one waits until it is not */
static atomic_size_t n_at_it;   /* who waits so */
static int result_of_one;       /* -EINVAL and the like, for an id that begins with "!" */
static int result_of_all;

static atomic_size_t n_asleep; /* how often somebody has waited for who writes */

int __wrap_home_open(const struct maildir_root *root, const char *path);
int __real_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __wrap_marks_add(int home_fd, const char *user, const struct mark *marks, size_t n, time_t now,
    unsigned *patience);
int __wrap_marks_forget(
    int home_fd, const char *user, struct span id, time_t now, unsigned *patience);

int __wrap_home_open(const struct maildir_root *root, const char *path)
{
	return strcmp(path, "none") == 0 ? -ENOENT : dup(STDERR_FILENO);
}

int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
	n_asleep++;
	return __real_pthread_cond_wait(condition, mutex);
}

static struct file *begin_writing(const char *user, time_t now, const unsigned *patience)
{
	struct file *file = &files[user[0] - 'a'];

	assert_int_equal(atomic_fetch_add(&file->n_writers, 1), 0);
	assert_int_equal(now, NOW);
	assert_true(*patience > 0);
	n_at_it++;
	while (is_held_up && file == &files[0]) {
		usleep(1000);
	}
	n_at_it--;
	file->n_writes++;
	return file;
}

int __wrap_marks_add(int home_fd, const char *user, const struct mark *marks, size_t n, time_t now,
    unsigned *patience)
{
	struct file *file = begin_writing(user, now, patience);
	int result = result_of_all;

	assert_in_range(n, 1, MARKS_AT_ONCE);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(marks[i].until, NOW + 1);
		if (marks[i].id.p[0] == '!') {
			result = result_of_one;
		}
	}
	if (result == 0) {
		file->n_added += n;
	}
	file->n_writers--;
	return result;
}

int __wrap_marks_forget(
    int home_fd, const char *user, struct span id, time_t now, unsigned *patience)
{
	struct file *file = begin_writing(user, now, patience);

	expect_bytes("id", id.p, id.n, "gone", 4);
	file->n_forgotten++;
	file->n_writers--;
	return result_of_all;
}

static int begin(void **state)
{
	memset(files, 0, sizeof(files));
	is_held_up = false;
	n_asleep = 0;
	result_of_one = result_of_all = 0;
	marking = marking_new();
	return marking == NULL;
}

static int end(void **state)
{
	marking_free(marking);
	return 0;
}

/* --- one thread ---------------------------------------------------------------------------------------------------- */

static int add(const char *id, size_t home)
{
	const struct mark mark = { span_of(id), NOW + 1 };

	return marking_add(marking, &homes[home], &mark, 1, NOW);
}

static void test_one(void **state)
{
	const struct scripts_home nobody = { .path = "none", .address = "a@d" };
	struct mark marks[MARKS_AT_ONCE + 1];

	for (size_t i = 0; i < LENGTH(marks); i++) {
		marks[i] = (struct mark){ span_of("x"), NOW + 1 };
	}
	assert_int_equal(add("one", 0), 0);
	assert_int_equal(marking_add(marking, &homes[0], marks, MARKS_AT_ONCE, NOW), 0);
	assert_int_equal(files[0].n_added, MARKS_AT_ONCE + 1);
	assert_int_equal(marking_add(marking, &homes[0], marks, MARKS_AT_ONCE + 1, NOW), -EINVAL);
	assert_int_equal(marking_add(marking, &nobody, marks, 0, NOW), 0);
	assert_int_equal(marking_add(marking, &nobody, marks, 1, NOW), -ENOENT);
	assert_int_equal(marking_forget(marking, &homes[1], span_of("gone"), NOW), 0);
	assert_int_equal(files[1].n_forgotten, 1);
	result_of_all = MARKS_FULL;
	assert_int_equal(add("two", 0), MARKS_FULL);
	assert_int_equal(marking_forget(marking, &homes[1], span_of("gone"), NOW), MARKS_FULL);
}

/* --- several ------------------------------------------------------------------------------------------------------- */

static void *run_rounds(void *context)
{
	size_t home = (size_t)context;

	for (size_t i = 0; i < N_ROUNDS; i++) {
		assert_int_equal(add("x", home), 0);
		if (i % 10 == 0) {
			assert_int_equal(
			    marking_forget(marking, &homes[home], span_of("gone"), NOW), 0);
		}
	}
	return NULL;
}

static void test_many(void **state)
{
	pthread_t threads[N_THREADS];

	for (size_t i = 0; i < N_THREADS; i++) {
		pthread_create(&threads[i], NULL, run_rounds, (void *)(i % N_HOMES));
	}
	for (size_t i = 0; i < N_THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	for (size_t i = 0; i < N_HOMES; i++) {
		assert_int_equal(files[i].n_added, N_THREADS / N_HOMES * N_ROUNDS);
		assert_int_equal(files[i].n_forgotten, N_THREADS / N_HOMES * N_ROUNDS / 10);
	}
}

struct waiting {
	pthread_t thread;
	const char *id; /* "gone": is forgotten */
	int result;
};

static void *run_one(void *context)
{
	struct waiting *own = context;

	own->result = strcmp(own->id, "gone") == 0
			  ? marking_forget(marking, &homes[0], span_of(own->id), NOW)
			  : add(own->id, 0);
	return NULL;
}

static void start(struct waiting *waiting, const char *id)
{
	waiting->id = id;
	pthread_create(&waiting->thread, NULL, run_one, waiting);
}

/* The first one writes when the others come. */
static void hold_up(struct waiting *first)
{
	is_held_up = true;
	start(first, "first");
	while (n_at_it == 0) {
		usleep(1000);
	}
}

/* All others wait for the first one; then they do not. */
static void join(struct waiting *waiting, size_t n)
{
	while (n_asleep < n - 1) {
		usleep(1000);
	}
	is_held_up = false;
	for (size_t i = 0; i < n; i++) {
		pthread_join(waiting[i].thread, NULL);
	}
}

/* More than go into one write. */
static void test_together(void **state)
{
	struct waiting waiting[MARKS_AT_ONCE + 30];

	hold_up(&waiting[0]);
	for (size_t i = 1; i < LENGTH(waiting); i++) {
		start(&waiting[i], i == 5 ? "gone" : "x");
	}
	join(waiting, LENGTH(waiting));
	for (size_t i = 0; i < LENGTH(waiting); i++) {
		assert_int_equal(waiting[i].result, 0);
	}
	assert_int_equal(files[0].n_added, LENGTH(waiting) - 1);
	assert_int_equal(files[0].n_forgotten, 1);
	/* The first one, those before what is forgotten, that, a whole batch, and the rest. */
	assert_in_range(files[0].n_writes, 4, 5);
}

/* What is wrong with one mark is not the others' failure, and a disk that fails is tried once. */
static void test_failures(void **state)
{
	struct waiting waiting[10];

	for (int is_broken = 0; is_broken < 2; is_broken++) {
		end(state);
		begin(state);
		hold_up(&waiting[0]);
		for (size_t i = 1; i < LENGTH(waiting); i++) {
			start(&waiting[i], i == 7 ? "!" : "x");
		}
		result_of_one = is_broken ? -EIO : -EINVAL;
		join(waiting, LENGTH(waiting));
		for (size_t i = 0; i < LENGTH(waiting); i++) {
			bool fails = is_broken ? i > 0 : i == 7;

			assert_int_equal(waiting[i].result, fails ? result_of_one : 0);
		}
		assert_int_equal(files[0].n_writes, is_broken ? 2 : 2 + LENGTH(waiting) - 1);
	}
}

/* One mailbox whose disk stands still keeps no other one waiting. */
static void test_other_home(void **state)
{
	struct waiting first;

	hold_up(&first);
	assert_int_equal(add("x", 1), 0);
	assert_int_equal(files[0].n_writes, 0);
	join(&first, 1);
	assert_int_equal(first.result, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one, begin, end),
		cmocka_unit_test_setup_teardown(test_many, begin, end),
		cmocka_unit_test_setup_teardown(test_together, begin, end),
		cmocka_unit_test_setup_teardown(test_failures, begin, end),
		cmocka_unit_test_setup_teardown(test_other_home, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
