/* SPDX-License-Identifier: MIT
 * Homes, and that nothing leads out of them. */
#include "maildir/home.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/maildir/mailroot.h"

static void link_to(const struct mailroot *mailroot, const char *path, const char *target)
{
	assert_int_equal(symlink(target, mailroot_path(mailroot, path, "")), 0);
}

static void test_homes(void **state)
{
	struct mailroot *mailroot = *state;
	static const struct {
		const char *path;
		int result; /* 0: it opens */
	} cases[] = {
		{ "example.com/a", 0 },
		{ "", 0 },
		{ "example.com/link", 0 },
		{ "example.com/none", -ENOENT },
		{ "example.com/out", -EXDEV },
		{ "example.com/file", -ENOTDIR },
	};

	mailroot_make_directory(mailroot, "example.com");
	mailroot_make_directory(mailroot, "example.com/a");
	mailroot_make_file(mailroot, "example.com/file", "");
	link_to(mailroot, "example.com/link", "../example.com/a");
	link_to(mailroot, "example.com/out", "/tmp");
	for (size_t i = 0; i < LENGTH(cases); i++) {
		int fd = home_open(&mailroot->root, cases[i].path);

		assert_int_equal(fd < 0 ? fd : 0, cases[i].result);
		if (fd >= 0) {
			close(fd);
		}
	}
	mailroot->root.base = "/nowhere/at/all";
	assert_int_equal(home_open(&mailroot->root, "example.com/a"), -ENOENT);
	mailroot->root.base = mailroot->base;
}

static void test_beneath(void **state)
{
	struct mailroot *mailroot = *state;
	static const struct {
		const char *path;
		int flags, result;
	} cases[] = {
		{ "file", O_RDONLY, 0 },
		{ "link", O_RDONLY, 0 },
		{ "link", O_PATH | O_NOFOLLOW, 0 },
		{ "link", O_RDONLY | O_NOFOLLOW, -ELOOP },
		{ "out", O_RDONLY, -EXDEV },
		{ "out", O_PATH | O_NOFOLLOW, 0 },
		{ "up", O_RDONLY, -EXDEV },
		{ "../other", O_RDONLY, -EXDEV },
		{ "pipe", O_RDONLY, 0 }, /* does not wait */
		{ "none", O_RDONLY, -ENOENT },
	};
	int home_fd;

	mailroot_make_directory(mailroot, "home");
	mailroot_make_file(mailroot, "other", "secret");
	mailroot_make_file(mailroot, "home/file", "");
	link_to(mailroot, "home/link", "file");
	link_to(mailroot, "home/out", "/etc/passwd");
	link_to(mailroot, "home/up", "../other");
	assert_int_equal(mkfifo(mailroot_path(mailroot, "home/pipe", ""), 0600), 0);
	home_fd = home_open(&mailroot->root, "home");
	assert_true(home_fd >= 0);
	for (size_t i = 0; i < LENGTH(cases); i++) {
		int fd = home_open_beneath(home_fd, cases[i].path, cases[i].flags);

		assert_int_equal(fd < 0 ? fd : 0, cases[i].result);
		if (fd >= 0) {
			close(fd);
		}
	}
	close(home_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_homes, mailroot_setup, mailroot_teardown),
		cmocka_unit_test_setup_teardown(test_beneath, mailroot_setup, mailroot_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
