/* SPDX-License-Identifier: MIT
 * Messages for folders: where they lie, what is made for them, and that no folder fails a delivery. */
#include "maildir/maildir.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "maildir/folder.h"
#include "tests/unit/maildir/mailroot.h"

#define USER "example.com/user/Maildir"

static const struct text message = TEXT("Subject: x\n\nbody\n");

enum {
	NOBODY = 65534
};

static void expect_list(const struct mailroot *mailroot, const char *path, const char *want)
{
	char list[4096];

	mailroot_list(mailroot_path(mailroot, path, ""), list, sizeof(list));
	expect_text(path, list, want);
}

static void make_folder(const struct mailroot *mailroot, const char *folder)
{
	static const char *const parts[] = { "cur", "new", "tmp" };
	char path[400];

	for (size_t i = 0; i < LENGTH(parts); i++) {
		snprintf(path, sizeof(path), "%s/%s/%s", USER, folder, parts[i]);
		mailroot_make_directory(mailroot, path);
	}
}

/* Delivers one message for a folder, and expects that it lies where, with a note that says so or none (""). */
static const struct maildir_place *deliver(struct mailroot *mailroot, const char *folder,
    enum maildir_if_absent if_absent, const char *where, const char *note)
{
	const struct maildir_place *place;
	char list[400];

	mailroot->wishes[0].folder = folder;
	mailroot->wishes[0].if_absent = if_absent;
	place = mailroot_deliver_one(mailroot, USER, message);
	if (place->result != 0) {
		fail_msg("%s: cannot %s %s: %d", folder, place->step, place->part, place->result);
	}
	mailroot_check(mailroot, message);
	expect_text(folder, place->where, where);
	if (note[0] == '\0' ? place->note[0] != '\0' : strstr(place->note, note) == NULL) {
		fail_msg("%s: \"%s\", want \"%s\"", folder, place->note, note);
	}
	assert_null(place->same);
	if (where[0] != '\0') {
		mailroot_list(mailroot_path(mailroot, USER, "/new"), list, sizeof(list));
		assert_true(list[0] == '\0' || strcmp(list, "-") == 0);
	}
	maildir_take_back(place, 1);
	return place;
}

static void test_existing(void **state)
{
	struct mailroot *mailroot = *state;

	make_folder(mailroot, ".Junk");
	make_folder(mailroot, ".Work.R&-D");
	deliver(mailroot, ".Junk", MAILDIR_USE_INBOX, ".Junk", "");
	deliver(mailroot, ".Junk", MAILDIR_MAKE, ".Junk", "");
	deliver(mailroot, ".Work.R&-D", MAILDIR_USE_INBOX, ".Work.R&-D", "");
	expect_list(mailroot, USER "/.Junk", "cur new tmp"); /* it stays as it is */
	deliver(mailroot, "", MAILDIR_MAKE, "", "");
	mailroot->wishes[0].flags = "S";
	deliver(mailroot, ".Junk", MAILDIR_USE_INBOX, ".Junk", "");
}

static void test_absent(void **state)
{
	struct mailroot *mailroot = *state;

	deliver(mailroot, ".Junk", MAILDIR_USE_INBOX, "", "");
	expect_list(mailroot, USER, "cur new tmp");
	make_folder(mailroot, ".junk");
	deliver(mailroot, ".Junk", MAILDIR_USE_INBOX, "", "");
}

/* The mailbox comes first, and the folder has all that it needs, whatever the umask grants. */
static void test_make(void **state)
{
	static const char *const directories[] = { USER, USER "/.Junk", USER "/.Junk/cur",
		USER "/.Junk/new", USER "/.Junk/tmp" };
	struct mailroot *mailroot = *state;
	mode_t old = umask(0);
	struct stat status;

	deliver(mailroot, ".Junk", MAILDIR_MAKE, ".Junk", "");
	umask(old);
	expect_list(mailroot, USER, ".Junk cur new tmp");
	expect_list(mailroot, USER "/tmp", "");
	expect_list(mailroot, USER "/.Junk", "cur maildirfolder new tmp");
	for (size_t i = 0; i < LENGTH(directories); i++) {
		assert_int_equal(stat(mailroot_path(mailroot, directories[i], ""), &status), 0);
		assert_int_equal(status.st_mode, S_IFDIR | 0700);
	}
	assert_int_equal(stat(mailroot_path(mailroot, USER, "/.Junk/maildirfolder"), &status), 0);
	assert_int_equal(status.st_mode, S_IFREG | 0600);
	assert_int_equal(status.st_size, 0);
	mailroot->wishes[0].flags = "F";
	deliver(mailroot, ".Sub.Level", MAILDIR_MAKE, ".Sub.Level", "");
	expect_list(mailroot, USER, ".Junk .Sub.Level cur new tmp");
}

/* What stands there and lacks something is whole then: for Dovecot it is a folder, too. */
static void test_half_a_folder(void **state)
{
	static const char *const made[] = { USER "/.Junk", USER "/.Junk/cur", USER "/.Junk/tmp" };
	struct mailroot *mailroot = *state;

	for (size_t i = 0; i < LENGTH(made); i++) {
		for (unsigned marked = 0; marked < 2; marked++) {
			mailroot->wishes[0].flags = marked != 0 ? "S" : "";
			mailroot_make_directory(mailroot, USER "/new");
			mailroot_make_directory(mailroot, made[i]);
			deliver(mailroot, ".Junk", MAILDIR_USE_INBOX, ".Junk", "");
			if (strcmp(made[i], USER "/.Junk/cur") != 0 || marked == 0) {
				expect_list(mailroot, USER "/.Junk", "cur new tmp");
			}
			directory_remove(mailroot_path(mailroot, USER, ""));
		}
	}
}

static void test_folders_max(void **state)
{
	struct mailroot *mailroot = *state;

	mailroot->wishes[0].folders_max = 2;
	deliver(mailroot, ".A", MAILDIR_MAKE, ".A", "");
	make_folder(mailroot, "..DOVECOT-TRASHED"); /* on its way out */
	mailroot_make_file(mailroot, USER "/.a-file", "");
	deliver(mailroot, ".B", MAILDIR_MAKE, ".B", "");
	deliver(mailroot, ".C", MAILDIR_MAKE, "", ".C is not made: there are 2 folders");
	deliver(mailroot, ".A", MAILDIR_MAKE, ".A", "");
	mailroot->wishes[0].folders_max = 3;
	deliver(mailroot, ".C", MAILDIR_MAKE, ".C", "");
	mailroot->wishes[0].folders_max = 0;
	deliver(mailroot, ".D", MAILDIR_MAKE, ".D", "");
}

/* Names that folder_to_directory() never writes: nothing is made anywhere. */
static void test_hostile_names(void **state)
{
	static const char *const names[] = { ".", "..", "..x", "../x", "./x", "Junk", "/etc",
		".a/b", ".a/../../b", ".a\nb", ".\177" };
	struct mailroot *mailroot = *state;
	char path[300];

	for (size_t i = 0; i < LENGTH(names); i++) {
		deliver(mailroot, names[i], MAILDIR_MAKE, "", "cannot accept the name of");
		expect_list(mailroot, USER, "cur new tmp");
		expect_list(mailroot, "example.com/user", "Maildir");
	}
	memset(path, 'x', sizeof(path));
	path[0] = '.';
	path[256] = '\0';
	deliver(mailroot, path, MAILDIR_MAKE, "", "cannot accept the name of");
	path[255] = '\0';
	deliver(mailroot, path, MAILDIR_MAKE, path, "");
}

static void make_link(const struct mailroot *mailroot, const char *to, const char *path)
{
	assert_int_equal(symlink(to, mailroot_path(mailroot, path, "")), 0);
}

/* Something else stands there. */
static void test_in_the_way(void **state)
{
	static const struct {
		const char *to, *note;
	} links[] = {
		{ "gone", "cannot make .Junk: File exists" },
		{ ".Junk", "cannot open .Junk/new: Too many levels of symbolic links" },
		{ "/etc", "cannot open .Junk/new: a symbolic link leads out of the mail root" },
	};
	struct mailroot *mailroot = *state;

	mailroot_make_directory(mailroot, USER "/new");
	mailroot_make_directory(mailroot, USER "/tmp");
	for (size_t i = 0; i < LENGTH(links); i++) {
		make_link(mailroot, links[i].to, USER "/.Junk");
		deliver(mailroot, ".Junk", MAILDIR_MAKE, "", links[i].note);
		assert_int_equal(unlink(mailroot_path(mailroot, USER "/.Junk", "")), 0);
	}
	make_link(mailroot, "gone", USER "/.Junk");
	deliver(mailroot, ".Junk", MAILDIR_USE_INBOX, "", "");
	assert_int_equal(unlink(mailroot_path(mailroot, USER "/.Junk", "")), 0);
	mailroot_make_file(mailroot, USER "/.Junk", "a file");
	deliver(mailroot, ".Junk", MAILDIR_MAKE, "", "cannot open .Junk/new: Not a directory");
	assert_int_equal(unlink(mailroot_path(mailroot, USER "/.Junk", "")), 0);
	mailroot_make_directory(mailroot, USER "/.Junk");
	mailroot_make_file(mailroot, USER "/.Junk/cur", "a file");
	deliver(mailroot, ".Junk", MAILDIR_MAKE, ".Junk", "cur is not synced: Not a directory");
	mailroot->wishes[0].flags = "S";
	deliver(mailroot, ".Junk", MAILDIR_MAKE, "", "cannot open .Junk/cur: Not a directory");
}

/* Links that stay inside are followed. */
static void test_link_inside(void **state)
{
	struct mailroot *mailroot = *state;

	mailroot_make_directory(mailroot, "other/new");
	mailroot_make_directory(mailroot, USER "/new");
	make_link(mailroot, "../../../other", USER "/.Junk");
	deliver(mailroot, ".Junk", MAILDIR_USE_INBOX, ".Junk", "");
	expect_list(mailroot, "other", "new");
}

/* Root may write everywhere, so this is done as somebody else. */
static void become(bool is_root, uid_t uid)
{
	if (is_root) {
		assert_int_equal(seteuid(uid), 0);
	}
}

/* Directories that may not be written or not be searched. */
static void test_permissions(void **state)
{
	static const struct {
		const char *locked, *note, *flags;
		mode_t mode;
	} rows[] = {
		{ "/.Junk", "cannot open .Junk/new: Permission denied", "", 0000 },
		{ "/.Junk/new", "cannot create a file in .Junk/new: Permission denied", "", 0555 },
		{ "/.Junk/cur", "cannot create a file in .Junk/cur: Permission denied", "S", 0555 },
		{ "/tmp", "cannot make .Other: Permission denied", "", 0555 },
		{ "/tmp", "cannot open tmp/ to make .Other: Permission denied", "", 0000 },
	};
	struct mailroot *mailroot = *state;
	bool is_root = geteuid() == 0;

	assert_int_equal(chmod(mailroot->base, 0777), 0);
	for (size_t i = 0; i < LENGTH(rows); i++) {
		bool is_tmp = strcmp(rows[i].locked, "/tmp") == 0;

		become(is_root, NOBODY);
		mailroot_make_directory(mailroot, USER "/tmp");
		make_folder(mailroot, ".Junk");
		assert_int_equal(
		    chmod(mailroot_path(mailroot, USER, rows[i].locked), rows[i].mode), 0);
		mailroot->wishes[0].flags = rows[i].flags;
		deliver(mailroot, is_tmp ? ".Other" : ".Junk", MAILDIR_MAKE, "", rows[i].note);
		assert_int_equal(chmod(mailroot_path(mailroot, USER, rows[i].locked), 0700), 0);
		become(is_root, 0);
		directory_remove(mailroot_path(mailroot, "example.com", ""));
	}
}

/* A mailbox that cannot be made fails the delivery as ever; that the folder could not be reached is no news. */
static void test_no_mailbox(void **state)
{
	struct mailroot *mailroot = *state;

	mailroot->wishes[0].folder = ".Junk";
	mailroot->wishes[0].if_absent = MAILDIR_MAKE;
	mailroot_make_directory(mailroot, "example.com/user");
	mailroot_make_file(mailroot, USER, "a file");
	assert_int_equal(mailroot_deliver_one(mailroot, USER, message)->result, -ENOTDIR);
	expect_text("where", mailroot->places[0].where, "");
	assert_int_equal(mailroot_deliver_one(mailroot, "../x", message)->result, -EINVAL);
	mailroot->root.marker = ".mounted";
	assert_int_equal(mailroot_deliver_one(mailroot, USER, message)->result, -ENOENT);
	expect_list(mailroot, "", "example.com");
}

/* What failed in a folder, in words. */
static void test_description(void **state)
{
	const struct faults faults = { .call = FAULT_FSYNC, .mask = 1 << 2, .error = EIO };
	struct mailroot *mailroot = *state;
	const char *path = USER;
	char text[500], want[500];

	make_folder(mailroot, ".Junk");
	mailroot->wishes[0].folder = ".Junk";
	mailroot_deliver(mailroot, &faults, &path, 1, message, message.n);
	assert_int_equal(mailroot->places[0].result, -EIO);
	mailroot_check(mailroot, message);
	maildir_describe(&mailroot->places[0], text, sizeof(text));
	snprintf(want, sizeof(want), "cannot sync %s/" USER "/.Junk/new: Input/output error",
	    mailroot->base);
	expect_text("in words", text, want);
}

static unsigned n_lost_names; /* the most that were open while something was synced */

static void note_most_lost_names(int fd)
{
	unsigned n = count_lost_names();

	n_lost_names = n > n_lost_names ? n : n_lost_names;
}

/* Somebody else makes the folder between the look and the move: with all that it needs, empty, or as something
 * that is none. The same on a filesystem that cannot promise to replace nothing. */
static void check_made_meanwhile(struct mailroot *mailroot, unsigned kind, bool has_noreplace)
{
	/* The first open of .Junk/new and that of .Junk say that there is none. */
	const struct faults faults = { .call = FAULT_OPENAT2,
		.mask = 1 << 0 | 1 << 2,
		.error = ENOENT,
		.age = 100000, /* it need not be synced for its youth */
		.on_fsync = note_most_lost_names,
		.has_no_noreplace = !has_noreplace };
	const char *path = USER;
	struct stat before, after;
	size_t made;
	ino_t tmp;

	mailroot_make_directory(mailroot, USER "/new");
	mailroot_make_directory(mailroot, USER "/tmp");
	if (kind == 0) {
		make_folder(mailroot, ".Junk");
	} else if (kind == 1) {
		mailroot_make_directory(mailroot, USER "/.Junk");
	} else {
		mailroot_make_file(mailroot, USER "/.Junk", "");
	}
	assert_int_equal(stat(mailroot_path(mailroot, USER, "/.Junk"), &before), 0);
	n_lost_names = 0;
	mailroot_deliver(mailroot, &faults, &path, 1, message, message.n);
	assert_int_equal(mailroot->places[0].result, 0);
	expect_text("where", mailroot->places[0].where, kind == 2 ? "" : ".Junk");
	mailroot_check(mailroot, message);
	assert_int_equal(stat(mailroot_path(mailroot, USER, "/.Junk"), &after), 0);
	assert_true(before.st_ino == after.st_ino || (kind == 1 && !has_noreplace));
	/* What was made there and is gone is gone from the disk, too. */
	tmp = inode_of(mailroot_path(mailroot, USER, "/tmp"));
	made = find_event(FAULT_MKDIRAT, tmp, 0);
	assert_true(made > 0 || mailroot->wishes[0].folders_max > 0); /* it was counted first */
	assert_true(made == 0 || find_event(FAULT_FSYNC, tmp, 0) > made);
	/* Until then it stays open, with its four parts: nobody gets their inodes. */
	assert_true(made == 0 || (kind == 1 && !has_noreplace) || n_lost_names == 5);
	directory_remove(mailroot_path(mailroot, "example.com", ""));
}

static void test_made_meanwhile(void **state)
{
	struct mailroot *mailroot = *state;

	mailroot->wishes[0].folder = ".Junk";
	mailroot->wishes[0].if_absent = MAILDIR_MAKE;
	for (unsigned i = 0; i < 12; i++) {
		mailroot->wishes[0].folders_max = i / 6;
		check_made_meanwhile(mailroot, i % 3, i / 3 % 2 == 0);
	}
}

/* A filesystem that cannot promise to replace nothing. */
static void test_no_noreplace(void **state)
{
	struct faults faults = { .call = FAULT_CALLS, .has_no_noreplace = true };
	struct mailroot *mailroot = *state;
	const char *path = USER;

	mailroot->wishes[0].folder = ".Junk";
	mailroot->wishes[0].if_absent = MAILDIR_MAKE;
	mailroot_deliver(mailroot, &faults, &path, 1, message, message.n);
	assert_int_equal(mailroot->places[0].result, 0);
	expect_text("where", mailroot->places[0].where, ".Junk");
	mailroot_check(mailroot, message);
	expect_list(mailroot, USER "/.Junk", "cur maildirfolder new tmp");
	directory_remove(mailroot_path(mailroot, "example.com", ""));
	faults.call = FAULT_RENAMEAT;
	faults.mask = 1;
	faults.error = EIO;
	mailroot_deliver(mailroot, &faults, &path, 1, message, message.n);
	assert_int_equal(mailroot->places[0].result, 0);
	expect_text("note", mailroot->places[0].note, "cannot make .Junk: Input/output error");
	mailroot_check(mailroot, message);
}

/* Somebody has every name in tmp/ that is tried: it ends. */
static void test_names_in_tmp_are_taken(void **state)
{
	struct faults faults = { .call = FAULT_MKDIRAT, .mask = 7, .error = EEXIST };
	struct mailroot *mailroot = *state;
	const char *path = USER;

	mailroot_make_directory(mailroot, USER "/new");
	mailroot_make_directory(mailroot, USER "/tmp");
	mailroot->wishes[0].folder = ".Junk";
	mailroot->wishes[0].if_absent = MAILDIR_MAKE;
	mailroot_deliver(mailroot, &faults, &path, 1, message, message.n);
	expect_text("where", mailroot->places[0].where, ".Junk");
	mailroot_check(mailroot, message);
	directory_remove(mailroot_path(mailroot, USER "/.Junk", ""));
	maildir_take_back(mailroot->places, 1);
	faults.mask = UINT64_MAX;
	mailroot_deliver(mailroot, &faults, &path, 1, message, message.n);
	assert_int_equal(mailroot->places[0].result, 0);
	expect_text("note", mailroot->places[0].note, "cannot make .Junk: File exists");
	mailroot_check(mailroot, message);
	assert_in_range(fault_count(FAULT_MKDIRAT), 2, 100);
}

/* Neither the folder nor INBOX can take the file. */
static void test_neither(void **state)
{
	const struct faults faults = { .call = FAULT_OPENAT, .mask = 1, .error = EACCES };
	struct mailroot *mailroot = *state;
	const char *path = USER;

	make_folder(mailroot, ".Junk");
	mailroot_make_file(mailroot, USER "/new", "a file");
	mailroot->wishes[0].folder = ".Junk";
	mailroot_deliver(mailroot, &faults, &path, 1, message, message.n);
	assert_int_equal(mailroot->places[0].result, -ENOTDIR);
	expect_text("note", mailroot->places[0].note,
	    "cannot create a file in .Junk/new: Permission denied");
}

/* Notes have an end. */
static void test_long_notes(void **state)
{
	static const char *const keywords[] = { "no atom" };
	struct mailroot *mailroot = *state;
	char folder[FOLDER_DIRECTORY_MAX + 1];

	mailroot->wishes[0].keywords = keywords;
	mailroot->wishes[0].n_keywords = LENGTH(keywords);
	mailroot->wishes[0].folder = folder;
	for (size_t n = 2; n < sizeof(folder); n++) {
		size_t n_note;

		memset(folder, '/', sizeof(folder));
		folder[n] = '\0';
		assert_int_equal(mailroot_deliver_one(mailroot, USER, message)->result, 0);
		n_note = strlen(mailroot->places[0].note);
		assert_true(n_note < MAILDIR_NOTE_MAX);
		assert_true(n < 100 || n_note > 100);
		maildir_take_back(mailroot->places, 1);
	}
}

enum {
	THREADS = 8,
	EACH = 40
};

static void *run_deliveries(void *data)
{
	struct maildir_place place = { .root = data,
		.mailbox = USER,
		.folder = ".Junk",
		.if_absent = MAILDIR_MAKE,
		.folders_max = 1 };
	struct maildir_message delivery;
	size_t n_saved = 0;

	for (unsigned i = 0; i < EACH; i++) {
		maildir_begin(&delivery, &place, 1);
		maildir_write(&delivery, message.p, message.n);
		maildir_prepare(&delivery, &place, 1);
		maildir_commit(&delivery, &place, 1);
		n_saved +=
		    place.result == 0 && strcmp(place.where, ".Junk") == 0 && place.note[0] == '\0';
	}
	return (void *)n_saved;
}

/* Threads that all find no folder, and no mailbox either, use the one that one of them has made. */
static void test_threads(void **state)
{
	struct mailroot *mailroot = *state;
	pthread_t threads[THREADS];
	size_t n_list = (size_t)300 * THREADS * EACH;
	char *list = test_malloc(n_list);
	size_t n_names = 1;

	faults_begin(&mailroot_plain);
	for (unsigned round = 0; round < 4; round++) {
		if (round > 0) {
			directory_remove(mailroot_path(mailroot, "example.com", ""));
		}
		for (size_t i = 0; i < THREADS; i++) {
			assert_int_equal(
			    pthread_create(&threads[i], NULL, run_deliveries, &mailroot->root), 0);
		}
		for (size_t i = 0; i < THREADS; i++) {
			void *n_saved;

			assert_int_equal(pthread_join(threads[i], &n_saved), 0);
			assert_int_equal((size_t)n_saved, EACH);
		}
	}
	faults_end();
	expect_list(mailroot, USER, ".Junk cur new tmp");
	expect_list(mailroot, USER "/tmp", "");
	expect_list(mailroot, USER "/new", "");
	mailroot_list(mailroot_path(mailroot, USER, "/.Junk/new"), list, n_list);
	for (const char *p = list; *p != '\0'; p++) {
		n_names += *p == ' ';
	}
	assert_int_equal(n_names, THREADS * EACH);
	test_free(list);
}

/* Below two roots: each has its own name for the host, and they share the file all the same. */
static void test_two_roots(void **state)
{
	struct mailroot *mailroot = *state;
	struct maildir_root other;
	struct maildir_place places[] = { { .root = &mailroot->root, .mailbox = USER },
		{ .root = &other, .mailbox = USER, .folder = ".Junk", .if_absent = MAILDIR_MAKE } };
	struct maildir_message delivery;
	char base[300], file[700];
	struct stat status;

	mailroot_make_directory(mailroot, "other");
	snprintf(base, sizeof(base), "%s/other", mailroot->base);
	maildir_root_init(&other, base, "other.example.com");
	assert_int_equal(maildir_begin(&delivery, places, 2), 0);
	assert_int_equal(maildir_write(&delivery, message.p, message.n), 0);
	maildir_prepare(&delivery, places, 2);
	maildir_commit(&delivery, places, 2);
	assert_int_equal(places[0].result, 0);
	assert_int_equal(places[1].result, 0);
	assert_non_null(strstr(places[0].name, ".mx.example.com,S="));
	assert_non_null(strstr(places[1].name, ".other.example.com,S="));
	snprintf(file, sizeof(file), "%s/" USER "/.Junk/new/%s", base, places[1].name);
	assert_int_equal(stat(file, &status), 0);
	assert_int_equal(status.st_nlink, 2);
	maildir_take_back(places, 2);
	expect_list(mailroot, USER "/new", "");
	expect_list(mailroot, "other/" USER "/.Junk/new", "");
}

/* Who uses no folder and no mark pays nothing for them. */
static void test_costs(void **state)
{
	static const struct {
		enum fault_call call;
		unsigned n, n_once;
	} rows[] = {
		{ FAULT_OPEN, 1, 1 },
		{ FAULT_OPENAT, 1, 1 },
		{ FAULT_OPENAT2, 1, 1 },
		{ FAULT_STATX, 1, 1 },
		{ FAULT_IOCTL, 1, 1 },
		{ FAULT_WRITE, 1, 1 },
		{ FAULT_WRITE_OUT, 0, 1 },
		{ FAULT_FSYNC, 3, 1 },
		{ FAULT_LINKAT, 1, 1 },
		{ FAULT_FSTAT, 0, 0 },
		{ FAULT_MKDIRAT, 0, 0 },
		{ FAULT_RENAMEAT2, 0, 0 },
		{ FAULT_RENAMEAT, 0, 0 },
		{ FAULT_OPENDIR, 0, 0 },
		{ FAULT_PREAD, 0, 0 },
		{ FAULT_TSEARCH, 0, 0 },
	};
	const struct faults faults = { .call = FAULT_CALLS, .age = 100000 };
	struct mailroot *mailroot = *state;
	const char *path = USER;

	mailroot_deliver_one(mailroot, USER, message);
	for (unsigned once = 0; once < 2; once++) {
		if (once != 0) {
			mailroot_commit_once(mailroot);
		}
		mailroot_deliver(mailroot, &faults, &path, 1, message, message.n);
		for (size_t i = 0; i < LENGTH(rows); i++) {
			unsigned want = once != 0 ? rows[i].n_once : rows[i].n;

			if (fault_count(rows[i].call) != want) {
				fail_msg("call %d: %u, want %u", (int)rows[i].call,
				    fault_count(rows[i].call), want);
			}
		}
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, mailroot_setup, mailroot_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_existing),
		TEST(test_absent),
		TEST(test_make),
		TEST(test_half_a_folder),
		TEST(test_folders_max),
		TEST(test_hostile_names),
		TEST(test_in_the_way),
		TEST(test_link_inside),
		TEST(test_permissions),
		TEST(test_no_mailbox),
		TEST(test_description),
		TEST(test_made_meanwhile),
		TEST(test_no_noreplace),
		TEST(test_names_in_tmp_are_taken),
		TEST(test_neither),
		TEST(test_long_notes),
		TEST(test_threads),
		TEST(test_two_roots),
		TEST(test_costs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
