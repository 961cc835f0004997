/* SPDX-License-Identifier: MIT
 * Sync rounds: everybody syncs and gets his own result, and nobody waits for ever. */
#include "maildir/rounds.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/unit.h"

enum {
	THREADS = 16,
	TIMES = 200,
	DEVICE = 1000, /* numbers that name no filesystem: rounds ask for none */
};

static atomic_uint n_synced;

/* Of the linker's --wrap: how the waits for a round end. */
long __real_syscall(long number, ...);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);

static atomic_uint n_waits;
static atomic_uint n_signals; /* waits that a signal ends at once */
static atomic_bool ends_late; /* waits say "too long", but when the round has just started */

static bool is_hit(atomic_uint *n)
{
	unsigned left = *n;

	while (left > 0 && !atomic_compare_exchange_weak(n, &left, left - 1)) {
	}
	return left > 0;
}

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	long result;

	if (number != SYS_futex || b != FUTEX_WAIT_BITSET_PRIVATE) {
		return __real_syscall(number, a, b, c, d, e, f);
	}
	n_waits++;
	if (is_hit(&n_signals)) {
		errno = EINTR;
		return -1;
	}
	if (!ends_late) {
		return __real_syscall(number, a, b, c, d, e, f);
	}
	do {
		result = __real_syscall(number, a, b, c, 0L, 0L, f);
	} while (result != 0 && errno == EINTR);
	errno = ETIMEDOUT;
	return -1;
}

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

static void wait_for(const atomic_uint *n, unsigned want)
{
	for (unsigned i = 0; *n != want; i++) {
		assert_true(i < 5000);
		usleep(1000);
	}
}

/* Signals do not start a round. */
static void test_signals(void **state)
{
	struct rounds *rounds = rounds_of(DEVICE + 5);
	pthread_t thread;

	n_synced = n_waits = 0;
	n_signals = 3;
	rounds_expect(rounds);
	assert_int_equal(pthread_create(&thread, NULL, run_sync, rounds), 0);
	wait_for(&n_waits, 4);
	assert_int_equal(n_synced, 0);
	rounds_leave(rounds);
	pthread_join(thread, NULL);
	assert_int_equal(n_synced, 1);
}

/* A round that starts just when patience ends is his who waited for it, and its end lets the next one
 * start: alone he need not wait. */
static void test_patience_ends_as_it_starts(void **state)
{
	struct rounds *rounds = rounds_of(DEVICE + 6);
	pthread_t thread;

	n_synced = n_waits = 0;
	ends_late = true;
	rounds_expect(rounds);
	assert_int_equal(pthread_create(&thread, NULL, run_sync, rounds), 0);
	wait_for(&n_waits, 1);
	rounds_leave(rounds);
	pthread_join(thread, NULL);
	ends_late = false;
	run_sync(rounds);
	assert_int_equal(n_synced, 2);
	assert_int_equal(n_waits, 1);
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
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_patience_ends_as_it_starts),
		cmocka_unit_test(test_many_filesystems),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
