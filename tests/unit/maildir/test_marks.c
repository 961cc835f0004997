/* SPDX-License-Identifier: MIT
 * Marks in Dovecot's file: what is remembered, in which bytes, and how much is written for it. */
#include "maildir/marks.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "maildir/dotlock.h"
#include "tests/unit/maildir/marked.h"

#define NOW MARKED_NOW

static ino_t file_inode(const struct mailroot *mailroot)
{
	return inode_of(mailroot_path(mailroot, MARKED_FILE, ""));
}

static void expect_no_lock(const struct mailroot *mailroot)
{
	char list[200];

	mailroot_list(mailroot_path(mailroot, MARKED_HOME, ""), list, sizeof(list));
	expect_text("no lock is left", list, ".dovecot.lda-dupes");
}

/* From nothing on: the file has exactly what Dovecot would write. */
static void test_remembers(void **state)
{
	struct mailroot *mailroot = *state;
	struct marked_file want;
	struct stat status;
	unsigned patience = 0;
	int fd = marked_open_home(mailroot);

	assert_int_equal(marked_has(fd, "one"), 0);
	assert_int_equal(marks_forget(fd, MARKED_USER, span_of("one"), NOW, &patience), 0);
	assert_int_equal(access(mailroot_path(mailroot, MARKED_FILE, ""), F_OK), -1);
	assert_int_equal(marked_add_id(fd, "one", NOW + 10), 0);
	assert_int_equal(marked_add_id(fd, "two", NOW), 0);
	marked_begin(&want);
	marked_add(&want, NOW + 10, "one", MARKED_USER);
	marked_add(&want, NOW, "two", MARKED_USER);
	marked_expect(mailroot, "two marks", &want);
	assert_int_equal(stat(mailroot_path(mailroot, MARKED_FILE, ""), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(marked_has(fd, "one"), 1);
	assert_int_equal(marked_has(fd, "two"), 1);
	assert_int_equal(marked_has(fd, "On"), 0);
	assert_int_equal(marks_has(fd, MARKED_USER, span_of("one"), NOW + 10), 1);
	assert_int_equal(marks_has(fd, MARKED_USER, span_of("one"), NOW + 11), 0);
	assert_int_equal(marks_has(fd, "USER@Example.com", span_of("one"), NOW), 1);
	assert_int_equal(marks_has(fd, "user@example.org", span_of("one"), NOW), 0);
	/* A time that is later than what the file can say. */
	assert_int_equal(marked_add_id(fd, "ever", (time_t)1 << 40), 0);
	marked_add(&want, UINT32_MAX, "ever", MARKED_USER);
	marked_expect(mailroot, "three marks", &want);
	expect_no_lock(mailroot);
	test_free(want.p);
	close(fd);
}

/* A mark that is there gets its new time where it stands. */
static void test_new_times(void **state)
{
	struct mailroot *mailroot = *state;
	struct marked_file want;
	unsigned patience = 0;
	ino_t inode;
	int fd = marked_open_home(mailroot);

	assert_int_equal(marked_add_id(fd, "one", NOW + 1), 0);
	assert_int_equal(marked_add_id(fd, "two", NOW + 2), 0);
	assert_int_equal(marked_add_id(fd, "three", NOW + 3), 0);
	assert_int_equal(marked_add_id(fd, "four", NOW + 3), 0);
	inode = file_inode(mailroot);
	assert_int_equal(marked_add_id(fd, "two", NOW + 20), 0);
	assert_int_equal(marks_forget(fd, MARKED_USER, span_of("three"), NOW, &patience), 0);
	assert_int_equal(marked_has(fd, "three"), 0);
	marked_begin(&want);
	marked_add(&want, NOW + 1, "one", MARKED_USER);
	marked_add(&want, NOW + 20, "two", MARKED_USER);
	marked_add(&want, 0, "three", MARKED_USER);
	marked_add(&want, NOW + 3, "four", MARKED_USER);
	marked_expect(mailroot, "times alone are new", &want);
	assert_int_equal(marked_add_id(fd, "three", NOW + 30), 0);
	test_free(want.p);
	marked_begin(&want);
	marked_add(&want, NOW + 1, "one", MARKED_USER);
	marked_add(&want, NOW + 20, "two", MARKED_USER);
	marked_add(&want, NOW + 30, "three", MARKED_USER);
	marked_add(&want, NOW + 3, "four", MARKED_USER);
	marked_expect(mailroot, "the place is used again", &want);
	assert_int_equal(file_inode(mailroot), inode);
	test_free(want.p);
	close(fd);
}

/* Several at once: old ones, new ones, of another user, and one that is over already. */
static void test_several(void **state)
{
	const struct mark marks[] = { { { "two", 3 }, NOW + 9 }, { { "a\0b", 3 }, NOW + 9 },
		{ { "past", 4 }, NOW - 1 }, { { "four", 4 }, NOW + 9 } };
	struct mailroot *mailroot = *state;
	struct marked_file want;
	unsigned patience = 0;
	int fd = marked_open_home(mailroot);

	marked_begin(&want);
	marked_add(&want, NOW + 1, "two", "other@example.com");
	marked_add(&want, NOW + 1, "two", MARKED_USER);
	marked_put(mailroot, &want, want.n);
	test_free(want.p);
	assert_int_equal(marks_add(fd, MARKED_USER, marks, LENGTH(marks), NOW, &patience), 0);
	marked_begin(&want);
	marked_add(&want, NOW + 1, "two", "other@example.com");
	marked_add(&want, NOW + 9, "two", MARKED_USER);
	marked_add(&want, NOW + 9, "aXb", MARKED_USER);
	*(char *)memchr(want.p, 'X', want.n) = '\0';
	marked_add(&want, NOW + 9, "four", MARKED_USER);
	marked_expect(mailroot, "four marks", &want);
	assert_int_equal(marks_has(fd, MARKED_USER, marks[1].id, NOW), 1);
	assert_int_equal(marks_has(fd, MARKED_USER, marks[2].id, NOW), 0);
	/* Nothing is nothing. */
	assert_int_equal(marks_add(fd, MARKED_USER, marks, 0, NOW, &patience), 0);
	test_free(want.p);
	close(fd);
}

/* What Dovecot has written twice, or somebody else: the last one counts. */
static void test_last_one_counts(void **state)
{
	struct mailroot *mailroot = *state;
	struct marked_file file;
	unsigned patience = 0;
	int fd = marked_open_home(mailroot);

	marked_begin(&file);
	marked_add(&file, NOW + 5, "one", MARKED_USER);
	marked_add(&file, NOW - 5, "two", MARKED_USER);
	marked_add(&file, NOW - 5, "one", MARKED_USER);
	marked_add(&file, NOW + 5, "two", "USER@EXAMPLE.COM");
	marked_put(mailroot, &file, file.n);
	assert_int_equal(marked_has(fd, "one"), 0);
	assert_int_equal(marked_has(fd, "two"), 1);
	assert_int_equal(marks_forget(fd, MARKED_USER, span_of("two"), NOW, &patience), 0);
	assert_int_equal(marked_has(fd, "two"), 0);
	test_free(file.p);
	close(fd);
}

/* Wherever a file ends that should go on, what stands before is kept, and the next mark mends it. */
static void test_broken_tails(void **state)
{
	struct mailroot *mailroot = *state;
	struct marked_file file, want;
	size_t ends[3];
	int fd = marked_open_home(mailroot);

	marked_begin(&file);
	ends[0] = file.n;
	marked_add(&file, NOW + 1, "one", MARKED_USER);
	ends[1] = file.n;
	marked_add(&file, NOW + 2, "two", MARKED_USER);
	ends[2] = file.n;
	for (size_t n = 0; n <= file.n; n++) {
		ino_t inode;

		marked_put(mailroot, &file, n);
		inode = file_inode(mailroot);
		assert_int_equal(marked_has(fd, "one"), n >= ends[1]);
		assert_int_equal(marked_has(fd, "two"), n >= ends[2]);
		assert_int_equal(marked_add_id(fd, "new", NOW + 3), 0);
		marked_begin(&want);
		if (n >= ends[1]) {
			marked_add(&want, NOW + 1, "one", MARKED_USER);
		}
		if (n >= ends[2]) {
			marked_add(&want, NOW + 2, "two", MARKED_USER);
		}
		marked_add(&want, NOW + 3, "new", MARKED_USER);
		marked_expect(mailroot, "mended", &want);
		test_free(want.p);
		/* What is whole is not written anew. */
		assert_int_equal(
		    inode == file_inode(mailroot), n == ends[0] || n == ends[1] || n == ends[2]);
	}
	test_free(file.p);
	close(fd);
}

/* Sizes that cannot be, and forms that are another program's. */
static void test_broken_numbers(void **state)
{
	static const struct {
		size_t at;
		uint32_t number;
		int has;
	} rows[] = {
		{ 0, 1, 0 },
		{ 0, 0, 0 },
		{ 0, 3, 0 },
		{ 0, 0x02000000, 0 },
		{ 8, 0, 0 },
		{ 8, 4097, 0 },
		{ 8, UINT32_MAX, 0 },
		{ 12, 0, 0 },
		{ 12, 4097, 0 },
		{ 12, UINT32_MAX, 0 },
		{ 12, 17, 0 },
		{ 12, 16, 1 },
	};
	struct mailroot *mailroot = *state;
	struct marked_file file, want;
	int fd = marked_open_home(mailroot);

	for (size_t i = 0; i < LENGTH(rows); i++) {
		marked_begin(&file);
		marked_add(&file, NOW + 1, "one", MARKED_USER);
		assert_int_equal(strlen(MARKED_USER), 16);
		memcpy(file.p + rows[i].at, &rows[i].number, sizeof(rows[i].number));
		marked_put(mailroot, &file, file.n);
		assert_int_equal(marked_has(fd, "one"), rows[i].has);
		assert_int_equal(marked_add_id(fd, "new", NOW + 3), 0);
		marked_begin(&want);
		if (rows[i].has) {
			marked_add(&want, NOW + 1, "one", MARKED_USER);
		}
		marked_add(&want, NOW + 3, "new", MARKED_USER);
		marked_expect(mailroot, "as if it were empty", &want);
		test_free(want.p);
		test_free(file.p);
	}
	close(fd);
}

/* The file is written anew when a third of it has expired, and not before. */
static void test_expired_ones_go(void **state)
{
	struct mailroot *mailroot = *state;
	struct marked_file file, want;
	ino_t inode;
	int fd = marked_open_home(mailroot);

	for (int n_expired = 0; n_expired <= 9; n_expired++) {
		marked_begin(&file);
		marked_begin(&want);
		for (int i = 0; i < 9; i++) {
			char id[] = { 'i', (char)('0' + i), '\0' };
			uint32_t until = i < n_expired ? NOW - 1 : NOW + 1;

			marked_add(&file, until, id, MARKED_USER);
			if (i >= n_expired || n_expired < 3) {
				marked_add(&want, until, id, MARKED_USER);
			}
		}
		marked_add(&want, NOW + 1, "new", MARKED_USER);
		marked_put(mailroot, &file, file.n);
		inode = file_inode(mailroot);
		assert_int_equal(marked_add_id(fd, "new", NOW + 1), 0);
		marked_expect(mailroot, "those that count", &want);
		assert_int_equal(inode == file_inode(mailroot), n_expired < 3);
		test_free(want.p);
		test_free(file.p);
	}
	close(fd);
}

static uint64_t n_written;

static void count_writes(int fd)
{
	n_written++;
}

/* A mark costs one write, however many there are. */
static void test_cost(void **state)
{
	const struct faults faults = { .call = FAULT_CALLS, .on_write = count_writes };
	struct mailroot *mailroot = *state;
	ino_t inode;
	int fd = marked_open_home(mailroot);

	assert_int_equal(marked_add_id(fd, "first", NOW + 1), 0);
	inode = file_inode(mailroot);
	n_written = 0;
	faults_begin(&faults);
	for (int i = 0; i < 300; i++) {
		char id[20];

		snprintf(id, sizeof(id), "id%d", i);
		assert_int_equal(marked_add_id(fd, id, NOW + 1), 0);
	}
	faults_end();
	assert_int_equal(n_written, 300);
	assert_int_equal(file_inode(mailroot), inode);
	close(fd);
}

/* As many as there may be: no further one, unless some have expired. */
static void test_full(void **state)
{
	struct mailroot *mailroot = *state;
	struct marked_file file;
	unsigned patience = 0;
	int fd = marked_open_home(mailroot);

	marked_begin(&file);
	marked_add(&file, NOW, "soon", MARKED_USER);
	for (int i = 1; i < MARKS_MAX; i++) {
		char id[20];

		snprintf(id, sizeof(id), "id%d", i);
		marked_add(&file, NOW + 1, id, MARKED_USER);
	}
	marked_put(mailroot, &file, file.n);
	assert_int_equal(marked_add_id(fd, "new", NOW + 1), MARKS_FULL);
	marked_expect(mailroot, "nothing is written", &file);
	assert_int_equal(marked_has(fd, "id49999"), 1);
	assert_int_equal(marked_add_id(fd, "id49999", NOW + 2), 0);
	assert_int_equal(marks_forget(fd, MARKED_USER, span_of("id7"), NOW, &patience), 0);
	assert_int_equal(marked_add_id(fd, "new", NOW + 1), 0);
	assert_int_equal(marked_add_id(fd, "newer", NOW + 1), MARKS_FULL);
	expect_no_lock(mailroot);
	test_free(file.p);
	close(fd);
}

/* Long ids fill the file before there are that many. */
static void test_full_of_bytes(void **state)
{
	static char id[MARK_ID_MAX + 1], user[MARK_USER_MAX + 1];
	struct mailroot *mailroot = *state;
	const struct mark mark = { { id, MARK_ID_MAX }, NOW + 1 };
	struct marked_file file;
	unsigned patience = 0;
	size_t n = 4012;
	int fd = marked_open_home(mailroot);

	memset(id, 'i', MARK_ID_MAX);
	memset(user, 'u', MARK_USER_MAX);
	marked_begin(&file);
	while (file.n + n <= MARKS_BYTES_MAX) {
		id[0] = (char)('a' + file.n / n % 26);
		marked_add(&file, NOW + 1, id, user);
	}
	marked_put(mailroot, &file, file.n);
	id[0] = 'A';
	assert_int_equal(marks_add(fd, user, &mark, 1, NOW, &patience), MARKS_FULL);
	/* Room that an expired one takes is used, though it is less than a third. */
	memset(file.p + 4, 0, 4);
	marked_put(mailroot, &file, file.n);
	assert_int_equal(marks_add(fd, user, &mark, 1, NOW, &patience), 0);
	assert_int_equal(marks_has(fd, user, mark.id, NOW), 1);
	test_free(file.p);
	close(fd);
}

/* Of a file that is larger than any of ours, its beginning is read. */
static void test_endless_file(void **state)
{
	struct mailroot *mailroot = *state;
	struct marked_file file;
	int fd = marked_open_home(mailroot);

	marked_begin(&file);
	marked_add(&file, NOW + 1, "one", MARKED_USER);
	marked_put(mailroot, &file, file.n);
	assert_int_equal(truncate(mailroot_path(mailroot, MARKED_FILE, ""), (off_t)1 << 40), 0);
	assert_int_equal(marked_has(fd, "one"), 1);
	assert_int_equal(marked_add_id(fd, "two", NOW + 1), 0);
	marked_add(&file, NOW + 1, "two", MARKED_USER);
	marked_expect(mailroot, "the rest is gone", &file);
	test_free(file.p);
	close(fd);
}

/* What is no file: nothing is remembered, nobody waits, and what can give way does. */
static void test_strange_things(void **state)
{
	struct mailroot *mailroot = *state;
	const char *path = mailroot_path(mailroot, MARKED_FILE, "");
	int fd = marked_open_home(mailroot);
	struct marked_file want;
	struct stat status;

	marked_begin(&want);
	marked_add(&want, NOW + 1, "one", MARKED_USER);
	for (int i = 0; i < 3; i++) {
		switch (i) {
		case 0:
			mailroot_make_file(mailroot, MARKED_HOME "/target", "x");
			assert_int_equal(symlink("target", path), 0);
			break;
		case 1:
			assert_int_equal(mkfifo(path, 0600), 0);
			break;
		default:
			assert_int_equal(mknod(path, S_IFSOCK | 0600, 0), 0);
			break;
		}
		assert_int_equal(marked_has(fd, "one"), 0);
		assert_int_equal(marked_add_id(fd, "one", NOW + 1), 0);
		assert_int_equal(lstat(path, &status), 0);
		assert_true(S_ISREG(status.st_mode));
		marked_expect(mailroot, "a file of ours", &want);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(marked_has(fd, "one"), 0);
	assert_int_equal(marked_add_id(fd, "one", NOW + 1), -EISDIR);
	assert_int_equal(marked_has(fd, "one"), 0);
	test_free(want.p);
	close(fd);
}

/* Nothing that the file has no room for is written, and nothing that would break it for Dovecot. */
static void test_sizes(void **state)
{
	static char long_id[MARK_ID_MAX + 2], long_user[MARK_USER_MAX + 2];
	const struct mark rows[] = { { { "", 0 }, NOW }, { { long_id, MARK_ID_MAX + 1 }, NOW } };
	static struct mark many[MARKS_AT_ONCE + 1];
	struct mailroot *mailroot = *state;
	unsigned patience = 0;
	int fd = marked_open_home(mailroot);
	struct mark mark = { { long_id, MARK_ID_MAX }, NOW };

	memset(long_id, 'i', sizeof(long_id) - 1);
	memset(long_user, 'u', sizeof(long_user) - 1);
	for (size_t i = 0; i < LENGTH(rows); i++) {
		assert_int_equal(marks_add(fd, MARKED_USER, &rows[i], 1, NOW, &patience), -EINVAL);
	}
	for (size_t i = 0; i < LENGTH(many); i++) {
		many[i] = (struct mark){ { long_id, 1 + i }, NOW };
	}
	assert_int_equal(marks_add(fd, MARKED_USER, many, LENGTH(many), NOW, &patience), -EINVAL);
	assert_int_equal(marks_add(fd, "", &mark, 1, NOW, &patience), -EINVAL);
	assert_int_equal(marks_add(fd, long_user, &mark, 1, NOW, &patience), -EINVAL);
	assert_int_equal(access(mailroot_path(mailroot, MARKED_FILE, ""), F_OK), -1);
	long_user[MARK_USER_MAX] = '\0';
	assert_int_equal(marks_add(fd, long_user, &mark, 1, NOW, &patience), 0);
	assert_int_equal(marks_has(fd, long_user, mark.id, NOW), 1);
	assert_int_equal(marks_add(fd, MARKED_USER, many, MARKS_AT_ONCE, NOW, &patience), 0);
	assert_int_equal(marks_has(fd, MARKED_USER, many[MARKS_AT_ONCE - 1].id, NOW), 1);
	close(fd);
}

/* Somebody has the lock: one waits, but not for ever, and looks without it. */
static void test_lock(void **state)
{
	const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	struct mailroot *mailroot = *state;
	const char *lock = mailroot_path(mailroot, MARKED_FILE, ".lock");
	const struct mark mark = { .id = { "two", 3 }, .until = NOW + 1 };
	unsigned patience = DOTLOCK_PATIENCE_MS;
	int fd = marked_open_home(mailroot);

	assert_int_equal(marked_add_id(fd, "one", NOW + 1), 0);
	mailroot_make_file(mailroot, MARKED_FILE ".lock", "");
	faults_begin(&mailroot_plain);
	assert_int_equal(marks_add(fd, MARKED_USER, &mark, 1, NOW, &patience), DOTLOCK_HELD);
	assert_int_equal(fault_slept(), DOTLOCK_PATIENCE_MS);
	assert_int_equal(patience, 0);
	faults_end();
	assert_int_equal(marked_has(fd, "one"), 1);
	assert_int_equal(marked_has(fd, "two"), 0);
	assert_int_equal(
	    marks_forget(fd, MARKED_USER, span_of("one"), NOW, &patience), DOTLOCK_HELD);
	/* That of a program that died. */
	assert_int_equal(utimensat(AT_FDCWD, lock, old, 0), 0);
	assert_int_equal(marks_add(fd, MARKED_USER, &mark, 1, NOW, &patience), 0);
	assert_int_equal(marked_has(fd, "two"), 1);
	expect_no_lock(mailroot);
	close(fd);
}

enum {
	THREADS = 8,
	EACH = 12,
};

struct marker {
	int home_fd;
	int number;
	int n_marked;
};

static void *run_marker(void *data)
{
	struct marker *marker = data;

	for (int i = 0; i < EACH; i++) {
		unsigned patience = UINT32_MAX;
		char id[20];
		const struct mark mark = { { id, sizeof(id) }, NOW + 1 };

		memset(id, 0, sizeof(id));
		snprintf(id, sizeof(id), "%d-%d", marker->number, i);
		marker->n_marked +=
		    marks_add(marker->home_fd, MARKED_USER, &mark, 1, NOW, &patience) == 0 &&
		    marks_has(marker->home_fd, MARKED_USER, mark.id, NOW) == 1;
	}
	return NULL;
}

/* Marks of many threads are all there. */
static void test_threads(void **state)
{
	const struct faults faults = { .call = FAULT_CALLS, .sleeps = true };
	struct mailroot *mailroot = *state;
	struct marker markers[THREADS];
	pthread_t threads[THREADS];
	struct text content;
	int fd = marked_open_home(mailroot);

	faults_begin(&faults);
	for (int i = 0; i < THREADS; i++) {
		markers[i] = (struct marker){ fd, i, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, run_marker, &markers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(markers[i].n_marked, EACH);
	}
	faults_end();
	content = mailroot_read(mailroot_path(mailroot, MARKED_FILE, ""));
	assert_int_equal(content.n, 4 + (12 + 20 + strlen(MARKED_USER)) * THREADS * EACH);
	test_free((void *)content.p);
	close(fd);
}

int main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, mailroot_setup_in_memory, mailroot_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_remembers),
		TEST(test_new_times),
		TEST(test_several),
		TEST(test_last_one_counts),
		TEST(test_broken_tails),
		TEST(test_broken_numbers),
		TEST(test_expired_ones_go),
		TEST(test_cost),
		TEST(test_full),
		TEST(test_full_of_bytes),
		TEST(test_endless_file),
		TEST(test_strange_things),
		TEST(test_sizes),
		TEST(test_lock),
		TEST(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
