/* SPDX-License-Identifier: MIT
 * Faults that come together, and what filesystems do rarely. */
#include "maildir/maildir.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "tests/unit/maildir/mailroot.h"

static const struct text message = TEXT("Subject: x\n\nThis is the body\nof a message.\n");

static const char *const three[] = { "example.com/a/Maildir", "example.com/b/Maildir",
	"example.org/a/Maildir" };

static void deliver(struct mailroot *mailroot, const struct faults *faults, size_t n_places)
{
	mailroot_deliver(mailroot, faults, three, n_places, message, 7);
	mailroot_check(mailroot, message);
}

static void expect_results(const struct mailroot *mailroot, int a, int b, int c)
{
	const int want[] = { a, b, c };

	for (size_t i = 0; i < mailroot->n_places && i < LENGTH(want); i++) {
		if (mailroot->places[i].result != want[i]) {
			fail_msg("place %zu: %d (cannot %s %s), want %d", i,
			    mailroot->places[i].result, mailroot->places[i].step,
			    mailroot->places[i].part, want[i]);
		}
	}
}

/* Kernels and filesystems that do not know O_TMPFILE say so in several ways, open(2). */
static void test_unnamed_files_are_refused(void **state)
{
	static const int errors[] = { EOPNOTSUPP, EISDIR, EINVAL };
	struct mailroot *mailroot = *state;

	for (size_t i = 0; i < LENGTH(errors); i++) {
		const struct faults faults = {
			.call = FAULT_OPENAT, .mask = 1, .error = errors[i]
		};

		deliver(mailroot, &faults, 3);
		expect_results(mailroot, 0, 0, 0);
		assert_int_equal(fault_count(FAULT_OPENAT), 2);
		directory_remove(mailroot_path(mailroot, "example.com", ""));
		directory_remove(mailroot_path(mailroot, "example.org", ""));
	}
}

/* Somebody has every name in tmp/ that is tried: it ends. */
static void test_names_in_tmp_are_taken(void **state)
{
	const struct faults faults = {
		.call = FAULT_OPENAT, .mask = UINT64_MAX, .error = EEXIST, .has_no_tmpfile = true
	};
	struct mailroot *mailroot = *state;

	deliver(mailroot, &faults, 1);
	expect_results(mailroot, -EEXIST, 0, 0);
	assert_in_range(fault_count(FAULT_OPENAT), 2, 100);
}

/* An unnamed file that can have no name: nothing is left to try. */
static void test_no_links_for_unnamed_files(void **state)
{
	const struct faults faults = { .call = FAULT_CALLS, .has_no_links = true };

	deliver(*state, &faults, 3);
	expect_results(*state, -EPERM, -EPERM, -EPERM);
}

/* The first disk is full, and so is the second when what was written so far is taken there. */
static void test_two_filesystems_are_full(void **state)
{
	const struct faults faults = { .call = FAULT_WRITE,
		.mask = 1 << 1 | 1 << 2, /* a's second, and b's copy of the first */
		.error = ENOSPC,
		.has_devices = true };

	deliver(*state, &faults, 3);
	expect_results(*state, -ENOSPC, -ENOSPC, 0);
}

/* The first disk is full, and the second mailbox cannot take a file at all. */
static void test_full_and_half_a_mailbox(void **state)
{
	static const struct faults plain = { .call = FAULT_CALLS, .has_no_tmpfile = true };
	const struct faults faults = { .call = FAULT_WRITE,
		.mask = 1,
		.error = ENOSPC,
		.has_devices = true,
		.has_no_tmpfile = true };
	struct mailroot *mailroot = *state;

	deliver(mailroot, &plain, 3);
	directory_remove(mailroot_path(mailroot, three[1], "/tmp"));
	mailroot_deliver(mailroot, &faults, three, 3, message, 7);
	expect_results(mailroot, -ENOSPC, -ENOENT, 0);
}

/* What was written cannot be read back in full for a copy: half of it is none. */
static void test_file_is_shorter(void **state)
{
	const struct faults faults = {
		.call = FAULT_CALLS, .has_devices = true, .reads_nothing = true
	};

	deliver(*state, &faults, 3);
	expect_results(*state, 0, -EIO, -EIO);
}

/* A place that has failed before keeps its own reason. */
static void test_bad_path_and_failed_fsync(void **state)
{
	const struct faults faults = { .call = FAULT_FSYNC, .mask = 1, .error = EIO };
	const char *paths[] = { three[0], "../x", three[1] };
	struct mailroot *mailroot = *state;

	mailroot_deliver(mailroot, &faults, paths, 3, message, message.n);
	expect_results(mailroot, -EIO, -EINVAL, -EIO);
	expect_text("step", mailroot->places[1].step, "accept the path");
	mailroot_check(mailroot, message);
}

/* A large file is synced by itself. */
static void test_large_file_and_failed_fsync(void **state)
{
	const struct faults faults = { .call = FAULT_FSYNC, .mask = 1, .error = EIO };
	struct mailroot *mailroot = *state;
	size_t n = 65537;
	char *bytes = test_malloc(n);

	memset(bytes, 'x', n);
	mailroot_deliver(mailroot, &faults, three, 2, (struct text){ bytes, n }, n);
	expect_results(mailroot, -EIO, -EIO, 0);
	assert_int_equal(fault_count(FAULT_FSYNC), 1);
	mailroot_check(mailroot, (struct text){ bytes, n });
	test_free(bytes);
}

static void test_empty_writes(void **state)
{
	struct mailroot *mailroot = *state;
	struct maildir_place place = { .root = &mailroot->root, .mailbox = three[0] };
	struct maildir_message delivery;

	assert_int_equal(maildir_begin(&delivery, &place, 1), 0);
	assert_int_equal(maildir_write(&delivery, "\n", 1), 0);
	assert_int_equal(maildir_write(&delivery, "", 0), 0);
	assert_int_equal(maildir_write(&delivery, "\n", 1), 0);
	maildir_prepare(&delivery, &place, 1);
	maildir_commit(&delivery, &place, 1);
	assert_int_equal(place.result, 0);
	assert_non_null(strstr(place.name, ",S=2,W=4"));
}

/* Symbolic links that lead in a circle, wherever on the way. */
static void test_links_that_loop(void **state)
{
	/* calls: new/, then example.com, a, Maildir */
	struct mailroot *mailroot = *state;

	for (unsigned n = 1; n < 4; n++) {
		const struct faults faults = {
			.call = FAULT_OPENAT2, .mask = (uint64_t)1 << n, .error = ELOOP
		};

		mailroot_make_directory(mailroot, three[0]);
		deliver(mailroot, &faults, 1);
		expect_results(mailroot, -ELOOP, 0, 0);
		directory_remove(mailroot_path(mailroot, "example.com", ""));
	}
}

enum {
	MANY = 200
};

/* A delivery to many mailboxes. */
struct crowd {
	struct maildir_place places[MANY];
	char paths[MANY][40];
	struct maildir_message delivery;
	struct rlimit limit;
	unsigned n;
};

/* Opens n of them, with room for n_files open files more. */
static struct crowd *open_crowd(
    struct mailroot *mailroot, const struct faults *faults, unsigned n, unsigned n_files)
{
	struct crowd *crowd = test_calloc(1, sizeof(*crowd));
	struct rlimit low;

	for (unsigned i = 0; i < n; i++) {
		snprintf(crowd->paths[i], sizeof(crowd->paths[i]), "example.com/%u/Maildir", i);
		crowd->places[i].root = &mailroot->root;
		crowd->places[i].mailbox = crowd->paths[i];
	}
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &crowd->limit), 0);
	low = crowd->limit;
	low.rlim_cur = count_fds() + n_files;
	crowd->n = n;
	faults_begin(faults);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	maildir_begin(&crowd->delivery, crowd->places, n);
	maildir_write(&crowd->delivery, message.p, message.n);
	return crowd;
}

static void commit_crowd(struct crowd *crowd)
{
	maildir_prepare(&crowd->delivery, crowd->places, crowd->n);
	maildir_commit(&crowd->delivery, crowd->places, crowd->n);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &crowd->limit), 0);
	faults_end();
}

static void expect_crowd(
    struct mailroot *mailroot, const struct crowd *crowd, unsigned first, unsigned end)
{
	for (unsigned i = first; i < end; i++) {
		const struct maildir_place *place = &crowd->places[i];
		char list[300];

		if (place->result != 0) {
			fail_msg("mailbox %u: cannot %s %s: %s", i, place->step, place->part,
			    strerror(-place->result));
		}
		mailroot_list(mailroot_path(mailroot, crowd->paths[i], "/new"), list, sizeof(list));
		expect_text(crowd->paths[i], list, place->name);
	}
}

/* More mailboxes than the process can have files open. Of two that are taken away meanwhile one cannot
 * be made again. */
static void test_more_mailboxes_than_descriptors(void **state)
{
	enum {
		GONE = 150,
		REPLACED = 151
	};
	struct mailroot *mailroot = *state;
	struct crowd *crowd = open_crowd(mailroot, &mailroot_plain, MANY, MAILDIR_HELD_MAX + 8);

	directory_remove(mailroot_path(mailroot, crowd->paths[GONE], ""));
	directory_remove(mailroot_path(mailroot, crowd->paths[REPLACED], ""));
	mailroot_make_file(mailroot, crowd->paths[REPLACED], "a file");
	commit_crowd(crowd);
	expect_crowd(mailroot, crowd, 0, REPLACED);
	assert_int_equal(crowd->places[REPLACED].result, -ENOTDIR);
	expect_crowd(mailroot, crowd, REPLACED + 1, MANY);
	test_free(crowd);
}

/* Mailboxes that cannot take the message hold nothing that those behind them need. */
static void test_many_that_fail(void **state)
{
	enum {
		FAILING = 63,
		ALL = 80
	};
	const struct faults faults = {
		.call = FAULT_OPENAT, .mask = UINT64_MAX >> (64 - FAILING), .error = EACCES
	};
	struct mailroot *mailroot = *state;
	struct crowd *crowd = open_crowd(mailroot, &faults, ALL, 40);

	commit_crowd(crowd);
	for (unsigned i = 0; i < FAILING; i++) {
		assert_int_equal(crowd->places[i].result, -EACCES);
	}
	expect_crowd(mailroot, crowd, FAILING, ALL);
	test_free(crowd);
}

/* Nor do those that a file is to move to, and that cannot have one. */
static void test_many_that_cannot_take_over(void **state)
{
	const struct faults later = { .call = FAULT_OPENAT, .mask = UINT64_MAX, .error = ENOSPC };
	struct mailroot *mailroot = *state;
	struct crowd *crowd = open_crowd(mailroot, &mailroot_plain, MANY, 2 * MANY);
	unsigned n_fds = count_fds();
	struct rlimit unlimited, none;

	faults_end();
	faults_begin(&later);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
	none = unlimited;
	none.rlim_cur = 0;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &none);
	maildir_write(&crowd->delivery, message.p, message.n);
	setrlimit(RLIMIT_FSIZE, &unlimited);
	signal(SIGXFSZ, SIG_DFL);
	assert_in_range(count_fds(), 1, n_fds);
	commit_crowd(crowd);
	assert_int_equal(crowd->places[0].result, -EFBIG);
	for (unsigned i = 1; i < MANY; i++) {
		assert_int_equal(crowd->places[i].result, -ENOSPC);
	}
	test_free(crowd);
}

/* Nor do those that need a copy each keep it when they have it. */
static void test_many_copies(void **state)
{
	const struct faults faults = {
		.call = FAULT_CALLS, .has_no_links = true, .has_no_tmpfile = true
	};
	struct mailroot *mailroot = *state;
	struct crowd *crowd = open_crowd(mailroot, &faults, MANY, 3 * MAILDIR_HELD_MAX + 8);

	commit_crowd(crowd);
	expect_crowd(mailroot, crowd, 0, MANY);
	test_free(crowd);
}

/* What this delivery has made is synced up to the root, also where it is opened again much later. */
static void test_young_for_long(void **state)
{
	enum {
		ALL = MAILDIR_HELD_MAX + 2,
		BATCHES = 2, /* that the file is synced again with the names of */
		EACH = 8     /* new/; the three parts, Maildir, the home, the domain, the root */
	};
	const struct faults later = { .call = FAULT_CALLS, .age = 1000 };
	struct mailroot *mailroot = *state;
	struct crowd *crowd = open_crowd(mailroot, &mailroot_plain, ALL, 1000);

	faults_end();
	faults_begin(&later);
	commit_crowd(crowd);
	assert_int_equal(fault_count(FAULT_FSYNC), 1 + BATCHES + ALL * EACH);
	expect_crowd(mailroot, crowd, 0, ALL);
	test_free(crowd);
}

/* Those that are not on the first one's filesystem stay open, however many they are: each may need a
 * file of its own. */
static void test_many_filesystems(void **state)
{
	enum {
		ALL = MAILDIR_HELD_MAX + 3
	};
	const struct faults faults = { .call = FAULT_CALLS, .has_devices = true };
	struct mailroot *mailroot = *state;
	struct crowd *crowd = open_crowd(mailroot, &faults, ALL, 1000);

	assert_true(crowd->places[ALL - 1].names_fd >= 0);
	commit_crowd(crowd);
	expect_crowd(mailroot, crowd, 0, ALL);
	test_free(crowd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, mailroot_setup, mailroot_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_unnamed_files_are_refused),
		TEST(test_names_in_tmp_are_taken),
		TEST(test_no_links_for_unnamed_files),
		TEST(test_two_filesystems_are_full),
		TEST(test_full_and_half_a_mailbox),
		TEST(test_file_is_shorter),
		TEST(test_bad_path_and_failed_fsync),
		TEST(test_large_file_and_failed_fsync),
		TEST(test_empty_writes),
		TEST(test_links_that_loop),
		TEST(test_more_mailboxes_than_descriptors),
		TEST(test_many_that_fail),
		TEST(test_many_that_cannot_take_over),
		TEST(test_many_copies),
		TEST(test_young_for_long),
		TEST(test_many_filesystems),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
