/* SPDX-License-Identifier: MIT
 * A first line with limits, which are not ours to look at, and a line for each change: bytes and messages, with their
 * signs. */
#include "maildir/maildirsize_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maildir/mailbox.h"

static const char file_name[] = "maildirsize";

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
	fd = openat(directory_fd, file_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	result = fd < 0 ? -errno : read_file(fd, sum_r);
	if (fd >= 0) {
		close(fd);
	}
	close(directory_fd);
	return result == -ENOENT ? MAILDIRSIZE_ABSENT : result;
}
