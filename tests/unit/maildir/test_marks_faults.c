/* SPDX-License-Identifier: MIT
 * Marks when a system call fails, when the disk is full, and when somebody else takes the lock away. */
#include "maildir/marks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/maildir/marked.h"

#define NOW MARKED_NOW

/* What stands in the home before. */
enum before {
	NOTHING,
	PLAIN,
	OLD, /* most of it has expired */
	CASES
};

static void prepare(const struct mailroot *mailroot, enum before before)
{
	struct marked_file file;

	marked_begin(&file);
	marked_add(&file, NOW + 1, "one", MARKED_USER);
	marked_add(&file, NOW + 1, "two", MARKED_USER);
	for (int i = 0; i < 5 && before == OLD; i++) {
		marked_add(&file, NOW - 1, "old", MARKED_USER);
	}
	if (before == NOTHING) {
		unlink(mailroot_path(mailroot, MARKED_FILE, ""));
	} else {
		marked_put(mailroot, &file, file.n);
	}
	test_free(file.p);
}

/* A new mark, and a new time of an old one. */
static int change(int home_fd)
{
	const struct mark marks[] = { { { "new", 3 }, NOW + 5 }, { { "one", 3 }, NOW + 5 } };
	unsigned patience = 0;

	return marks_add(home_fd, MARKED_USER, marks, LENGTH(marks), NOW, &patience);
}

/* Whatever fails, and how often: an error is told, what was remembered is, no lock stays, and it can be tried again. */
static void test_each_call_fails(void **state)
{
	static const struct {
		enum fault_call call;
		unsigned n[CASES]; /* how often it matters */
	} rows[] = {
		{ FAULT_OPENAT, { 2, 1, 2 } },
		{ FAULT_OPENAT2, { 2, 2, 2 } },
		{ FAULT_FSTAT, { 1, 3, 2 } },
		{ FAULT_STATAT, { 1, 2, 1 } },
		{ FAULT_PREAD, { 0, 1, 1 } },
		{ FAULT_MALLOC, { 1, 2, 2 } },
		{ FAULT_WRITE, { 1, 2, 1 } },
		{ FAULT_FSYNC, { 2, 1, 2 } },
		{ FAULT_RENAMEAT, { 1, 0, 1 } },
	};
	struct mailroot *mailroot = *state;
	int fd = marked_open_home(mailroot);

	for (size_t i = 0; i < LENGTH(rows) * CASES; i++) {
		enum before before = (enum before)(i % CASES);
		struct faults faults = { .call = rows[i / CASES].call, .mask = 1, .error = EIO };
		unsigned n = 0;
		char list[200];

		for (unsigned n_failed = 1; n_failed > 0; faults.mask <<= 1) {
			int result;

			prepare(mailroot, before);
			faults_begin(&faults);
			result = change(fd);
			n_failed = faults_end();
			assert_true(result == 0 || n_failed > 0);
			assert_int_equal(marked_has(fd, "two"), before != NOTHING);
			assert_true(result < 0 || marked_has(fd, "new") == 1);
			n += result < 0;
			/* The lock's name stays where nobody can say whose it is. */
			unlink(mailroot_path(mailroot, MARKED_FILE, ".lock"));
			assert_int_equal(change(fd), 0);
			assert_int_equal(marked_has(fd, "new"), 1);
			assert_int_equal(marked_has(fd, "two"), before != NOTHING);
		}
		if (n != rows[i / CASES].n[before]) {
			fail_msg("call %d, case %d: %u failures", rows[i / CASES].call, before, n);
		}
		mailroot_list(mailroot_path(mailroot, MARKED_HOME, ""), list, sizeof(list));
		expect_text("no lock is left", list, ".dovecot.lda-dupes");
	}
	close(fd);
}

/* Who cannot look does not know. */
static void test_looking_fails(void **state)
{
	static const enum fault_call calls[] = { FAULT_OPENAT2, FAULT_FSTAT, FAULT_PREAD,
		FAULT_MALLOC };
	struct mailroot *mailroot = *state;
	unsigned patience = 0;
	int fd = marked_open_home(mailroot);

	prepare(mailroot, PLAIN);
	for (size_t i = 0; i < LENGTH(calls); i++) {
		const struct faults faults = { .call = calls[i], .mask = 1, .error = EIO };
		int want = calls[i] == FAULT_MALLOC ? -ENOMEM : -EIO;

		faults_begin(&faults);
		assert_int_equal(marked_has(fd, "one"), want);
		assert_int_equal(faults_end(), 1);
		faults_begin(&faults);
		assert_int_equal(
		    marks_forget(fd, MARKED_USER, span_of("one"), NOW, &patience), want);
		faults_end();
	}
	close(fd);
}

/* A file that we may not read is none, and gives way. */
static void test_unreadable(void **state)
{
	/* Opened for looking, then below the lock. */
	const struct faults looking = { .call = FAULT_OPENAT2, .mask = 1, .error = EACCES };
	const struct faults adding = { .call = FAULT_OPENAT2, .mask = 2, .error = EACCES };
	struct mailroot *mailroot = *state;
	int fd = marked_open_home(mailroot);

	prepare(mailroot, PLAIN);
	faults_begin(&looking);
	assert_int_equal(marked_has(fd, "one"), 0);
	faults_end();
	faults_begin(&adding);
	assert_int_equal(change(fd), 0);
	assert_int_equal(faults_end(), 1);
	assert_int_equal(marked_has(fd, "new"), 1);
	assert_int_equal(marked_has(fd, "two"), 0);
	close(fd);
}

/* The disk takes some bytes of a record and no more: the file is what it was, unless that cannot be. */
static void test_full_disk(void **state)
{
	struct mailroot *mailroot = *state;
	struct rlimit before, limit;
	struct marked_file want;
	int fd = marked_open_home(mailroot);

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	marked_begin(&want);
	marked_add(&want, NOW + 1, "one", MARKED_USER);
	marked_add(&want, NOW + 1, "two", MARKED_USER);
	for (unsigned i = 0; i < 30; i++) {
		const struct faults faults = {
			.call = FAULT_FTRUNCATE, .mask = i % 2, .error = EROFS
		};
		int result;

		prepare(mailroot, PLAIN);
		limit = (struct rlimit){ .rlim_cur = want.n + i, .rlim_max = before.rlim_max };
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		faults_begin(&faults);
		result = change(fd);
		faults_end();
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
		assert_int_equal(result, i % 2 == 0 ? -EFBIG : -EROFS);
		if (i % 2 == 0) {
			marked_expect(mailroot, "it is whole", &want);
		}
		assert_int_equal(marked_has(fd, "one"), 1);
		assert_int_equal(marked_has(fd, "two"), 1);
		assert_int_equal(marked_has(fd, "new"), 0);
		assert_int_equal(change(fd), 0);
		assert_int_equal(marked_has(fd, "two"), 1);
		assert_int_equal(marked_has(fd, "new"), 1);
	}
	test_free(want.p);
	close(fd);
}

static const struct mailroot *robbed;
static const char *robbed_of;

static void rob(int fd)
{
	const char *path = mailroot_path(robbed, robbed_of, "");

	unlink(path);
	mailroot_make_file(robbed, robbed_of, "");
}

/* Who was so slow that another one took the lock cannot say what the file is by now. */
static void test_lock_is_taken_away(void **state)
{
	static const char *const files[] = { MARKED_FILE ".lock", MARKED_FILE };
	const struct faults faults = { .call = FAULT_CALLS, .on_fsync = rob };
	struct mailroot *mailroot = *state;
	int fd = marked_open_home(mailroot);

	robbed = mailroot;
	for (size_t i = 0; i < LENGTH(files); i++) {
		prepare(mailroot, PLAIN);
		robbed_of = files[i];
		faults_begin(&faults);
		assert_int_equal(change(fd), -ESTALE);
		faults_end();
		unlink(mailroot_path(mailroot, MARKED_FILE, ".lock"));
	}
	prepare(mailroot, OLD);
	robbed_of = files[0];
	faults_begin(&faults);
	assert_int_equal(change(fd), -ESTALE);
	faults_end();
	assert_int_equal(marked_has(fd, "two"), 1);
	close(fd);
}

/* What is marked is on the disk: the bytes; and of a new file its name, behind them. The lock, or the old file, is open until the disk
 * has forgotten its name: without a journal a mailbox that got its inode would be lost to a power cut. */
static void test_order(void **state)
{
	const struct faults faults = { .call = FAULT_CALLS, .on_fsync = note_lost_names };
	struct mailroot *mailroot = *state;
	int fd = marked_open_home(mailroot);

	for (enum before before = NOTHING; before < CASES; before++) {
		ino_t file, home = inode_of(mailroot_path(mailroot, MARKED_HOME, ""));
		size_t written, synced, named;

		prepare(mailroot, before);
		watch_lost_names(home);
		faults_begin(&faults);
		assert_int_equal(change(fd), 0);
		faults_end();
		assert_int_equal(noted_lost_names() > 0, before != NOTHING);
		file = inode_of(mailroot_path(mailroot, MARKED_FILE, ""));
		written = find_event(FAULT_WRITE, file, 0);
		synced = find_event(FAULT_FSYNC, file, 0);
		named = find_event(FAULT_RENAMEAT, home, file);
		assert_true(written > 0 && written < synced);
		assert_int_equal(named > 0, before != PLAIN);
		assert_true(before == PLAIN ||
			    (synced < named && named < find_event(FAULT_FSYNC, home, 0)));
	}
	close(fd);
}

/* A few bytes at a time. */
static void test_slow_writes(void **state)
{
	const struct faults faults = { .call = FAULT_CALLS, .writes_slowly = true };
	struct mailroot *mailroot = *state;
	int fd = marked_open_home(mailroot);

	for (enum before before = NOTHING; before < CASES; before++) {
		prepare(mailroot, before);
		faults_begin(&faults);
		assert_int_equal(change(fd), 0);
		faults_end();
		assert_int_equal(marked_has(fd, "new"), 1);
		assert_int_equal(marked_has(fd, "two"), before != NOTHING);
	}
	close(fd);
}

int main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, mailroot_setup_in_memory, mailroot_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_each_call_fails),
		TEST(test_looking_fails),
		TEST(test_unreadable),
		TEST(test_full_disk),
		TEST(test_lock_is_taken_away),
		TEST(test_order),
		TEST(test_slow_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
