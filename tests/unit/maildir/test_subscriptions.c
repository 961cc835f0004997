/* SPDX-License-Identifier: MIT
 * Subscriptions in Dovecot's forms, under its lock, and only to what a delivery makes. */
#include "maildir/subscriptions.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "maildir/dotlock.h"
#include "tests/unit/maildir/mailroot.h"

#define USER      "example.com/user/Maildir"
#define FILE_PATH USER "/subscriptions"

static const struct text message = TEXT("Subject: x\n\nbody\n");

static void expect_file(const struct mailroot *mailroot, const char *want)
{
	struct text content = mailroot_read(mailroot_path(mailroot, FILE_PATH, ""));

	expect_bytes("subscriptions", content.p, content.n, want, strlen(want));
	test_free((void *)content.p);
}

/* A file, and what it is when two folders were added, or the error. */
static const struct {
	struct text before;
	const char *after;
	int result;
} rows[] = {
	{ TEXT(""), "V\t2\n\nJunk\nWork\tR&-D\n", 0 },
	{ TEXT("V\t2\n\n"), "V\t2\n\nJunk\nWork\tR&-D\n", 0 },
	{ TEXT("V\t2\n"), "V\t2\n\nJunk\nWork\tR&-D\n", 0 },
	{ TEXT("V\t2"), NULL, -EPROTONOSUPPORT },
	{ TEXT("V\t2\n\nSent\n"), "V\t2\n\nSent\nJunk\nWork\tR&-D\n", 0 },
	{ TEXT("V\t2\n\nSent"), "V\t2\n\nSent\nJunk\nWork\tR&-D\n", 0 },
	{ TEXT("V\t2\n\nWork\tR&-D\n"), "V\t2\n\nWork\tR&-D\nJunk\n", 0 },
	{ TEXT("V\t2\n\nJunk\nWork\tR&-D"), "V\t2\n\nJunk\nWork\tR&-D", 0 },
	{ TEXT("V\t2\n\nWork.R&-D\nJunk\tA\njunk\n"),
	    "V\t2\n\nWork.R&-D\nJunk\tA\njunk\nJunk\nWork\tR&-D\n", 0 },
	{ TEXT("Sent\n"), "Sent\nJunk\nWork.R&-D\n", 0 },
	{ TEXT("Sent"), "Sent\nJunk\nWork.R&-D\n", 0 },
	{ TEXT("Work.R&-D\n"), "Work.R&-D\nJunk\n", 0 },
	{ TEXT("\n"), "\nJunk\nWork.R&-D\n", 0 },
	{ TEXT("V\t3\n\nJunk\n"), NULL, -EPROTONOSUPPORT },
	{ TEXT("V\t22\n\n"), NULL, -EPROTONOSUPPORT },
	{ TEXT("Sent\0\n"), NULL, -EILSEQ },
};

static void test_forms(void **state)
{
	struct mailroot *mailroot = *state;
	char list[200];
	int fd;

	mailroot_make_directory(mailroot, USER);
	fd = open(mailroot_path(mailroot, USER, ""), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < LENGTH(rows); i++) {
		unsigned patience = 0;
		int file_fd = open(mailroot_path(mailroot, FILE_PATH, ""),
		    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		assert_int_equal(
		    write(file_fd, rows[i].before.p, rows[i].before.n), rows[i].before.n);
		close(file_fd);
		assert_int_equal(subscriptions_add(fd, ".Junk", false, &patience), rows[i].result);
		assert_int_equal(
		    subscriptions_add(fd, ".Work.R&-D", false, &patience), rows[i].result);
		if (rows[i].after != NULL) {
			expect_file(mailroot, rows[i].after);
		}
		mailroot_list(mailroot_path(mailroot, USER, ""), list, sizeof(list));
		expect_text("no lock is left", list, "subscriptions");
	}
	assert_int_equal(unlink(mailroot_path(mailroot, FILE_PATH, "")), 0);
	close(fd);
}

static void test_limit(void **state)
{
	struct mailroot *mailroot = *state;
	unsigned patience = 0;
	int fd;

	mailroot_make_directory(mailroot, USER);
	mailroot_make_file(mailroot, FILE_PATH, "Sent\n");
	assert_int_equal(
	    truncate(mailroot_path(mailroot, FILE_PATH, ""), SUBSCRIPTIONS_MAX + 1), 0);
	fd = open(mailroot_path(mailroot, USER, ""), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(subscriptions_add(fd, ".Junk", false, &patience), -EFBIG);
	close(fd);
}

static const struct maildir_place *deliver(struct mailroot *mailroot, const char *folder)
{
	const struct maildir_place *place;

	mailroot->wishes[0].folder = folder;
	mailroot->wishes[0].if_absent = MAILDIR_MAKE;
	place = mailroot_deliver_one(mailroot, USER, message);
	assert_int_equal(place->result, 0);
	expect_text("where", place->where, folder);
	return place;
}

/* Who makes a folder subscribes to it; and who has unsubscribed stays so. */
static void test_deliveries(void **state)
{
	struct mailroot *mailroot = *state;

	expect_text("note", deliver(mailroot, ".A")->note, "");
	assert_int_equal(access(mailroot_path(mailroot, FILE_PATH, ""), F_OK), -1);
	mailroot->wishes[0].subscribes = true;
	expect_text("note", deliver(mailroot, ".A")->note, "");
	assert_int_equal(access(mailroot_path(mailroot, FILE_PATH, ""), F_OK), -1);
	expect_text("note", deliver(mailroot, ".B.C")->note, "");
	expect_file(mailroot, "V\t2\n\nB\tC\n");
	mailroot_make_file(mailroot, FILE_PATH, "V\t2\n\n");
	expect_text("note", deliver(mailroot, ".B.C")->note, "");
	expect_file(mailroot, "V\t2\n\n");
}

/* Somebody has the lock for too long: the folder is made, and the message lies there. */
static void test_lock_is_held(void **state)
{
	struct mailroot *mailroot = *state;
	const struct maildir_place *place;

	mailroot_make_directory(mailroot, USER "/new");
	mailroot_make_directory(mailroot, USER "/tmp");
	mailroot_make_file(mailroot, FILE_PATH ".lock", "");
	mailroot->wishes[0].subscribes = true;
	place = deliver(mailroot, ".Junk");
	expect_text(
	    "note", place->note, "cannot subscribe to .Junk: subscriptions.lock is not let go of");
	assert_int_equal(fault_slept(), DOTLOCK_PATIENCE_MS);
	mailroot_check(mailroot, message);
	assert_int_equal(access(mailroot_path(mailroot, FILE_PATH, ""), F_OK), -1);
}

/* Nobody waits longer for many locks than for one. */
static void test_patience_is_one(void **state)
{
	static const char *const three[] = { "example.com/a/Maildir", "example.com/b/Maildir",
		"example.com/c/Maildir" };
	struct mailroot *mailroot = *state;

	for (size_t i = 0; i < LENGTH(three); i++) {
		char lock[100];

		mailroot->wishes[i].folder = ".Junk";
		mailroot->wishes[i].if_absent = MAILDIR_MAKE;
		mailroot->wishes[i].subscribes = true;
		mailroot_make_directory(mailroot, three[i]);
		snprintf(lock, sizeof(lock), "%s/subscriptions.lock", three[i]);
		mailroot_make_file(mailroot, lock, "");
	}
	mailroot_deliver(mailroot, &mailroot_plain, three, 3, message, message.n);
	assert_int_equal(fault_slept(), DOTLOCK_PATIENCE_MS);
	for (size_t i = 0; i < LENGTH(three); i++) {
		assert_int_equal(mailroot->places[i].result, 0);
		assert_non_null(strstr(mailroot->places[i].note, "not let go of"));
	}
}

/* Each call fails in its turn, and the delivery never. */
static void test_faults(void **state)
{
	static const enum fault_call calls[] = { FAULT_RENAMEAT, FAULT_MALLOC, FAULT_FCHMOD,
		FAULT_FUTIMENS, FAULT_PREAD };
	struct mailroot *mailroot = *state;
	const char *path = USER;

	mailroot->wishes[0] = (struct maildir_place){
		.folder = ".Junk", .if_absent = MAILDIR_MAKE, .subscribes = true
	};
	for (size_t i = 0; i < LENGTH(calls); i++) {
		const struct faults faults = { .call = calls[i], .mask = 1, .error = EACCES };
		const struct timespec future[2] = { { .tv_sec = 4000000000 },
			{ .tv_sec = 4000000000 } };
		char list[200];

		mailroot_make_directory(mailroot, USER "/new");
		mailroot_make_directory(mailroot, USER "/tmp");
		mailroot_make_file(mailroot, FILE_PATH, "Sent\n");
		assert_int_equal(
		    utimensat(AT_FDCWD, mailroot_path(mailroot, FILE_PATH, ""), future, 0), 0);
		assert_int_equal(
		    mailroot_deliver(mailroot, &faults, &path, 1, message, message.n), 1);
		assert_int_equal(mailroot->places[0].result, 0);
		expect_text("where", mailroot->places[0].where, ".Junk");
		assert_non_null(strstr(mailroot->places[0].note, "cannot subscribe to .Junk: "));
		mailroot_check(mailroot, message);
		expect_file(mailroot, "Sent\n");
		mailroot_list(mailroot_path(mailroot, USER, ""), list, sizeof(list));
		expect_text("no lock is left", list, ".Junk new subscriptions tmp");
		directory_remove(mailroot_path(mailroot, "example.com", ""));
	}
}

/* All of what a new line takes, one failing write after the other. */
static void test_failing_writes(void **state)
{
	static const char *const before[] = { "V\t2\n", "Sent", "" };
	struct mailroot *mailroot = *state;
	unsigned n_all = 0;
	int fd;

	mailroot_make_directory(mailroot, USER);
	fd = open(mailroot_path(mailroot, USER, ""), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < LENGTH(before); i++) {
		struct faults faults = { .call = FAULT_WRITE, .mask = 1, .error = ENOSPC };
		unsigned patience = 0;
		int result;

		mailroot_make_file(mailroot, FILE_PATH, before[i]);
		do {
			faults_begin(&faults);
			result = subscriptions_add(fd, ".Junk", false, &patience);
			assert_int_equal(result, faults_end() > 0 ? -ENOSPC : 0);
			if (result != 0) {
				expect_file(mailroot, before[i]);
			}
			faults.mask <<= 1;
			n_all++;
		} while (result != 0);
	}
	assert_int_equal(n_all, 5 + 5 + 4);
	close(fd);
}

enum {
	THREADS = 8,
	EACH = 6
};

struct maker {
	const struct maildir_root *root;
	unsigned number;
};

static void *run_makers(void *data)
{
	const struct maker *maker = data;
	struct maildir_message delivery;
	size_t n_saved = 0;

	for (unsigned i = 0; i < EACH; i++) {
		char folder[20];
		struct maildir_place place = { .root = maker->root,
			.mailbox = USER,
			.folder = folder,
			.if_absent = MAILDIR_MAKE,
			.subscribes = true };

		/* Its own ones, and the same ones as everybody's. */
		snprintf(folder, sizeof(folder), ".F%u", i % 2 == 0 ? i : 100 * maker->number + i);
		maildir_begin(&delivery, &place, 1);
		maildir_write(&delivery, message.p, message.n);
		maildir_prepare(&delivery, &place, 1);
		maildir_commit(&delivery, &place, 1);
		n_saved +=
		    place.result == 0 && strcmp(place.where, folder) == 0 && place.note[0] == '\0';
	}
	return (void *)n_saved;
}

/* Folders that are made at once are all subscribed to, each once. */
static void test_threads(void **state)
{
	const struct faults faults = { .call = FAULT_CALLS, .sleeps = true };
	struct mailroot *mailroot = *state;
	struct maker makers[THREADS];
	pthread_t threads[THREADS];
	unsigned n_lines = 0;
	struct text content;

	faults_begin(&faults);
	for (unsigned i = 0; i < THREADS; i++) {
		makers[i] = (struct maker){ &mailroot->root, i + 1 };
		assert_int_equal(pthread_create(&threads[i], NULL, run_makers, &makers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		void *n_saved;

		assert_int_equal(pthread_join(threads[i], &n_saved), 0);
		assert_int_equal((size_t)n_saved, EACH);
	}
	faults_end();
	content = mailroot_read(mailroot_path(mailroot, FILE_PATH, ""));
	for (size_t i = 0; i < content.n; i++) {
		n_lines += content.p[i] == '\n';
	}
	test_free((void *)content.p);
	assert_int_equal(n_lines, 2 + EACH / 2 + THREADS * (EACH / 2));
}

int main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, mailroot_setup_in_memory, mailroot_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_forms),
		TEST(test_limit),
		TEST(test_deliveries),
		TEST(test_lock_is_held),
		TEST(test_patience_is_one),
		TEST(test_faults),
		TEST(test_failing_writes),
		TEST(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
