/* SPDX-License-Identifier: MIT
 * As long as the reader takes lines, each is one poll(2) and one write(2) of whoever has it to say. The
 * thread is started when it is first needed, and stays. */
#include "runtime/log_output.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A ring: bytes from first on, n of them, and on from its start behind its end. */
static struct {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool has_thread;
	char *bytes; /* NULL: there has been no need yet */
	size_t first, n;
	uint64_t n_lost;
} kept = { .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

/* Up to LOG_LINE_MAX bytes a pipe that is writable takes at once, pipe(7), and so do the others. */
static bool is_writable(int ms)
{
	struct pollfd output = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&output, 1, ms) > 0;
}

/* Takes away what was written. */
static void *run_output(void *data)
{
	pthread_mutex_lock(&kept.mutex);
	for (;;) {
		size_t n =
		    LOG_OUTPUT_MAX - kept.first < kept.n ? LOG_OUTPUT_MAX - kept.first : kept.n;
		const char *bytes = kept.bytes + kept.first;
		ssize_t written;

		if (n == 0) {
			pthread_cond_wait(&kept.changed, &kept.mutex);
			continue;
		}
		pthread_mutex_unlock(&kept.mutex);
		/* It may be non-blocking, which is a matter of all that share it. */
		(void)is_writable(-1);
		written = write(STDERR_FILENO, bytes, n);
		pthread_mutex_lock(&kept.mutex);
		if (written < 0 && errno != EINTR && errno != EAGAIN) {
			written = (ssize_t)n; /* there is nowhere left to say so */
		}
		if (written > 0) {
			kept.first = (kept.first + (size_t)written) % LOG_OUTPUT_MAX;
			kept.n -= (size_t)written;
			pthread_cond_broadcast(&kept.changed);
		}
	}
	return NULL;
}

/* Signals are not its own. */
static bool start_thread(void)
{
	sigset_t all, old;
	pthread_t thread;

	if (kept.bytes == NULL) {
		kept.bytes = malloc(LOG_OUTPUT_MAX);
	}
	if (kept.has_thread || kept.bytes == NULL) {
		return kept.has_thread;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	kept.has_thread = pthread_create(&thread, NULL, run_output, NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (kept.has_thread) {
		pthread_detach(thread);
	}
	return kept.has_thread;
}

static bool keep(const char *line, size_t n)
{
	size_t at, n_first;

	if (!start_thread() || n > LOG_OUTPUT_MAX - kept.n) {
		return false;
	}
	at = (kept.first + kept.n) % LOG_OUTPUT_MAX;
	n_first = n < LOG_OUTPUT_MAX - at ? n : LOG_OUTPUT_MAX - at;
	memcpy(kept.bytes + at, line, n_first);
	memcpy(kept.bytes, line + n_first, n - n_first);
	kept.n += n;
	pthread_cond_broadcast(&kept.changed);
	return true;
}

uint64_t log_output(const char *line, size_t n)
{
	uint64_t n_lost = 0;

	pthread_mutex_lock(&kept.mutex);
	/* Behind what is kept, so that lines stay in their order. */
	if (kept.n == 0 && is_writable(0)) {
		(void)!write(STDERR_FILENO, line, n);
	} else if (!keep(line, n)) {
		kept.n_lost++;
		pthread_mutex_unlock(&kept.mutex);
		return 0;
	}
	n_lost = kept.n_lost;
	kept.n_lost = 0;
	pthread_mutex_unlock(&kept.mutex);
	return n_lost;
}

void log_output_flush(unsigned ms)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += ms / 1000;
	end.tv_nsec += ms % 1000 * 1000000L;
	if (end.tv_nsec >= 1000000000L) {
		end.tv_nsec -= 1000000000L;
		end.tv_sec++;
	}
	pthread_mutex_lock(&kept.mutex);
	while (kept.n > 0 && pthread_cond_timedwait(&kept.changed, &kept.mutex, &end) == 0) {
	}
	pthread_mutex_unlock(&kept.mutex);
}
