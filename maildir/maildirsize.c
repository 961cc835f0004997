/* SPDX-License-Identifier: MIT
 * A first line with limits, which are not ours to look at, and a line for each change: bytes and messages, with their
 * signs. There is no lock: each line is one write at the end of the file, and who counts anew replaces the file. Any
 * thread. */
#include "maildir/maildirsize.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Adds the number that the text begins with, behind blanks of the same line. Returns what is behind it, NULL if there
 * is none, or the sum is too large. */
static const char *add_number(const char *text, int64_t *sum)
{
	long long number;
	char *end;

	text += strspn(text, " \t");
	if (*text == '\n') {
		return NULL; /* strtoll() would go on in the next line */
	}
	errno = 0;
	number = strtoll(text, &end, 10);
	return end == text || errno != 0 || __builtin_add_overflow(*sum, number, sum) ? NULL : end;
}

/* What stands behind the last end of a line is not written to its end yet. */
static int add_lines(const char *text, struct maildirsize *sum_r)
{
	const char *at = strchr(text, '\n');
	int64_t bytes = 0, messages = 0;

	if (at == NULL) {
		return MAILDIRSIZE_UNUSABLE;
	}
	for (at++; strchr(at, '\n') != NULL; at++) {
		at = add_number(at, &bytes);
		at = at == NULL ? NULL : add_number(at, &messages);
		if (at == NULL || *at != '\n') {
			return MAILDIRSIZE_UNUSABLE;
		}
	}
	if (bytes < 0 || messages < 0) {
		return MAILDIRSIZE_UNUSABLE;
	}
	*sum_r = (struct maildirsize){ (uint64_t)bytes, (uint64_t)messages };
	return MAILDIRSIZE_READ;
}

static int read_file(int fd, struct maildirsize *sum_r)
{
	char text[MAILDIRSIZE_MAX + 1];
	ssize_t n = pread(fd, text, sizeof(text), 0);

	if (n < 0) {
		return -errno;
	}
	if (n == sizeof(text) || memchr(text, '\0', (size_t)n) != NULL) {
		return MAILDIRSIZE_UNUSABLE;
	}
	text[n] = '\0';
	return add_lines(text, sum_r);
}

int maildirsize_read(
    const struct maildir_root *root, const char *mailbox, struct maildirsize *sum_r)
{
	const struct maildir_place place = { .root = root, .mailbox = mailbox };
	int directory_fd = mailbox_open_root_part(&place, ""), fd, result;

	if (directory_fd < 0) {
		return directory_fd == -ENOENT ? MAILDIRSIZE_ABSENT : directory_fd;
	}
	/* Neither a link of the user's nor a pipe of his is waited for. */
	fd = openat(directory_fd, NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	result = fd < 0 ? -errno : read_file(fd, sum_r);
	if (fd >= 0) {
		close(fd);
	}
	close(directory_fd);
	return result == -ENOENT ? MAILDIRSIZE_ABSENT : result;
}
