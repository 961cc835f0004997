/* SPDX-License-Identifier: MIT
 * What maildirsize adds up to, and what says nothing. */
#include "maildir/maildirsize.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/maildir/mailroot.h"

#define BOX       "example.com/a/Maildir"
#define FILE_NAME BOX "/maildirsize"
#define HEADER    "10000S,10C\n"

enum {
	MORE = 70000
};

static const struct {
	const char *content;
	int outcome;
	struct maildirsize sum;
} cases[] = {
	{ HEADER "5000 5\n", MAILDIRSIZE_READ, { 5000, 5 } },
	{ HEADER "5000 5\n100 1\n-5100 -6\n", MAILDIRSIZE_READ, { 0, 0 } },
	{ HEADER "  5000\t 5\n+100 +1\n", MAILDIRSIZE_READ, { 5100, 6 } },
	{ HEADER "9223372036854775807 1\n", MAILDIRSIZE_READ, { INT64_MAX, 1 } },
	{ "whatever\n3000000000 3000000000\n", MAILDIRSIZE_READ, { 3000000000, 3000000000 } },
	{ HEADER, MAILDIRSIZE_READ, { 0, 0 } },
	{ HEADER "5000 5\n100 1", MAILDIRSIZE_READ, { 5000, 5 } },
	{ HEADER "5000 5\n100", MAILDIRSIZE_READ, { 5000, 5 } },
	{ "", MAILDIRSIZE_UNUSABLE, { 0, 0 } },
	{ "10000S", MAILDIRSIZE_UNUSABLE, { 0, 0 } },
	{ HEADER "a word\n", MAILDIRSIZE_UNUSABLE, { 0, 0 } },
	{ HEADER "5000\n", MAILDIRSIZE_UNUSABLE, { 0, 0 } },
	{ HEADER "5000 \n5\n", MAILDIRSIZE_UNUSABLE, { 0, 0 } },
	{ HEADER "\n5000 5\n", MAILDIRSIZE_UNUSABLE, { 0, 0 } },
	{ HEADER "5000 5 5\n", MAILDIRSIZE_UNUSABLE, { 0, 0 } },
	{ HEADER "-1 0\n", MAILDIRSIZE_UNUSABLE, { 0, 0 } },
	{ HEADER "0 -1\n", MAILDIRSIZE_UNUSABLE, { 0, 0 } },
	{ HEADER "9223372036854775807 1\n1 1\n", MAILDIRSIZE_UNUSABLE, { 0, 0 } },
	{ HEADER "9223372036854775808 1\n", MAILDIRSIZE_UNUSABLE, { 0, 0 } },
};

static int read_it(
    const struct mailroot *mailroot, const struct faults *faults, struct maildirsize *sum_r)
{
	unsigned n_fds = count_fds();
	int result;

	faults_begin(faults);
	result = maildirsize_read(&mailroot->root, BOX, sum_r);
	faults_end();
	assert_int_equal(count_fds(), n_fds);
	return result;
}

static void test_lines(void **state)
{
	struct mailroot *mailroot = *state;
	struct maildirsize sum;

	mailroot_make_directory(mailroot, BOX);
	assert_int_equal(read_it(mailroot, &mailroot_plain, &sum), MAILDIRSIZE_ABSENT);
	for (size_t i = 0; i < LENGTH(cases); i++) {
		sum = (struct maildirsize){ 0, 0 };
		mailroot_make_file(mailroot, FILE_NAME, cases[i].content);
		assert_int_equal(read_it(mailroot, &mailroot_plain, &sum), cases[i].outcome);
		assert_int_equal(sum.bytes, cases[i].sum.bytes);
		assert_int_equal(sum.messages, cases[i].sum.messages);
	}
}

/* A zero byte is no end, and what is endless is not read. */
static void test_odd_bytes(void **state)
{
	struct mailroot *mailroot = *state;
	char content[MORE + 1];
	struct maildirsize sum;

	mailroot_make_directory(mailroot, BOX);
	mailroot_make_file(mailroot, FILE_NAME, HEADER "5000 5\n");
	assert_int_equal(truncate(mailroot_path(mailroot, FILE_NAME, ""), 100), 0);
	assert_int_equal(read_it(mailroot, &mailroot_plain, &sum), MAILDIRSIZE_UNUSABLE);
	memset(content, 'x', MORE);
	content[MORE] = '\0';
	mailroot_make_file(mailroot, FILE_NAME, content);
	assert_int_equal(read_it(mailroot, &mailroot_plain, &sum), MAILDIRSIZE_UNUSABLE);
}

static void test_what_is_no_file(void **state)
{
	struct mailroot *mailroot = *state;
	struct maildirsize sum;

	assert_int_equal(read_it(mailroot, &mailroot_plain, &sum), MAILDIRSIZE_ABSENT);
	mailroot_make_directory(mailroot, FILE_NAME);
	assert_int_equal(read_it(mailroot, &mailroot_plain, &sum), -EISDIR);
	rmdir(mailroot_path(mailroot, FILE_NAME, ""));
	assert_int_equal(mkfifo(mailroot_path(mailroot, FILE_NAME, ""), 0600), 0);
	assert_int_equal(read_it(mailroot, &mailroot_plain, &sum), -ESPIPE);
	unlink(mailroot_path(mailroot, FILE_NAME, ""));
	assert_int_equal(symlink("/etc/passwd", mailroot_path(mailroot, FILE_NAME, "")), 0);
	assert_int_equal(read_it(mailroot, &mailroot_plain, &sum), -ELOOP);
}

static void test_faults(void **state)
{
	static const struct {
		enum fault_call call;
		int want;
	} failing[] = { { FAULT_OPENAT2, -EACCES }, { FAULT_OPENAT, -EACCES },
		{ FAULT_PREAD, -EACCES } };
	struct mailroot *mailroot = *state;
	struct maildirsize sum;

	mailroot_make_directory(mailroot, BOX);
	mailroot_make_file(mailroot, FILE_NAME, HEADER "5000 5\n");
	for (size_t i = 0; i < LENGTH(failing); i++) {
		struct faults faults = mailroot_plain;

		faults.call = failing[i].call;
		faults.error = EACCES;
		faults.mask = UINT64_MAX;
		assert_int_equal(read_it(mailroot, &faults, &sum), failing[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lines, mailroot_setup, mailroot_teardown),
		cmocka_unit_test_setup_teardown(test_odd_bytes, mailroot_setup, mailroot_teardown),
		cmocka_unit_test_setup_teardown(
		    test_what_is_no_file, mailroot_setup, mailroot_teardown),
		cmocka_unit_test_setup_teardown(test_faults, mailroot_setup, mailroot_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
