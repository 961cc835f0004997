/* SPDX-License-Identifier: MIT
 * What one mailbox cannot take, the others get; and what its recipient will not be told to have got, no
 * other mailbox gets in its name. */
#include "maildir/maildir.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/maildir/mailroot.h"

static const struct text message = TEXT("Subject: x\n\nThis is the body\nof a message.\n");

static const char *const three[] = { "example.com/a/Maildir", "example.com/b/Maildir",
	"example.org/a/Maildir" };

static void expect_results(const struct mailroot *mailroot, int a, int b, int c)
{
	const int want[] = { a, b, c };

	for (size_t i = 0; i < LENGTH(want); i++) {
		assert_int_equal(mailroot->places[i].result, want[i]);
	}
	mailroot_check(mailroot, message);
	mailroot_check_order(mailroot, message, false);
}

static void expect_names(const struct mailroot *mailroot, size_t place, nlink_t n)
{
	const char *path = mailroot->places[place].mailbox;
	struct stat status;
	char file[300];

	snprintf(file, sizeof(file), "/new/%s", mailroot->places[place].name);
	assert_int_equal(stat(mailroot_path(mailroot, path, file), &status), 0);
	assert_int_equal(status.st_nlink, n);
}

/* The file counts against the quota of the mailbox that it was made in: this one fails, whenever it comes
 * to that, and the others go on with what was written before. */
static void test_quota_of_one(void **state)
{
	static const int errors[] = { EDQUOT, ENOSPC, EIO };
	struct mailroot *mailroot = *state;

	for (size_t i = 0; i < LENGTH(errors); i++) {
		for (unsigned n = 0; n < 6; n++) {
			const struct faults faults = {
				.call = FAULT_WRITE, .mask = (uint64_t)1 << n, .error = errors[i]
			};

			mailroot_deliver(mailroot, &faults, three, 3, message, 8);
			expect_results(mailroot, -errors[i], 0, 0);
			expect_names(mailroot, 1, 2);
			directory_remove(mailroot_path(mailroot, "example.com", ""));
			directory_remove(mailroot_path(mailroot, "example.org", ""));
		}
	}
}

/* Delivers to many mailboxes whose every write fails, and returns how many were tried. */
static unsigned try_many(struct mailroot *mailroot, int error)
{
	enum {
		MANY = 100
	};
	const struct faults faults = { .call = FAULT_WRITE, .mask = UINT64_MAX, .error = error };
	struct maildir_place *places = test_calloc(MANY, sizeof(*places));
	struct maildir_message delivery;
	char paths[MANY][40];

	for (unsigned i = 0; i < MANY; i++) {
		snprintf(paths[i], sizeof(paths[i]), "example.com/%u/Maildir", i);
		places[i].root = &mailroot->root;
		places[i].mailbox = paths[i];
	}
	faults_begin(&faults);
	assert_int_equal(maildir_begin(&delivery, places, MANY), 0);
	assert_int_equal(maildir_write(&delivery, message.p, message.n), -error);
	maildir_prepare(&delivery, places, MANY);
	maildir_commit(&delivery, places, MANY);
	faults_end();
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(places[i].result, -error);
	}
	test_free(places);
	return fault_count(FAULT_WRITE);
}

/* What fails again and again is the disk. A quota is each mailbox's own, but a list has its end too. */
static void test_it_ends(void **state)
{
	assert_int_equal(try_many(*state, EIO), 3);
	assert_int_equal(try_many(*state, ENOSPC), 3);
	assert_int_equal(try_many(*state, EDQUOT), 64);
}

/* A project's quota is that of its mailboxes, and not that of others on the same filesystem. */
static void test_project_that_is_full(void **state)
{
	const struct faults faults = {
		.call = FAULT_WRITE, .mask = 7, .error = ENOSPC, .has_projects = true
	};
	struct maildir_place places[6] = { { 0 } };
	struct mailroot *mailroot = *state;
	struct maildir_message delivery;
	char paths[LENGTH(places)][40];

	for (unsigned i = 0; i < LENGTH(places); i++) {
		snprintf(paths[i], sizeof(paths[i]), "example.com/%u/Maildir", i);
		places[i].root = &mailroot->root;
		places[i].mailbox = paths[i];
	}
	faults_begin(&faults);
	assert_int_equal(maildir_begin(&delivery, places, LENGTH(places)), 0);
	assert_int_equal(maildir_write(&delivery, message.p, message.n), 0);
	maildir_prepare(&delivery, places, LENGTH(places));
	maildir_commit(&delivery, places, LENGTH(places));
	faults_end();
	for (unsigned i = 0; i < LENGTH(places); i++) {
		assert_int_equal(places[i].result, i < 3 || i == 4 ? -ENOSPC : 0);
	}
}

/* Links do not lead from one project to another: one copy for all of the other, made before a name is. */
static void test_projects(void **state)
{
	const struct faults faults = { .call = FAULT_CALLS, .has_projects = true };
	struct mailroot *mailroot = *state;

	mailroot_deliver(mailroot, &faults, three, 3, message, message.n);
	expect_results(mailroot, 0, 0, 0);
	assert_int_equal(fault_count(FAULT_WRITE), 2);
	expect_names(mailroot, 0, 2);
	expect_names(mailroot, 1, 1);
	expect_names(mailroot, 2, 2);
}

/* The same of filesystems, however many places lie on the other one. */
static void test_one_copy_for_all(void **state)
{
	const struct faults faults = { .call = FAULT_CALLS, .has_projects = true };
	struct maildir_place places[7] = { { 0 } };
	struct mailroot *mailroot = *state;
	struct maildir_message delivery;
	char paths[LENGTH(places)][40];
	unsigned n_fds = count_fds();

	for (unsigned i = 0; i < LENGTH(places); i++) {
		snprintf(paths[i], sizeof(paths[i]), "example.com/%u/Maildir", i);
		places[i].root = &mailroot->root;
		places[i].mailbox = paths[i];
	}
	faults_begin(&faults);
	assert_int_equal(maildir_begin(&delivery, places, 1), 0);
	assert_int_equal(maildir_write(&delivery, message.p, message.n), 0);
	maildir_prepare(&delivery, places, LENGTH(places));
	assert_int_equal(fault_count(FAULT_LINKAT), 0);
	assert_int_equal(fault_count(FAULT_WRITE), 2);
	maildir_commit(&delivery, places, LENGTH(places));
	faults_end();
	for (unsigned i = 0; i < LENGTH(places); i++) {
		assert_int_equal(places[i].result, 0);
	}
	assert_int_equal(fault_count(FAULT_WRITE), 2);
	assert_int_equal(count_fds(), n_fds);
}

/* A filesystem without hard links, with two projects: whoever holds the copy for the others moves it into his own
 * new/, and they get copies of their own. */
static void test_shared_copy_that_moves(void **state)
{
	const struct faults faults = { .call = FAULT_CALLS,
		.has_projects = true,
		.has_no_links = true,
		.has_no_tmpfile = true };
	static const char *const many[] = { "example.com/a/Maildir", "example.com/b/Maildir",
		"example.com/c/Maildir", "example.com/d/Maildir", "example.com/e/Maildir" };
	struct mailroot *mailroot = *state;

	mailroot_deliver(mailroot, &faults, many, LENGTH(many), message, message.n);
	for (size_t i = 0; i < LENGTH(many); i++) {
		assert_int_equal(mailroot->places[i].result, 0);
	}
	mailroot_check(mailroot, message);
}

/* A copy that could not be written, or sealed, is nobody's: the next place there gets one of its own, whole. */
static void test_copy_that_fails(void **state)
{
	static const struct faults kinds[] = {
		{ .call = FAULT_WRITE, .mask = 1 << 1, .error = ENOSPC, .has_projects = true },
		{ .call = FAULT_FSYNC, .mask = 1 << 1, .error = EIO, .has_projects = true },
		{ .call = FAULT_PREAD, .mask = 1, .error = EIO, .has_projects = true },
		{ .call = FAULT_WRITE_OUT, .mask = 1 << 1, .error = EIO, .has_projects = true },
	};
	struct mailroot *mailroot = *state;

	for (size_t kind = 0; kind < LENGTH(kinds); kind++) {
		struct maildir_place places[6] = { { 0 } };
		struct maildir_message delivery;
		char paths[LENGTH(places)][40];

		if (kinds[kind].call == FAULT_WRITE_OUT) {
			mailroot_commit_once(mailroot);
		}
		for (unsigned i = 0; i < LENGTH(places); i++) {
			snprintf(paths[i], sizeof(paths[i]), "example.com/%u/Maildir", i);
			places[i].root = &mailroot->root;
			places[i].mailbox = paths[i];
		}
		faults_begin(&kinds[kind]);
		assert_int_equal(maildir_begin(&delivery, places, 1), 0);
		assert_int_equal(maildir_write(&delivery, message.p, message.n), 0);
		maildir_prepare(&delivery, places, LENGTH(places));
		maildir_commit(&delivery, places, LENGTH(places));
		assert_int_equal(faults_end(), 1);
		for (unsigned i = 0; i < LENGTH(places); i++) {
			char file[300];
			struct text content;

			assert_int_equal(places[i].result, i == 1 ? -kinds[kind].error : 0);
			if (i == 1) {
				continue;
			}
			snprintf(file, sizeof(file), "/new/%s", places[i].name);
			content = mailroot_read(mailroot_path(mailroot, paths[i], file));
			expect_bytes(file, content.p, content.n, message.p, message.n);
			test_free((void *)content.p);
		}
		assert_int_equal(fault_count(FAULT_WRITE), kinds[kind].call == FAULT_PREAD ? 2 : 3);
		directory_remove(mailroot_path(mailroot, "example.com", ""));
	}
}

/* A server of NFS has made the name, and its reply was lost: asked again it says that there is one. */
static void test_lost_reply(void **state)
{
	static const struct faults kinds[] = {
		{ .call = FAULT_CALLS, .has_lost_reply = true },
		{ .call = FAULT_CALLS, .has_lost_reply = true, .has_no_tmpfile = true },
	};
	struct mailroot *mailroot = *state;

	for (size_t kind = 0; kind < LENGTH(kinds); kind++) {
		mailroot_deliver(mailroot, &kinds[kind], three, 3, message, message.n);
		expect_results(mailroot, 0, 0, 0);
		expect_names(mailroot, 0, 3);
		directory_remove(mailroot_path(mailroot, "example.com", ""));
		directory_remove(mailroot_path(mailroot, "example.org", ""));
	}
}

/* What is not wanted gets nothing, whether it holds the file, a copy that others have, or neither. */
static void test_unwanted(void **state)
{
	const struct faults kinds[] = { mailroot_plain,
		{ .call = FAULT_CALLS, .has_projects = true } };
	struct mailroot *mailroot = *state;

	for (size_t kind = 0; kind < LENGTH(kinds); kind++) {
		for (unsigned unwanted = 0; unwanted < 8; unwanted++) {
			struct maildir_place places[3] = { { 0 } };
			struct maildir_message delivery;
			char list[400];

			for (size_t i = 0; i < 3; i++) {
				places[i].root = &mailroot->root;
				places[i].mailbox = three[i];
			}
			faults_begin(&kinds[kind]);
			assert_int_equal(maildir_begin(&delivery, places, 3), 0);
			assert_int_equal(maildir_write(&delivery, message.p, message.n), 0);
			maildir_prepare(&delivery, places, 3);
			for (size_t i = 0; i < 3; i++) {
				places[i].is_unwanted = (unwanted >> i & 1) != 0;
			}
			maildir_commit(&delivery, places, 3);
			faults_end();
			for (size_t i = 0; i < 3; i++) {
				mailroot_list(
				    mailroot_path(mailroot, three[i], "/new"), list, sizeof(list));
				expect_text(
				    three[i], list, places[i].is_unwanted ? "" : places[i].name);
				assert_int_equal(places[i].result, 0);
			}
			directory_remove(mailroot_path(mailroot, "example.com", ""));
			directory_remove(mailroot_path(mailroot, "example.org", ""));
		}
	}
}

/* Dropped after it was prepared: nothing of it stays, copies neither. */
static void test_abort_when_prepared(void **state)
{
	const struct faults faults = { .call = FAULT_CALLS, .has_projects = true };
	struct maildir_place places[3] = { { 0 } };
	struct mailroot *mailroot = *state;
	struct maildir_message delivery;
	unsigned n_fds = count_fds();
	char list[400];

	for (size_t i = 0; i < 3; i++) {
		places[i].root = &mailroot->root;
		places[i].mailbox = three[i];
	}
	faults_begin(&faults);
	assert_int_equal(maildir_begin(&delivery, places, 1), 0);
	assert_int_equal(maildir_write(&delivery, message.p, message.n), 0);
	maildir_prepare(&delivery, places, 3);
	maildir_abort(&delivery, places, 3);
	faults_end();
	assert_int_equal(count_fds(), n_fds);
	for (size_t i = 0; i < 3; i++) {
		mailroot_list(mailroot_path(mailroot, three[i], "/new"), list, sizeof(list));
		expect_text(three[i], list, "");
	}
}

/* The sync that carries the promise fails: the names go again, and those who shared the file fail too. */
static void test_names_cannot_be_synced(void **state)
{
	const struct faults faults = { .call = FAULT_FSYNC, .mask = 1 << 1, .error = EIO };
	struct mailroot *mailroot = *state;

	mailroot_deliver(mailroot, &faults, three, 3, message, message.n);
	expect_results(mailroot, -EIO, -EIO, -EIO);
	expect_text("step", mailroot->places[2].step, "sync a file in");
	assert_int_equal(fault_count(FAULT_FSYNC), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, mailroot_setup, mailroot_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_quota_of_one),
		TEST(test_it_ends),
		TEST(test_project_that_is_full),
		TEST(test_projects),
		TEST(test_one_copy_for_all),
		TEST(test_copy_that_fails),
		TEST(test_shared_copy_that_moves),
		TEST(test_lost_reply),
		TEST(test_unwanted),
		TEST(test_abort_when_prepared),
		TEST(test_names_cannot_be_synced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
