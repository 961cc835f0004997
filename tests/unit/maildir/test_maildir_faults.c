/* SPDX-License-Identifier: MIT
 * Every system call of a delivery fails in its turn, with every errno that a disk or a full process
 * has: afterwards each mailbox has the whole message or nothing, and nothing has leaked. */
#include "maildir/maildir.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/maildir/mailroot.h"

static const struct text message = TEXT("Subject: x\n\nThis is the body\r\nof a message.\n");

static const char *const three[] = { "example.com/a/Maildir", "example.com/b/Maildir",
	"example.org/a/Maildir" };

static const int errors[] = { ENOSPC, EIO, EDQUOT, EACCES, EMFILE };

/* Kinds of filesystems. */
static const struct faults kinds[] = {
	{ .call = FAULT_CALLS },
	{ .call = FAULT_CALLS, .has_no_tmpfile = true },
	{ .call = FAULT_CALLS, .has_one_link = true },
	{ .call = FAULT_CALLS, .has_one_link = true, .has_no_tmpfile = true },
	{ .call = FAULT_CALLS, .has_no_links = true, .has_no_tmpfile = true },
	{ .call = FAULT_CALLS, .has_devices = true },
	{ .call = FAULT_CALLS, .has_devices = true, .has_no_tmpfile = true },
	{ .call = FAULT_CALLS, .has_devices = true, .has_no_links = true, .has_no_tmpfile = true },
	{ .call = FAULT_CALLS, .writes_slowly = true },
	{ .call = FAULT_CALLS, .writes_slowly = true, .has_one_link = true, .has_no_birth = true },
};

static void clear(const struct mailroot *mailroot)
{
	char list[400];

	mailroot_list(mailroot->base, list, sizeof(list));
	for (const char *name = strtok(list, " "); name != NULL; name = strtok(NULL, " ")) {
		directory_remove(mailroot_path(mailroot, name, ""));
	}
}

/* Mailboxes that an earlier delivery has made, empty again. */
static void make_mailboxes(struct mailroot *mailroot, size_t n_places)
{
	mailroot_deliver(mailroot, &mailroot_plain, three, n_places, message, message.n);
	for (size_t i = 0; i < n_places; i++) {
		maildir_take_back(&mailroot->places[i], 1);
	}
}

static const char *describe(const struct faults *faults, size_t n_places)
{
	static char text[300];

	snprintf(text, sizeof(text), "call %d fails at %#llx with %s, %zu places%s%s%s%s",
	    (int)faults->call, (unsigned long long)faults->mask, strerror(faults->error), n_places,
	    faults->has_no_tmpfile ? ", no O_TMPFILE" : "",
	    faults->has_one_link ? ", one link" : "", faults->has_no_links ? ", no links" : "",
	    faults->writes_slowly ? ", slow" : "");
	return text;
}

/* Returns whether the fault struck. */
static bool check_delivery(
    struct mailroot *mailroot, const struct faults *faults, size_t n_places, bool is_new)
{
	unsigned n_fds, n_struck, n_failed = 0;

	clear(mailroot);
	if (!is_new) {
		make_mailboxes(mailroot, n_places);
	}
	n_fds = count_fds();
	n_struck = mailroot_deliver(mailroot, faults, three, n_places, message, 17);
	if (count_fds() != n_fds) {
		fail_msg(
		    "%u descriptors more: %s", count_fds() - n_fds, describe(faults, n_places));
	}
	for (size_t i = 0; i < n_places; i++) {
		int result = mailroot->places[i].result;

		/* The errno comes up unchanged: the reply and the log hang on it. */
		if (result != 0 && result != -faults->error) {
			fail_msg(
			    "result %d of place %zu: %s", result, i, describe(faults, n_places));
		}
		n_failed += result != 0 || mailroot->places[i].note[0] != '\0';
	}
	if (n_struck > 0 && n_failed == 0) {
		fail_msg("nobody noticed: %s", describe(faults, n_places));
	}
	if (n_struck == 0 && n_failed > 0) {
		fail_msg("fails without a fault: %s", describe(faults, n_places));
	}
	mailroot_check(mailroot, message);
	mailroot_check_order(mailroot, message, is_new);
	return n_struck > 0;
}

/* The n-th call fails, for every n; returns how many there were. */
static unsigned check_each(
    struct mailroot *mailroot, struct faults faults, size_t n_places, bool is_new)
{
	unsigned n = 0;

	faults.mask = 1;
	while (check_delivery(mailroot, &faults, n_places, is_new)) {
		n++;
		assert_true(n < 63);
		faults.mask <<= 1;
	}
	return n;
}

static unsigned check_places(struct mailroot *mailroot, struct faults faults, size_t n_places)
{
	unsigned n = check_each(mailroot, faults, n_places, true);

	n += check_each(mailroot, faults, n_places, false);
	faults.mask = UINT64_MAX; /* and all of them */
	check_delivery(mailroot, &faults, n_places, true);
	check_delivery(mailroot, &faults, n_places, false);
	return n;
}

/* One place, three that are expected, and three of which two come with the commit. */
static unsigned check_kind(struct mailroot *mailroot, struct faults faults)
{
	unsigned n = check_places(mailroot, faults, 1) + check_places(mailroot, faults, 3);

	mailroot->n_late = 2;
	n += check_places(mailroot, faults, 3);
	mailroot->n_late = 0;
	return n;
}

/* Every errno on an ordinary filesystem, and one on each of the others. */
static void check_call(struct mailroot *mailroot, enum fault_call call)
{
	unsigned n = 0;

	for (size_t i = 0; i < LENGTH(errors); i++) {
		struct faults faults = kinds[0];

		faults.call = call;
		faults.error = errors[i];
		n += check_kind(mailroot, faults);
	}
	for (size_t kind = 1; kind < LENGTH(kinds); kind++) {
		struct faults faults = kinds[kind];

		faults.call = call;
		faults.error = errors[(kind + call) % LENGTH(errors)];
		n += check_kind(mailroot, faults);
	}
	assert_true(n > 0); /* else nothing was tested */
}

static void test_write(void **state)
{
	check_call(*state, FAULT_WRITE);
}

static void test_fsync(void **state)
{
	check_call(*state, FAULT_FSYNC);
}

static void test_linkat(void **state)
{
	check_call(*state, FAULT_LINKAT);
}

static void test_mkdirat(void **state)
{
	check_call(*state, FAULT_MKDIRAT);
}

static void test_open(void **state)
{
	check_call(*state, FAULT_OPEN);
}

static void test_openat(void **state)
{
	check_call(*state, FAULT_OPENAT);
}

static void test_openat2(void **state)
{
	check_call(*state, FAULT_OPENAT2);
}

static void test_statx(void **state)
{
	check_call(*state, FAULT_STATX);
}

static void test_pread(void **state)
{
	check_call(*state, FAULT_PREAD);
}

static void test_renameat2(void **state)
{
	check_call(*state, FAULT_RENAMEAT2);
}

/* The same where one commit is enough. */
static void test_one_commit(void **state)
{
	static const enum fault_call calls[] = { FAULT_WRITE_OUT, FAULT_FSYNC, FAULT_LINKAT,
		FAULT_WRITE, FAULT_MKDIRAT };
	struct mailroot *mailroot = *state;

	mailroot_commit_once(mailroot);
	for (size_t i = 0; i < LENGTH(calls); i++) {
		check_call(mailroot, calls[i]);
	}
}

/* The same for messages that are marked. */
static void test_marked(void **state)
{
	static const enum fault_call calls[] = { FAULT_OPENAT2, FAULT_FSYNC, FAULT_LINKAT,
		FAULT_RENAMEAT2, FAULT_MKDIRAT };
	struct mailroot *mailroot = *state;

	for (size_t i = 0; i < MAILROOT_PLACES; i++) {
		mailroot->wishes[i].flags = i == 1 ? "" : "FS";
	}
	for (size_t i = 0; i < LENGTH(calls); i++) {
		check_call(mailroot, calls[i]);
	}
}

/* A kernel that is unsure about a path, or a signal, is asked again. */
static void test_openat2_again(void **state)
{
	static const int passing[] = { EAGAIN, EINTR };
	struct mailroot *mailroot = *state;

	for (size_t i = 0; i < LENGTH(passing); i++) {
		for (unsigned n = 0; n < 12; n++) {
			const struct faults faults = {
				.call = FAULT_OPENAT2, .mask = (uint64_t)3 << n, .error = passing[i]
			};

			clear(mailroot);
			mailroot_deliver(mailroot, &faults, three, 1, message, message.n);
			assert_int_equal(mailroot->places[0].result, 0);
			mailroot_check(mailroot, message);
		}
	}
}

/* But not for ever. */
static void test_openat2_never(void **state)
{
	const struct faults faults = { .call = FAULT_OPENAT2, .mask = UINT64_MAX, .error = EAGAIN };
	struct mailroot *mailroot = *state;

	mailroot_deliver(mailroot, &faults, three, 1, message, message.n);
	assert_int_equal(mailroot->places[0].result, -EAGAIN);
	assert_int_equal(fault_count(FAULT_OPENAT2), 16);
}

/* Another delivery makes the same directory between the look and the mkdir. */
static void test_directory_appears(void **state)
{
	struct mailroot *mailroot = *state;

	/* openat2 says "absent" of what is there: of new/ first, then of example.com, a, Maildir in turn */
	for (unsigned n = 0; n < 4; n++) {
		const struct faults faults = {
			.call = FAULT_OPENAT2, .mask = 1 | (uint64_t)1 << n, .error = ENOENT
		};

		clear(mailroot);
		make_mailboxes(mailroot, 1);
		mailroot_deliver(mailroot, &faults, three, 1, message, message.n);
		mailroot_check(mailroot, message);
		assert_int_equal(n_fault_events > 0 ? mailroot->places[0].result : -1, 0);
	}
}

int main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, mailroot_setup_in_memory, mailroot_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_write),
		TEST(test_fsync),
		TEST(test_linkat),
		TEST(test_mkdirat),
		TEST(test_open),
		TEST(test_openat),
		TEST(test_openat2),
		TEST(test_statx),
		TEST(test_pread),
		TEST(test_renameat2),
		TEST(test_one_commit),
		TEST(test_marked),
		TEST(test_openat2_again),
		TEST(test_openat2_never),
		TEST(test_directory_appears),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
