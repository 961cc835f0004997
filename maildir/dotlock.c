/* SPDX-License-Identifier: MIT
 * A lock file tells by its mtime how old it is. Of several who find one that is stale only one may take it away: the
 * others might take away the fresh one of whom was faster. So they lock the stale file itself, with flock(2), before
 * they look whether it still has its name. */
#include "maildir/dotlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "maildir/file.h"

enum {
	STEP_MS = 20
};

static bool is_stale(int fd, unsigned stale)
{
	struct timespec now;
	struct stat status;

	clock_gettime(CLOCK_REALTIME, &now);
	return fstat(fd, &status) == 0 && status.st_mtime + (time_t)stale < now.tv_sec;
}

/* Takes a lock file away whose owner is dead. Returns whether it did. */
static bool break_stale(const struct dotlock *lock, unsigned stale)
{
	/* Without waiting: it may be anything. */
	int fd =
	    openat(lock->directory_fd, lock->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool is_broken = false;

	if (fd < 0) {
		return false;
	}
	if (is_stale(fd, stale) && flock(fd, LOCK_EX | LOCK_NB) == 0) {
		is_broken = file_is_named(fd, lock->directory_fd, lock->name) &&
			    unlinkat(lock->directory_fd, lock->name, 0) == 0;
	}
	/* It is open until the disk has forgotten its name: see unmake_folder(). */
	if (is_broken && lock->syncs) {
		file_sync(lock->directory_fd);
	}
	close(fd);
	return is_broken;
}

static void sleep_for(unsigned ms)
{
	const struct timespec time = { .tv_nsec = (long)ms * 1000000 };

	nanosleep(&time, NULL);
}

static int create(struct dotlock *lock)
{
	lock->fd = openat(lock->directory_fd, lock->name,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return lock->fd < 0 ? -errno : 0;
}

int dotlock_take(struct dotlock *lock, int directory_fd, const char *file, unsigned stale,
    bool syncs, unsigned *patience)
{
	lock->directory_fd = directory_fd;
	lock->syncs = syncs;
	snprintf(lock->file, sizeof(lock->file), "%s", file);
	snprintf(lock->name, sizeof(lock->name), "%s.lock", lock->file);
	for (;;) {
		unsigned step = *patience < STEP_MS ? *patience : STEP_MS;
		int result = create(lock);

		if (result == -EEXIST && break_stale(lock, stale)) {
			result = create(lock);
		}
		if (result != -EEXIST || step == 0) {
			return result == -EEXIST ? DOTLOCK_HELD : result;
		}
		sleep_for(step);
		*patience -= step;
	}
}

static int read_all(int fd, char *text, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t got = pread(fd, text + at, n - at, (off_t)at);

		if (got <= 0) { /* 0: shorter than it says */
			return got < 0 ? -errno : -EIO;
		}
		at += (size_t)got;
	}
	return 0;
}

static int read_file(struct content *content_r, int fd, size_t max)
{
	struct stat status;

	if (fstat(fd, &status) != 0) {
		return -errno;
	}
	if (!S_ISREG(status.st_mode)) {
		return -EINVAL;
	}
	if ((uint64_t)status.st_size > max) {
		return -EFBIG;
	}
	content_r->n = (size_t)status.st_size;
	content_r->changed = status.st_mtime;
	content_r->mode = status.st_mode & 0777;
	content_r->text = malloc(content_r->n + 1);
	if (content_r->text == NULL) {
		return -ENOMEM;
	}
	content_r->text[content_r->n] = '\0';
	return read_all(fd, content_r->text, content_r->n);
}

int content_read(struct content *content_r, int directory_fd, const char *file, size_t max)
{
	int fd = openat(directory_fd, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), result;

	*content_r = (struct content){ .text = NULL };
	if (fd < 0) {
		return errno == ENOENT ? 0 : -errno;
	}
	result = read_file(content_r, fd, max);
	close(fd);
	return result;
}

int dotlock_write(const struct dotlock *lock, const char *text, size_t n)
{
	return file_write(lock->fd, text, n);
}

/* Readers compare seconds. */
static int set_time(int fd, time_t before)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = before + 1 } };
	struct stat status;

	if (fstat(fd, &status) != 0) {
		return -errno;
	}
	return status.st_mtime > before || futimens(fd, times) == 0 ? 0 : -errno;
}

/* Nobody may have taken the lock for stale and away. */
static int move_to_file(const struct dotlock *lock)
{
	if (!file_is_named(lock->fd, lock->directory_fd, lock->name)) {
		return -ESTALE;
	}
	return renameat(lock->directory_fd, lock->name, lock->directory_fd, lock->file) == 0
		   ? 0
		   : -errno;
}

/* The old file stays open until the disk has forgotten its name: see unmake_folder(). */
static int replace_durably(const struct dotlock *lock)
{
	int old_fd = openat(lock->directory_fd, lock->file, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int result = old_fd < 0 && errno != ENOENT ? -errno : move_to_file(lock);

	if (result == 0) {
		result = file_sync(lock->directory_fd);
	}
	if (old_fd >= 0) {
		close(old_fd);
	}
	return result;
}

int dotlock_replace(struct dotlock *lock, const struct content *old)
{
	int result = 0;

	if (old->text != NULL) {
		result =
		    fchmod(lock->fd, old->mode) == 0 ? set_time(lock->fd, old->changed) : -errno;
	}
	if (result == 0) {
		result = file_sync(lock->fd);
	}
	if (result == 0) {
		result = lock->syncs ? replace_durably(lock) : move_to_file(lock);
	}
	if (result == 0) {
		close(lock->fd);
		lock->fd = -1;
	}
	dotlock_release(lock);
	return result;
}

void dotlock_release(struct dotlock *lock)
{
	if (lock->fd < 0) {
		return;
	}
	if (file_is_named(lock->fd, lock->directory_fd, lock->name)) {
		unlinkat(lock->directory_fd, lock->name, 0);
		if (lock->syncs) {
			file_sync(lock->directory_fd);
		}
	}
	close(lock->fd);
	lock->fd = -1;
}
