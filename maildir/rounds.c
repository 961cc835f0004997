/* SPDX-License-Identifier: MIT
 * A round starts when the last one is over and everybody who is expected has come. So one delivery
 * alone never waits, and many fall into step: their files share one commit, then their names. */
#include "maildir/rounds.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <unistd.h>

#include "maildir/linux.h"

enum {
	FILESYSTEMS = 16
};

struct rounds {
	dev_t device;
	pthread_mutex_t mutex;
	unsigned n_expected;     /* will sync soon; those who wait are among them */
	unsigned n_waiting;      /* for the next round to start */
	unsigned n_syncing;      /* of this round */
	_Atomic uint32_t number; /* of the last round that started; who waits sleeps on it */
};

static struct rounds table[FILESYSTEMS];
static size_t n_filesystems;
static pthread_mutex_t table_mutex = PTHREAD_MUTEX_INITIALIZER;

struct rounds *rounds_of(dev_t device)
{
	struct rounds *rounds = NULL;

	pthread_mutex_lock(&table_mutex);
	for (size_t i = 0; i < n_filesystems && rounds == NULL; i++) {
		if (table[i].device == device) {
			rounds = &table[i];
		}
	}
	if (rounds == NULL && n_filesystems < FILESYSTEMS) {
		rounds = &table[n_filesystems++];
		rounds->device = device;
		pthread_mutex_init(&rounds->mutex, NULL);
	}
	pthread_mutex_unlock(&table_mutex);
	return rounds;
}

/* Leaves the mutex, and starts the next round if it can be. Who is woken wants to know the number alone,
 * and needs no mutex for that. */
static void unlock_and_start(struct rounds *rounds)
{
	bool is_start = rounds->n_syncing == 0 && rounds->n_waiting > 0 &&
			rounds->n_waiting == rounds->n_expected;

	if (is_start) {
		rounds->n_syncing = rounds->n_waiting;
		rounds->n_waiting = rounds->n_expected = 0;
		rounds->number++;
	}
	pthread_mutex_unlock(&rounds->mutex);
	if (is_start) {
		linux_wake_all(&rounds->number);
	}
}

void rounds_expect(struct rounds *rounds)
{
	if (rounds != NULL) {
		pthread_mutex_lock(&rounds->mutex);
		rounds->n_expected++;
		pthread_mutex_unlock(&rounds->mutex);
	}
}

void rounds_leave(struct rounds *rounds)
{
	if (rounds != NULL) {
		pthread_mutex_lock(&rounds->mutex);
		rounds->n_expected--;
		unlock_and_start(rounds);
	}
}

/* Waits until the round behind that number starts. False: it took too long. */
static bool wait_for_start(struct rounds *rounds, uint32_t number)
{
	struct timespec deadline;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_nsec += ROUNDS_PATIENCE_MS * 1000000L;
	if (deadline.tv_nsec >= 1000000000L) {
		deadline.tv_nsec -= 1000000000L;
		deadline.tv_sec++;
	}
	while (rounds->number == number) {
		if (!linux_wait(&rounds->number, number, &deadline)) {
			return false;
		}
	}
	return true;
}

/* Waits for the next round and returns true; or false: the caller is in none. */
static bool join(struct rounds *rounds)
{
	uint32_t number;
	bool is_in_round = true;

	pthread_mutex_lock(&rounds->mutex);
	number = rounds->number;
	rounds->n_waiting++;
	unlock_and_start(rounds);
	if (!wait_for_start(rounds, number)) {
		pthread_mutex_lock(&rounds->mutex);
		if (rounds->number == number) { /* else it started just now */
			rounds->n_waiting--;
			rounds->n_expected--;
			is_in_round = false;
		}
		unlock_and_start(rounds);
	}
	return is_in_round;
}

int rounds_sync(struct rounds *rounds, int fd, bool goes_on)
{
	bool is_in_round = rounds != NULL && join(rounds);
	int result = fsync(fd) == 0 ? 0 : -errno;

	if (rounds != NULL) {
		pthread_mutex_lock(&rounds->mutex);
		/* Before the mutex is left, or the next round would start without the one who goes on. */
		rounds->n_expected += goes_on;
		rounds->n_syncing -= is_in_round;
		unlock_and_start(rounds);
	}
	return result;
}
