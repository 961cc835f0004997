/* SPDX-License-Identifier: MIT
 * Keywords: Dovecot's table of them, how it is changed, and the letters in the names of messages. */
#include "maildir/keywords.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "maildir/dotlock.h"
#include "tests/unit/maildir/mailroot.h"

#define USER  "example.com/user/Maildir"
#define TABLE "dovecot-keywords"

static const struct text message = TEXT("Subject: x\n\nbody\n");

static void test_names(void **state)
{
	static const struct {
		const char *name;
		bool is_name;
	} rows[] = {
		{ "$Junk", true },
		{ "NonJunk", true },
		{ "a", true },
		{ "$label1", true },
		{ "a.b/c:d=e~[x", true },
		{ "", false },
		{ "a b", false },
		{ "a\tb", false },
		{ "a\nb", false },
		{ "\\Seen", false },
		{ "a\\b", false },
		{ "a*", false },
		{ "a%", false },
		{ "(a)", false },
		{ "a)", false },
		{ "{5}", false },
		{ "\"a\"", false },
		{ "a]", false },
		{ "\177", false },
		{ "Stra\303\237e", false },
	};
	char name[KEYWORDS_NAME_MAX + 2];

	for (size_t i = 0; i < LENGTH(rows); i++) {
		if (keywords_is_name(rows[i].name) != rows[i].is_name) {
			fail_msg("%s", rows[i].name);
		}
	}
	memset(name, 'x', sizeof(name));
	name[KEYWORDS_NAME_MAX + 1] = '\0';
	assert_false(keywords_is_name(name));
	name[KEYWORDS_NAME_MAX] = '\0';
	assert_true(keywords_is_name(name));
}

/* What Dovecot leaves out is left out. */
static void test_parse(void **state)
{
	struct keywords_table table;

	keywords_parse(&table, "");
	assert_int_equal(keywords_find(&table, ""), -1);
	assert_int_equal(keywords_give(&table, "a"), 0);
	keywords_parse(&table, "0 $Junk\n1 \n2\n x\nx y\n-1 z\n26 over\n99999999999999999999 o\n"
			       "\n25 last\n3 two words\n4 first\n4 then\n5 open");
	assert_int_equal(keywords_find(&table, "$junk"), 0);
	assert_int_equal(keywords_find(&table, "last"), 25);
	assert_int_equal(keywords_find(&table, "two words"), 3);
	assert_int_equal(keywords_find(&table, "two"), -1);
	assert_int_equal(keywords_find(&table, "first"), -1);
	assert_int_equal(keywords_find(&table, "THEN"), 4);
	assert_int_equal(keywords_find(&table, "open"), 5);
	assert_int_equal(keywords_find(&table, "over"), -1);
	assert_int_equal(keywords_give(&table, "new"), 1);
	assert_int_equal(keywords_find(&table, "NEW"), 1);
	for (int i = 2; i < KEYWORDS_LETTERS - 4; i++) {
		assert_true(keywords_give(&table, "x") >= 0);
	}
	assert_int_equal(keywords_give(&table, "x"), -1);
}

static int open_base(const struct mailroot *mailroot)
{
	int fd = open(mailroot->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void expect_table(const struct mailroot *mailroot, const char *path, const char *want)
{
	struct text content = mailroot_read(mailroot_path(mailroot, path, ""));

	expect_bytes(path, content.p, content.n, want, strlen(want));
	test_free((void *)content.p);
}

static void expect_files(const struct mailroot *mailroot, const char *want)
{
	char list[400];

	mailroot_list(mailroot->base, list, sizeof(list));
	expect_text("files", list, want);
}

/* Words divided by blanks, as an array. */
static size_t split(char *words, const char **names, size_t n_max)
{
	size_t n = 0;

	for (char *p = strtok(words, " "); p != NULL && n < n_max; p = strtok(NULL, " ")) {
		names[n++] = p;
	}
	return n;
}

static int letters_of(const struct mailroot *mailroot, const char *words, char *letters_r)
{
	unsigned patience = 0;
	const char *names[40];
	char copy[400];
	int fd = open_base(mailroot), result;
	size_t n;

	snprintf(copy, sizeof(copy), "%s", words);
	n = split(copy, names, LENGTH(names));
	result = keywords_letters(fd, true, names, n, &patience, letters_r);
	close(fd);
	return result;
}

static const struct {
	const char *before, *words;
	int result;
	const char *letters, *after;
} rows[] = {
	{ NULL, "", 0, "", NULL },
	{ NULL, "$Junk", 0, "a", "0 $Junk\n" },
	{ NULL, "b a b B \\Seen A", 0, "ab", "0 b\n1 a\n" },
	{ NULL, "\\Seen *", 0, "", NULL },
	{ "", "a", 0, "a", "0 a\n" },
	{ "0 $Junk\n1 x\n", "$JUNK", 0, "a", "0 $Junk\n1 x\n" },
	{ "0 $Junk\n1 x\n", "y x", 0, "bc", "0 $Junk\n1 x\n2 y\n" },
	{ "0 $Junk", "y", 0, "b", "0 $Junk\n1 y\n" },
	{ "3 d\n", "a b c d e", 0, "abcde", "3 d\n0 a\n1 b\n2 c\n4 e\n" },
	{ "broken\n30 x\n0 a\n", "x", 0, "b", "broken\n30 x\n0 a\n1 x\n" },
	{ "0 a\n1 b\n2 c\n3 d\n4 e\n5 f\n6 g\n7 h\n8 i\n9 j\n10 k\n11 l\n12 m\n13 n\n14 o\n15 "
	  "p\n16 q\n"
	  "17 r\n18 s\n19 t\n20 u\n21 v\n22 w\n23 x\n24 y\n",
	    "one two b", KEYWORDS_FULL, "bz",
	    "0 a\n1 b\n2 c\n3 d\n4 e\n5 f\n6 g\n7 h\n8 i\n9 j\n10 k\n11 l\n12 m\n13 n\n14 o\n15 "
	    "p\n16 q\n"
	    "17 r\n18 s\n19 t\n20 u\n21 v\n22 w\n23 x\n24 y\n25 one\n" },
};

static void test_letters(void **state)
{
	struct mailroot *mailroot = *state;
	char letters[KEYWORDS_LETTERS + 1];

	for (size_t i = 0; i < LENGTH(rows); i++) {
		if (rows[i].before != NULL) {
			mailroot_make_file(mailroot, TABLE, rows[i].before);
		}
		for (unsigned again = 0; again < 2; again++) {
			assert_int_equal(
			    letters_of(mailroot, rows[i].words, letters), rows[i].result);
			expect_text(rows[i].words, letters, rows[i].letters);
			expect_files(mailroot, rows[i].after == NULL ? "" : TABLE);
			if (rows[i].after != NULL) {
				expect_table(mailroot, TABLE, rows[i].after);
			}
		}
		unlink(mailroot_path(mailroot, TABLE, ""));
	}
}

static time_t time_of(const struct mailroot *mailroot, const char *file)
{
	struct stat status;

	assert_int_equal(stat(mailroot_path(mailroot, file, ""), &status), 0);
	return status.st_mtime;
}

/* Readers compare seconds. */
static void test_time_grows(void **state)
{
	static const char *const words[] = { "a", "b", "c", "d" };
	struct mailroot *mailroot = *state;
	char letters[KEYWORDS_LETTERS + 1];
	time_t before = 0;

	for (size_t i = 0; i < LENGTH(words); i++) {
		assert_int_equal(letters_of(mailroot, words[i], letters), 0);
		assert_true(time_of(mailroot, TABLE) > before);
		before = time_of(mailroot, TABLE);
	}
	assert_int_equal(letters_of(mailroot, "a", letters), 0);
	assert_int_equal(time_of(mailroot, TABLE), before);
}

/* What is no table is left alone. */
static void test_no_table(void **state)
{
	struct mailroot *mailroot = *state;
	char letters[KEYWORDS_LETTERS + 1];
	int fd = open(mailroot_path(mailroot, TABLE, ""), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, "0 a\0\n", 5), 5);
	close(fd);
	assert_int_equal(letters_of(mailroot, "a b", letters), -EILSEQ);
	expect_text("letters", letters, "");
	assert_int_equal(truncate(mailroot_path(mailroot, TABLE, ""), KEYWORDS_FILE_MAX + 1), 0);
	assert_int_equal(letters_of(mailroot, "a", letters), -EFBIG);
	assert_int_equal(unlink(mailroot_path(mailroot, TABLE, "")), 0);
	assert_int_equal(symlink("/etc/passwd", mailroot_path(mailroot, TABLE, "")), 0);
	assert_int_equal(letters_of(mailroot, "a", letters), -ELOOP);
	expect_files(mailroot, TABLE);
}

/* Makes a lock of somebody else, that old. */
static void make_lock(const struct mailroot *mailroot, const char *file, long age)
{
	struct timespec times[2] = { { 0 } };

	mailroot_make_file(mailroot, file, "");
	clock_gettime(CLOCK_REALTIME, &times[1]);
	times[1].tv_sec -= age;
	assert_int_equal(utimensat(AT_FDCWD, mailroot_path(mailroot, file, ""), times, 0), 0);
}

/* Either lock: what is there has its letter all the same. */
static void test_locks(void **state)
{
	static const struct {
		const char *lock, *files;
	} locks[] = {
		{ "dovecot-uidlist.lock", TABLE " dovecot-uidlist.lock" },
		{ TABLE ".lock", TABLE " " TABLE ".lock" },
	};
	struct mailroot *mailroot = *state;
	char letters[KEYWORDS_LETTERS + 1];

	for (size_t i = 0; i < LENGTH(locks); i++) {
		mailroot_make_file(mailroot, TABLE, "0 a\n");
		make_lock(mailroot, locks[i].lock, KEYWORDS_STALE - 20);
		assert_int_equal(letters_of(mailroot, "a", letters), 0);
		assert_int_equal(letters_of(mailroot, "b a", letters), DOTLOCK_HELD);
		expect_text("letters", letters, "a");
		expect_files(mailroot, locks[i].files);
		expect_table(mailroot, TABLE, "0 a\n");
		make_lock(mailroot, locks[i].lock, KEYWORDS_STALE + 5);
		assert_int_equal(letters_of(mailroot, "b a", letters), 0);
		expect_text("letters", letters, "ab");
		expect_files(mailroot, TABLE);
	}
}

/* Who has one lock does not wait for the other. */
static void test_patience(void **state)
{
	static const char *const names[] = { "a" };
	struct mailroot *mailroot = *state;
	char letters[KEYWORDS_LETTERS + 1];
	unsigned patience = 500;
	int fd = open_base(mailroot);

	make_lock(mailroot, TABLE ".lock", 0);
	faults_begin(&mailroot_plain);
	assert_int_equal(keywords_letters(fd, true, names, 1, &patience, letters), DOTLOCK_HELD);
	assert_int_equal(fault_slept(), 0);
	make_lock(mailroot, "dovecot-uidlist.lock", 0);
	assert_int_equal(keywords_letters(fd, true, names, 1, &patience, letters), DOTLOCK_HELD);
	assert_int_equal(fault_slept(), 500);
	faults_end();
	close(fd);
}

/* Each call fails in its turn: no letter without its entry, and no lock is left. */
static void test_faults(void **state)
{
	static const enum fault_call calls[] = { FAULT_OPENAT, FAULT_WRITE, FAULT_PREAD,
		FAULT_FSTAT, FAULT_MALLOC, FAULT_FCHMOD, FAULT_FUTIMENS, FAULT_FSYNC,
		FAULT_RENAMEAT };
	struct mailroot *mailroot = *state;
	unsigned n_fds = count_fds();

	for (size_t i = 0; i < LENGTH(calls); i++) {
		struct faults faults = { .call = calls[i], .mask = 1, .error = EIO };
		unsigned n_struck = 0;

		for (bool is_struck = true; is_struck; faults.mask <<= 1, n_struck += is_struck) {
			char letters[KEYWORDS_LETTERS + 1];
			bool has_b;
			struct text content;
			int result;

			mailroot_make_file(mailroot, TABLE, "0 a");
			make_lock(mailroot, TABLE, -10);
			mailroot_make_file(mailroot, TABLE, "0 a");
			faults_begin(&faults);
			result = letters_of(mailroot, "b a", letters);
			is_struck = faults_end() > 0;
			assert_int_equal(count_fds(), n_fds);
			/* Nobody needs the lock's end to be durable: after those of the file and its name. */
			assert_true((result != 0) == is_struck || calls[i] == FAULT_FSTAT ||
				    (calls[i] == FAULT_FSYNC && n_struck == 2));
			has_b = strchr(letters, 'b') != NULL;
			assert_int_equal(has_b, result == 0);
			/* One whose table could be read the first time is found. */
			assert_true(result == 0 || letters[0] == '\0' || strcmp(letters, "a") == 0);
			content = mailroot_read(mailroot_path(mailroot, TABLE, ""));
			assert_true(!has_b || content.n == strlen("0 a\n1 b\n"));
			test_free((void *)content.p);
			/* A lock that cannot be told from another one's is left to get stale. */
			if (calls[i] == FAULT_FSTAT) {
				unlink(mailroot_path(mailroot, "dovecot-uidlist.lock", ""));
			}
			expect_files(mailroot, TABLE);
		}
		assert_true(n_struck > 0 || calls[i] == FAULT_FUTIMENS);
	}
}

enum {
	THREADS = 8
};

static void *run_letters(void *data)
{
	static const char *const words[] = { "one", "Two", "$three", "four", "FIVE", "six" };
	unsigned patience = 600000;
	size_t n_wrong = 0;
	int fd = open_base(data);

	for (size_t i = 0; i < LENGTH(words); i++) {
		char letters[KEYWORDS_LETTERS + 1];

		n_wrong += keywords_letters(fd, true, words, i + 1, &patience, letters) != 0 ||
			   strlen(letters) != i + 1;
	}
	close(fd);
	return (void *)n_wrong;
}

/* Who comes first gives the letter, and all others find it. */
static void test_threads(void **state)
{
	struct mailroot *mailroot = *state;
	pthread_t threads[THREADS];

	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, run_letters, mailroot), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		void *n_wrong;

		assert_int_equal(pthread_join(threads[i], &n_wrong), 0);
		assert_int_equal((size_t)n_wrong, 0);
	}
	expect_table(mailroot, TABLE, "0 one\n1 Two\n2 $three\n3 four\n4 FIVE\n5 six\n");
	expect_files(mailroot, TABLE);
}

static const char *const junk[] = { "$Junk", "Work" };
static const char *const no_atoms[] = { "a b", "\\Seen", "$Junk" };

/* Delivers with these keywords, and expects the end of the name ("" for none in new/) and the note. */
static const struct maildir_place *deliver(struct mailroot *mailroot, const char *flags,
    const char *const *keywords, size_t n, const char *end, const char *note)
{
	const struct maildir_place *place;
	const char *colon;

	mailroot->wishes[0].flags = flags;
	mailroot->wishes[0].keywords = keywords;
	mailroot->wishes[0].n_keywords = n;
	place = mailroot_deliver_one(mailroot, USER, message);
	assert_int_equal(place->result, 0);
	mailroot_check(mailroot, message);
	colon = strchr(place->name, ':');
	expect_text("the end", colon == NULL ? "" : colon, end);
	expect_text("note", place->note, note);
	maildir_take_back(place, 1);
	return place;
}

static void test_deliveries(void **state)
{
	struct mailroot *mailroot = *state;

	deliver(mailroot, "", junk, 1, ":2,a", "");
	deliver(mailroot, "S", junk, 2, ":2,Sab", "");
	deliver(mailroot, "", junk + 1, 1, ":2,b", "");
	deliver(mailroot, "", no_atoms, 3, ":2,a", "2 keywords are left out: no atoms");
	deliver(mailroot, "", no_atoms, 2, "", "2 keywords are left out: no atoms");
	deliver(mailroot, "F", no_atoms, 2, ":2,F", "2 keywords are left out: no atoms");
	deliver(mailroot, "", junk, 0, "", "");
	expect_table(mailroot, USER "/" TABLE, "0 $Junk\n1 Work\n");
	/* Each folder has its own. */
	mailroot->wishes[0].folder = ".Junk";
	mailroot->wishes[0].if_absent = MAILDIR_MAKE;
	deliver(mailroot, "", junk + 1, 1, ":2,a", "");
	expect_table(mailroot, USER "/.Junk/" TABLE, "0 Work\n");
	mailroot->wishes[0].folder = ".None";
	mailroot->wishes[0].if_absent = MAILDIR_USE_INBOX;
	deliver(mailroot, "", junk + 1, 1, ":2,b", "");
}

/* The message lies there all the same. */
static void test_left_out(void **state)
{
	static const char *const more[] = { "Work", "27th" };
	struct mailroot *mailroot = *state;
	char table[400] = "";

	for (int i = 0; i < KEYWORDS_LETTERS; i++) {
		add_text(table, sizeof(table), "%d %s%d\n", i, i == 7 ? "Work" : "k", i);
	}
	mailroot_make_directory(mailroot, USER "/new");
	mailroot_make_directory(mailroot, USER "/tmp");
	mailroot_make_file(mailroot, USER "/" TABLE, table);
	deliver(mailroot, "S", more + 1, 1, ":2,S", "keywords are left out: there are 26 others");
	deliver(mailroot, "", more + 1, 1, ":2,", "keywords are left out: there are 26 others");
	mailroot_make_file(mailroot, USER "/" TABLE, "0 Work\n");
	make_lock(mailroot, USER "/dovecot-uidlist.lock", 0);
	deliver(mailroot, "S", more, 2, ":2,Sa", "keywords are left out: a lock is not let go of");
	assert_int_equal(fault_slept(), DOTLOCK_PATIENCE_MS);
	assert_int_equal(unlink(mailroot_path(mailroot, USER "/" TABLE, "")), 0);
	mailroot_make_directory(mailroot, USER "/" TABLE);
	deliver(mailroot, "S", more, 2, ":2,S",
	    "keywords are left out: dovecot-keywords: Invalid argument");
}

/* Each call of such a delivery fails: the message is there, or nowhere with an error. */
static void test_faults_of_deliveries(void **state)
{
	static const enum fault_call calls[] = { FAULT_OPENAT2, FAULT_OPENAT, FAULT_RENAMEAT,
		FAULT_FSYNC, FAULT_WRITE, FAULT_MALLOC };
	struct mailroot *mailroot = *state;
	const char *path = USER;

	mailroot->wishes[0] = (struct maildir_place){ .folder = ".Junk",
		.if_absent = MAILDIR_MAKE,
		.flags = "S",
		.keywords = junk,
		.n_keywords = 2 };
	for (size_t i = 0; i < LENGTH(calls); i++) {
		struct faults faults = { .call = calls[i], .mask = 1, .error = EIO };
		unsigned n_unnoticed = 0;
		bool is_struck;

		do {
			const struct maildir_place *place = &mailroot->places[0];

			is_struck =
			    mailroot_deliver(mailroot, &faults, &path, 1, message, message.n) > 0;
			mailroot_check(mailroot, message);
			assert_true(place->result == 0 || place->result == -EIO);
			n_unnoticed += is_struck && place->result == 0 && place->note[0] == '\0';
			assert_true(is_struck || (place->result == 0 && place->note[0] == '\0'));
			if (place->result == 0) {
				char table[100];
				struct stat status;

				snprintf(table, sizeof(table), USER "%s%s/" TABLE,
				    place->where[0] == '\0' ? "" : "/", place->where);
				/* No letter without its entry. */
				assert_true(
				    strstr(place->name, ":2,S") != NULL &&
				    (strstr(place->name, ":2,Sa") == NULL ||
					stat(mailroot_path(mailroot, table, ""), &status) == 0));
			}
			faults.mask <<= 1;
			if (access(mailroot_path(mailroot, "example.com", ""), F_OK) == 0) {
				directory_remove(mailroot_path(mailroot, "example.com", ""));
			}
		} while (is_struck);
		/* The end of the lock. */
		assert_int_equal(n_unnoticed, calls[i] == FAULT_FSYNC ? 1 : 0);
	}
}

/* The entry is durable before the letter can be seen. */
static void check_order(struct mailroot *mailroot, bool is_once)
{
	const struct maildir_place *place;
	size_t synced, moved, directory_synced = 0, named;
	ino_t table, folder, cur;

	mailroot->wishes[0].keywords = junk;
	mailroot->wishes[0].n_keywords = 2;
	place = mailroot_deliver_one(mailroot, USER, message);
	assert_int_equal(place->result, 0);
	mailroot_check_order(mailroot, message, true);
	table = inode_of(mailroot_path(mailroot, USER "/" TABLE, ""));
	folder = inode_of(mailroot_path(mailroot, USER, ""));
	cur = inode_of(mailroot_path(mailroot, USER "/cur", ""));
	synced = find_event(FAULT_FSYNC, table, 0);
	moved = find_event(FAULT_RENAMEAT, folder, table);
	named = find_event(FAULT_LINKAT, cur, 0);
	for (size_t i = moved; i < named; i++) {
		directory_synced +=
		    fault_events[i].call == FAULT_FSYNC && fault_events[i].inode == folder;
	}
	assert_true(0 < synced && synced < moved && moved < named);
	assert_int_equal(
	    directory_synced, is_once ? 0 : 2); /* with the file, and without the lock */
}

static void test_order(void **state)
{
	struct mailroot *mailroot = *state;

	check_order(mailroot, false);
	directory_remove(mailroot_path(mailroot, "example.com", ""));
	mailroot_commit_once(mailroot);
	check_order(mailroot, true);
}

/* A folder that is left at the last moment: its letters mean something else in INBOX. */
static void test_folder_goes_away(void **state)
{
	struct mailroot *mailroot = *state;
	struct maildir_place place = { .root = &mailroot->root,
		.mailbox = USER,
		.folder = ".Junk",
		.if_absent = MAILDIR_MAKE,
		.flags = "S",
		.keywords = junk,
		.n_keywords = 2 };
	struct maildir_message delivery;

	assert_int_equal(maildir_begin(&delivery, &place, 1), 0);
	assert_int_equal(maildir_write(&delivery, message.p, message.n), 0);
	maildir_prepare(&delivery, &place, 1);
	directory_remove(mailroot_path(mailroot, USER "/.Junk", ""));
	maildir_commit(&delivery, &place, 1);
	assert_int_equal(place.result, 0);
	expect_text("where", place.where, "");
	expect_text("the end", strchr(place.name, ':'), ":2,S");
	assert_non_null(strstr(place.note, "; keywords are left out"));
}

int main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, mailroot_setup_in_memory, mailroot_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_parse),
		TEST(test_letters),
		TEST(test_time_grows),
		TEST(test_no_table),
		TEST(test_locks),
		TEST(test_patience),
		TEST(test_faults),
		TEST(test_threads),
		TEST(test_deliveries),
		TEST(test_left_out),
		TEST(test_faults_of_deliveries),
		TEST(test_order),
		TEST(test_folder_goes_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
