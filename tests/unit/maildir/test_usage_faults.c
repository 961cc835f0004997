/* SPDX-License-Identifier: MIT
 * Every system call of a count fails in its turn: it says so, nothing leaks, and the next count is right. And mailboxes
 * that are too large. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "maildir/usage.h"
#include "tests/unit/maildir/mailroot.h"

#define BOX "example.com/a/Maildir"

enum {
	FOLDERS = 5, /* the table grows once */
	MESSAGES = 2 * FOLDERS + 1,
};

static const struct usage_style plain = { .is_virtual = false };

static int count(const struct mailroot *mailroot, const struct faults *faults,
    struct usage_memory *memory, struct usage *usage_r, struct error *error_r)
{
	int result;

	memset(usage_r, 0xee, sizeof(*usage_r));
	error_r->text[0] = '\0';
	faults_begin(faults);
	result = usage_count(&mailroot->root, BOX, &plain, memory, NULL, NULL, usage_r, error_r);
	faults_end();
	return result;
}

/* A message with a size and one without in each folder, and one in INBOX. */
static void make_box(const struct mailroot *mailroot)
{
	char path[100];

	mailroot_make_directory(mailroot, BOX "/new");
	mailroot_make_directory(mailroot, BOX "/cur");
	mailroot_make_file(mailroot, BOX "/cur/1.h,S=10", "content");
	for (unsigned i = 0; i < FOLDERS; i++) {
		snprintf(path, sizeof(path), BOX "/.%u/new", i);
		mailroot_make_directory(mailroot, path);
		snprintf(path, sizeof(path), BOX "/.%u/cur", i);
		mailroot_make_directory(mailroot, path);
		snprintf(path, sizeof(path), BOX "/.%u/cur/1.h,S=10", i);
		mailroot_make_file(mailroot, path, "content");
		snprintf(path, sizeof(path), BOX "/.%u/cur/2.h", i);
		mailroot_make_file(mailroot, path, "content");
	}
}

/* Returns whether the fault struck. */
static bool check_count(const struct mailroot *mailroot, const struct faults *faults)
{
	struct usage_memory memory = { NULL, 0, 0 };
	struct usage usage;
	struct error error;
	unsigned n_fds = count_fds();
	int result = count(mailroot, faults, &memory, &usage, &error);
	bool has_struck = result != 0;

	assert_int_equal(count_fds(), n_fds);
	if (has_struck) {
		assert_int_equal(result, -faults->error);
		assert_non_null(strstr(error.text, mailroot->base));
		assert_non_null(strstr(error.text, strerror(faults->error)));
		assert_int_equal(usage.bytes + usage.messages + usage.unsized, 0);
	}
	/* Once the fault is gone all is well. */
	assert_int_equal(count(mailroot, &mailroot_plain, &memory, &usage, &error), 0);
	assert_int_equal(usage.messages, MESSAGES);
	assert_int_equal(usage.unsized, FOLDERS);
	assert_int_equal(usage.bytes, 10 * (FOLDERS + 1) + 7 * FOLDERS);
	usage_forget(&memory);
	return has_struck;
}

static void test_each_call(void **state)
{
	static const enum fault_call calls[] = { FAULT_OPEN, FAULT_OPENAT2, FAULT_FSTAT,
		FAULT_OPENDIR, FAULT_READDIR, FAULT_STATAT, FAULT_CALLOC };
	static const int errors[] = { EACCES, EIO, EMFILE };
	static const unsigned n_calls[] = { 1, 1 + 2 * (FOLDERS + 1), 4 * (FOLDERS + 1),
		1 + 2 * (FOLDERS + 1), 0, FOLDERS, 2 };
	const struct mailroot *mailroot = *state;

	make_box(mailroot);
	for (size_t i = 0; i < LENGTH(calls); i++) {
		struct faults faults = { .call = calls[i],
			.mask = 1,
			.error = calls[i] == FAULT_CALLOC ? ENOMEM : errors[i % LENGTH(errors)] };
		unsigned n = 0;

		while (faults.mask != 0 && check_count(mailroot, &faults)) {
			n++;
			faults.mask <<= 1;
		}
		if (n_calls[i] == 0 ? n < 3 * (2 * FOLDERS + 3) : n != n_calls[i]) {
			fail_msg("call %d was made %u times", (int)calls[i], n);
		}
	}
}

static void test_words(void **state)
{
	/* the mailbox, cur/ and new/ of INBOX, and those of the first folder that is found */
	static const struct {
		uint64_t mask;
		const char *part;
	} rows[] = { { 1, "" }, { 2, "/cur" }, { 4, "/new" }, { 8, "/cur" }, { 16, "/new" } };
	const struct mailroot *mailroot = *state;

	make_box(mailroot);
	for (size_t i = 0; i < LENGTH(rows); i++) {
		const struct faults faults = {
			.call = FAULT_OPENAT2, .mask = rows[i].mask, .error = EACCES
		};
		struct usage_memory memory = { NULL, 0, 0 };
		struct usage usage;
		struct error error;
		char want[400];

		assert_int_equal(count(mailroot, &faults, &memory, &usage, &error), -EACCES);
		snprintf(want, sizeof(want), "%s: Permission denied", rows[i].part);
		expect_text("the end", error.text + strlen(error.text) - strlen(want), want);
		snprintf(want, sizeof(want), "cannot read %s/" BOX "%s", mailroot->base,
		    i < 3 ? rows[i].part : "/.");
		expect_bytes("the start", error.text, strlen(want), want, strlen(want));
		usage_forget(&memory);
	}
}

/* Between its name and a look at it. */
static void test_vanished(void **state)
{
	const struct faults faults = { .call = FAULT_STATAT, .mask = 2, .error = ENOENT };
	const struct mailroot *mailroot = *state;
	struct usage_memory memory = { NULL, 0, 0 };
	struct usage usage;
	struct error error;

	make_box(mailroot);
	assert_int_equal(count(mailroot, &faults, &memory, &usage, &error), 0);
	assert_int_equal(usage.messages, MESSAGES - 1);
	assert_int_equal(usage.unsized, FOLDERS - 1);
	usage_forget(&memory);
}

static void expect_too_large(const struct mailroot *mailroot, const struct faults *faults)
{
	struct usage_memory memory = { NULL, 0, 0 };
	struct usage usage;
	struct error error;
	char want[400];
	unsigned n_fds = count_fds();

	assert_int_equal(count(mailroot, faults, &memory, &usage, &error), -E2BIG);
	snprintf(want, sizeof(want),
	    "cannot count %s/" BOX ": more than 10000 folders or 4000000 names", mailroot->base);
	expect_text("words", error.text, want);
	assert_int_equal(usage.messages, 0);
	assert_int_equal(count_fds(), n_fds);
	usage_forget(&memory);
}

static void test_too_many_folders(void **state)
{
	const struct mailroot *mailroot = *state;
	struct usage_memory memory = { NULL, 0, 0 };
	struct usage usage;
	struct error error;
	char path[100];

	for (unsigned i = 0; i < USAGE_FOLDERS_MAX; i++) {
		snprintf(path, sizeof(path), BOX "/.%u", i);
		mailroot_make_directory(mailroot, path);
	}
	mailroot_make_directory(mailroot, BOX "/..DOVECOT-TRASHED");
	assert_int_equal(count(mailroot, &mailroot_plain, &memory, &usage, &error), 0);
	usage_forget(&memory);
	mailroot_make_directory(mailroot, BOX "/.one-more");
	expect_too_large(mailroot, &mailroot_plain);
}

static void test_too_many_names(void **state)
{
	const struct faults faults = { .call = FAULT_CALLS, .has_endless_names = true };
	const struct mailroot *mailroot = *state;

	mailroot_make_directory(mailroot, BOX);
	expect_too_large(mailroot, &faults); /* beside the folders */
	mailroot_make_directory(mailroot, BOX "/new");
	mailroot_make_file(mailroot, BOX "/new/1.h,S=10", "content");
	expect_too_large(mailroot, &faults);
}

int main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, mailroot_setup_in_memory, mailroot_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_each_call),
		TEST(test_words),
		TEST(test_vanished),
		TEST(test_too_many_folders),
		TEST(test_too_many_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
