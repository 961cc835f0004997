/* SPDX-License-Identifier: MIT
 * What a power cut can take away hangs on the order of the calls: it is recorded and checked. */
#include "maildir/maildir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/maildir/mailroot.h"

static const struct text message = TEXT("Subject: x\n\nbody\n");

static const char *const three[] = { "example.com/a/Maildir", "example.com/b/Maildir",
	"example.org/a/Maildir" };

enum {
	AROUND = 3 + 4 /* tmp, cur, new; Maildir, a, example.com, the root */
};

static void deliver(struct mailroot *mailroot, const struct faults *faults, size_t n_places)
{
	mailroot_deliver(mailroot, faults, three, n_places, message, 7);
}

static void expect_saved(struct mailroot *mailroot, bool has_parents)
{
	for (size_t i = 0; i < mailroot->n_places; i++) {
		assert_int_equal(mailroot->places[i].result, 0);
	}
	mailroot_check_order(mailroot, message, has_parents);
}

static void test_new_mailboxes(void **state)
{
	deliver(*state, &mailroot_plain, 3);
	expect_saved(*state, true);
	/* the file twice, three new/, and what is around each of them */
	assert_int_equal(fault_count(FAULT_FSYNC), 2 + 3 + 3 * AROUND);
}

static void test_new_mailboxes_for_real(void **state)
{
	const struct faults faults = { .call = FAULT_CALLS, .syncs = true };

	deliver(*state, &faults, 3);
	expect_saved(*state, true);
}

/* Made by somebody else, who may not have synced it yet. */
static void test_young_of_another(void **state)
{
	struct mailroot *mailroot = *state;

	mailroot_make_directory(mailroot, "example.com/a/Maildir/cur");
	mailroot_make_directory(mailroot, "example.com/a/Maildir/tmp");
	mailroot_make_directory(mailroot, "example.com/a/Maildir/new");
	deliver(mailroot, &mailroot_plain, 1);
	expect_saved(mailroot, true);
	assert_int_equal(fault_count(FAULT_MKDIRAT), 0);
	assert_int_equal(fault_count(FAULT_FSYNC), 2 + 1 + AROUND);
}

/* Old directories have long been written back: three syncs for a message. */
static void test_old_mailbox(void **state)
{
	const struct faults faults = { .call = FAULT_CALLS, .age = 100000 };
	struct mailroot *mailroot = *state;

	mailroot_make_directory(mailroot, "example.com/a/Maildir/cur");
	mailroot_make_directory(mailroot, "example.com/a/Maildir/tmp");
	mailroot_make_directory(mailroot, "example.com/a/Maildir/new");
	deliver(mailroot, &faults, 1);
	expect_saved(mailroot, false);
	assert_int_equal(fault_count(FAULT_FSYNC), 2 + 1);
}

/* A clock that was set back, or a filesystem that does not know: better one sync too many. */
static void test_age_unknown(void **state)
{
	const struct faults faults[] = {
		{ .call = FAULT_CALLS, .age = -100000 },
		{ .call = FAULT_CALLS, .age = 100000, .has_no_birth = true },
	};
	struct mailroot *mailroot = *state;

	for (size_t i = 0; i < LENGTH(faults); i++) {
		mailroot_make_directory(mailroot, "example.com/a/Maildir/cur");
		mailroot_make_directory(mailroot, "example.com/a/Maildir/tmp");
		mailroot_make_directory(mailroot, "example.com/a/Maildir/new");
		deliver(mailroot, &faults[i], 1);
		expect_saved(mailroot, true);
		directory_remove(mailroot_path(mailroot, "example.com", ""));
	}
}

/* What was not synced is not promised, and the next delivery tries again. */
static void test_failed_sync_around(void **state)
{
	struct mailroot *mailroot = *state;

	for (unsigned n = 3; n < 3 + AROUND; n++) {
		const struct faults faults = {
			.call = FAULT_FSYNC, .mask = (uint64_t)1 << n, .error = EIO
		};

		deliver(mailroot, &faults, 1);
		assert_int_equal(mailroot->places[0].result, -EIO);
		mailroot_check(mailroot, message);
		deliver(mailroot, &mailroot_plain, 1);
		expect_saved(mailroot, true);
		directory_remove(mailroot_path(mailroot, "example.com", ""));
	}
}

/* The bytes, the names, and one sync for all of them, new directories included. */
static void test_one_commit(void **state)
{
	struct mailroot *mailroot = *state;

	mailroot_commit_once(mailroot);
	deliver(mailroot, &mailroot_plain, 3);
	expect_saved(mailroot, false);
	assert_int_equal(fault_count(FAULT_WRITE_OUT), 1);
	assert_int_equal(fault_count(FAULT_FSYNC), 1);
}

/* But not for files on another device than their names. */
static void test_realtime(void **state)
{
	const struct faults faults = { .call = FAULT_CALLS, .has_realtime = true };
	struct mailroot *mailroot = *state;

	mailroot_commit_once(mailroot);
	deliver(mailroot, &faults, 1);
	assert_int_equal(mailroot->places[0].result, 0);
	assert_int_equal(fault_count(FAULT_WRITE_OUT), 0);
	assert_int_equal(fault_count(FAULT_FSYNC), 2 + 1 + AROUND);
}

/* What could not be written out has no name, and is not tried again. */
static void test_one_commit_that_fails(void **state)
{
	const struct faults faults[] = {
		{ .call = FAULT_WRITE_OUT, .mask = 1, .error = EIO },
		{ .call = FAULT_FSYNC, .mask = 1, .error = EIO },
	};
	struct mailroot *mailroot = *state;

	mailroot_commit_once(mailroot);
	for (size_t i = 0; i < LENGTH(faults); i++) {
		deliver(mailroot, &faults[i], 3);
		for (size_t place = 0; place < 3; place++) {
			assert_int_equal(mailroot->places[place].result, -EIO);
		}
		assert_int_equal(fault_count(FAULT_LINKAT), i == 0 ? 0 : 3);
		assert_int_equal(fault_count(FAULT_FSYNC), i);
		mailroot_check(mailroot, message);
	}
}

/* After a failed fsync the file is given up: asked again, the kernel would say that all is well. */
static void test_failed_fsync_is_not_repeated(void **state)
{
	const struct faults faults = { .call = FAULT_FSYNC, .mask = 1, .error = EIO };
	struct mailroot *mailroot = *state;

	deliver(mailroot, &faults, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(mailroot->places[i].result, -EIO);
	}
	assert_int_equal(fault_count(FAULT_FSYNC), 1);
	assert_int_equal(fault_count(FAULT_LINKAT), 0);
	mailroot_check(mailroot, message);
}

/* Everything is prepared everywhere before it appears anywhere. */
static void test_prepared_before_it_appears(void **state)
{
	static const struct faults kinds[] = {
		{ .call = FAULT_CALLS },
		{ .call = FAULT_CALLS, .has_no_tmpfile = true },
		{ .call = FAULT_CALLS, .has_devices = true },
	};
	struct mailroot *mailroot = *state;

	for (size_t kind = 0; kind < LENGTH(kinds); kind++) {
		bool has_appeared = false;

		deliver(mailroot, &kinds[kind], 3);
		expect_saved(mailroot, true);
		for (size_t i = 0; i < n_fault_events; i++) {
			enum fault_call call = fault_events[i].call;

			has_appeared = has_appeared || call == FAULT_LINKAT;
			assert_false(
			    has_appeared && (call == FAULT_MKDIRAT || call == FAULT_WRITE));
		}
		assert_true(has_appeared);
		directory_remove(mailroot_path(mailroot, "example.com", ""));
		directory_remove(mailroot_path(mailroot, "example.org", ""));
	}
}

/* new/ comes last, so that a mailbox that has it has all the rest. */
static void test_new_is_made_last(void **state)
{
	struct mailroot *mailroot = *state;
	char list[100];

	for (unsigned n = 0; n < 6; n++) {
		const struct faults faults = {
			.call = FAULT_MKDIRAT, .mask = (uint64_t)1 << n, .error = EIO
		};

		deliver(mailroot, &faults, 1);
		assert_int_equal(mailroot->places[0].result, -EIO);
		mailroot_list(
		    mailroot_path(mailroot, "example.com/a/Maildir", ""), list, sizeof(list));
		assert_null(strstr(list, "new"));
		if (n > 0) {
			directory_remove(mailroot_path(mailroot, "example.com", ""));
		}
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, mailroot_setup, mailroot_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_new_mailboxes),
		TEST(test_new_mailboxes_for_real),
		TEST(test_young_of_another),
		TEST(test_old_mailbox),
		TEST(test_age_unknown),
		TEST(test_failed_sync_around),
		TEST(test_one_commit),
		TEST(test_realtime),
		TEST(test_one_commit_that_fails),
		TEST(test_failed_fsync_is_not_repeated),
		TEST(test_prepared_before_it_appears),
		TEST(test_new_is_made_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
