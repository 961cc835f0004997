/* SPDX-License-Identifier: MIT
 * Sync rounds: the fsyncs of deliveries that run side by side start together, so that the
 * filesystem's journal commits them together. Private to maildir.
 *
 * A journal commits one transaction after the other, and each costs the same however much is in it.
 * Threads that call fsync(2) as they come are spread over many small commits; in rounds they share
 * few. Rounds are about speed alone: every caller still syncs its own descriptor and gets its own
 * result, and nobody waits for another one longer than ROUNDS_PATIENCE. Any thread. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

enum {
	ROUNDS_PATIENCE_MS = 100,
};

struct rounds;

/* The rounds of a filesystem. NULL: too many filesystems; who passes that on syncs alone. */
struct rounds *rounds_of(dev_t device);

/* A sync will follow soon, with no wait for a client in between: the others may wait for it. Ended
 * by rounds_sync() or rounds_leave(). */
void rounds_expect(struct rounds *rounds);
void rounds_leave(struct rounds *rounds);

/* fsync(2) of fd, together with those that are expected; NULL: alone and at once. goes_on: another
 * sync will follow soon. Returns 0 or a negative errno. */
int rounds_sync(struct rounds *rounds, int fd, bool goes_on);
