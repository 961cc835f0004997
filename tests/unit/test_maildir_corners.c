/* SPDX-License-Identifier: MIT
 * Faults that come together, and what filesystems do rarely. */
#include "maildir/maildir.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "tests/unit/mailroot.h"

static const struct text message = TEXT("Subject: x\n\nThis is the body\nof a message.\n");

static const char *const three[] = { "example.com/a/Maildir", "example.com/b/Maildir",
	"example.org/a/Maildir" };

static void deliver(struct mailroot *mailroot, const struct faults *faults, size_t n_targets)
{
	mailroot_deliver(mailroot, faults, three, n_targets, message, 7);
	mailroot_check(mailroot, message);
}

static void expect_results(const struct mailroot *mailroot, int a, int b, int c)
{
	const int want[] = { a, b, c };

	for (size_t i = 0; i < mailroot->n_targets && i < LENGTH(want); i++) {
		if (mailroot->targets[i].result != want[i]) {
			fail_msg("target %zu: %d (cannot %s %s), want %d", i,
			    mailroot->targets[i].result, mailroot->targets[i].step,
			    mailroot->targets[i].part, want[i]);
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

/* A target that has failed before keeps its own reason. */
static void test_bad_path_and_failed_fsync(void **state)
{
	const struct faults faults = { .call = FAULT_FSYNC, .mask = 1, .error = EIO };
	const char *paths[] = { three[0], "../x", three[1] };
	struct mailroot *mailroot = *state;

	mailroot_deliver(mailroot, &faults, paths, 3, message, message.n);
	expect_results(mailroot, -EIO, -EINVAL, -EIO);
	expect_text("step", mailroot->targets[1].step, "accept the path");
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
	struct maildir_target target = { .path = three[0] };
	struct maildir_delivery delivery;

	assert_int_equal(maildir_open(&delivery, &mailroot->root, &target, 1), 0);
	assert_int_equal(maildir_write(&delivery, "\n", 1), 0);
	assert_int_equal(maildir_write(&delivery, "", 0), 0);
	assert_int_equal(maildir_write(&delivery, "\n", 1), 0);
	maildir_commit(&delivery);
	assert_int_equal(target.result, 0);
	assert_non_null(strstr(target.name, ",S=2,W=4"));
}

/* Some kernels say ELOOP of a symbolic link where a directory must be. */
static void test_links_by_another_name(void **state)
{
	/* calls: new/, then example.com, a, Maildir */
	struct mailroot *mailroot = *state;

	for (unsigned n = 1; n < 4; n++) {
		const struct faults faults = {
			.call = FAULT_OPENAT2, .mask = (uint64_t)1 << n, .error = ELOOP
		};

		mailroot_make_directory(mailroot, three[0]);
		deliver(mailroot, &faults, 1);
		expect_results(mailroot, 0, 0, 0);
		directory_remove(mailroot_path(mailroot, "example.com", ""));
	}
}

/* More mailboxes than the process can have files open. Of two that are taken away meanwhile one cannot
 * be made again. */
static void test_more_mailboxes_than_descriptors(void **state)
{
	enum {
		MANY = 200,
		GONE = 150,
		REPLACED = 151
	};
	struct mailroot *mailroot = *state;
	struct maildir_target *targets = test_calloc(MANY, sizeof(*targets));
	char(*paths)[40] = test_calloc(MANY, sizeof(*paths));
	struct maildir_delivery delivery;
	struct rlimit limit, low;

	for (unsigned i = 0; i < MANY; i++) {
		snprintf(paths[i], sizeof(paths[i]), "example.com/%u/Maildir", i);
		targets[i].path = paths[i];
	}
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = count_fds() + MAILDIR_HELD_MAX + 8;
	faults_begin(&mailroot_plain);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	maildir_open(&delivery, &mailroot->root, targets, MANY);
	maildir_write(&delivery, message.p, message.n);
	directory_remove(mailroot_path(mailroot, paths[GONE], ""));
	directory_remove(mailroot_path(mailroot, paths[REPLACED], ""));
	mailroot_make_file(mailroot, paths[REPLACED], "a file");
	maildir_commit(&delivery);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	faults_end();
	for (unsigned i = 0; i < MANY; i++) {
		char list[300];

		if (i == REPLACED) {
			assert_int_equal(targets[i].result, -ENOTDIR);
			continue;
		}
		if (targets[i].result != 0) {
			fail_msg("mailbox %u: cannot %s %s: %s", i, targets[i].step,
			    targets[i].part, strerror(-targets[i].result));
		}
		mailroot_list(mailroot_path(mailroot, paths[i], "/new"), list, sizeof(list));
		expect_text(paths[i], list, targets[i].name);
	}
	test_free(targets);
	test_free(paths);
}

/* Those that are not on the first one's filesystem stay open, however many they are: each may need a
 * file of its own. */
static void test_many_filesystems(void **state)
{
	enum {
		MANY = MAILDIR_HELD_MAX + 3
	};
	const struct faults faults = { .call = FAULT_CALLS, .has_devices = true };
	struct mailroot *mailroot = *state;
	struct maildir_target targets[MANY] = { 0 };
	struct maildir_delivery delivery;
	char paths[MANY][40], list[300];

	for (unsigned i = 0; i < MANY; i++) {
		snprintf(paths[i], sizeof(paths[i]), "example.com/%u/Maildir", i);
		targets[i].path = paths[i];
	}
	faults_begin(&faults);
	maildir_open(&delivery, &mailroot->root, targets, MANY);
	assert_true(targets[MANY - 1].new_fd >= 0);
	maildir_write(&delivery, message.p, message.n);
	maildir_commit(&delivery);
	faults_end();
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(targets[i].result, 0);
		mailroot_list(mailroot_path(mailroot, paths[i], "/new"), list, sizeof(list));
		expect_text(paths[i], list, targets[i].name);
	}
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
		TEST(test_links_by_another_name),
		TEST(test_more_mailboxes_than_descriptors),
		TEST(test_many_filesystems),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
