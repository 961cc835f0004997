/* SPDX-License-Identifier: MIT
 * The steps of store.h. Any thread. */
#include "store.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static atomic_ulong n_named;

bool store_open(struct stored *stored, const char *new_path)
{
	stored->new_fd = open(new_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (stored->new_fd < 0) {
		return false;
	}
	stored->fd = openat(stored->new_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (stored->fd < 0) {
		close(stored->new_fd);
		return false;
	}
	return true;
}

bool store_write(struct stored *stored, const char *data, size_t n)
{
	while (n > 0) {
		ssize_t written = write(stored->fd, data, n);

		if (written < 0) {
			return false;
		}
		data += written;
		n -= (size_t)written;
	}
	return true;
}

static bool name_file(const struct stored *stored)
{
	char by_fd[40], name[80];

	snprintf(by_fd, sizeof(by_fd), "/proc/self/fd/%d", stored->fd);
	snprintf(name, sizeof(name), "%ld.P%dQ%lu.bench", (long)time(NULL), getpid(), ++n_named);
	return linkat(AT_FDCWD, by_fd, stored->new_fd, name, AT_SYMLINK_FOLLOW) == 0;
}

static bool done(struct stored *stored, bool is_done)
{
	close(stored->fd);
	close(stored->new_fd);
	return is_done;
}

bool store_commit_twice(struct stored *stored)
{
	return done(
	    stored, fdatasync(stored->fd) == 0 && name_file(stored) && fsync(stored->new_fd) == 0);
}

bool store_commit_once(struct stored *stored)
{
	const unsigned flags =
	    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;

	return done(stored, sync_file_range(stored->fd, 0, 0, flags) == 0 && name_file(stored) &&
				fsync(stored->fd) == 0);
}

bool store_commit_file(struct stored *stored)
{
	return done(stored, fdatasync(stored->fd) == 0 && name_file(stored));
}
