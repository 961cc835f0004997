/* SPDX-License-Identifier: MIT
 * Places that lead to the same INBOX, since a folder had to be left for it: the message lies there once, each has its
 * outcome, and what one of them wants is there. */
#include "maildir/maildir.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/maildir/mailroot.h"

#define A "example.com/a/Maildir"
#define B "example.com/b/Maildir"

static const struct text message = TEXT("Subject: x\n\nbody\n");

/* Kinds of filesystems. */
static const struct faults kinds[] = {
	{ .call = FAULT_CALLS },
	{ .call = FAULT_CALLS, .has_no_tmpfile = true },
	{ .call = FAULT_CALLS, .has_one_link = true },
	{ .call = FAULT_CALLS, .has_no_links = true, .has_no_tmpfile = true },
	{ .call = FAULT_CALLS, .has_devices = true },
	{ .call = FAULT_CALLS, .has_projects = true },
};

static size_t count_names(const struct mailroot *mailroot, const char *path)
{
	char list[4000];
	size_t n = 0;

	mailroot_list(mailroot_path(mailroot, path, ""), list, sizeof(list));
	for (const char *p = list; *p != '\0' && strcmp(list, "-") != 0; p += *p == ' ') {
		p += strcspn(p, " ");
		n++;
	}
	return n;
}

static struct maildir_place place_of(
    const struct mailroot *mailroot, const char *mailbox, const char *folder)
{
	return (
	    struct maildir_place){ .root = &mailroot->root, .mailbox = mailbox, .folder = folder };
}

static void prepare(
    struct maildir_message *delivery, struct maildir_place *places, size_t n, size_t n_late)
{
	maildir_begin(delivery, places, n - n_late);
	maildir_write(delivery, message.p, message.n);
	maildir_prepare(delivery, places, n);
}

static void make_mailboxes(const struct mailroot *mailroot)
{
	static const char *const directories[] = { A "/new", A "/cur", A "/tmp", A "/.C/new",
		A "/.C/cur", A "/.C/tmp", B "/new", B "/cur", B "/tmp" };

	for (size_t i = 0; i < LENGTH(directories); i++) {
		mailroot_make_directory(mailroot, directories[i]);
	}
}

/* Whatever stands where in the list, and whatever of it is wanted. */
static void check_wishes(
    struct mailroot *mailroot, const struct faults *faults, size_t inbox, unsigned wanted)
{
	const char *folders[] = { ".X", ".Y", ".Z" };
	struct maildir_message delivery;
	struct maildir_place places[5];
	bool is_wanted = (wanted & 7) != 0;

	folders[inbox] = "";
	for (size_t i = 0; i < 3; i++) {
		places[i] = place_of(mailroot, A, folders[i]);
	}
	places[3] = place_of(mailroot, A, ".C");
	places[4] = place_of(mailroot, B, ".X");
	make_mailboxes(mailroot);
	faults_begin(faults);
	prepare(&delivery, places, 5, wanted % 4);
	assert_null(places[0].same);
	assert_ptr_equal(places[1].same, &places[0]);
	assert_ptr_equal(places[2].same, &places[0]);
	assert_null(places[3].same);
	assert_null(places[4].same);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(places[i].result, 0);
		places[i].is_unwanted = (wanted >> i & 1) == 0;
	}
	maildir_commit(&delivery, places, 5);
	faults_end();
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(places[i].result, 0);
		expect_text("note", places[i].note, "");
	}
	if (is_wanted) {
		expect_text("the name", places[1].name, places[0].name);
		expect_text("the name", places[2].name, places[0].name);
	}
	assert_int_equal(count_names(mailroot, A "/new"), is_wanted);
	assert_int_equal(count_names(mailroot, A "/.C/new"), wanted >> 3 & 1);
	assert_int_equal(count_names(mailroot, B "/new"), wanted >> 4 & 1);
	assert_int_equal(count_names(mailroot, A "/tmp"), 0);
	maildir_take_back(places, 5);
	assert_int_equal(count_names(mailroot, A "/new"), 0);
	assert_int_equal(count_names(mailroot, A "/.C/new"), 0);
	assert_int_equal(count_names(mailroot, B "/new"), 0);
}

static void test_wishes(void **state)
{
	for (size_t kind = 0; kind < LENGTH(kinds); kind++) {
		for (size_t inbox = 0; inbox < 3; inbox++) {
			for (unsigned wanted = 0; wanted < 32; wanted++) {
				check_wishes(*state, &kinds[kind], inbox, wanted);
			}
		}
	}
}

/* Dropped after it was prepared. */
static void test_abort(void **state)
{
	struct mailroot *mailroot = *state;
	struct maildir_place places[] = { place_of(mailroot, A, ".X"), place_of(mailroot, A, "") };
	struct maildir_message delivery;

	prepare(&delivery, places, 2, 0);
	assert_ptr_equal(places[1].same, &places[0]);
	maildir_abort(&delivery, places, 2);
	assert_int_equal(count_names(mailroot, A "/new"), 0);
}

/* What fails for one has failed for all: before the commit, when it is named, and when it is synced. */
static void test_failures(void **state)
{
	static const struct {
		enum fault_call call;
		uint64_t mask;
	} rows[] = {
		{ FAULT_FSYNC, 1 << 0 },
		{ FAULT_LINKAT, 1 << 0 },
		{ FAULT_FSYNC, 1 << 1 },
		{ FAULT_FSYNC, 1 << 2 },
	};
	struct mailroot *mailroot = *state;

	for (size_t i = 0; i < LENGTH(rows); i++) {
		const struct faults faults = {
			.call = rows[i].call, .mask = rows[i].mask, .error = EIO
		};
		struct maildir_place places[] = { place_of(mailroot, A, ".X"),
			place_of(mailroot, A, "") };
		struct maildir_message delivery;

		make_mailboxes(mailroot);
		faults_begin(&faults);
		prepare(&delivery, places, 2, 0);
		assert_int_equal(places[0].result, i == 0 ? -EIO : 0);
		assert_int_equal(places[1].result, places[0].result);
		maildir_commit(&delivery, places, 2);
		assert_int_equal(faults_end(), 1);
		for (size_t place = 0; place < 2; place++) {
			assert_int_equal(places[place].result, -EIO);
			assert_true(places[place].step[0] != '\0');
		}
		expect_text("step", places[1].step, places[0].step);
		assert_int_equal(count_names(mailroot, A "/new"), 0);
	}
}

/* A folder that goes away between prepare and commit, beside an INBOX that is wanted or not. */
static void check_late(struct mailroot *mailroot, const struct faults *faults, bool is_folder_first,
    bool is_inbox_wanted)
{
	struct maildir_place places[3], *folder = &places[is_folder_first ? 0 : 2],
					*inbox = &places[is_folder_first ? 2 : 0];
	struct maildir_message delivery;

	make_mailboxes(mailroot);
	*folder = place_of(mailroot, A, ".C");
	*inbox = place_of(mailroot, A, "");
	places[1] = place_of(mailroot, B, "");
	faults_begin(faults);
	prepare(&delivery, places, 3, 0);
	assert_null(places[0].same);
	assert_null(places[2].same);
	directory_remove(mailroot_path(mailroot, A "/.C", ""));
	inbox->is_unwanted = !is_inbox_wanted;
	maildir_commit(&delivery, places, 3);
	faults_end();
	for (size_t i = 0; i < 3; i++) {
		if (places[i].result != 0) {
			fail_msg("place %zu: cannot %s %s: %s", i, places[i].step, places[i].part,
			    strerror(-places[i].result));
		}
	}
	expect_text("where", folder->where, "");
	assert_true(folder->note[0] != '\0');
	assert_ptr_equal(folder->same, is_inbox_wanted ? inbox : NULL);
	assert_int_equal(count_names(mailroot, A "/new"), 1);
	assert_int_equal(count_names(mailroot, B "/new"), 1);
	assert_int_equal(count_names(mailroot, A "/tmp"), 0);
	maildir_take_back(places, 3);
	assert_int_equal(count_names(mailroot, A "/new"), 0);
	assert_int_equal(count_names(mailroot, B "/new"), 0);
}

static void test_late(void **state)
{
	for (size_t kind = 0; kind < LENGTH(kinds); kind++) {
		for (unsigned i = 0; i < 4; i++) {
			check_late(*state, &kinds[kind], (i & 1) != 0, (i & 2) != 0);
		}
	}
}

/* Two folders that go away: one name for both. */
static void test_two_late(void **state)
{
	struct mailroot *mailroot = *state;
	struct maildir_place places[] = { place_of(mailroot, A, ".C"), place_of(mailroot, B, ""),
		place_of(mailroot, A, ".D") };
	struct maildir_message delivery;

	make_mailboxes(mailroot);
	mailroot_make_directory(mailroot, A "/.D/new");
	prepare(&delivery, places, 3, 0);
	directory_remove(mailroot_path(mailroot, A "/.C", ""));
	directory_remove(mailroot_path(mailroot, A "/.D", ""));
	maildir_commit(&delivery, places, 3);
	assert_null(places[0].same);
	assert_ptr_equal(places[2].same, &places[0]);
	assert_int_equal(count_names(mailroot, A "/new"), 1);
}

/* It cannot go to INBOX either, or it has a file that is lost. */
static void test_late_and_lost(void **state)
{
	struct mailroot *mailroot = *state;
	struct maildir_place places[] = { place_of(mailroot, A, ".C"), place_of(mailroot, B, "") };
	struct maildir_message delivery;

	make_mailboxes(mailroot);
	prepare(&delivery, places, 2, 0);
	directory_remove(mailroot_path(mailroot, A, ""));
	mailroot_make_file(mailroot, A, "a file");
	maildir_commit(&delivery, places, 2);
	assert_int_equal(places[0].result, -ENOTDIR);
	assert_int_equal(places[1].result, 0);
	assert_int_equal(count_names(mailroot, B "/new"), 1);
}

/* A name in the folder is refused, whatever the reason. */
static void test_name_is_refused(void **state)
{
	static const int errors[] = { EACCES, ENOSPC, EIO, EDQUOT };
	struct mailroot *mailroot = *state;

	for (size_t i = 0; i < LENGTH(errors); i++) {
		const struct faults faults = {
			.call = FAULT_LINKAT, .mask = 1, .error = errors[i]
		};
		struct maildir_place places[] = { place_of(mailroot, A, ".C"),
			place_of(mailroot, A, "") };
		struct maildir_message delivery;

		make_mailboxes(mailroot);
		faults_begin(&faults);
		prepare(&delivery, places, 2, 0);
		maildir_commit(&delivery, places, 2);
		assert_int_equal(faults_end(), 1);
		assert_int_equal(places[0].result, 0);
		assert_ptr_equal(places[0].same, &places[1]);
		assert_non_null(strstr(places[0].note, strerror(errors[i])));
		assert_int_equal(count_names(mailroot, A "/new"), 1);
		assert_int_equal(count_names(mailroot, A "/.C/new"), 0);
		maildir_take_back(places, 2);
	}
}

/* A copy for another filesystem that cannot be made in the folder is made in INBOX. */
static void test_copy_is_refused(void **state)
{
	struct mailroot *mailroot = *state;

	for (unsigned n = 0; n < 2; n++) {
		/* the file, and its copy: in the folder, then in the mailbox */
		const struct faults faults = { .call = FAULT_OPENAT,
			.mask = n == 0 ? 2 : 6,
			.error = EACCES,
			.has_devices = true };
		struct maildir_place places[] = { place_of(mailroot, B, ""),
			place_of(mailroot, A, ".C"), place_of(mailroot, A, "") };
		struct maildir_message delivery;

		make_mailboxes(mailroot);
		faults_begin(&faults);
		prepare(&delivery, places, 3, 0);
		maildir_commit(&delivery, places, 3);
		faults_end();
		assert_int_equal(places[0].result, 0);
		assert_int_equal(places[1].result, n == 0 ? 0 : -EACCES);
		assert_int_equal(places[2].result, 0);
		assert_ptr_equal(places[2].same, n == 0 ? &places[1] : NULL);
		assert_non_null(strstr(places[1].note, "create a file in .C/new"));
		assert_int_equal(count_names(mailroot, A "/new"), 1);
		maildir_take_back(places, 3);
		assert_int_equal(count_names(mailroot, A "/new"), 0);
	}
}

/* Nor can it be made in INBOX, which is not to be had. */
static void test_copy_and_no_mailbox(void **state)
{
	const struct faults faults = {
		.call = FAULT_OPENAT, .mask = 2, .error = EACCES, .has_devices = true
	};
	struct mailroot *mailroot = *state;
	struct maildir_place places[] = { place_of(mailroot, B, ""), place_of(mailroot, A, ".C") };
	struct maildir_message delivery;

	make_mailboxes(mailroot);
	directory_remove(mailroot_path(mailroot, A "/new", ""));
	mailroot_make_file(mailroot, A "/new", "a file");
	faults_begin(&faults);
	prepare(&delivery, places, 2, 0);
	maildir_commit(&delivery, places, 2);
	faults_end();
	assert_int_equal(places[0].result, 0);
	assert_int_equal(places[1].result, -ENOTDIR);
	assert_int_equal(count_names(mailroot, B "/new"), 1);
}

/* A folder that has the copy which others share cannot be used in the end. */
static void test_shared_copy(void **state)
{
	const struct faults faults = {
		.call = FAULT_LINKAT, .mask = 1 << 1, .error = EACCES, .has_projects = true
	};
	static const char *const other[] = { "example.com/c/Maildir", "example.com/d/Maildir" };
	struct mailroot *mailroot = *state;
	struct maildir_place places[] = { place_of(mailroot, B, ""), place_of(mailroot, A, ".C"),
		place_of(mailroot, other[0], ""), place_of(mailroot, other[1], "") };
	struct maildir_message delivery;

	make_mailboxes(mailroot);
	faults_begin(&faults);
	prepare(&delivery, places, 4, 0);
	assert_ptr_equal(places[3].file, &places[1].copy);
	maildir_commit(&delivery, places, 4);
	assert_int_equal(faults_end(), 1);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(places[i].result, 0);
	}
	expect_text("where", places[1].where, "");
	assert_int_equal(count_names(mailroot, A "/new"), 1);
	assert_int_equal(count_names(mailroot, B "/new"), 1);
}

/* Twins that nobody wants are none of a folder that goes away. */
static void test_late_beside_unwanted_twins(void **state)
{
	struct mailroot *mailroot = *state;
	struct maildir_place places[] = { place_of(mailroot, A, ".X"), place_of(mailroot, A, ""),
		place_of(mailroot, A, ".C") };
	struct maildir_message delivery;

	make_mailboxes(mailroot);
	prepare(&delivery, places, 3, 0);
	assert_ptr_equal(places[1].same, &places[0]);
	places[0].is_unwanted = places[1].is_unwanted = true;
	directory_remove(mailroot_path(mailroot, A "/.C", ""));
	maildir_commit(&delivery, places, 3);
	assert_int_equal(places[2].result, 0);
	assert_null(places[2].same);
	assert_int_equal(count_names(mailroot, A "/new"), 1);
}

/* Two of each mailbox, more than stay open. */
static void test_many(void **state)
{
	enum {
		EACH = 200,
		ALL = 2 * EACH
	};
	struct mailroot *mailroot = *state;
	struct maildir_place *places = test_calloc(ALL, sizeof(*places));
	char(*paths)[40] = test_calloc(EACH, sizeof(*paths));
	struct maildir_message delivery;
	struct rlimit limit, low;

	for (unsigned i = 0; i < ALL; i++) {
		snprintf(paths[i % EACH], sizeof(paths[0]), "example.com/%u/Maildir", i % EACH);
		places[i] = place_of(mailroot, paths[i % EACH], i < EACH ? ".X" : "");
	}
	faults_begin(&mailroot_plain);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = count_fds() + MAILDIR_HELD_MAX + 8;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	prepare(&delivery, places, ALL, EACH / 2);
	maildir_commit(&delivery, places, ALL);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(fault_count(FAULT_TSEARCH), ALL);
	for (unsigned i = 0; i < ALL; i++) {
		assert_int_equal(places[i].result, 0);
		assert_ptr_equal(places[i].same, i < EACH ? NULL : &places[i - EACH]);
		expect_text(paths[i % EACH], places[i].name, places[i % EACH].name);
	}
	for (unsigned i = 0; i < EACH; i++) {
		char path[60];

		snprintf(path, sizeof(path), "%s/new", paths[i]);
		assert_int_equal(count_names(mailroot, path), 1);
	}
	test_free(paths);
	test_free(places);
}

/* Who cannot be compared may be a twin: nothing is stored twice. */
static void test_out_of_memory(void **state)
{
	struct mailroot *mailroot = *state;

	for (unsigned n = 0; n < 3; n++) {
		const struct faults faults = {
			.call = FAULT_TSEARCH, .mask = (uint64_t)1 << n, .error = ENOMEM
		};
		struct maildir_place places[] = { place_of(mailroot, A, ".X"),
			place_of(mailroot, A, ""), place_of(mailroot, A, ".Y"),
			place_of(mailroot, A, ".C") };
		struct maildir_message delivery;

		make_mailboxes(mailroot);
		faults_begin(&faults);
		prepare(&delivery, places, 4, 0);
		maildir_commit(&delivery, places, 4);
		faults_end();
		for (unsigned i = 0; i < 4; i++) {
			assert_int_equal(places[i].result, i == n ? -ENOMEM : 0);
		}
		assert_int_equal(count_names(mailroot, A "/new"), 1);
		maildir_take_back(places, 4);
	}
}

/* The same path below another root is another mailbox. */
static void test_two_roots(void **state)
{
	struct mailroot *mailroot = *state;
	struct maildir_place places[] = { place_of(mailroot, A, ".X"), place_of(mailroot, A, "") };
	struct maildir_message delivery;
	struct maildir_root other;
	char base[300];

	for (unsigned i = 0; i < 2; i++) {
		mailroot_make_directory(mailroot, "other");
		snprintf(base, sizeof(base), "%s/other", mailroot->base);
		maildir_root_init(&other, base, "h");
		places[i].root = &other;
		places[1 - i].root = &mailroot->root;
		prepare(&delivery, places, 2, 0);
		maildir_commit(&delivery, places, 2);
		assert_null(places[0].same);
		assert_null(places[1].same);
		assert_int_equal(count_names(mailroot, A "/new"), 1);
		assert_int_equal(count_names(mailroot, "other/" A "/new"), 1);
		maildir_take_back(places, 2);
	}
}

int main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, mailroot_setup_in_memory, mailroot_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_wishes),
		TEST(test_abort),
		TEST(test_failures),
		TEST(test_late),
		TEST(test_two_late),
		TEST(test_late_and_lost),
		TEST(test_name_is_refused),
		TEST(test_copy_is_refused),
		TEST(test_copy_and_no_mailbox),
		TEST(test_shared_copy),
		TEST(test_late_beside_unwanted_twins),
		TEST(test_many),
		TEST(test_out_of_memory),
		TEST(test_two_roots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
