/* SPDX-License-Identifier: MIT
 * Every system call of a delivery to a folder fails in its turn: the message lies in the folder, or in INBOX with a
 * note, or nowhere with an error, and nobody is left half a folder. And what is synced before what. */
#include "maildir/maildir.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/maildir/mailroot.h"

static const struct text message = TEXT("Subject: x\n\nThis is the body\r\nof a message.\n");

static const char *const three[] = { "example.com/a/Maildir", "example.com/b/Maildir",
	"example.org/a/Maildir" };

static const int errors[] = { EACCES, EIO, ENOSPC, EMFILE };

static const struct faults kinds[] = {
	{ .call = FAULT_CALLS },
	{ .call = FAULT_CALLS, .has_no_tmpfile = true },
	{ .call = FAULT_CALLS, .has_devices = true },
	{ .call = FAULT_CALLS, .has_one_link = true },
	{ .call = FAULT_CALLS, .has_no_links = true, .has_no_tmpfile = true },
};

/* What is there before. */
enum before {
	NOTHING,
	MAILBOXES,
	FOLDERS,
	BEFORE_END
};

static void expect_list(const struct mailroot *mailroot, const char *path, const char *part,
    const char *want, const char * or)
{
	char list[1024];

	mailroot_list(mailroot_path(mailroot, path, part), list, sizeof(list));
	expect_text(part, list, strcmp(list, or) == 0 ? or : want);
}

static void clear(const struct mailroot *mailroot)
{
	char list[400];

	mailroot_list(mailroot->base, list, sizeof(list));
	for (const char *name = strtok(list, " "); name != NULL; name = strtok(NULL, " ")) {
		directory_remove(mailroot_path(mailroot, name, ""));
	}
}

/* The first and the last are for folders, the second is for INBOX. */
static void set_wishes(struct mailroot *mailroot, bool has_folders)
{
	for (size_t i = 0; i < LENGTH(three); i++) {
		mailroot->wishes[i].folder = has_folders && i != 1 ? ".Junk" : "";
		mailroot->wishes[i].if_absent = MAILDIR_MAKE;
		mailroot->wishes[i].folders_max = i == 0 ? 5 : 0;
	}
}

static void set_up(struct mailroot *mailroot, enum before before, size_t n_places)
{
	clear(mailroot);
	if (before != NOTHING) {
		set_wishes(mailroot, before == FOLDERS);
		mailroot_deliver(mailroot, &mailroot_plain, three, n_places, message, message.n);
		maildir_take_back(mailroot->places, n_places);
	}
	set_wishes(mailroot, true);
}

/* Has the fault been seen by somebody who would tell? */
static bool is_noticed(const struct mailroot *mailroot)
{
	size_t n = 0;

	for (size_t i = 0; i < mailroot->n_places; i++) {
		n += mailroot->places[i].result != 0 || mailroot->places[i].note[0] != '\0';
	}
	return n > 0;
}

static void check_places(struct mailroot *mailroot, const struct faults *faults)
{
	for (size_t i = 0; i < mailroot->n_places; i++) {
		const struct maildir_place *place = &mailroot->places[i];

		if (place->result != 0 && place->result != -faults->error) {
			fail_msg("place %zu: %d (cannot %s %s)", i, place->result, place->step,
			    place->part);
		}
		if (place->folder[0] == '\0') {
			continue;
		}
		assert_true(
		    place->where[0] != '\0' || place->note[0] != '\0' || place->result != 0);
		expect_list(mailroot, place->mailbox, "/.Junk", "cur maildirfolder new tmp", "-");
		if (place->where[0] == '\0' || place->result != 0) {
			expect_list(mailroot, place->mailbox, "/.Junk/new", "", "-");
		}
		if (place->where[0] != '\0' || place->result != 0) {
			expect_list(mailroot, place->mailbox, "/new", "", "-");
		}
	}
	mailroot_check(mailroot, message);
}

/* Once the fault is gone all is well. */
static void check_again(struct mailroot *mailroot, size_t n_places)
{
	maildir_take_back(mailroot->places, n_places);
	mailroot_deliver(mailroot, &mailroot_plain, three, n_places, message, message.n);
	for (size_t i = 0; i < n_places; i++) {
		assert_int_equal(mailroot->places[i].result, 0);
		expect_text("where", mailroot->places[i].where, i == 1 ? "" : ".Junk");
		expect_text("note", mailroot->places[i].note, "");
	}
	mailroot_check(mailroot, message);
}

/* Returns whether the fault struck. */
static bool check_delivery(
    struct mailroot *mailroot, const struct faults *faults, size_t n_places, enum before before)
{
	unsigned n_fds, n_struck;

	set_up(mailroot, before, n_places);
	n_fds = count_fds();
	n_struck = mailroot_deliver(mailroot, faults, three, n_places, message, 17);
	assert_int_equal(count_fds(), n_fds);
	check_places(mailroot, faults);
	if (is_noticed(mailroot) != (n_struck > 0)) {
		fail_msg("call %d at %#llx: struck %u times", (int)faults->call,
		    (unsigned long long)faults->mask, n_struck);
	}
	/* Of a mailbox that was there nobody can tell by the calls when it was synced. */
	mailroot_check_order(mailroot, message, before == NOTHING);
	check_again(mailroot, n_places);
	return n_struck > 0;
}

static void check_call(struct mailroot *mailroot, enum fault_call call)
{
	unsigned n = 0;

	for (size_t kind = 0; kind < LENGTH(kinds); kind++) {
		for (unsigned before = 0; before < BEFORE_END; before++) {
			struct faults faults = kinds[kind];
			size_t n_places = 1 + 2 * (kind % 2);

			faults.call = call;
			faults.error = errors[(kind + before + call) % LENGTH(errors)];
			faults.mask = 1;
			while (check_delivery(mailroot, &faults, n_places, (enum before)before)) {
				n++;
				faults.mask <<= 1;
				assert_true(faults.mask != 0);
			}
			faults.mask = UINT64_MAX; /* and all of them */
			check_delivery(mailroot, &faults, n_places, (enum before)before);
		}
	}
	assert_true(n > 0); /* else nothing was tested */
}

static void test_each_call(void **state)
{
	static const enum fault_call calls[] = { FAULT_WRITE, FAULT_FSYNC, FAULT_LINKAT,
		FAULT_MKDIRAT, FAULT_OPEN, FAULT_OPENAT, FAULT_OPENAT2, FAULT_STATX,
		FAULT_RENAMEAT2, FAULT_OPENDIR, FAULT_READDIR };

	for (size_t i = 0; i < LENGTH(calls); i++) {
		check_call(*state, calls[i]);
	}
}

static void test_each_call_of_one_commit(void **state)
{
	static const enum fault_call calls[] = { FAULT_WRITE_OUT, FAULT_FSYNC, FAULT_MKDIRAT,
		FAULT_RENAMEAT2 };

	mailroot_commit_once(*state);
	for (size_t i = 0; i < LENGTH(calls); i++) {
		check_call(*state, calls[i]);
	}
}

static ino_t folder_inode(const struct mailroot *mailroot, const char *part)
{
	return inode_of(mailroot_path(mailroot, three[0], part));
}

/* A folder is whole on the disk before it has its name, has it before the message has, and its name is durable. */
static void test_order(void **state)
{
	static const char *const parts[] = { "/.Junk/cur", "/.Junk/tmp", "/.Junk/maildirfolder",
		"/.Junk" };
	struct mailroot *mailroot = *state;
	size_t moved, named;
	ino_t mailbox;

	set_wishes(mailroot, true);
	mailroot_deliver(mailroot, &mailroot_plain, three, 3, message, message.n);
	assert_int_equal(mailroot->places[0].result, 0);
	mailroot_check_order(mailroot, message, true);
	mailbox = folder_inode(mailroot, "");
	moved = find_event(FAULT_RENAMEAT2, mailbox, folder_inode(mailroot, "/.Junk"));
	named = find_event(FAULT_LINKAT, folder_inode(mailroot, "/.Junk/new"), 0);
	assert_true(moved > 0 && moved < named);
	assert_true(named < find_event(FAULT_FSYNC, mailbox, 0));
	assert_true(moved < find_event(FAULT_FSYNC, folder_inode(mailroot, "/tmp"), 0));
	for (size_t i = 0; i < LENGTH(parts); i++) {
		size_t synced = 0;

		for (size_t event = 0; event < moved; event++) {
			if (fault_events[event].call == FAULT_FSYNC &&
			    fault_events[event].inode == folder_inode(mailroot, parts[i])) {
				synced = event + 1;
			}
		}
		assert_true(synced > 0 && synced < moved);
	}
}

/* Made by somebody else, who may not have synced it yet. */
static void test_young_of_another(void **state)
{
	struct mailroot *mailroot = *state;

	set_wishes(mailroot, true);
	mailroot_make_directory(mailroot, "example.com/a/Maildir/new");
	mailroot_make_directory(mailroot, "example.com/a/Maildir/tmp");
	mailroot_deliver(mailroot, &mailroot_plain, three, 1, message, message.n);
	directory_remove(mailroot_path(mailroot, three[0], "/.Junk"));
	mailroot_make_directory(mailroot, "example.com/a/Maildir/.Junk/new");
	mailroot_deliver(mailroot, &mailroot_plain, three, 1, message, message.n);
	mailroot_check_order(mailroot, message, true);
	/* the file twice, new/; new/ of both and tmp/, .Junk, Maildir, a, example.com, the root */
	assert_int_equal(fault_count(FAULT_FSYNC), 2 + 1 + 3 + 5);
}

/* The one commit has the folder as well. */
static void test_one_commit(void **state)
{
	struct mailroot *mailroot = *state;

	mailroot_commit_once(mailroot);
	set_wishes(mailroot, true);
	mailroot_deliver(mailroot, &mailroot_plain, three, 3, message, message.n);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(mailroot->places[i].result, 0);
		expect_text("where", mailroot->places[i].where, i == 1 ? "" : ".Junk");
	}
	mailroot_check_order(mailroot, message, false);
	assert_int_equal(fault_count(FAULT_WRITE_OUT), 1);
	assert_int_equal(fault_count(FAULT_FSYNC), 1);
}

/* All directories are made before a name appears anywhere. */
static void test_prepared_before_it_appears(void **state)
{
	struct mailroot *mailroot = *state;
	bool has_appeared = false;

	for (size_t n_late = 0; n_late < 3; n_late++) {
		clear(mailroot);
		set_wishes(mailroot, true);
		mailroot->n_late = n_late;
		mailroot_deliver(mailroot, &mailroot_plain, three, 3, message, message.n);
		has_appeared = false;
		for (size_t i = 0; i < n_fault_events; i++) {
			enum fault_call call = fault_events[i].call;

			has_appeared = has_appeared || call == FAULT_LINKAT;
			assert_false(
			    has_appeared && (call == FAULT_MKDIRAT || call == FAULT_RENAMEAT2));
		}
		assert_true(has_appeared);
	}
}

/* More places than stay open, whose folder is away when it is opened again: each has its message, once. */
static void test_folders_go_away(void **state)
{
	enum {
		ALL = MAILDIR_HELD_MAX + 6
	};
	struct mailroot *mailroot = *state;
	struct maildir_place *places = test_calloc(ALL, sizeof(*places));
	struct maildir_message delivery;
	char paths[ALL][40], list[300];

	for (unsigned i = 0; i < ALL; i++) {
		snprintf(paths[i], sizeof(paths[i]), "example.com/%u/Maildir", i);
		places[i] = (struct maildir_place){ .root = &mailroot->root,
			.mailbox = paths[i],
			.folder = ".Junk",
			.if_absent = MAILDIR_MAKE };
	}
	assert_int_equal(maildir_begin(&delivery, places, ALL), 0);
	assert_int_equal(maildir_write(&delivery, message.p, message.n), 0);
	maildir_prepare(&delivery, places, ALL);
	for (unsigned i = 0; i < ALL; i += 2) {
		places[i].if_absent = i % 4 == 0 ? MAILDIR_MAKE : MAILDIR_USE_INBOX;
		directory_remove(mailroot_path(mailroot, paths[i], "/.Junk"));
	}
	maildir_commit(&delivery, places, ALL);
	for (unsigned i = 0; i < ALL; i++) {
		bool is_closed = i >= MAILDIR_HELD_MAX;
		bool is_in_folder = i % 2 != 0 || (is_closed && i % 4 == 0);

		assert_int_equal(places[i].result, 0);
		assert_null(places[i].same);
		expect_text(paths[i], places[i].where, is_in_folder ? ".Junk" : "");
		/* Of what was open it is an accident. */
		assert_true((places[i].note[0] != '\0') == (i % 2 == 0 && !is_closed));
		mailroot_list(
		    mailroot_path(mailroot, paths[i], is_in_folder ? "/.Junk/new" : "/new"), list,
		    sizeof(list));
		expect_text(paths[i], list, places[i].name);
		expect_list(mailroot, paths[i], is_in_folder ? "/new" : "/.Junk/new", "", "-");
	}
	test_free(places);
}

/* A file that could not be synced with its first names gets no others: that is no fault of a folder. */
static void test_failed_sync_of_many(void **state)
{
	enum {
		ALL = MAILDIR_HELD_MAX + 6
	};
	const struct faults faults = { .call = FAULT_FSYNC, .mask = 1 << 1, .error = EIO };
	struct mailroot *mailroot = *state;
	struct maildir_place *places = test_calloc(ALL, sizeof(*places));
	struct maildir_message delivery;
	char paths[ALL][40];

	for (unsigned i = 0; i < ALL; i++) {
		snprintf(paths[i], sizeof(paths[i]), "example.com/%u/Maildir", i);
		places[i] = (struct maildir_place){ .root = &mailroot->root,
			.mailbox = paths[i],
			.folder = ".Junk",
			.if_absent = MAILDIR_MAKE };
	}
	assert_int_equal(maildir_begin(&delivery, places, ALL), 0);
	assert_int_equal(maildir_write(&delivery, message.p, message.n), 0);
	faults_begin(&faults);
	maildir_prepare(&delivery, places, ALL);
	maildir_commit(&delivery, places, ALL);
	faults_end();
	for (unsigned i = 0; i < ALL; i++) {
		assert_int_equal(places[i].result, -EIO);
		expect_text("where", places[i].where, ".Junk");
		expect_text("note", places[i].note, "");
		expect_list(mailroot, paths[i], "/.Junk/new", "", "");
		expect_list(mailroot, paths[i], "/new", "", "");
	}
	test_free(places);
}

int main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, mailroot_setup_in_memory, mailroot_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_each_call),
		TEST(test_each_call_of_one_commit),
		TEST(test_order),
		TEST(test_young_of_another),
		TEST(test_one_commit),
		TEST(test_prepared_before_it_appears),
		TEST(test_folders_go_away),
		TEST(test_failed_sync_of_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
