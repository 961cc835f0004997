/* SPDX-License-Identifier: MIT
 * A list of requests in their order. Whoever finds that nobody writes for his mailbox does it, until his own is done; the others sleep. */
#include "lmtpd/marking.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "maildir/home.h"

enum {
	PATIENCE_MS = 2000, /* for the lock, which another program may have */
};

struct request {
	const struct scripts_home *home;
	const struct mark *marks;
	size_t n;
	time_t now;
	bool forgets; /* the only mark */
	enum {
		REQUEST_WAITING,
		REQUEST_TAKEN,
		REQUEST_DONE
	} state;
	int result;
	TAILQ_ENTRY(request) next;
};

struct marking {
	pthread_mutex_t mutex;
	pthread_cond_t done;
	TAILQ_HEAD(requests, request) requests; /* that are not done */
};

struct marking *marking_new(void)
{
	struct marking *marking = malloc(sizeof(*marking));

	if (marking != NULL) {
		pthread_mutex_init(&marking->mutex, NULL);
		pthread_cond_init(&marking->done, NULL);
		TAILQ_INIT(&marking->requests);
	}
	return marking;
}

void marking_free(struct marking *marking)
{
	if (marking != NULL) {
		pthread_cond_destroy(&marking->done);
		pthread_mutex_destroy(&marking->mutex);
		free(marking);
	}
}

/* --- writing ------------------------------------------------------------------------------------------------------- */

static int write_marks(const struct request *first, const struct mark *marks, size_t n)
{
	const struct scripts_home *home = first->home;
	unsigned patience = PATIENCE_MS;
	int fd = home_open(home->root, home->path), result;

	if (fd < 0) {
		return fd;
	}
	result = first->forgets
		     ? marks_forget(fd, home->address, first->marks->id, first->now, &patience)
		     : marks_add(fd, home->address, marks, n, first->now, &patience);
	close(fd);
	return result;
}

/* All at once; but that one has an id which cannot be, or finds no room, is not the others' failure. */
static void write_batch(struct request **batch, size_t n_batch)
{
	struct mark marks[MARKS_AT_ONCE];
	size_t n = 0;
	int result;

	for (size_t i = 0; i < n_batch; i++) {
		memcpy(marks + n, batch[i]->marks, batch[i]->n * sizeof(*marks));
		n += batch[i]->n;
	}
	result = write_marks(batch[0], marks, n);
	for (size_t i = 0; i < n_batch; i++) {
		bool is_alone = n_batch > 1 && (result == -EINVAL || result == MARKS_FULL);

		batch[i]->result =
		    is_alone ? write_marks(batch[i], batch[i]->marks, batch[i]->n) : result;
	}
}

/* --- who writes ---------------------------------------------------------------------------------------------------- */

static bool is_same_home(const struct scripts_home *a, const struct scripts_home *b)
{
	return a->root == b->root && strcmp(a->path, b->path) == 0 &&
	       strcmp(a->address, b->address) == 0;
}

/* The first one for a home in some state; NULL: none. */
static struct request *find(
    const struct marking *marking, const struct scripts_home *home, int state)
{
	struct request *request = NULL;

	TAILQ_FOREACH (request, &marking->requests, next) {
		if ((int)request->state == state && is_same_home(request->home, home)) {
			return request;
		}
	}
	return NULL;
}

/* Takes those that go together, from the first one that waits. Returns how many. */
static size_t take_batch(
    struct marking *marking, const struct scripts_home *home, struct request **batch)
{
	struct request *request = find(marking, home, REQUEST_WAITING);
	size_t n = 0, n_marks = 0;

	assert(request != NULL); /* that of who asks */
	do {
		request->state = REQUEST_TAKEN;
		batch[n++] = request;
		n_marks += request->n;
	} while (!request->forgets && (request = find(marking, home, REQUEST_WAITING)) != NULL &&
		 !request->forgets && n_marks + request->n <= MARKS_AT_ONCE);
	return n;
}

static void lead(struct marking *marking, const struct scripts_home *home)
{
	struct request *batch[MARKS_AT_ONCE];
	size_t n = take_batch(marking, home, batch);

	pthread_mutex_unlock(&marking->mutex);
	write_batch(batch, n);
	pthread_mutex_lock(&marking->mutex);
	for (size_t i = 0; i < n; i++) {
		batch[i]->state = REQUEST_DONE;
		TAILQ_REMOVE(&marking->requests, batch[i], next);
	}
	pthread_cond_broadcast(&marking->done);
}

static int ask(struct marking *marking, struct request *request)
{
	pthread_mutex_lock(&marking->mutex);
	TAILQ_INSERT_TAIL(&marking->requests, request, next);
	while (request->state != REQUEST_DONE) {
		if (find(marking, request->home, REQUEST_TAKEN) != NULL) {
			pthread_cond_wait(&marking->done, &marking->mutex);
		} else {
			lead(marking, request->home);
		}
	}
	pthread_mutex_unlock(&marking->mutex);
	return request->result;
}

int marking_add(struct marking *marking, const struct scripts_home *home, const struct mark *marks,
    size_t n, time_t now)
{
	struct request request = { .home = home, .marks = marks, .n = n, .now = now };

	if (n == 0) {
		return 0;
	}
	/* Not even by itself. */
	return n > MARKS_AT_ONCE ? -EINVAL : ask(marking, &request);
}

int marking_forget(
    struct marking *marking, const struct scripts_home *home, struct span id, time_t now)
{
	const struct mark mark = { .id = id };
	struct request request = {
		.home = home, .marks = &mark, .n = 1, .now = now, .forgets = true
	};

	return ask(marking, &request);
}
