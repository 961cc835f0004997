/* SPDX-License-Identifier: MIT
 * What a mailbox holds: sizes in names, folders, what is left out, and what is remembered. */
#include "maildir/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/maildir/mailroot.h"

#define BOX "example.com/a/Maildir"

static const struct usage_style plain = { .is_virtual = false };
static struct usage_memory memory;
static struct error error;
static unsigned n_read; /* directories by the last count, the mailbox itself not among them */

static int set_up(void **state)
{
	memory = (struct usage_memory){ NULL, 0, 0 };
	return mailroot_setup_in_memory(state);
}

static int tear_down(void **state)
{
	usage_forget(&memory);
	return mailroot_teardown(state);
}

/* Two directories with nothing in them. */
static void make_box(const struct mailroot *mailroot)
{
	mailroot_make_directory(mailroot, BOX "/cur");
	mailroot_make_directory(mailroot, BOX "/new");
}

/* Whose content has 7 bytes. */
static void make_message(const struct mailroot *mailroot, const char *directory, const char *name)
{
	char path[600];

	snprintf(path, sizeof(path), BOX "/%s", directory);
	mailroot_make_directory(mailroot, path);
	add_text(path, sizeof(path), "/%s", name);
	mailroot_make_file(mailroot, path, "content");
}

static void remove_message(const struct mailroot *mailroot, const char *directory, const char *name)
{
	char path[600];

	snprintf(path, sizeof(path), BOX "/%s/%s", directory, name);
	assert_int_equal(unlink(mailroot_path(mailroot, path, "")), 0);
}

/* A directory was changed some ms ago. */
static struct timespec make_old(const struct mailroot *mailroot, const char *directory, long ms)
{
	struct timespec times[2];
	char path[600];

	clock_gettime(CLOCK_REALTIME, &times[0]);
	times[0].tv_sec -= ms / 1000 + 1;
	times[0].tv_nsec += 1000000000 - ms % 1000 * 1000000;
	times[0].tv_sec += times[0].tv_nsec / 1000000000;
	times[0].tv_nsec %= 1000000000;
	times[1] = times[0];
	snprintf(path, sizeof(path), BOX "/%s", directory);
	assert_int_equal(
	    utimensat(AT_FDCWD, mailroot_path(mailroot, path, ""), times, AT_SYMLINK_NOFOLLOW), 0);
	return times[0];
}

static struct usage count_with(const struct mailroot *mailroot, const struct faults *faults,
    const struct usage_style *style, usage_skip *skip, void *data)
{
	struct usage usage;
	int result;

	memset(&usage, 0xee, sizeof(usage));
	error.text[0] = '\0';
	faults_begin(faults);
	result = usage_count(&mailroot->root, BOX, style, &memory, skip, data, &usage, &error);
	faults_end();
	n_read = fault_count(FAULT_OPENDIR) - 1;
	if (result != 0) {
		fail_msg("%d: %s", result, error.text);
	}
	return usage;
}

static struct usage count(const struct mailroot *mailroot)
{
	return count_with(mailroot, &mailroot_plain, &plain, NULL, NULL);
}

static void expect_usage(
    const char *what, struct usage usage, uint64_t bytes, uint64_t messages, uint64_t unsized)
{
	char got[100], want[100];

	snprintf(got, sizeof(got), "%llu %llu %llu", (unsigned long long)usage.bytes,
	    (unsigned long long)usage.messages, (unsigned long long)usage.unsized);
	snprintf(want, sizeof(want), "%llu %llu %llu", (unsigned long long)bytes,
	    (unsigned long long)messages, (unsigned long long)unsized);
	expect_text(what, got, want);
}

static void expect_error(
    const struct mailroot *mailroot, const char *mailbox, int result, const char *words)
{
	struct usage usage;
	char text[600];

	memset(&usage, 0xee, sizeof(usage));
	snprintf(text, sizeof(text), "cannot read %s/%s", mailroot->base, words);
	assert_int_equal(
	    usage_count(&mailroot->root, mailbox, &plain, &memory, NULL, NULL, &usage, &error),
	    result);
	expect_text(mailbox, error.text, text);
	expect_usage(mailbox, usage, 0, 0, 0);
}

enum {
	LOOK = 7 /* at the file itself, which has so many bytes */
};

static void test_sizes(void **state)
{
	static const struct {
		const char *name;
		uint64_t size, wire_size;
		bool is_unsized, is_virtually_unsized;
	} rows[] = {
		{ "1.M2P3Q4.h,S=10,W=12", 10, 12, false, false },
		{ "1.M2P3Q4.h,W=12,S=10", 10, 12, false, false },
		{ "1.M2P3Q4.h,S=10,W=12:2,FS", 10, 12, false, false },
		{ "1.h,U=5,S=10,X=1,W=12,Z:2,", 10, 12, false, false },
		{ "1.h,S=10:2,", 10, 10, false, false },
		{ "1.h,S=0,W=0", 0, 0, false, false },
		{ ",S=10", 10, 10, false, false },
		{ "1.h,S=18446744073709551614", UINT64_MAX - 1, UINT64_MAX - 1, false, false },
		{ "1.h,W=12", LOOK, 12, true, false },
		{ "1.h,S=10,W=x", 10, 10, false, false },
		{ "1.h,S=x,W=12", LOOK, 12, true, false },
		{ "1.h", LOOK, LOOK, true, true },
		{ "1.h:2,S", LOOK, LOOK, true, true },
		{ "1.h,", LOOK, LOOK, true, true },
		{ "1.h,S", LOOK, LOOK, true, true },
		{ "1.h,S=", LOOK, LOOK, true, true },
		{ "1.h,S=,W=", LOOK, LOOK, true, true },
		{ "1.h,S=:2,S", LOOK, LOOK, true, true },
		{ "1.h,S:10", LOOK, LOOK, true, true },
		{ "1.h,SS=10,WW=12", LOOK, LOOK, true, true },
		{ "1.h,s=10,w=12", LOOK, LOOK, true, true },
		{ "1.h,S10=5", LOOK, LOOK, true, true },
		{ "1.h,S=1x,W=1 ", LOOK, LOOK, true, true },
		{ "1.h,S=-1,W=+1", LOOK, LOOK, true, true },
		{ "1.h,S= 1,W=0x1", LOOK, LOOK, true, true },
		{ "1.h:2,S=10,W=12", LOOK, LOOK, true, true },
		{ "1.h:2,,S=10", LOOK, LOOK, true, true },
		{ "1.h,S=18446744073709551615", LOOK, LOOK, true, true },
		{ "1.h,S=99999999999999999999999999", LOOK, LOOK, true, true },
		/* As Dovecot has it: the first one counts, whatever it says. */
		{ "1.h,S=10,S=20,W=30,W=40", 10, 30, false, false },
		{ "1.h,S=x,S=10", LOOK, LOOK, true, true },
	};
	const struct usage_style virtual = { .is_virtual = true };
	const struct mailroot *mailroot = *state;

	for (size_t i = 0; i < LENGTH(rows); i++) {
		const char *directory = i % 2 == 0 ? "cur" : "new";

		make_message(mailroot, directory, rows[i].name);
		expect_usage(rows[i].name, count(mailroot), rows[i].size, 1, rows[i].is_unsized);
		expect_usage(rows[i].name,
		    count_with(mailroot, &mailroot_plain, &virtual, NULL, NULL), rows[i].wire_size,
		    1, rows[i].is_virtually_unsized);
		remove_message(mailroot, directory, rows[i].name);
	}
}

/* Sums stay where they are at the end of their range. */
static void test_saturation(void **state)
{
	static const char *const folders[] = { "cur", ".A/cur" };
	const struct mailroot *mailroot = *state;

	for (size_t i = 0; i < LENGTH(folders); i++) {
		make_message(mailroot, folders[i], "1.h,S=18446744073709551614");
		make_message(mailroot, folders[i], "2.h,S=1");
		expect_usage(folders[i], count(mailroot), UINT64_MAX, 2 + 2 * i, 0);
		make_message(mailroot, folders[i], "3.h,S=1");
		expect_usage(folders[i], count(mailroot), UINT64_MAX, 3 + 2 * i, 0);
		remove_message(mailroot, folders[i], "3.h,S=1");
	}
}

/* Those in tmp/ are none yet, and dots hide what is not for readers. */
static void test_what_is_no_message(void **state)
{
	static const struct faults untyped = { .call = FAULT_CALLS, .has_no_types = true };
	const struct mailroot *mailroot = *state;

	make_message(mailroot, "cur", "1.h,S=10");
	make_message(mailroot, "cur", ".2.h,S=20");
	make_message(mailroot, "new", "..3.h,S=20");
	make_message(mailroot, "tmp", "4.h,S=20");
	make_message(mailroot, "other", "5.h,S=20");
	mailroot_make_directory(mailroot, BOX "/new/6.h,S=20");
	mailroot_make_file(mailroot, BOX "/dovecot-uidlist,S=20", "");
	expect_usage("all", count(mailroot), 10, 1, 0);
	/* Where the filesystem does not tell what is a directory, one that says its size is believed. */
	expect_usage("untyped", count_with(mailroot, &untyped, &plain, NULL, NULL), 30, 2, 0);
}

/* A link is what it is, and not what it leads to. */
static void test_link_as_a_message(void **state)
{
	const struct mailroot *mailroot = *state;

	make_box(mailroot);
	assert_int_equal(symlink("/etc/passwd", mailroot_path(mailroot, BOX, "/cur/1.h")), 0);
	expect_usage("a link", count(mailroot), strlen("/etc/passwd"), 1, 1);
}

static void make_folders(const struct mailroot *mailroot)
{
	make_message(mailroot, "cur", "1.h,S=1");
	make_message(mailroot, "new", "1.h,S=2");
	make_message(mailroot, ".A/cur", "1.h,S=4");
	make_message(mailroot, ".A/new", "1.h,S=8");
	make_message(mailroot, ".A.B/new", "1.h,S=16"); /* no cur/ */
	make_message(mailroot, ".Trash/cur", "1.h,S=32");
	make_message(mailroot, "..DOVECOT-TRASHED/cur", "1.h,S=64");
	make_message(mailroot, "C/cur", "1.h,S=128");
	make_message(mailroot, ".A/.D/cur", "1.h,S=256");
	mailroot_make_directory(mailroot, BOX "/.Empty");
	mailroot_make_file(mailroot, BOX "/.file", "");
	mailroot_make_directory(mailroot, BOX "/.Odd");
	mailroot_make_file(mailroot, BOX "/.Odd/cur", "");
	mailroot_make_file(mailroot, BOX "/.Odd/new", "");
}

static void test_folders(void **state)
{
	static const struct faults untyped = { .call = FAULT_CALLS, .has_no_types = true };
	static const struct {
		const char *ignored[4];
		uint64_t bytes, messages;
	} rows[] = {
		{ { NULL }, 63, 6 },
		{ { ".Trash", NULL }, 31, 5 },
		{ { "", NULL }, 60, 4 },
		{ { ".A", NULL }, 51, 4 }, /* and nothing of what is below it for clients */
		{ { ".Nowhere", ".Tras", ".trash", NULL }, 63, 6 },
		{ { "", ".A", ".Trash", NULL }, 16, 1 },
	};
	const struct mailroot *mailroot = *state;

	make_folders(mailroot);
	expect_usage("all", count(mailroot), 63, 6, 0);
	for (size_t i = 0; i < LENGTH(rows); i++) {
		const struct usage_style style = { .ignored = rows[i].ignored };

		expect_usage(rows[i].ignored[0],
		    count_with(
			mailroot, i % 2 == 0 ? &mailroot_plain : &untyped, &style, NULL, NULL),
		    rows[i].bytes, rows[i].messages, 0);
	}
}

static void test_ignored(void **state)
{
	static const char *const ignored[] = { ".Trash", "", NULL };
	const struct usage_style style = { .ignored = ignored };

	assert_false(usage_counts_folder(&style, ".Trash"));
	assert_false(usage_counts_folder(&style, ""));
	assert_true(usage_counts_folder(&style, ".Trash.A"));
	assert_true(usage_counts_folder(&plain, ""));
	assert_true(usage_counts_folder(&plain, ".Trash"));
}

/* Links may lead to anywhere below the root; what lies there counts once. */
static void test_links(void **state)
{
	static const struct {
		const char *target, *path;
	} links[] = {
		{ "../../b/Maildir", BOX "/.B" },
		{ "../../b/Maildir", BOX "/.C" },
		{ ".A", BOX "/.D" },
		{ ".", BOX "/.INBOX" },
		{ "../.A/cur", BOX "/.E/cur" },
		{ "/", BOX "/.Out" },
		{ "../../../..", BOX "/.Above" },
		{ ".Loop", BOX "/.Loop" },
		{ "nowhere", BOX "/.Nowhere" },
		{ "/tmp", BOX "/.E/new" },
	};
	const struct mailroot *mailroot = *state;

	make_message(mailroot, "cur", "1.h,S=1");
	make_message(mailroot, ".A/cur", "1.h,S=2");
	make_message(mailroot, "../../b/Maildir/new", "1.h,S=4");
	mailroot_make_directory(mailroot, BOX "/.E");
	for (size_t i = 0; i < LENGTH(links); i++) {
		assert_int_equal(
		    symlink(links[i].target, mailroot_path(mailroot, links[i].path, "")), 0);
	}
	expect_usage("links", count(mailroot), 7, 3, 0);
}

/* What is not there yet holds nothing. */
static void test_absent(void **state)
{
	const struct mailroot *mailroot = *state;
	struct usage usage;

	assert_int_equal(
	    usage_count(&mailroot->root, BOX, &plain, &memory, NULL, NULL, &usage, &error), 0);
	expect_usage("no mailbox", usage, 0, 0, 0);
	assert_null(memory.directories);
	mailroot_make_directory(mailroot, BOX);
	expect_usage("no directories", count(mailroot), 0, 0, 0);
	mailroot_make_file(mailroot, BOX "/cur", "");
	expect_usage("a file", count(mailroot), 0, 0, 0);
}

static void test_errors(void **state)
{
	struct mailroot *mailroot = *state;
	const char *base = mailroot->root.base;

	expect_error(mailroot, "../x", -EINVAL, "../x: Invalid argument");
	mailroot_make_file(mailroot, "file", "");
	expect_error(mailroot, "file", -ENOTDIR, "file: Not a directory");
	assert_int_equal(symlink("/tmp", mailroot_path(mailroot, "out", "")), 0);
	expect_error(mailroot, "out", -EXDEV, "out: a symbolic link leads out of the mail root");
	mailroot_make_directory(mailroot, "box");
	assert_int_equal(symlink("/tmp", mailroot_path(mailroot, "box/new", "")), 0);
	expect_error(
	    mailroot, "box", -EXDEV, "box/new: a symbolic link leads out of the mail root");
	mailroot->root.base = "/nonexistent";
	assert_int_equal(usage_count(&mailroot->root, BOX, &plain, &memory, NULL, NULL,
			     &(struct usage){ 0 }, &error),
	    -ENOENT);
	expect_text(
	    "no root", error.text, "cannot read /nonexistent/" BOX ": No such file or directory");
	mailroot->root.base = base;
}

/* --- what is remembered --- */

static void make_old_folders(const struct mailroot *mailroot)
{
	static const char *const directories[] = { "cur", "new", ".A/cur", ".A/new", ".A.B/new",
		".Trash/cur", ".A" };

	make_folders(mailroot);
	for (size_t i = 0; i < LENGTH(directories); i++) {
		make_old(mailroot, directories[i], 2000 + 500 * (long)i);
	}
}

static void test_memory(void **state)
{
	const struct mailroot *mailroot = *state;

	make_old_folders(mailroot);
	expect_usage("first", count(mailroot), 63, 6, 0);
	assert_int_equal(n_read, 6);
	assert_int_equal(memory.n, 6);
	expect_usage("again", count(mailroot), 63, 6, 0);
	assert_int_equal(n_read, 0);
	/* A change by any client. */
	make_message(mailroot, ".A/new", "2.h,S=1000");
	expect_usage("one more", count(mailroot), 1063, 7, 0);
	assert_int_equal(n_read, 1);
	expect_usage("still fresh", count(mailroot), 1063, 7, 0);
	assert_int_equal(n_read, 1);
	make_old(mailroot, ".A/new", 3000);
	expect_usage("it has become old", count(mailroot), 1063, 7, 0);
	assert_int_equal(n_read, 1);
	expect_usage("it is remembered", count(mailroot), 1063, 7, 0);
	assert_int_equal(n_read, 0);
	/* Within the same second. */
	remove_message(mailroot, ".A/new", "2.h,S=1000");
	make_old(mailroot, ".A/new", 2999);
	expect_usage("one less", count(mailroot), 63, 6, 0);
	assert_int_equal(n_read, 1);
	usage_forget(&memory);
	expect_usage("forgotten", count(mailroot), 63, 6, 0);
	assert_int_equal(n_read, 6);
}

/* The unsized are told again, though they are not looked at. */
static void test_memory_of_unsized(void **state)
{
	const struct mailroot *mailroot = *state;

	make_message(mailroot, "cur", "1.h");
	make_old(mailroot, "cur", 2000);
	expect_usage("first", count(mailroot), LOOK, 1, 1);
	expect_usage("again", count(mailroot), LOOK, 1, 1);
	assert_int_equal(n_read, 0);
	assert_int_equal(fault_count(FAULT_STATAT), 0);
}

/* A change within the same tick of the clock shows in no mtime: so one of the last second is not trusted, nor one of
 * a clock that was set back. */
static void test_fresh(void **state)
{
	static const long ages[] = { 0, 100, 300, 500, 700, 900, 1005, 1020, 1200, 1500, 1900, 2100,
		-100, -900, -1500, -100000 };
	const struct mailroot *mailroot = *state;

	make_message(mailroot, "cur", "1.h,S=1");
	for (size_t i = 0; i < LENGTH(ages); i++) {
		struct timespec changed, after;
		int64_t age;

		usage_forget(&memory);
		changed = make_old(mailroot, "cur", ages[i]);
		count(mailroot);
		clock_gettime(CLOCK_REALTIME, &after);
		count(mailroot);
		age =
		    (after.tv_sec - changed.tv_sec) * 1000000000 + after.tv_nsec - changed.tv_nsec;
		/* Between the two it may be either, where the machine is slow. */
		if (ages[i] >= 1000 || age < 1000000000) {
			assert_int_equal(n_read, ages[i] >= 1000 ? 0 : 1);
		}
	}
}

/* Another directory of the same name and time. */
static void test_replaced(void **state)
{
	const struct mailroot *mailroot = *state;
	struct timespec times[2];

	make_message(mailroot, ".A/cur", "1.h,S=1");
	times[0] = times[1] = make_old(mailroot, ".A/cur", 5000);
	expect_usage("first", count(mailroot), 1, 1, 0);
	assert_int_equal(rename(mailroot_path(mailroot, BOX, "/.A/cur"),
			     mailroot_path(mailroot, BOX, "/.A/old")),
	    0);
	make_message(mailroot, ".A/cur", "1.h,S=2");
	assert_int_equal(utimensat(AT_FDCWD, mailroot_path(mailroot, BOX, "/.A/cur"), times, 0), 0);
	expect_usage("replaced", count(mailroot), 2, 1, 0);
	assert_int_equal(n_read, 1);
}

/* What is gone is forgotten, and what was renamed is known. */
static void test_gone(void **state)
{
	const struct mailroot *mailroot = *state;

	make_old_folders(mailroot);
	count(mailroot);
	assert_int_equal(memory.n, 6);
	directory_remove(mailroot_path(mailroot, BOX, "/.A"));
	expect_usage("gone", count(mailroot), 51, 4, 0);
	assert_int_equal(memory.n, 4);
	assert_int_equal(
	    rename(mailroot_path(mailroot, BOX, "/.A.B"), mailroot_path(mailroot, BOX, "/.Other")),
	    0);
	expect_usage("renamed", count(mailroot), 51, 4, 0);
	assert_int_equal(n_read, 0);
	directory_remove(mailroot_path(mailroot, BOX, ""));
	expect_usage(
	    "the mailbox", count_with(mailroot, &mailroot_plain, &plain, NULL, NULL), 0, 0, 0);
	assert_int_equal(memory.n, 0);
}

/* More than the table begins with, on filesystems whose inodes are the same. */
static void test_many(void **state)
{
	enum {
		FOLDERS = 300
	};
	static const struct faults kinds[] = { { .call = FAULT_CALLS },
		{ .call = FAULT_CALLS, .has_one_inode = true } };
	const struct mailroot *mailroot = *state;
	char folder[40];

	make_box(mailroot);
	make_old(mailroot, "cur", 2000);
	make_old(mailroot, "new", 2000);
	for (unsigned i = 0; i < FOLDERS; i++) {
		snprintf(folder, sizeof(folder), ".%u/cur", i);
		make_message(mailroot, folder, "1.h,S=10");
		make_old(mailroot, folder, 2000);
	}
	for (size_t i = 0; i < LENGTH(kinds); i++) {
		expect_usage("first", count_with(mailroot, &kinds[i], &plain, NULL, NULL),
		    (uint64_t)10 * FOLDERS, FOLDERS, 0);
		assert_int_equal(n_read, FOLDERS + 2);
		assert_int_equal(memory.n, FOLDERS + 2);
		expect_usage("again", count_with(mailroot, &kinds[i], &plain, NULL, NULL),
		    (uint64_t)10 * FOLDERS, FOLDERS, 0);
		assert_int_equal(n_read, 0);
	}
}

/* --- what is left out --- */

struct skipper {
	const struct mailroot *mailroot;
	const char *name; /* to leave out */
	const char *late; /* that appears meanwhile */
	unsigned n_asked;
};

static bool leave_out(void *data, const char *name, size_t n)
{
	struct skipper *skipper = data;

	skipper->n_asked++;
	if (skipper->late != NULL) {
		make_message(skipper->mailroot, "new", skipper->late);
		make_old(skipper->mailroot, "new", 2000);
		skipper->late = NULL;
	}
	return skipper->name != NULL && n == strlen(skipper->name) &&
	       memcmp(name, skipper->name, n) == 0;
}

static void test_skip(void **state)
{
	const struct mailroot *mailroot = *state;
	struct skipper skipper = { .mailroot = mailroot, .name = "2.h,S=20" };

	make_message(mailroot, "cur", "1.h,S=10:2,S");
	make_message(mailroot, "cur", "2.h,S=20:2,FS");
	make_message(mailroot, "cur", ".3.h,S=30");
	make_message(mailroot, "new", "4.h,S=40");
	make_old(mailroot, "cur", 2000);
	make_old(mailroot, "new", 2000);
	expect_usage("one is left out",
	    count_with(mailroot, &mailroot_plain, &plain, leave_out, &skipper), 50, 2, 0);
	assert_int_equal(skipper.n_asked, 3);
	/* It is no longer under way: the directory was not remembered without it. */
	skipper.name = NULL;
	expect_usage("no longer",
	    count_with(mailroot, &mailroot_plain, &plain, leave_out, &skipper), 70, 3, 0);
	assert_int_equal(n_read, 1);
	assert_int_equal(skipper.n_asked, 5);
	count_with(mailroot, &mailroot_plain, &plain, leave_out, &skipper);
	assert_int_equal(skipper.n_asked, 5);
}

/* Between the two looks at its time. */
static void test_changed_while_it_is_read(void **state)
{
	const struct mailroot *mailroot = *state;
	struct skipper skipper = { .mailroot = mailroot, .late = "2.h,S=20" };

	make_message(mailroot, "new", "1.h,S=10");
	make_old(mailroot, "new", 5000);
	count_with(mailroot, &mailroot_plain, &plain, leave_out, &skipper);
	expect_usage("again", count(mailroot), 30, 2, 0);
	assert_int_equal(n_read, 1);
	count(mailroot);
	assert_int_equal(n_read, 0);
}

static bool take_long(void *data, const char *name, size_t n)
{
	usleep(20000);
	return false;
}

/* A disk that is slow is not waited for, neither over many names nor over files that must be looked at; what is
 * remembered of it is good. */
static void test_patience(void **state)
{
	const struct mailroot *mailroot = *state;
	const struct usage_style style = { .patience = 1 };
	char name[32];
	struct usage usage;

	make_message(mailroot, "cur", "1.h");
	make_box(mailroot);
	assert_int_equal(
	    usage_count(&mailroot->root, BOX, &style, &memory, take_long, NULL, &usage, &error),
	    -ETIMEDOUT);
	assert_non_null(strstr(error.text, "it takes longer than 1 ms"));
	assert_int_equal(usage.messages, 0);
	remove_message(mailroot, "cur", "1.h");
	for (int i = 0; i < 70; i++) {
		snprintf(name, sizeof(name), "%d.h,S=1", i);
		make_message(mailroot, "cur", name);
	}
	assert_int_equal(
	    usage_count(&mailroot->root, BOX, &style, &memory, take_long, NULL, &usage, &error),
	    -ETIMEDOUT);
	expect_usage("in time", count(mailroot), 70, 70, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_sizes),
		TEST(test_saturation),
		TEST(test_what_is_no_message),
		TEST(test_link_as_a_message),
		TEST(test_folders),
		TEST(test_ignored),
		TEST(test_links),
		TEST(test_absent),
		TEST(test_errors),
		TEST(test_memory),
		TEST(test_memory_of_unsized),
		TEST(test_fresh),
		TEST(test_replaced),
		TEST(test_gone),
		TEST(test_many),
		TEST(test_patience),
		TEST(test_skip),
		TEST(test_changed_while_it_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
