/* SPDX-License-Identifier: MIT
 * There is no lock: each line is one write at the end of the file, and who counts anew replaces the file. Any
 * thread. */
#include "maildir/maildirsize.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "maildir/mailbox.h"
#include "maildir/place.h"

#define NAME "maildirsize"

/* Lets Dovecot count anew. One that is right may be hit: that costs it time and nothing else. */
static int unlink_by_name(const struct maildir_place *place)
{
	int fd = mailbox_open_root_part(place, "");
	int result;

	if (fd < 0) {
		return fd;
	}
	result = unlinkat(fd, NAME, 0) == 0 || errno == ENOENT ? 0 : -errno;
	close(fd);
	return result;
}

static int write_line(int fd, uint64_t size)
{
	char line[40];
	int n = snprintf(line, sizeof(line), "%" PRIu64 " 1\n", size);
	ssize_t written = write(fd, line, (size_t)n);

	if (written < 0) {
		return -errno;
	}
	return written == n ? 0 : -ENOSPC; /* what a part of it means, to a file */
}

/* Adds the line to a file that is open, and says whether the file is the one that readers find by its name. */
static int add_line(int fd, uint64_t size, bool *is_lost_r)
{
	struct stat status;
	int result;

	*is_lost_r = false;
	if (fstat(fd, &status) != 0) {
		return -errno;
	}
	if (!S_ISREG(status.st_mode)) {
		return -EINVAL;
	}
	result = write_line(fd, size);
	if (result == 0 && fstat(fd, &status) != 0) {
		result = -errno;
	}
	*is_lost_r = result < 0 || status.st_nlink == 0;
	return result;
}

static int add(const struct maildir_place *place, uint64_t size)
{
	/* A FIFO in its place must not hold the delivery up. */
	int fd = mailbox_open_file(place, "/" NAME, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK);
	bool is_lost;
	int result, unlinked;

	if (fd < 0) {
		return fd == -ENOENT ? 0 : fd;
	}
	result = add_line(fd, size, &is_lost);
	close(fd);
	if (is_lost) {
		unlinked = unlink_by_name(place);
		result = result < 0 ? result : unlinked;
	}
	return result;
}

int maildirsize_add(struct maildir_place *place, uint64_t size)
{
	int result = add(place, size);

	if (result < 0) {
		place_note(place, "cannot add to " NAME ": %s", strerror(-result));
	}
	return result;
}
