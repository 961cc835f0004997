/* SPDX-License-Identifier: MIT
 * Names of files: their form, their order, and what of the host goes into them. */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maildir/name.h"
#include "tests/unit/maildir/mailroot.h"

static const struct text message = TEXT("Subject: x\n\nbody\n");

static void test_name_pattern(void **state)
{
	struct mailroot *mailroot = *state;
	char pattern[200];
	regex_t regex;
	time_t before = time(NULL);
	struct maildir_place *place =
	    mailroot_deliver_one(mailroot, "example.com/user/Maildir", message);

	snprintf(pattern, sizeof(pattern),
	    "^[0-9]+\\.M[0-9]{6}P%ldQ[0-9]+\\.mx\\.example\\.com,S=%zu,W=%zu$", (long)getpid(),
	    message.n, message.n + 3);
	assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
	if (regexec(&regex, place->name, 0, NULL, 0) != 0) {
		fail_msg("%s does not match %s", place->name, pattern);
	}
	regfree(&regex);
	assert_in_range(strtol(place->name, NULL, 10), before, time(NULL));
}

/* Microseconds have six digits and the counter never repeats. */
static void test_name_make(void **state)
{
	char first[MAILDIR_NAME_MAX + 1], second[MAILDIR_NAME_MAX + 1], start[60];
	const struct timespec now = { .tv_sec = 1700000000, .tv_nsec = 1999 };

	name_make(first, &now, "h");
	name_make(second, &now, "h");
	snprintf(start, sizeof(start), "1700000000.M000001P%ldQ", (long)getpid());
	expect_bytes("the start", first, strlen(start), start, strlen(start));
	expect_text("the end", strrchr(first, '.'), ".h");
	assert_string_not_equal(first, second);
	name_add_sizes(first, UINT64_MAX, 0);
	expect_text("sizes", strchr(first, ','), ",S=18446744073709551615,W=0");
}

static void test_flags(void **state)
{
	static const struct {
		const char *flags, *name;
	} rows[] = {
		{ "S", "1.M2P3Q4.h:2,S" },
		{ "TSRFD", "1.M2P3Q4.h:2,DFRST" },
		{ "SSFS", "1.M2P3Q4.h:2,FS" },
		{ "Px S/a:2,", "1.M2P3Q4.h:2,S" },
		{ "", "1.M2P3Q4.h:2," },
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		char name[MAILDIR_NAME_MAX + 1] = "1.M2P3Q4.h";

		name_add_flags(name, rows[i].flags, "");
		expect_text(rows[i].flags, name, rows[i].name);
	}
}

static void test_flags_that_go(void **state)
{
	static const struct {
		const char *name, *rest;
	} rows[] = {
		{ "1.M2P3Q4.h,S=5,W=6:2,FSab", "1.M2P3Q4.h,S=5,W=6" },
		{ "1.M2P3Q4.h,S=5,W=6", "1.M2P3Q4.h,S=5,W=6" },
		{ "", "" },
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		char name[MAILDIR_NAME_MAX + 1];

		snprintf(name, sizeof(name), "%s", rows[i].name);
		name_drop_flags(name);
		expect_text(rows[i].name, name, rows[i].rest);
	}
}

enum {
	PLAIN,
	MARKED,
	FOLDER,
	TWIN,
	REFUSED,
	N_PLACES
};

/* One of each kind, and the last leads out of the root. */
static void set_places(const struct mailroot *mailroot, struct maildir_place *places)
{
	for (size_t i = 0; i < N_PLACES; i++) {
		places[i] = (struct maildir_place){ .root = &mailroot->root };
	}
	places[PLAIN].mailbox = "a";
	places[MARKED].mailbox = "b";
	places[MARKED].flags = "FS";
	places[FOLDER].mailbox = "c";
	places[FOLDER].folder = ".Junk";
	places[FOLDER].if_absent = MAILDIR_MAKE;
	places[FOLDER].flags = "S";
	places[TWIN].mailbox = "a";
	places[TWIN].folder = ".Nowhere";
	places[REFUSED].mailbox = "../x";
}

static void prepare(
    struct mailroot *mailroot, struct maildir_message *delivery, struct maildir_place *places)
{
	set_places(mailroot, places);
	assert_int_equal(maildir_begin(delivery, places, N_PLACES), 0);
	assert_int_equal(maildir_write(delivery, message.p, message.n), 0);
	maildir_prepare(delivery, places, N_PLACES);
}

static void expect_list(const struct mailroot *mailroot, const char *path, const char *want)
{
	char list[1024];

	mailroot_list(mailroot_path(mailroot, path, ""), list, sizeof(list));
	expect_text(path, list, want);
}

/* Who counts a mailbox meanwhile knows the name before it appears. */
static void test_names_before_the_commit(void **state)
{
	struct mailroot *mailroot = *state;
	struct maildir_place places[N_PLACES];
	struct maildir_message delivery;
	char names[N_PLACES][MAILDIR_NAME_MAX + 10];

	prepare(mailroot, &delivery, places);
	for (size_t i = 0; i < N_PLACES; i++) {
		snprintf(names[i], sizeof(names[i]), "%s", places[i].name);
		assert_null(strchr(names[i], ':'));
		assert_true((strstr(names[i], ",S=17,W=20") != NULL) == (i != REFUSED));
		for (size_t other = 0; other < i; other++) {
			assert_true(
			    (strcmp(names[i], names[other]) == 0) == (i == TWIN && other == PLAIN));
		}
	}
	expect_text("of what cannot go", names[REFUSED], "");
	expect_list(mailroot, "a/new", "");
	maildir_commit(&delivery, places, N_PLACES);
	add_text(names[MARKED], sizeof(names[MARKED]), ":2,FS");
	add_text(names[FOLDER], sizeof(names[FOLDER]), ":2,S");
	for (size_t i = 0; i < REFUSED; i++) {
		assert_int_equal(places[i].result, 0);
		expect_text("the name", places[i].name, names[i]);
	}
	expect_list(mailroot, "a/new", names[PLAIN]);
	expect_list(mailroot, "b/cur", names[MARKED]);
	expect_list(mailroot, "c/.Junk/cur", names[FOLDER]);
}

/* It lies in INBOX then, under the name that was told. */
static void test_name_of_a_folder_that_is_left(void **state)
{
	struct mailroot *mailroot = *state;
	struct maildir_place places[N_PLACES];
	struct maildir_message delivery;
	char name[MAILDIR_NAME_MAX + 10];

	prepare(mailroot, &delivery, places);
	snprintf(name, sizeof(name), "%s:2,S", places[FOLDER].name);
	directory_remove(mailroot_path(mailroot, "c/.Junk", ""));
	maildir_commit(&delivery, places, N_PLACES);
	assert_int_equal(places[FOLDER].result, 0);
	expect_text("where", places[FOLDER].where, "");
	expect_text("the name", places[FOLDER].name, name);
	expect_list(mailroot, "c/cur", name);
}

/* A copy gets the name that the file could not get, with its flags once. */
static void test_name_of_a_copy(void **state)
{
	const struct faults faults = { .call = FAULT_CALLS, .has_one_link = true };
	struct mailroot *mailroot = *state;
	struct maildir_place places[N_PLACES];
	struct maildir_message delivery;
	char name[MAILDIR_NAME_MAX + 10];

	prepare(mailroot, &delivery, places);
	snprintf(name, sizeof(name), "%s:2,FS", places[MARKED].name);
	faults_begin(&faults);
	maildir_commit(&delivery, places, N_PLACES);
	faults_end();
	assert_int_equal(places[MARKED].result, 0);
	expect_list(mailroot, "b/cur", name);
}

/* Somebody has it: only then it is another one, with the same sizes. */
static void test_name_that_is_taken(void **state)
{
	struct mailroot *mailroot = *state;
	struct maildir_place places[N_PLACES];
	struct maildir_message delivery;
	char name[MAILDIR_NAME_MAX + 10], path[MAILDIR_NAME_MAX + 20];

	prepare(mailroot, &delivery, places);
	snprintf(name, sizeof(name), "%s:2,FS", places[MARKED].name);
	snprintf(path, sizeof(path), "b/cur/%s", name);
	mailroot_make_file(mailroot, path, "theirs");
	maildir_commit(&delivery, places, N_PLACES);
	assert_int_equal(places[MARKED].result, 0);
	assert_string_not_equal(places[MARKED].name, name);
	expect_text("what is behind", strchr(places[MARKED].name, ','), ",S=17,W=20:2,FS");
}

static void test_hosts(void **state)
{
	static const struct {
		const char *host, *escaped;
	} rows[] = {
		{ "mx.example.com", "mx.example.com" },
		{ "a/b:c", "a\\057b\\072c" },
		{ "a,S=5", "a_S=5" },
		{ "a b\n\001\177\303\251", "a_b_____" },
		{ "../../x", "..\\057..\\057x" },
		{ "", "" },
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct maildir_root root;

		maildir_root_init(&root, "/", rows[i].host);
		expect_text(rows[i].host, root.host, rows[i].escaped);
	}
}

/* Only so much of it as has room, escaped or not, and nothing behind its end. */
static void test_part_of_a_host(void **state)
{
	char out[8];

	name_escape_host(out, sizeof(out), "ab/cd");
	expect_text("an escape that fits", out, "ab\\057");
	name_escape_host(out, sizeof(out), "abcd/cd");
	expect_text("one that does not", out, "abcd");
	name_escape_host(out, sizeof(out), "ab\0cd");
	expect_text("up to the NUL", out, "ab");
}

/* Cut where no escape is torn, so that the whole name fits. */
static void test_long_hosts(void **state)
{
	char host[1001], name[MAILDIR_NAME_MAX + 1];
	const struct timespec now = { .tv_sec = INT64_MAX, .tv_nsec = 999999999 };
	struct maildir_root root;

	for (size_t n = 80; n < sizeof(host); n += n < 120 ? 1 : 300) {
		for (unsigned i = 0; i < 2; i++) {
			memset(host, i == 0 ? 'x' : '/', n);
			host[n] = '\0';
			maildir_root_init(&root, "/", host);
			assert_in_range(strlen(root.host), 80, MAILDIR_HOST_MAX);
			assert_int_equal(strlen(root.host) % 4, i == 0 ? strlen(root.host) % 4 : 0);
			name_make(name, &now, root.host);
			name_add_sizes(name, UINT64_MAX, UINT64_MAX);
			name_add_flags(name, NAME_FLAGS, "abcdefghijklmnopqrstuvwxyz");
			expect_text("no part is cut off", strchr(name, ','),
			    ",S=18446744073709551615,W=18446744073709551615:2,"
			    "DFRSTabcdefghijklmnopqrstuvwxyz");
		}
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, mailroot_setup, mailroot_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_name_pattern),
		TEST(test_name_make),
		TEST(test_flags),
		TEST(test_flags_that_go),
		TEST(test_names_before_the_commit),
		TEST(test_name_of_a_folder_that_is_left),
		TEST(test_name_of_a_copy),
		TEST(test_name_that_is_taken),
		TEST(test_hosts),
		TEST(test_part_of_a_host),
		TEST(test_long_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
