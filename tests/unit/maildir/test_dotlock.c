/* SPDX-License-Identifier: MIT
 * Locks that are files: one has them at a time, whoever dies, and a file is replaced whole or not at all. */
#include "maildir/dotlock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/maildir/mailroot.h"

enum {
	STALE = 30 /* seconds */
};

static int open_base(const struct mailroot *mailroot)
{
	int fd = open(mailroot->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void expect_list(const struct mailroot *mailroot, const char *want)
{
	char list[400];

	mailroot_list(mailroot->base, list, sizeof(list));
	expect_text("files", list, want);
}

static void expect_file(const struct mailroot *mailroot, const char *file, const char *want)
{
	struct text content = mailroot_read(mailroot_path(mailroot, file, ""));

	expect_bytes(file, content.p, content.n, want, strlen(want));
	test_free((void *)content.p);
}

static struct stat status_of(const struct mailroot *mailroot, const char *file)
{
	struct stat status;

	assert_int_equal(lstat(mailroot_path(mailroot, file, ""), &status), 0);
	return status;
}

/* Makes a file seem that old. */
static void set_age(const struct mailroot *mailroot, const char *file, long age)
{
	struct timespec times[2] = { { 0 } };

	clock_gettime(CLOCK_REALTIME, &times[1]);
	times[1].tv_sec -= age;
	assert_int_equal(
	    utimensat(AT_FDCWD, mailroot_path(mailroot, file, ""), times, AT_SYMLINK_NOFOLLOW), 0);
}

static void test_take(void **state)
{
	struct mailroot *mailroot = *state;
	int fd = open_base(mailroot);
	unsigned patience = 100;
	struct dotlock lock;

	assert_int_equal(dotlock_take(&lock, fd, "file", STALE, false, &patience), 0);
	expect_list(mailroot, "file.lock");
	assert_int_equal(status_of(mailroot, "file.lock").st_mode, S_IFREG | 0600);
	dotlock_release(&lock);
	expect_list(mailroot, "");
	dotlock_release(&lock);
	assert_int_equal(patience, 100);
	close(fd);
}

/* The whole new content, with the mode of the old one, and later by a second at least. */
static void test_replace(void **state)
{
	static const long ages[] = { 100, 0, -100 };
	struct mailroot *mailroot = *state;
	int fd = open_base(mailroot);
	unsigned patience = 0;
	struct content old;
	struct dotlock lock;

	assert_int_equal(dotlock_take(&lock, fd, "file", STALE, false, &patience), 0);
	assert_int_equal(content_read(&old, fd, "file", 100), 0);
	assert_null(old.text);
	assert_int_equal(old.n, 0);
	assert_int_equal(dotlock_write(&lock, "one\n", 4), 0);
	assert_int_equal(dotlock_replace(&lock, &old), 0);
	expect_list(mailroot, "file");
	expect_file(mailroot, "file", "one\n");
	assert_int_equal(status_of(mailroot, "file").st_mode, S_IFREG | 0600);
	assert_int_equal(chmod(mailroot_path(mailroot, "file", ""), 0640), 0);
	for (size_t i = 0; i < LENGTH(ages); i++) {
		time_t before;

		set_age(mailroot, "file", ages[i]);
		before = status_of(mailroot, "file").st_mtime;
		assert_int_equal(dotlock_take(&lock, fd, "file", STALE, false, &patience), 0);
		assert_int_equal(content_read(&old, fd, "file", 100), 0);
		expect_text("the old content", old.text, i == 0 ? "one\n" : "two");
		assert_int_equal(dotlock_write(&lock, "two", 3), 0);
		assert_int_equal(dotlock_replace(&lock, &old), 0);
		free(old.text);
		expect_list(mailroot, "file");
		expect_file(mailroot, "file", "two");
		assert_int_equal(status_of(mailroot, "file").st_mode, S_IFREG | 0640);
		assert_true(status_of(mailroot, "file").st_mtime > before);
	}
	close(fd);
}

/* It is somebody else's, and stays it. */
static void test_held(void **state)
{
	static const long ages[] = { 0, STALE - 10, -1000 };
	struct mailroot *mailroot = *state;
	int fd = open_base(mailroot);
	struct dotlock lock;

	for (size_t i = 0; i < LENGTH(ages); i++) {
		unsigned patience = 110;

		mailroot_make_file(mailroot, "file.lock", "");
		set_age(mailroot, "file.lock", ages[i]);
		faults_begin(&mailroot_plain);
		assert_int_equal(
		    dotlock_take(&lock, fd, "file", STALE, false, &patience), DOTLOCK_HELD);
		assert_int_equal(patience, 0);
		assert_int_equal(fault_slept(), 110);
		assert_int_equal(
		    dotlock_take(&lock, fd, "file", STALE, false, &patience), DOTLOCK_HELD);
		assert_int_equal(fault_slept(), 110);
		faults_end();
		dotlock_release(&lock);
		expect_list(mailroot, "file.lock");
	}
	close(fd);
}

static const char *released; /* the lock that goes away when somebody sleeps for the third time */

static void release_it(void)
{
	if (fault_count(FAULT_NANOSLEEP) == 3) {
		unlink(released);
	}
}

static void test_released_meanwhile(void **state)
{
	const struct faults faults = { .call = FAULT_CALLS, .on_sleep = release_it };
	struct mailroot *mailroot = *state;
	int fd = open_base(mailroot);
	unsigned patience = 1000;
	struct dotlock lock;
	char path[300];

	mailroot_make_file(mailroot, "file.lock", "");
	snprintf(path, sizeof(path), "%s/file.lock", mailroot->base);
	released = path;
	faults_begin(&faults);
	assert_int_equal(dotlock_take(&lock, fd, "file", STALE, false, &patience), 0);
	assert_int_equal(faults_end(), 0);
	assert_int_equal(fault_count(FAULT_NANOSLEEP), 3);
	assert_int_equal(patience, 1000 - fault_slept());
	dotlock_release(&lock);
	expect_list(mailroot, "");
	close(fd);
}

static void test_stale(void **state)
{
	struct mailroot *mailroot = *state;
	int fd = open_base(mailroot), lock_fd;
	unsigned patience = 0;
	struct dotlock lock;

	mailroot_make_file(mailroot, "file.lock", "1234:host");
	set_age(mailroot, "file.lock", STALE + 5);
	assert_int_equal(dotlock_take(&lock, fd, "file", STALE, false, &patience), 0);
	dotlock_release(&lock);
	expect_list(mailroot, "");
	/* Somebody else is at it. */
	mailroot_make_file(mailroot, "file.lock", "");
	set_age(mailroot, "file.lock", STALE + 5);
	lock_fd = open(mailroot_path(mailroot, "file.lock", ""), O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(lock_fd, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(dotlock_take(&lock, fd, "file", STALE, false, &patience), DOTLOCK_HELD);
	close(lock_fd);
	assert_int_equal(dotlock_take(&lock, fd, "file", STALE, false, &patience), 0);
	dotlock_release(&lock);
	close(fd);
}

/* What is no file cannot be taken away, and nobody waits for it for ever. */
static void test_no_files(void **state)
{
	struct mailroot *mailroot = *state;
	int fd = open_base(mailroot);
	unsigned patience = 0;
	struct dotlock lock;

	mailroot_make_directory(mailroot, "a.lock");
	set_age(mailroot, "a.lock", 1000);
	assert_int_equal(dotlock_take(&lock, fd, "a", STALE, false, &patience), DOTLOCK_HELD);
	assert_int_equal(symlink("gone", mailroot_path(mailroot, "b.lock", "")), 0);
	assert_int_equal(dotlock_take(&lock, fd, "b", STALE, false, &patience), DOTLOCK_HELD);
	assert_int_equal(mkfifo(mailroot_path(mailroot, "c.lock", ""), 0600), 0);
	assert_int_equal(dotlock_take(&lock, fd, "c", STALE, false, &patience), DOTLOCK_HELD);
	close(fd);
	assert_int_equal(dotlock_take(&lock, -1, "d", STALE, false, &patience), -EBADF);
}

/* Who was too slow has lost the lock, and leaves it to whom has it now. */
static void test_lost(void **state)
{
	struct mailroot *mailroot = *state;
	int fd = open_base(mailroot);
	unsigned patience = 0;
	struct dotlock lock, other;
	struct content none = { .text = NULL };

	for (unsigned replaces = 0; replaces < 2; replaces++) {
		assert_int_equal(dotlock_take(&lock, fd, "file", STALE, false, &patience), 0);
		set_age(mailroot, "file.lock", 1000);
		assert_int_equal(dotlock_take(&other, fd, "file", STALE, false, &patience), 0);
		if (replaces != 0) {
			assert_int_equal(dotlock_replace(&lock, &none), -ESTALE);
		} else {
			dotlock_release(&lock);
		}
		expect_list(mailroot, "file.lock");
		dotlock_release(&other);
		expect_list(mailroot, "");
	}
	close(fd);
}

/* What was done to names is durable when a lock that syncs is released, and one that does not syncs no name. */
static void test_syncs(void **state)
{
	struct mailroot *mailroot = *state;
	int fd = open_base(mailroot);
	const struct faults faults = { .call = FAULT_CALLS, .on_fsync = note_lost_names };
	ino_t directory = inode_of(mailroot->base);
	unsigned patience = 0;
	struct dotlock lock;
	struct content none = { .text = NULL };

	for (unsigned i = 0; i < 4; i++) {
		bool syncs = i % 2 == 1, replaces = i / 2 == 1;
		size_t synced;

		watch_lost_names(directory);
		faults_begin(&faults);
		assert_int_equal(dotlock_take(&lock, fd, "file", STALE, syncs, &patience), 0);
		if (replaces) {
			assert_int_equal(dotlock_replace(&lock, &none), 0);
		} else {
			dotlock_release(&lock);
		}
		faults_end();
		synced = find_event(FAULT_FSYNC, directory, 0);
		assert_true(syncs == (synced > 0));
		assert_true(!syncs || synced > find_event(FAULT_RENAMEAT, directory, 0));
		/* What has lost its name, the lock or the old file, is still open: nobody gets its inode. */
		assert_int_equal(noted_lost_names(), syncs ? 1 : 0);
		expect_list(mailroot, replaces ? "file" : "");
	}
	close(fd);
}

/* The same of a stale one. */
static void test_syncs_stale(void **state)
{
	const struct faults faults = { .call = FAULT_CALLS, .on_fsync = note_lost_names };
	struct mailroot *mailroot = *state;
	int fd = open_base(mailroot);
	unsigned patience = 0;
	struct dotlock lock;

	for (int syncs = 0; syncs < 2; syncs++) {
		mailroot_make_file(mailroot, "file.lock", "");
		set_age(mailroot, "file.lock", STALE + 5);
		watch_lost_names(inode_of(mailroot->base));
		faults_begin(&faults);
		assert_int_equal(dotlock_take(&lock, fd, "file", STALE, syncs == 1, &patience), 0);
		faults_end();
		assert_int_equal(noted_lost_names(), syncs);
		dotlock_release(&lock);
	}
	close(fd);
}

static void test_read(void **state)
{
	struct mailroot *mailroot = *state;
	int fd = open_base(mailroot);
	struct content content;

	mailroot_make_file(mailroot, "file", "12345");
	assert_int_equal(content_read(&content, fd, "file", 5), 0);
	expect_text("file", content.text, "12345");
	assert_int_equal(content.n, 5);
	free(content.text);
	assert_int_equal(content_read(&content, fd, "file", 4), -EFBIG);
	assert_null(content.text);
	mailroot_make_file(mailroot, "empty", "");
	assert_int_equal(content_read(&content, fd, "empty", 4), 0);
	expect_text("empty", content.text, "");
	free(content.text);
	mailroot_make_directory(mailroot, "directory");
	assert_int_equal(content_read(&content, fd, "directory", 4), -EINVAL);
	assert_int_equal(symlink("file", mailroot_path(mailroot, "link", "")), 0);
	assert_int_equal(content_read(&content, fd, "link", 100), -ELOOP);
	assert_int_equal(mkfifo(mailroot_path(mailroot, "fifo", ""), 0600), 0);
	assert_int_equal(content_read(&content, fd, "fifo", 100), -EINVAL);
	close(fd);
}

/* One change of a file, as those who use locks do it. */
static int append(int fd, const char *text, unsigned *patience)
{
	struct content old;
	struct dotlock lock;
	int result = dotlock_take(&lock, fd, "file", STALE, false, patience);

	if (result != 0) {
		return result;
	}
	result = content_read(&old, fd, "file", 1 << 20);
	if (result == 0 && old.n > 0) {
		result = dotlock_write(&lock, old.text, old.n);
	}
	if (result == 0) {
		result = dotlock_write(&lock, text, strlen(text));
	}
	if (result == 0) {
		result = dotlock_replace(&lock, &old);
	}
	free(old.text);
	dotlock_release(&lock);
	return result;
}

/* Each call fails in its turn: the file is what it was, and no lock is left. */
static void test_faults(void **state)
{
	static const enum fault_call calls[] = { FAULT_OPENAT, FAULT_WRITE, FAULT_PREAD,
		FAULT_FSTAT, FAULT_MALLOC, FAULT_FCHMOD, FAULT_FUTIMENS, FAULT_FSYNC,
		FAULT_RENAMEAT };
	struct mailroot *mailroot = *state;
	int fd = open_base(mailroot);
	unsigned n_fds = count_fds();

	for (size_t i = 0; i < LENGTH(calls); i++) {
		struct faults faults = { .call = calls[i], .mask = 1, .error = EIO };
		unsigned n_struck = 0;

		for (bool is_struck = true; is_struck; faults.mask <<= 1, n_struck += is_struck) {
			unsigned patience = 0;
			int result;

			mailroot_make_file(mailroot, "file", "before");
			set_age(mailroot, "file", -5);
			faults_begin(&faults);
			result = append(fd, " and after", &patience);
			is_struck = faults_end() > 0;
			assert_int_equal(count_fds(), n_fds);
			expect_list(mailroot, "file");
			expect_file(mailroot, "file", result == 0 ? "before and after" : "before");
			if (result == 0) {
				assert_false(is_struck);
			} else if (calls[i] == FAULT_MALLOC) {
				assert_int_equal(result, -ENOMEM);
			} else if (result != -ESTALE || calls[i] != FAULT_FSTAT) {
				assert_int_equal(result, -EIO);
			}
		}
		assert_true(n_struck > 0);
	}
	close(fd);
}

/* What cannot be found out of a lock that stands there leaves it where it is. */
static void test_faults_of_stale_locks(void **state)
{
	static const struct {
		enum fault_call call;
		uint64_t mask;
	} calls[] = { { FAULT_FSTAT, 1 << 0 }, { FAULT_FSTAT, 1 << 1 }, { FAULT_FLOCK, 1 } };
	struct mailroot *mailroot = *state;
	int fd = open_base(mailroot);

	for (size_t i = 0; i < LENGTH(calls); i++) {
		const struct faults faults = {
			.call = calls[i].call, .mask = calls[i].mask, .error = EIO
		};
		unsigned patience = 0;
		struct dotlock lock;

		mailroot_make_file(mailroot, "file.lock", "");
		set_age(mailroot, "file.lock", 1000);
		faults_begin(&faults);
		assert_int_equal(
		    dotlock_take(&lock, fd, "file", STALE, false, &patience), DOTLOCK_HELD);
		faults_end();
		expect_list(mailroot, "file.lock");
	}
	close(fd);
}

/* A file that is shorter than it says. */
static void test_short_file(void **state)
{
	const struct faults faults = { .call = FAULT_CALLS, .reads_nothing = true };
	struct mailroot *mailroot = *state;
	int fd = open_base(mailroot);
	struct content content;

	mailroot_make_file(mailroot, "file", "12345");
	faults_begin(&faults);
	assert_int_equal(content_read(&content, fd, "file", 100), -EIO);
	faults_end();
	free(content.text);
	close(fd);
}

/* Somebody makes stale locks faster than they can be taken away: it ends. */
static void make_stale_again(const struct mailroot *mailroot)
{
	mailroot_make_file(mailroot, "file.lock", "");
	set_age(mailroot, "file.lock", 1000);
}

static void test_stale_for_ever(void **state)
{
	/* It is there, however often it was taken away. */
	const struct faults faults = {
		.call = FAULT_OPENAT, .mask = 0x5555555555555555, .error = EEXIST
	};
	struct mailroot *mailroot = *state;
	int fd = open_base(mailroot);
	unsigned patience = 0;
	struct dotlock lock;

	make_stale_again(mailroot);
	faults_begin(&faults);
	assert_int_equal(dotlock_take(&lock, fd, "file", STALE, false, &patience), DOTLOCK_HELD);
	faults_end();
	close(fd);
}

enum {
	THREADS = 16,
	EACH = 20
};

static void *run_appends(void *data)
{
	unsigned patience = 600000;
	size_t n = 0;
	int fd = open_base(data);

	for (unsigned i = 0; i < EACH; i++) {
		n += append(fd, "x", &patience) == 0;
	}
	close(fd);
	return (void *)n;
}

/* Many who find a stale lock: one takes it away, and no change of theirs is lost. */
static void test_threads(void **state)
{
	struct mailroot *mailroot = *state;
	pthread_t threads[THREADS];

	for (unsigned round = 0; round < 3; round++) {
		mailroot_make_file(mailroot, "file", "");
		make_stale_again(mailroot);
		for (size_t i = 0; i < THREADS; i++) {
			assert_int_equal(
			    pthread_create(&threads[i], NULL, run_appends, mailroot), 0);
		}
		for (size_t i = 0; i < THREADS; i++) {
			void *n;

			assert_int_equal(pthread_join(threads[i], &n), 0);
			assert_int_equal((size_t)n, EACH);
		}
		assert_int_equal(status_of(mailroot, "file").st_size, THREADS * EACH);
		expect_list(mailroot, "file");
	}
}

int main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, mailroot_setup_in_memory, mailroot_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_take),
		TEST(test_replace),
		TEST(test_held),
		TEST(test_released_meanwhile),
		TEST(test_stale),
		TEST(test_no_files),
		TEST(test_lost),
		TEST(test_syncs),
		TEST(test_syncs_stale),
		TEST(test_read),
		TEST(test_faults),
		TEST(test_faults_of_stale_locks),
		TEST(test_short_file),
		TEST(test_stale_for_ever),
		TEST(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
