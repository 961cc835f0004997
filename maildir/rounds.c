/* SPDX-License-Identifier: MIT
 * A round starts when the last one is over and everybody who is expected has come. So one delivery
 * alone never waits, and many fall into step: their files share one commit, then their names. */
#include "maildir/rounds.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

enum {
	FILESYSTEMS = 16
};

struct rounds {
	dev_t device;
	pthread_mutex_t mutex;
	pthread_cond_t starts;
	unsigned n_expected; /* will sync soon; those who wait are among them */
	unsigned n_waiting;  /* for the next round to start */
	unsigned n_syncing;  /* of this round */
	unsigned long number;
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
		pthread_cond_init(&rounds->starts, NULL);
	}
	pthread_mutex_unlock(&table_mutex);
	return rounds;
}

static void start_if_complete(struct rounds *rounds)
{
	if (rounds->n_syncing == 0 && rounds->n_waiting > 0 &&
	    rounds->n_waiting == rounds->n_expected) {
		rounds->n_syncing = rounds->n_waiting;
		rounds->n_waiting = rounds->n_expected = 0;
		rounds->number++;
		pthread_cond_broadcast(&rounds->starts);
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
		start_if_complete(rounds);
		pthread_mutex_unlock(&rounds->mutex);
	}
}

static struct timespec deadline_of_patience(void)
{
	struct timespec deadline;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_nsec += ROUNDS_PATIENCE_MS * 1000000l;
	if (deadline.tv_nsec >= 1000000000l) {
		deadline.tv_nsec -= 1000000000l;
		deadline.tv_sec++;
	}
	return deadline;
}

/* Waits for the start of the next round. False: it took too long, and the caller is in none. */
static bool join(struct rounds *rounds)
{
	struct timespec deadline = deadline_of_patience();
	unsigned long number = rounds->number;
	int result = 0;

	rounds->n_waiting++;
	start_if_complete(rounds);
	while (rounds->number == number && result == 0) {
		result = pthread_cond_clockwait(
		    &rounds->starts, &rounds->mutex, CLOCK_MONOTONIC, &deadline);
	}
	if (rounds->number == number) {
		rounds->n_waiting--;
		rounds->n_expected--;
		start_if_complete(rounds);
		return false;
	}
	return true;
}

int rounds_sync(struct rounds *rounds, int fd, bool goes_on)
{
	bool is_in_round;
	int result;

	if (rounds == NULL) {
		return fsync(fd) == 0 ? 0 : -errno;
	}
	pthread_mutex_lock(&rounds->mutex);
	is_in_round = join(rounds);
	pthread_mutex_unlock(&rounds->mutex);
	result = fsync(fd) == 0 ? 0 : -errno;
	pthread_mutex_lock(&rounds->mutex);
	rounds->n_expected += goes_on;
	rounds->n_syncing -= is_in_round;
	start_if_complete(rounds);
	pthread_mutex_unlock(&rounds->mutex);
	return result;
}
