/* SPDX-License-Identifier: MIT
 * Lists for each rank and share: whatever is taken is taken from an end of one. */
#include "runtime/queue.h"

#include <stddef.h>

#include "runtime/lane.h"

void queue_init(
    struct queue *queue, const unsigned max[QUEUE_SHARES], unsigned n, uint64_t overload)
{
	*queue = (struct queue){ .overload = overload };
	for (unsigned share = 0; share < QUEUE_SHARES; share++) {
		queue->max[share] = max[share] == 0 ? n : max[share];
	}
	for (unsigned rank = 0; rank < QUEUE_RANKS; rank++) {
		for (unsigned share = 0; share < QUEUE_SHARES; share++) {
			TAILQ_INIT(&queue->waiting[rank][share]);
		}
	}
}

void queue_add(struct queue *queue, struct work *work)
{
	TAILQ_INSERT_TAIL(&queue->waiting[work->rank][work->share], work, waiting);
	work->is_waiting = true;
	queue->n++;
	queue->n_of[work->share]++;
}

bool queue_remove(struct queue *queue, struct work *work)
{
	if (!work->is_waiting) {
		return false;
	}
	TAILQ_REMOVE(&queue->waiting[work->rank][work->share], work, waiting);
	work->is_waiting = false;
	queue->n--;
	queue->n_of[work->share]--;
	return true;
}

static unsigned room_of(const struct queue *queue, unsigned share)
{
	return queue->n_running[share] < queue->max[share]
		   ? queue->max[share] - queue->n_running[share]
		   : 0;
}

unsigned queue_n_ready(const struct queue *queue)
{
	unsigned n = 0;

	for (unsigned share = 0; share < QUEUE_SHARES; share++) {
		unsigned room = room_of(queue, share);

		n += queue->n_of[share] < room ? queue->n_of[share] : room;
	}
	return n;
}

/* The oldest of a rank that has room; NULL: there is none. */
static struct work *find_oldest(const struct queue *queue, unsigned rank)
{
	struct work *oldest = NULL;

	for (unsigned share = 0; share < QUEUE_SHARES; share++) {
		struct work *first = TAILQ_FIRST(&queue->waiting[rank][share]);

		if (first != NULL && room_of(queue, share) > 0 &&
		    (oldest == NULL || first->submitted < oldest->submitted)) {
			oldest = first;
		}
	}
	return oldest;
}

struct work *queue_take(struct queue *queue, uint64_t now)
{
	struct work *work = NULL;

	for (unsigned rank = 0; rank < QUEUE_RANKS && work == NULL; rank++) {
		work = find_oldest(queue, rank);
	}
	if (work == NULL) {
		return NULL;
	}
	if (queue->overload > 0 && now > work->submitted + queue->overload) {
		work = TAILQ_LAST(&queue->waiting[work->rank][work->share], waiting_work);
	}
	queue_remove(queue, work);
	queue->n_running[work->share]++;
	return work;
}

void queue_done(struct queue *queue, const struct work *work)
{
	queue->n_running[work->share]--;
}
