/* SPDX-License-Identifier: MIT
 * Deliveries into real directories: what lies there afterwards, and where nothing must lie. */
#include "maildir/maildir.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/maildir/mailroot.h"

#define USER "example.com/user/Maildir"

static const struct text message = TEXT("Subject: x\n\nbody\n");

static struct stat status_of(const char *path)
{
	struct stat status;

	if (lstat(path, &status) != 0) {
		fail_msg("%s: %s", path, strerror(errno));
	}
	return status;
}

static void expect_list(const struct mailroot *mailroot, const char *path, const char *want)
{
	char list[4096];

	mailroot_list(mailroot_path(mailroot, path, ""), list, sizeof(list));
	expect_text(path, list, want);
}

static void test_first_delivery(void **state)
{
	static const char *const directories[] = { "example.com", "example.com/user", USER,
		USER "/cur", USER "/new", USER "/tmp" };
	struct mailroot *mailroot = *state;
	struct maildir_place *place = mailroot_deliver_one(mailroot, USER, message);
	char file[300];
	struct stat status;

	assert_int_equal(place->result, 0);
	mailroot_check(mailroot, message);
	expect_list(mailroot, "", "example.com");
	expect_list(mailroot, "example.com", "user");
	expect_list(mailroot, "example.com/user", "Maildir");
	expect_list(mailroot, USER, "cur new tmp");
	expect_list(mailroot, USER "/cur", "");
	expect_list(mailroot, USER "/new", place->name);
	for (size_t i = 0; i < LENGTH(directories); i++) {
		status = status_of(mailroot_path(mailroot, directories[i], ""));
		assert_int_equal(status.st_mode, S_IFDIR | 0700);
	}
	snprintf(file, sizeof(file), "/new/%s", place->name);
	status = status_of(mailroot_path(mailroot, USER, file));
	assert_int_equal(status.st_mode, S_IFREG | 0600);
	assert_int_equal(status.st_nlink, 1);
	assert_int_equal(status.st_size, message.n);
}

/* Modes are those promised, whatever the umask grants. */
static void test_modes_under_an_open_umask(void **state)
{
	mode_t old = umask(0);

	test_first_delivery(state);
	umask(old);
}

static void test_existing_mailbox(void **state)
{
	struct mailroot *mailroot = *state;
	struct maildir_place *place;
	char list[400];

	mailroot_make_directory(mailroot, USER "/cur");
	mailroot_make_directory(mailroot, USER "/new");
	mailroot_make_directory(mailroot, USER "/tmp");
	mailroot_make_directory(mailroot, USER "/.Sent/cur");
	mailroot_make_file(mailroot, USER "/new/0.old", "old");
	mailroot_make_file(mailroot, USER "/tmp/0.half", "half");
	mailroot_make_file(mailroot, USER "/dovecot-uidlist", "3");
	assert_int_equal(chmod(mailroot_path(mailroot, USER, "/new"), 0750), 0);
	place = mailroot_deliver_one(mailroot, USER, message);
	assert_int_equal(place->result, 0);
	expect_list(mailroot, USER, ".Sent cur dovecot-uidlist new tmp");
	snprintf(list, sizeof(list), "0.old %s", place->name);
	expect_list(mailroot, USER "/new", list);
	expect_list(mailroot, USER "/tmp", "0.half");
	assert_int_equal(status_of(mailroot_path(mailroot, USER, "/new")).st_mode, S_IFDIR | 0750);
}

/* A mailbox without new/ is made whole; what it has stays. */
static void test_half_a_mailbox(void **state)
{
	struct mailroot *mailroot = *state;

	mailroot_make_directory(mailroot, USER "/cur");
	mailroot_make_file(mailroot, USER "/cur/1", "read");
	assert_int_equal(mailroot_deliver_one(mailroot, USER, message)->result, 0);
	expect_list(mailroot, USER, "cur new tmp");
	expect_list(mailroot, USER "/cur", "1");
}

/* Bytes on disk, and with every line ended by CRLF, as IMAP counts them. */
static const struct {
	struct text message;
	unsigned wire_size;
} sizes[] = {
	{ TEXT(""), 0 },
	{ TEXT("a"), 1 },
	{ TEXT("\n"), 2 },
	{ TEXT("a\nb\n"), 6 },
	{ TEXT("\n\n\n"), 6 },
	{ TEXT("a\r\nb\r\n"), 6 },
	{ TEXT("a\r\nb\nc\rd\n\re"), 13 },
	{ TEXT("\r\r\n\n"), 5 },
	{ TEXT("\r"), 1 },
	{ TEXT("\n\r\n\r"), 5 },
	{ TEXT("\0\n\0"), 4 },
	{ TEXT("no line end at the end\nx"), 25 },
};

static void test_sizes(void **state)
{
	struct mailroot *mailroot = *state;
	const char *path = USER;
	char end[60], file[300];

	for (size_t i = 0; i < LENGTH(sizes); i++) {
		struct text text = sizes[i].message;

		for (size_t piece = 1; piece <= text.n + 1; piece++) {
			const char *name = mailroot->places[0].name;

			mailroot_deliver(mailroot, &mailroot_plain, &path, 1, text, piece);
			assert_int_equal(mailroot->places[0].result, 0);
			mailroot_check(mailroot, text);
			snprintf(end, sizeof(end), ",S=%zu,W=%u", text.n, sizes[i].wire_size);
			expect_text(shown(text.p, text.n), strstr(name, ",S="), end);
			snprintf(file, sizeof(file), "/new/%s", name);
			assert_int_equal(unlink(mailroot_path(mailroot, USER, file)), 0);
		}
	}
}

static const char *const three[] = { "example.com/a/Maildir", "example.com/b/Maildir",
	"example.org/a/Maildir" };

static struct stat status_of_message(const struct mailroot *mailroot, size_t i)
{
	const struct maildir_place *place = &mailroot->places[i];
	char file[300];

	snprintf(file, sizeof(file), "/new/%s", place->name);
	return status_of(mailroot_path(mailroot, place->mailbox, file));
}

/* Several mailboxes share one file, or have copies where they cannot. */
static void check_three(
    struct mailroot *mailroot, const struct faults *faults, unsigned n_files, struct text text)
{
	struct stat first;
	unsigned n_same = 0;

	mailroot_deliver(mailroot, faults, three, 3, text, text.n);
	mailroot_check(mailroot, text);
	first = status_of_message(mailroot, 0);
	for (size_t i = 0; i < 3; i++) {
		struct stat status = status_of_message(mailroot, i);

		assert_int_equal(mailroot->places[i].result, 0);
		assert_int_equal(status.st_nlink, n_files == 1 ? 3 : 1);
		assert_int_equal(status.st_mode, S_IFREG | 0600);
		n_same += status.st_ino == first.st_ino;
	}
	assert_int_equal(n_same, n_files == 1 ? 3 : 1);
}

static void test_three_share_one_file(void **state)
{
	check_three(*state, &mailroot_plain, 1, message);
}

static void test_three_without_tmpfile(void **state)
{
	const struct faults faults = { .call = FAULT_CALLS, .has_no_tmpfile = true };

	check_three(*state, &faults, 1, message);
}

static void test_three_without_proc(void **state)
{
	struct mailroot *mailroot = *state;

	mailroot->root.has_tmpfile = false; /* there is no /proc to name them by */
	check_three(mailroot, &mailroot_plain, 1, message);
}

static void test_three_with_one_link_each(void **state)
{
	const struct faults faults = { .call = FAULT_CALLS, .has_one_link = true };

	check_three(*state, &faults, 3, message);
}

static void test_three_with_one_link_each_without_tmpfile(void **state)
{
	const struct faults faults = {
		.call = FAULT_CALLS, .has_one_link = true, .has_no_tmpfile = true
	};

	check_three(*state, &faults, 3, message);
}

/* Each mailbox on a filesystem of its own. */
static void test_three_on_three_filesystems(void **state)
{
	const struct faults faults = { .call = FAULT_CALLS, .has_devices = true };

	check_three(*state, &faults, 3, message);
}

/* The first one's disk is full: the others get the message all the same, with what was written so
 * far. */
static void test_first_filesystem_is_full(void **state)
{
	struct mailroot *mailroot = *state;

	for (unsigned n = 0; n < 3; n++) {
		const struct faults faults = { .call = FAULT_WRITE,
			.mask = (uint64_t)1 << n,
			.error = ENOSPC,
			.has_devices = true };

		assert_int_equal(mailroot_deliver(mailroot, &faults, three, 3, message, 6), 1);
		assert_int_equal(mailroot->places[0].result, -ENOSPC);
		assert_int_equal(mailroot->places[1].result, 0);
		assert_int_equal(mailroot->places[2].result, 0);
		mailroot_check(mailroot, message);
		directory_remove(mailroot_path(mailroot, "example.com", ""));
		directory_remove(mailroot_path(mailroot, "example.org", ""));
	}
}

/* As on a filesystem that knows no hard links at all. */
static void test_three_without_links(void **state)
{
	const struct faults faults = {
		.call = FAULT_CALLS, .has_no_links = true, .has_no_tmpfile = true
	};

	check_three(*state, &faults, 3, message);
}

/* The second and the third link are refused, in every way that filesystems have. */
static void test_links_refused(void **state)
{
	static const int errors[] = { EPERM, EMLINK, EXDEV, EOPNOTSUPP, ENOSYS };
	struct mailroot *mailroot = *state;

	for (size_t i = 0; i < LENGTH(errors); i++) {
		/* calls: a, b (refused), b's copy, c (refused), c's copy */
		const struct faults faults = {
			.call = FAULT_LINKAT, .mask = 1 << 1 | 1 << 3, .error = errors[i]
		};

		check_three(mailroot, &faults, 3, message);
		directory_remove(mailroot_path(mailroot, "example.com", ""));
		directory_remove(mailroot_path(mailroot, "example.org", ""));
	}
}

/* Larger than any buffer of the library, written in uneven pieces, copied twice. */
static void test_large_message(void **state)
{
	const struct faults faults = { .call = FAULT_CALLS, .has_one_link = true };
	struct mailroot *mailroot = *state;
	size_t n = 3000007;
	char *bytes = test_malloc(n);
	uint64_t seed = 1;

	for (size_t i = 0; i < n; i++) {
		bytes[i] = (char)random_below(&seed, 256);
	}
	mailroot_deliver(mailroot, &faults, three, 3, (struct text){ bytes, n }, 70001);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(mailroot->places[i].result, 0);
	}
	mailroot_check(mailroot, (struct text){ bytes, n });
	test_free(bytes);
}

/* A name that is taken is not overwritten: another one is made. */
static void test_name_is_taken(void **state)
{
	struct mailroot *mailroot = *state;
	const char *path = USER;
	struct faults faults = { .call = FAULT_LINKAT, .mask = 7, .error = EEXIST };

	assert_int_equal(mailroot_deliver(mailroot, &faults, &path, 1, message, 5), 3);
	assert_int_equal(mailroot->places[0].result, 0);
	mailroot_check(mailroot, message);
	assert_ptr_equal(strstr(mailroot->places[0].name, ",S="),
	    strrchr(mailroot->places[0].name, 'S') - 1); /* a whole new name, not a longer one */
	faults.mask = UINT64_MAX;
	directory_remove(mailroot_path(mailroot, USER, ""));
	assert_in_range(mailroot_deliver(mailroot, &faults, &path, 1, message, 5), 2, 100);
	assert_int_equal(mailroot->places[0].result, -EEXIST);
	mailroot_check(mailroot, message);
}

enum {
	THREADS = 8,
	EACH = 40
};

static void *run_deliveries(void *data)
{
	struct maildir_place place = { .root = data, .mailbox = USER };
	struct maildir_message delivery;
	size_t n_saved = 0;

	for (unsigned i = 0; i < EACH; i++) {
		maildir_begin(&delivery, &place, 1);
		maildir_write(&delivery, message.p, message.n);
		maildir_prepare(&delivery, &place, 1);
		maildir_commit(&delivery, &place, 1);
		n_saved += place.result == 0;
	}
	return (void *)n_saved;
}

/* Threads that deliver to one mailbox, which none of them finds, never meet in a name. */
static void test_threads(void **state)
{
	struct mailroot *mailroot = *state;
	pthread_t threads[THREADS];
	size_t n_list = (size_t)300 * THREADS * EACH;
	char *list = test_malloc(n_list);
	size_t n_names = 1;

	faults_begin(&mailroot_plain);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(
		    pthread_create(&threads[i], NULL, run_deliveries, &mailroot->root), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		void *n_saved;

		assert_int_equal(pthread_join(threads[i], &n_saved), 0);
		assert_int_equal((size_t)n_saved, EACH);
	}
	faults_end();
	mailroot_list(mailroot_path(mailroot, USER, "/new"), list, n_list);
	for (const char *p = list; *p != '\0'; p++) {
		n_names += *p == ' ';
	}
	assert_int_equal(n_names, THREADS * EACH);
	expect_list(mailroot, USER "/tmp", "");
	test_free(list);
}

static void test_abort(void **state)
{
	struct mailroot *mailroot = *state;

	for (unsigned has_tmpfile = 0; has_tmpfile < 2; has_tmpfile++) {
		struct maildir_place place = { .root = &mailroot->root, .mailbox = USER };
		struct maildir_message delivery;

		mailroot->root.has_tmpfile = has_tmpfile;
		assert_int_equal(maildir_begin(&delivery, &place, 1), 0);
		assert_int_equal(maildir_write(&delivery, message.p, message.n), 0);
		maildir_abort(&delivery, NULL, 0);
		expect_list(mailroot, USER, "cur new tmp");
		expect_list(mailroot, USER "/new", "");
		expect_list(mailroot, USER "/tmp", "");
	}
}

/* One mailbox that cannot be written does not hinder the others, wherever it stands. */
static void test_one_of_three_is_bad(void **state)
{
	struct mailroot *mailroot = *state;

	for (size_t bad = 0; bad < 3; bad++) {
		const char *paths[3] = { three[0], three[1], three[2] };

		paths[bad] = "../x";
		mailroot_deliver(mailroot, &mailroot_plain, paths, 3, message, 3);
		for (size_t i = 0; i < 3; i++) {
			struct maildir_place *place = &mailroot->places[i];

			assert_int_equal(place->result, i == bad ? -EINVAL : 0);
			if (i != bad) {
				assert_int_equal(status_of_message(mailroot, i).st_nlink, 2);
			}
		}
		directory_remove(mailroot_path(mailroot, "example.com", ""));
		if (bad != 2) {
			directory_remove(mailroot_path(mailroot, "example.org", ""));
		}
	}
}

static void test_none_can_be_written(void **state)
{
	struct mailroot *mailroot = *state;
	struct maildir_place places[2] = { { .root = &mailroot->root, .mailbox = "" },
		{ .root = &mailroot->root, .mailbox = "/" } };
	struct maildir_message delivery;

	assert_int_equal(maildir_begin(&delivery, places, 2), -EINVAL);
	assert_true(maildir_write(&delivery, "x", 1) < 0);
	maildir_prepare(&delivery, places, 2);
	maildir_commit(&delivery, places, 2);
	assert_int_equal(places[0].result, -EINVAL);
	assert_int_equal(places[1].result, -EINVAL);
	expect_list(mailroot, "", "");
	assert_true(maildir_begin(&delivery, NULL, 0) < 0);
	maildir_prepare(&delivery, NULL, 0);
	maildir_commit(&delivery, NULL, 0);
}

/* The mail root itself is away. */
static void test_no_root(void **state)
{
	struct mailroot *mailroot = *state;
	struct maildir_root root;
	struct maildir_place place = { .root = &root, .mailbox = USER };
	struct maildir_message delivery;
	const char *part;

	maildir_root_init(&root, mailroot_path(mailroot, "absent", ""), "h");
	assert_int_equal(maildir_begin(&delivery, &place, 1), -ENOENT);
	maildir_abort(&delivery, NULL, 0);
	assert_true(place.step[0] != '\0');
	assert_int_equal(maildir_probe(&root, USER, &part), -ENOENT);
	expect_list(mailroot, "", "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, mailroot_setup, mailroot_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_first_delivery),
		TEST(test_modes_under_an_open_umask),
		TEST(test_existing_mailbox),
		TEST(test_half_a_mailbox),
		TEST(test_sizes),
		TEST(test_three_share_one_file),
		TEST(test_three_without_tmpfile),
		TEST(test_three_without_proc),
		TEST(test_three_with_one_link_each),
		TEST(test_three_with_one_link_each_without_tmpfile),
		TEST(test_three_on_three_filesystems),
		TEST(test_first_filesystem_is_full),
		TEST(test_three_without_links),
		TEST(test_links_refused),
		TEST(test_large_message),
		TEST(test_name_is_taken),
		TEST(test_threads),
		TEST(test_abort),
		TEST(test_one_of_three_is_bad),
		TEST(test_none_can_be_written),
		TEST(test_no_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
