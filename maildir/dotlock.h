/* SPDX-License-Identifier: MIT
 * Dovecot's way to change a small file of a mailbox that IMAP changes, too: who makes FILE.lock has the lock, writes
 * the new content into it, and moves it to the name of the file. Private to maildir; any thread.
 *
 * A lock is held while a file of some lines is read and written, and for nothing else. Who waits for one sleeps. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

enum {
	DOTLOCK_HELD = 1, /* by somebody else, for longer than one would wait */
	DOTLOCK_PATIENCE_MS = 10000,
	DOTLOCK_NAME_MAX = 40, /* bytes of the file's name */
};

struct dotlock {
	int directory_fd; /* the caller's, that must stay open */
	int fd;           /* of the lock file; -1: not held */
	bool syncs;
	char file[DOTLOCK_NAME_MAX + 1];
	char name[DOTLOCK_NAME_MAX + 6]; /* with ".lock" */
};

/* Takes the lock of a file in a directory. One that nobody has touched for stale seconds is that of a program that
 * died, and is taken away. With syncs the directory is synced after each change: what follows commits nothing.
 * *patience is how many ms one may wait for locks altogether; what was waited is subtracted. Returns 0,
 * DOTLOCK_HELD or a negative errno; then it is not held. */
int dotlock_take(struct dotlock *lock, int directory_fd, const char *file, unsigned stale,
    bool syncs, unsigned *patience);

/* What a file holds. */
struct content {
	char *text; /* ended by a NUL that is not counted; NULL: there is no such file */
	size_t n;
	time_t changed; /* when, in seconds since 1970 */
	unsigned mode;
};

/* Reads a regular file of at most max bytes. Returns 0, also when there is none, or a negative errno (-EFBIG: it
 * is larger). free() the text in any case. */
int content_read(struct content *content_r, int directory_fd, const char *file, size_t max);

/* Writes bytes to the new content. Returns 0 or a negative errno. */
int dotlock_write(const struct dotlock *lock, const char *text, size_t n);

/* Puts what was written in the place of the old content, of whose mode and time it is told: it gets the same mode,
 * and a time that is later by a second at least. The lock is released in any case. Returns 0 or a negative errno;
 * then the file is what it was, or the sync of the directory has failed. */
int dotlock_replace(struct dotlock *lock, const struct content *old);

/* Lets go of a lock, if it is held. */
void dotlock_release(struct dotlock *lock);
