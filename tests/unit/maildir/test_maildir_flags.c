/* SPDX-License-Identifier: MIT
 * Messages that are marked: they lie in cur/, under a name that says how. */
#include "maildir/maildir.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/maildir/mailroot.h"

#define USER "example.com/user/Maildir"

static const struct text message = TEXT("Subject: x\n\nbody\n");

static void expect_list(const struct mailroot *mailroot, const char *path, const char *want)
{
	char list[1024];

	mailroot_list(mailroot_path(mailroot, path, ""), list, sizeof(list));
	expect_text(path, list, want);
}

static struct stat status_of(const char *path)
{
	struct stat status;

	if (lstat(path, &status) != 0) {
		fail_msg("%s: %s", path, strerror(errno));
	}
	return status;
}

/* What is marked lies in cur/, and what has no mark that is one in new/. */
static void test_flags(void **state)
{
	static const struct {
		const char *flags, *end;
	} rows[] = { { "S", ":2,S" }, { "TDx", ":2,DT" }, { "", NULL }, { "xyz", NULL },
		{ NULL, NULL } };
	struct mailroot *mailroot = *state;

	for (size_t i = 0; i < LENGTH(rows); i++) {
		const struct maildir_place *place;
		const char *colon;

		mailroot->wishes[0].flags = rows[i].flags;
		place = mailroot_deliver_one(mailroot, USER, message);
		assert_int_equal(place->result, 0);
		mailroot_check(mailroot, message);
		colon = strchr(place->name, ':');
		expect_list(mailroot, USER "/new", colon == NULL ? place->name : "");
		expect_list(mailroot, USER "/cur", colon == NULL ? "" : place->name);
		assert_true((colon == NULL) == (rows[i].end == NULL));
		if (colon != NULL) {
			expect_text(rows[i].flags, colon, rows[i].end);
		}
		maildir_take_back(place, 1);
		expect_list(mailroot, USER "/new", "");
		expect_list(mailroot, USER "/cur", "");
	}
}

/* Marked in one mailbox and not in the next: they share the file all the same. */
static void test_flags_are_of_a_place(void **state)
{
	static const char *const paths[] = { "example.com/a/Maildir", "example.com/b/Maildir",
		"example.org/a/Maildir" };
	struct mailroot *mailroot = *state;

	for (unsigned marked = 0; marked < 8; marked++) {
		for (size_t i = 0; i < LENGTH(paths); i++) {
			mailroot->wishes[i].flags = (marked >> i & 1) != 0 ? "FS" : "";
		}
		mailroot_deliver(mailroot, &mailroot_plain, paths, LENGTH(paths), message, 9);
		mailroot_check(mailroot, message);
		mailroot_check_order(mailroot, message, marked == 0);
		for (size_t i = 0; i < LENGTH(paths); i++) {
			const struct maildir_place *place = &mailroot->places[i];
			char file[2 * MAILDIR_NAME_MAX];

			assert_int_equal(place->result, 0);
			assert_true((strchr(place->name, ':') != NULL) == ((marked >> i & 1) != 0));
			snprintf(file, sizeof(file), "/%s/%s",
			    (marked >> i & 1) != 0 ? "cur" : "new", place->name);
			assert_int_equal(
			    status_of(mailroot_path(mailroot, paths[i], file)).st_nlink, 3);
		}
		maildir_take_back(mailroot->places, LENGTH(paths));
	}
}

/* A mailbox whose new/ is missing has what a mark needs. */
static void test_half_a_mailbox_and_flags(void **state)
{
	struct mailroot *mailroot = *state;

	mailroot->wishes[0].flags = "S";
	mailroot_make_directory(mailroot, USER "/new");
	assert_int_equal(mailroot_deliver_one(mailroot, USER, message)->result, 0);
	expect_list(mailroot, USER, "cur new tmp");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, mailroot_setup, mailroot_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_flags),
		TEST(test_flags_are_of_a_place),
		TEST(test_half_a_mailbox_and_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
