/* SPDX-License-Identifier: MIT
 * Lines in Dovecot's maildirsize, and what lies there instead. */
#include "maildir/maildirsize.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/maildir/mailroot.h"

#define BOX       "example.com/a/Maildir"
#define FILE_NAME BOX "/maildirsize"
#define BEFORE    "10000S\n5000 5\n"

static struct maildir_place place_of(const struct mailroot *mailroot, const char *folder)
{
	return (struct maildir_place){
		.root = &mailroot->root, .mailbox = BOX, .folder = folder, .where = folder
	};
}

static int add(const struct mailroot *mailroot, const struct faults *faults, uint64_t size)
{
	struct maildir_place place = place_of(mailroot, "");
	unsigned n_fds = count_fds();
	int result;

	faults_begin(faults);
	result = maildirsize_add(&place, size);
	faults_end();
	assert_int_equal(count_fds(), n_fds);
	return result;
}

/* What the file holds; NULL: there is none. */
static void expect_file(const struct mailroot *mailroot, const char *want)
{
	struct text content;

	if (want == NULL) {
		assert_int_not_equal(access(mailroot_path(mailroot, FILE_NAME, ""), F_OK), 0);
		return;
	}
	content = mailroot_read(mailroot_path(mailroot, FILE_NAME, ""));
	expect_bytes("the file", content.p, content.n, want, strlen(want));
	test_free((void *)content.p);
}

static void make_box(const struct mailroot *mailroot, const char *content)
{
	mailroot_make_directory(mailroot, BOX "/.Junk/new");
	mailroot_make_file(mailroot, FILE_NAME, content);
}

/* It is Dovecot's to make. */
static void test_absent(void **state)
{
	const struct mailroot *mailroot = *state;

	assert_int_equal(add(mailroot, &mailroot_plain, 7), 0);
	mailroot_make_directory(mailroot, BOX);
	assert_int_equal(add(mailroot, &mailroot_plain, 7), 0);
	expect_file(mailroot, NULL);
	assert_int_equal(fault_count(FAULT_OPENAT2), 1);
	assert_int_equal(fault_count(FAULT_FSTAT), 0);
}

static void test_lines(void **state)
{
	const struct mailroot *mailroot = *state;

	make_box(mailroot, BEFORE);
	assert_int_equal(add(mailroot, &mailroot_plain, 534), 0);
	assert_int_equal(fault_count(FAULT_WRITE), 1);
	assert_int_equal(fault_count(FAULT_FSYNC), 0);
	assert_int_equal(add(mailroot, &mailroot_plain, 0), 0);
	assert_int_equal(add(mailroot, &mailroot_plain, UINT64_MAX), 0);
	expect_file(mailroot, BEFORE "534 1\n0 1\n18446744073709551615 1\n");
}

/* A message in a folder is one of the mailbox. */
static void test_folder(void **state)
{
	const struct mailroot *mailroot = *state;
	struct maildir_place place = place_of(mailroot, ".Junk");
	char list[100];

	make_box(mailroot, BEFORE);
	assert_int_equal(maildirsize_add(&place, 534), 0);
	expect_file(mailroot, BEFORE "534 1\n");
	mailroot_list(mailroot_path(mailroot, BOX, "/.Junk"), list, sizeof(list));
	expect_text("the folder", list, "new");
}

/* One that is so large that Dovecot will count anew gets its line as well: it may not come to that soon. */
static void test_large(void **state)
{
	const struct mailroot *mailroot = *state;
	char content[6000];
	struct text after;

	memset(content, '\n', sizeof(content));
	content[sizeof(content) - 1] = '\0';
	make_box(mailroot, content);
	assert_int_equal(add(mailroot, &mailroot_plain, 5), 0);
	after = mailroot_read(mailroot_path(mailroot, FILE_NAME, ""));
	assert_int_equal(after.n, sizeof(content) - 1 + 4);
	expect_bytes("the end", after.p + after.n - 4, 4, "5 1\n", 4);
	test_free((void *)after.p);
}

/* The file is replaced, as Dovecot does when it counts, before the line is written. */
static const struct mailroot *replaced;

static void replace(int fd)
{
	mailroot_make_file(replaced, BOX "/temporary", "10000S\n6000 6\n");
	assert_int_equal(rename(mailroot_path(replaced, BOX, "/temporary"),
			     mailroot_path(replaced, FILE_NAME, "")),
	    0);
}

static void test_replaced(void **state)
{
	const struct faults faults = { .call = FAULT_CALLS, .on_write = replace };
	const struct mailroot *mailroot = *state;

	replaced = mailroot;
	make_box(mailroot, BEFORE);
	assert_int_equal(add(mailroot, &faults, 534), 0);
	expect_file(mailroot, NULL);
}

static void remove_file(int fd)
{
	assert_int_equal(unlink(mailroot_path(replaced, FILE_NAME, "")), 0);
}

static void test_removed(void **state)
{
	const struct faults faults = { .call = FAULT_CALLS, .on_write = remove_file };
	const struct mailroot *mailroot = *state;

	replaced = mailroot;
	make_box(mailroot, BEFORE);
	assert_int_equal(add(mailroot, &faults, 534), 0);
	expect_file(mailroot, NULL);
}

/* A directory has taken its place: that stays, and is told. */
static void replace_by_directory(int fd)
{
	remove_file(fd);
	mailroot_make_directory(replaced, FILE_NAME);
}

static void test_replaced_by_a_directory(void **state)
{
	const struct faults faults = { .call = FAULT_CALLS, .on_write = replace_by_directory };
	const struct mailroot *mailroot = *state;

	replaced = mailroot;
	make_box(mailroot, BEFORE);
	assert_int_equal(add(mailroot, &faults, 534), -EISDIR);
}

/* Half a line would be read as something else: the file goes. */
static void test_failed_write(void **state)
{
	static const int errors[] = { ENOSPC, EDQUOT, EIO, EROFS };
	const struct faults slow = { .call = FAULT_CALLS, .writes_slowly = true };
	const struct mailroot *mailroot = *state;

	for (size_t i = 0; i < LENGTH(errors); i++) {
		const struct faults faults = { .call = FAULT_WRITE, .mask = 1, .error = errors[i] };

		make_box(mailroot, BEFORE);
		assert_int_equal(add(mailroot, &faults, 534), -errors[i]);
		expect_file(mailroot, NULL);
	}
	make_box(mailroot, BEFORE);
	assert_int_equal(add(mailroot, &slow, 5340), -ENOSPC);
	assert_int_equal(fault_count(FAULT_WRITE), 1);
	expect_file(mailroot, NULL);
}

/* It cannot be opened, or looked at. */
static void test_other_failures(void **state)
{
	static const struct {
		enum fault_call call;
		uint64_t mask;
		const char *content; /* afterwards */
	} rows[] = {
		{ FAULT_OPEN, 1, BEFORE },
		{ FAULT_OPENAT2, 1, BEFORE },
		{ FAULT_FSTAT, 1, BEFORE },
		{ FAULT_FSTAT, 2, NULL },
	};
	const struct mailroot *mailroot = *state;

	for (size_t i = 0; i < LENGTH(rows); i++) {
		const struct faults faults = {
			.call = rows[i].call, .mask = rows[i].mask, .error = EACCES
		};

		make_box(mailroot, BEFORE);
		assert_int_equal(add(mailroot, &faults, 534), -EACCES);
		expect_file(mailroot, rows[i].content);
	}
}

/* The first failure is told, where the mailbox cannot be opened to unlink it either. */
static void test_failed_unlink(void **state)
{
	const struct faults faults = {
		.call = FAULT_OPENAT2, .mask = 2, .error = EMFILE, .writes_slowly = true
	};
	const struct faults other = {
		.call = FAULT_OPENAT2, .mask = 2, .error = EMFILE, .on_write = remove_file
	};
	const struct mailroot *mailroot = *state;

	make_box(mailroot, BEFORE);
	assert_int_equal(add(mailroot, &faults, 5340), -ENOSPC);
	expect_file(mailroot, BEFORE "5340 ");
	replaced = mailroot;
	assert_int_equal(add(mailroot, &other, 5340), -EMFILE);
}

/* What is no file is left alone, and holds nobody up. */
static void test_no_file(void **state)
{
	const struct mailroot *mailroot = *state;
	const char *path;
	int fd;

	mailroot_make_directory(mailroot, FILE_NAME);
	path = mailroot_path(mailroot, FILE_NAME, "");
	assert_int_equal(add(mailroot, &mailroot_plain, 1), -EISDIR);
	assert_int_equal(rmdir(path), 0);
	mailroot_make_file(mailroot, BOX "/target", BEFORE);
	assert_int_equal(symlink("target", path), 0);
	assert_int_equal(add(mailroot, &mailroot_plain, 1), -ELOOP);
	expect_file(mailroot, BEFORE);
	path = mailroot_path(mailroot, FILE_NAME, "");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(add(mailroot, &mailroot_plain, 1), -ENXIO);
	path = mailroot_path(mailroot, FILE_NAME, "");
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(add(mailroot, &mailroot_plain, 1), -EINVAL);
	assert_int_equal(fault_count(FAULT_WRITE), 0);
	close(fd);
	assert_int_equal(access(path, F_OK), 0);
}

/* A mailbox that a link leads to out of the root has nothing of ours. */
static void test_link_out(void **state)
{
	struct mailroot *mailroot = *state;
	struct maildir_place place = place_of(mailroot, "");

	assert_int_equal(symlink("/tmp", mailroot_path(mailroot, "out", "")), 0);
	place.mailbox = "out";
	assert_int_equal(maildirsize_add(&place, 1), -EXDEV);
}

int main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, mailroot_setup_in_memory, mailroot_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_absent),
		TEST(test_lines),
		TEST(test_folder),
		TEST(test_large),
		TEST(test_replaced),
		TEST(test_removed),
		TEST(test_replaced_by_a_directory),
		TEST(test_failed_write),
		TEST(test_other_failures),
		TEST(test_failed_unlink),
		TEST(test_no_file),
		TEST(test_link_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
