/* SPDX-License-Identifier: MIT
 * What is found below a directory, and what is not: at the wrong depth, behind symbolic links, or out of
 * reach. */
#include "doctor/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "maildir/maildir.h"
#include "tests/unit/unit.h"

/* What the system refuses: to open a directory by that name, to look at something by that name, to read a
 * directory that was opened by that name, or to read on when that name has come. */
struct fault {
	const char *name; /* NULL: nothing */
	int error;
	bool of_open, of_stat, of_stream, of_read;
	int fd; /* private: what was opened by that name */
};

static struct fault fault;

static bool is_faulty(bool of_this, const char *name)
{
	if (!of_this || fault.name == NULL || strcmp(fault.name, name) != 0) {
		return false;
	}
	errno = fault.error;
	return true;
}

int __real_openat64(int fd, const char *name, int flags);
int __wrap_openat64(int fd, const char *name, int flags);
int __wrap_openat64(int parent_fd, const char *name, int flags)
{
	int fd = is_faulty(fault.of_open, name) ? -1 : __real_openat64(parent_fd, name, flags);

	if (is_faulty(fault.of_stream, name)) {
		fault.fd = fd;
	}
	return fd;
}

int __real_fstatat64(int fd, const char *name, struct stat *status, int flags);
int __wrap_fstatat64(int fd, const char *name, struct stat *status, int flags);
int __wrap_fstatat64(int fd, const char *name, struct stat *status, int flags)
{
	return is_faulty(fault.of_stat, name) ? -1 : __real_fstatat64(fd, name, status, flags);
}

DIR *__real_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd)
{
	if (fault.of_stream && fd == fault.fd) {
		fault.fd = -1;
		errno = fault.error;
		return NULL;
	}
	return __real_fdopendir(fd);
}

struct dirent *__real_readdir64(DIR *stream);
struct dirent *__wrap_readdir64(DIR *stream);
struct dirent *__wrap_readdir64(DIR *stream)
{
	struct dirent *entry = __real_readdir64(stream);

	return entry != NULL && is_faulty(fault.of_read, entry->d_name) ? NULL : entry;
}

enum {
	SAID_MAX = 16 * 1024,
	STOP = 7,
};

struct world {
	char base[200];
	char said
	    [SAID_MAX]; /* sorted lines are not needed: each test has one order, or asks for parts */
	unsigned n_until_stop;
};

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	*state = world;
	if (world != NULL) {
		directory_make(world->base, sizeof(world->base));
	}
	return world == NULL;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	directory_remove(world->base);
	free(world);
	return 0;
}

/* With what leads there. */
static void make_directory(const struct world *world, const char *path)
{
	char whole[PATH_MAX];

	snprintf(whole, sizeof(whole), "%s/%s/", world->base, path);
	for (char *slash = whole + strlen(world->base) + 1; (slash = strchr(slash, '/')) != NULL;) {
		*slash = '\0';
		assert_true(mkdir(whole, 0700) == 0 || errno == EEXIST);
		*slash++ = '/';
	}
}

static void make_maildir(const struct world *world, const char *path)
{
	static const char *const parts[] = { "cur", "new", "tmp" };
	char part[PATH_MAX];

	for (size_t i = 0; i < LENGTH(parts); i++) {
		snprintf(part, sizeof(part), "%s/%s", path, parts[i]);
		make_directory(world, part);
	}
}

static void make_file(const struct world *world, const char *path)
{
	char whole[PATH_MAX];
	int fd;

	snprintf(whole, sizeof(whole), "%s/%s", world->base, path);
	fd = open(whole, O_CREAT | O_EXCL | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static void make_link(const struct world *world, const char *target, const char *path)
{
	char whole[PATH_MAX];

	snprintf(whole, sizeof(whole), "%s/%s", world->base, path);
	assert_int_equal(symlink(target, whole), 0);
}

static int on_maildir(void *data, const char *path, int fd)
{
	struct world *world = data;
	struct tree_size size;

	tree_measure(fd, &size);
	add_text(world->said, sizeof(world->said), "%s %u\n", path, (unsigned)size.n_messages);
	return world->n_until_stop > 0 && --world->n_until_stop == 0 ? STOP : 0;
}

static int on_unread(void *data, const char *path, int error)
{
	struct world *world = data;

	add_text(world->said, sizeof(world->said), "%s: %s\n", path, strerror(-error));
	return 0;
}

static int walk(struct world *world, uint64_t depths)
{
	const struct tree tree = { depths, on_maildir, on_unread, world };

	world->said[0] = '\0';
	return tree_walk(&tree, world->base);
}

static void expect(struct world *world, uint64_t depths, const char *want)
{
	assert_int_equal(walk(world, depths), 0);
	expect_text("found", world->said, want);
}

static void test_depths(void **state)
{
	struct world *world = *state;

	expect(world, 1 << 3, "");
	make_maildir(world, "example.com/a/Maildir");
	make_maildir(world, "example.com/a/Maildir/.Folder");
	make_maildir(world, "example.com/a/Maildir/.Folder/cur/x");
	expect(world, 1 << 3, "example.com/a/Maildir 1\n");
	expect(world, 1 << 2, "");
	expect(world, 1 << 3 | 1 << 4 | (uint64_t)1 << TREE_DEPTH_MAX, "example.com/a/Maildir 1\n");
	expect(world, 0, "");
	expect(world, 1, "");
	/* A domain whose users look like one; and one that really is one, with another below. */
	make_maildir(world, "cur.example");
	expect(world, 1 << 3, "example.com/a/Maildir 1\n");
	expect(world, 1 << 1, "cur.example 0\n");
}

static void test_what_is_none(void **state)
{
	struct world *world = *state;

	make_directory(world, "a/cur");
	make_directory(world, "a/new");
	make_directory(world, "b/cur");
	make_directory(world, "b/new");
	make_file(world, "b/tmp");
	make_file(world, "c");
	make_directory(world, "d");
	make_link(world, ".", "d/tmp");
	make_link(world, ".", "d/cur");
	make_link(world, ".", "d/new");
	expect(world, 1 << 1, "");
	expect(world, 1 << 2, "");
}

static void test_links(void **state)
{
	struct world *world = *state;

	make_maildir(world, "real/a");
	make_link(world, "real", "alias");
	make_link(world, "a", "real/b");
	make_link(world, "..", "real/up");
	make_link(world, "/", "root");
	make_link(world, "nowhere", "dangling");
	expect(world, 1 << 2, "real/a 0\n");
	expect(world, 1 << 1 | 1 << 2 | 1 << 3, "real/a 0\n");
}

static void test_messages(void **state)
{
	struct world *world = *state;
	struct tree_size size;
	struct stat status;
	char path[PATH_MAX];
	int fd;

	make_maildir(world, "a");
	make_maildir(world, "a/.Sub.Folder");
	make_maildir(world, "a/sieve");
	make_link(world, ".Sub.Folder", "a/.Link");
	make_file(world, "a/.file");
	make_file(world, "a/cur/1:2,S");
	make_file(world, "a/new/2");
	make_file(world, "a/new/.hidden");
	make_file(world, "a/tmp/3");
	make_file(world, "a/.Sub.Folder/cur/4");
	make_file(world, "a/sieve/cur/5");
	expect(world, 1 << 1, "a 3\n");

	snprintf(path, sizeof(path), "%s/a/.Sub.Folder/new", world->base);
	assert_int_equal(utimensat(AT_FDCWD, path,
			     (struct timespec[]){ { 4000000000, 0 }, { 4000000000, 0 } }, 0),
	    0);
	snprintf(path, sizeof(path), "%s/a", world->base);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	tree_measure(fd, &size);
	assert_true(size.changed == 4000000000);
	assert_int_equal(fstat(fd, &status), 0);
	close(fd);
	tree_measure(-1, &size);
	assert_true(size.n_messages == 0 && size.changed == 0);
}

/* Root may look everywhere, so the system is played. */
static void test_unreadable(void **state)
{
	struct world *world = *state;

	make_maildir(world, "lost+found");
	make_maildir(world, "example.com");
	make_maildir(world, "example.com/a");
	fault = (struct fault){ "example.com", EACCES, .of_open = true };
	expect(world, 1 << 2, "example.com: Permission denied\n");
	fault = (struct fault){ "lost+found", EACCES, .of_open = true };
	expect(world, 1 << 2, "example.com/a 0\n");
	fault = (struct fault){ "lost+found", EIO, .of_open = true };
	expect(world, 1 << 3, "lost+found: Input/output error\n");
	/* It is gone since its name was read. */
	fault = (struct fault){ "example.com", ENOENT, .of_open = true };
	expect(world, 1 << 2, "");
	/* Whether it is one cannot be told. */
	fault = (struct fault){ "new", EACCES, .of_stat = true };
	expect(world, 1 << 2, "example.com/a: Permission denied\n");
	/* It cannot be read, not at all or not to its end; what lies elsewhere is found. */
	make_maildir(world, "x/y/z");
	fault = (struct fault){ "y", ENOMEM, .of_stream = true };
	expect(world, 1 << 3, "x/y: Cannot allocate memory\n");
	fault = (struct fault){ "z", EIO, .of_read = true };
	expect(world, 1 << 3, "x/y: Input/output error\n");
	fault = (struct fault){ "x", EIO, .of_read = true };
	assert_int_equal(walk(world, 1 << 2), 0);
	assert_non_null(strstr(world->said, ": Input/output error\n"));
	fault = (struct fault){ .name = NULL };
}

/* What cannot be read of a Maildir is not counted. */
static void test_unreadable_parts(void **state)
{
	struct world *world = *state;

	make_maildir(world, "a");
	make_maildir(world, "a/.Sub");
	make_file(world, "a/cur/1");
	make_file(world, "a/.Sub/new/2");
	fault = (struct fault){ ".Sub", EACCES, .of_open = true };
	expect(world, 1 << 1, "a 1\n");
	fault = (struct fault){ "cur", EACCES, .of_open = true };
	expect(world, 1 << 1, "a 1\n");
	fault = (struct fault){ ".", ENOMEM, .of_open = true };
	expect(world, 1 << 1, "a 1\n");
	fault = (struct fault){ ".Sub", ENOMEM, .of_stream = true };
	expect(world, 1 << 1, "a 2\n");
	fault = (struct fault){ .name = NULL };
	expect(world, 1 << 1, "a 2\n");
}

static void test_ends(void **state)
{
	struct world *world = *state;
	struct tree tree = { 1 << 2, on_maildir, on_unread, world };

	make_maildir(world, "x/a");
	make_maildir(world, "x/b");
	make_maildir(world, "y/c");
	world->n_until_stop = 2;
	assert_int_equal(walk(world, 1 << 2), STOP);
	assert_int_equal(tree_walk(&tree, "/nonexistent"), -ENOENT);
	assert_int_equal(tree_walk(&tree, "/dev/null"), -ENOTDIR);
}

/* Longer than the path of any mailbox, and deeper than is looked. */
static void test_far_below(void **state)
{
	struct world *world = *state;
	char name[201], path[PATH_MAX] = "";

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (int i = 0; i < 6; i++) {
		add_text(path, sizeof(path), "%s%s", i > 0 ? "/" : "", name);
	}
	make_maildir(world, path);
	expect(world, ~(uint64_t)1, "");

	path[0] = '\0';
	for (int i = 0; i < TREE_DEPTH_MAX; i++) {
		add_text(path, sizeof(path), "%sd", i > 0 ? "/" : "");
	}
	make_maildir(world, path);
	add_text(path, sizeof(path), " 0\n");
	expect(world, ~(uint64_t)1, path);
	expect(world, (uint64_t)1 << (TREE_DEPTH_MAX - 1), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_depths, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_links, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_messages, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unreadable, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unreadable_parts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_far_below, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
