/* SPDX-License-Identifier: MIT
 * Sync rounds: everybody syncs and gets his own result, and nobody waits for ever. */
#include "maildir/rounds.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/unit.h"

enum {
	THREADS = 16,
	TIMES = 200,
	DEVICE = 1000, /* numbers that name no filesystem: rounds ask for none */
};

static atomic_uint n_synced;

static int open_file(void)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	return fd;
}

static void test_alone(void **state)
{
	struct rounds *rounds = rounds_of(DEVICE);
	int fd = open_file();

	assert_non_null(rounds);
	assert_ptr_equal(rounds_of(DEVICE), rounds);
	rounds_expect(rounds);
	assert_int_equal(rounds_sync(rounds, fd, true), 0);
	assert_int_equal(rounds_sync(rounds, fd, true), 0);
	rounds_leave(rounds);
	close(fd);
}

/* A failed sync is one's own. */
static void test_result(void **state)
{
	struct rounds *rounds = rounds_of(DEVICE + 1);

	rounds_expect(rounds);
	assert_int_equal(rounds_sync(rounds, -1, false), -EBADF);
	assert_int_equal(rounds_sync(NULL, -1, false), -EBADF);
}

static void *run_syncs(void *data)
{
	struct rounds *rounds = data;
	int fd = open_file();

	for (unsigned i = 0; i < TIMES; i++) {
		rounds_expect(rounds);
		if (i % 5 == 4) {
			rounds_leave(rounds);
			continue;
		}
		if (rounds_sync(rounds, fd, true) == 0 && rounds_sync(rounds, fd, false) == 0) {
			atomic_fetch_add(&n_synced, 1);
		}
	}
	close(fd);
	return NULL;
}

static void test_many(void **state)
{
	pthread_t threads[THREADS];

	n_synced = 0;
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(
		    pthread_create(&threads[i], NULL, run_syncs, rounds_of(DEVICE + 2)), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	assert_int_equal(n_synced, THREADS * TIMES * 4 / 5);
}

static void *run_sync(void *data)
{
	struct rounds *rounds = data;
	int fd = open_file();

	rounds_expect(rounds);
	assert_int_equal(rounds_sync(rounds, fd, false), 0);
	atomic_fetch_add(&n_synced, 1);
	close(fd);
	return NULL;
}

/* Who is expected and does not come holds the others up for a moment only; and a round that he
 * missed was not his. */
static void test_patience(void **state)
{
	struct rounds *rounds = rounds_of(DEVICE + 3);
	pthread_t threads[2];

	n_synced = 0;
	rounds_expect(rounds);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, run_sync, rounds), 0);
	}
	for (unsigned i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
	}
	assert_int_equal(n_synced, 2);
	run_sync(rounds); /* he is still missing */
	rounds_leave(rounds);
	run_sync(rounds);
	assert_int_equal(n_synced, 4);
}

/* Who waits for him goes on at once when he leaves. */
static void test_leaving(void **state)
{
	struct rounds *rounds = rounds_of(DEVICE + 4);
	pthread_t thread;

	n_synced = 0;
	for (unsigned i = 0; i < 20; i++) {
		rounds_expect(rounds);
		assert_int_equal(pthread_create(&thread, NULL, run_sync, rounds), 0);
		rounds_leave(rounds);
		pthread_join(thread, NULL);
	}
	assert_int_equal(n_synced, 20);
}

/* More filesystems than there is room for: those do without. Last: the room stays taken. */
static void test_many_filesystems(void **state)
{
	struct rounds *rounds = NULL;

	for (unsigned i = 0; i < 100; i++) {
		rounds = rounds_of(2 * DEVICE + i);
	}
	assert_null(rounds);
	rounds_expect(rounds);
	run_sync(rounds);
	rounds_leave(rounds);
	assert_non_null(rounds_of(DEVICE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_result),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_patience),
		cmocka_unit_test(test_leaving),
		cmocka_unit_test(test_many_filesystems),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
