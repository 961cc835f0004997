/* SPDX-License-Identifier: MIT
 * Places that are known only when the message is complete, as a filter knows them. */
#include "maildir/maildir.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/unit/maildir/mailroot.h"

static const struct text message = TEXT("Subject: x\n\nbody\n");

static const char *const three[] = { "example.com/a/Maildir", "example.com/b/Maildir",
	"example.org/a/Maildir" };

static void expect_list(const struct mailroot *mailroot, const char *mailbox, const char *want)
{
	char list[1024];

	mailroot_list(mailroot_path(mailroot, mailbox, "/new"), list, sizeof(list));
	expect_text(mailbox, list, want);
}

static nlink_t count_names(const struct mailroot *mailroot, const struct maildir_place *place)
{
	struct stat status;
	char file[300];

	snprintf(file, sizeof(file), "/new/%s", place->name);
	assert_int_equal(stat(mailroot_path(mailroot, place->mailbox, file), &status), 0);
	return status.st_nlink;
}

/* Begins a message for the first of three, writes it, and leaves the rest to the caller. */
static void begin(struct mailroot *mailroot, struct maildir_message *delivery,
    struct maildir_place *expected, const struct faults *faults)
{
	memset(expected, 0xee, sizeof(*expected));
	expected->root = &mailroot->root;
	expected->mailbox = three[0];
	expected->flags = expected->folder = NULL;
	expected->n_keywords = 0;
	expected->subscribes = false;
	faults_begin(faults);
	assert_int_equal(maildir_begin(delivery, expected, 1), 0);
	assert_int_equal(maildir_write(delivery, message.p, message.n), 0);
}

/* All names are made after all directories, and durable in the right order. */
static void test_more_than_expected(void **state)
{
	struct mailroot *mailroot = *state;
	bool has_appeared = false;

	mailroot->n_late = 2;
	mailroot_deliver(mailroot, &mailroot_plain, three, 3, message, 5);
	mailroot_check(mailroot, message);
	mailroot_check_order(mailroot, message, true);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(mailroot->places[i].result, 0);
		assert_int_equal(count_names(mailroot, &mailroot->places[i]), 3);
	}
	for (size_t i = 0; i < n_fault_events; i++) {
		has_appeared = has_appeared || fault_events[i].call == FAULT_LINKAT;
		assert_false(has_appeared && fault_events[i].call == FAULT_MKDIRAT);
	}
}

/* Somewhere else altogether: the expected one gets nothing, and holds nothing. */
static void test_others_than_expected(void **state)
{
	struct mailroot *mailroot = *state;
	struct maildir_place expected,
	    others[] = { { .root = &mailroot->root, .mailbox = three[1] },
		    { .root = &mailroot->root, .mailbox = three[2] } };
	struct maildir_message delivery;

	begin(mailroot, &delivery, &expected, &mailroot_plain);
	maildir_prepare(&delivery, others, 2);
	maildir_commit(&delivery, others, 2);
	expect_list(mailroot, three[0], "");
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(others[i].result, 0);
		expect_list(mailroot, others[i].mailbox, others[i].name);
		assert_int_equal(count_names(mailroot, &others[i]), 2);
	}
}

/* Nowhere, as a filter that discards. */
static void test_nowhere(void **state)
{
	struct mailroot *mailroot = *state;
	struct maildir_place expected;
	struct maildir_message delivery;

	begin(mailroot, &delivery, &expected, &mailroot_plain);
	maildir_prepare(&delivery, NULL, 0);
	maildir_commit(&delivery, NULL, 0);
	expect_list(mailroot, three[0], "");
}

static void test_other_filesystem_than_expected(void **state)
{
	const struct faults faults = { .call = FAULT_CALLS, .has_devices = true };
	struct mailroot *mailroot = *state;
	struct maildir_place expected, other = { .root = &mailroot->root, .mailbox = three[1] };
	struct maildir_message delivery;

	begin(mailroot, &delivery, &expected, &faults);
	maildir_prepare(&delivery, &other, 1);
	maildir_commit(&delivery, &other, 1);
	assert_int_equal(other.result, 0);
	assert_int_equal(count_names(mailroot, &other), 1);
	assert_int_equal(fault_count(FAULT_WRITE), 2); /* the file and its copy */
	expect_list(mailroot, three[0], "");
	expect_list(mailroot, three[1], other.name);
}

static void test_one_cannot_be_opened(void **state)
{
	struct mailroot *mailroot = *state;

	mailroot->n_late = 2;
	for (size_t bad = 1; bad < 3; bad++) {
		const char *paths[] = { three[0], three[1], three[2] };

		paths[bad] = "../x";
		mailroot_deliver(mailroot, &mailroot_plain, paths, 3, message, 5);
		for (size_t i = 0; i < 3; i++) {
			assert_int_equal(mailroot->places[i].result, i == bad ? -EINVAL : 0);
		}
		directory_remove(mailroot_path(mailroot, "example.com", ""));
	}
}

/* There is no file, since no expected place could take one: what comes later gets nothing, and is not
 * even made. */
static void test_no_file(void **state)
{
	struct mailroot *mailroot = *state;
	const char *paths[] = { "../x", three[1] };
	char list[100];

	mailroot->n_late = 1;
	mailroot_deliver(mailroot, &mailroot_plain, paths, 2, message, 5);
	assert_int_equal(mailroot->places[0].result, -EINVAL);
	assert_int_equal(mailroot->places[1].result, -EINVAL);
	expect_text("step", mailroot->places[1].step, "write a file in");
	mailroot_list(mailroot->base, list, sizeof(list));
	expect_text("the root", list, "");
}

/* What a filter reads again, before there is any name. */
static void test_read(void **state)
{
	static const struct {
		struct faults faults;
		uint64_t offset;
		size_t n;
		ssize_t result;
	} cases[] = {
		{ { .call = FAULT_CALLS }, 0, 7, 7 },
		{ { .call = FAULT_CALLS }, 9, 3, 3 },
		{ { .call = FAULT_CALLS }, 9, 100, 8 },
		{ { .call = FAULT_CALLS }, 17, 100, 0 },
		{ { .call = FAULT_CALLS }, UINT64_MAX, 100, 0 },
		{ { .call = FAULT_PREAD, .error = EIO, .mask = UINT64_MAX }, 0, 7, -EIO },
		{ { .call = FAULT_PREAD, .error = EINTR, .mask = 1 }, 0, 7, 7 },
		{ { .call = FAULT_CALLS, .reads_nothing = true }, 0, 7, -EIO },
	};
	struct mailroot *mailroot = *state;
	struct maildir_place expected;
	struct maildir_message delivery;

	for (size_t i = 0; i < LENGTH(cases); i++) {
		char buffer[100];
		ssize_t result;

		begin(mailroot, &delivery, &expected, &cases[i].faults);
		result = maildir_read(&delivery, cases[i].offset, buffer, cases[i].n);
		faults_end();
		assert_int_equal(result, cases[i].result);
		if (result > 0) {
			assert_memory_equal(buffer, message.p + cases[i].offset, (size_t)result);
		}
		maildir_abort(&delivery, NULL, 0);
	}
	delivery = (struct maildir_message){ .error = -ENOSPC };
	assert_int_equal(maildir_read(&delivery, 0, NULL, 0), -ENOSPC);
}

/* More than the process can have files open. */
static void test_many(void **state)
{
	enum {
		MANY = 200
	};
	struct mailroot *mailroot = *state;
	struct maildir_place expected, *late = test_calloc(MANY, sizeof(*late));
	char(*paths)[40] = test_calloc(MANY, sizeof(*paths));
	struct maildir_message delivery;
	struct rlimit limit, low;

	for (size_t i = 0; i < MANY; i++) {
		snprintf(paths[i], sizeof(paths[i]), "example.net/%zu/Maildir", i);
		late[i].root = &mailroot->root;
		late[i].mailbox = paths[i];
	}
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = count_fds() + MAILDIR_HELD_MAX + 8;
	begin(mailroot, &delivery, &expected, &mailroot_plain);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	maildir_prepare(&delivery, late, MANY);
	maildir_commit(&delivery, late, MANY);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(late[i].result, 0);
		expect_list(mailroot, paths[i], late[i].name);
	}
	test_free(paths);
	test_free(late);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, mailroot_setup, mailroot_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_more_than_expected),
		TEST(test_others_than_expected),
		TEST(test_nowhere),
		TEST(test_other_filesystem_than_expected),
		TEST(test_one_cannot_be_opened),
		TEST(test_no_file),
		TEST(test_read),
		TEST(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
