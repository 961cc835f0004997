/* SPDX-License-Identifier: MIT
 * The file is put together here once more, apart from the code under test. */
#include "tests/unit/maildir/marked.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maildir/home.h"

static void put(struct marked_file *file, const void *bytes, size_t n)
{
	if (file->n + n > file->room) {
		file->room = 2 * (file->n + n);
		file->p = test_realloc(file->p, file->room);
	}
	memcpy(file->p + file->n, bytes, n);
	file->n += n;
}

void marked_begin(struct marked_file *file)
{
	const uint32_t version = 2;

	*file = (struct marked_file){ 0 };
	put(file, &version, sizeof(version));
}

void marked_add(struct marked_file *file, uint32_t until, const char *id, const char *user)
{
	const uint32_t head[3] = { until, (uint32_t)strlen(id), (uint32_t)strlen(user) };

	put(file, head, sizeof(head));
	put(file, id, strlen(id));
	put(file, user, strlen(user));
}

void marked_put(const struct mailroot *mailroot, const struct marked_file *file, size_t n)
{
	const char *path = mailroot_path(mailroot, MARKED_FILE, "");
	int fd;

	assert_true(unlink(path) == 0 || errno == ENOENT);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, file->p, n), n);
	close(fd);
}

void marked_expect(
    const struct mailroot *mailroot, const char *what, const struct marked_file *want)
{
	struct text content = mailroot_read(mailroot_path(mailroot, MARKED_FILE, ""));

	expect_bytes(what, content.p, content.n, want->p, want->n);
	test_free((void *)content.p);
}

int marked_open_home(const struct mailroot *mailroot)
{
	int fd;

	mailroot_make_directory(mailroot, MARKED_HOME);
	fd = home_open(&mailroot->root, MARKED_HOME);
	assert_true(fd >= 0);
	return fd;
}

int marked_add_id(int home_fd, const char *id, time_t until)
{
	const struct mark mark = { .id = span_of(id), .until = until };
	unsigned patience = 0;

	return marks_add(home_fd, MARKED_USER, &mark, 1, MARKED_NOW, &patience);
}

int marked_has(int home_fd, const char *id)
{
	return marks_has(home_fd, MARKED_USER, span_of(id), MARKED_NOW);
}
