/* SPDX-License-Identifier: MIT
 * Programs that are asked, as the system's shell plays them. */
#include "doctor/command.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static int run_shell(const char *script, char **output_r, struct error *error)
{
	const char *const argv[] = { "sh", "-c", script, NULL };

	error_set(error, "%s", "");
	return command_run(argv, "LMTPD_TEST", output_r, error);
}

static void expect_output(const char *script, const char *want)
{
	struct error error;
	char *output;

	assert_int_equal(run_shell(script, &output, &error), COMMAND_OK);
	expect_text(script, output, want);
	free(output);
}

static void expect_failure(const char *script, enum command_outcome want, const char *said)
{
	struct error error;
	char *output;

	assert_int_equal(run_shell(script, &output, &error), want);
	assert_null(output);
	expect_text(script, error.text, said);
}

static void test_output(void **state)
{
	expect_output("echo one; echo two", "one\ntwo\n");
	expect_output(":", "");
	expect_output("echo complaint >&2; echo answer", "answer\n");
}

static void test_longest_output(void **state)
{
	struct error error;
	char *output;

	assert_int_equal(
	    run_shell("head -c 262144 /dev/zero | tr '\\0' x", &output, &error), COMMAND_OK);
	assert_int_equal(strlen(output), COMMAND_OUTPUT_MAX);
	free(output);
}

/* Nothing to read, no descriptor of ours, no environment but what is named, no signal ignored. */
static void test_surroundings(void **state)
{
	int fd = open("/dev/null", O_RDONLY);

	assert_true(fd > 2);
	signal(SIGPIPE, SIG_IGN);
	setenv("LMTPD_TEST", "a b", 1);
	setenv("LMTPD_OTHER", "x", 1);
	expect_output("cat", "");
	expect_output("echo \"$LMTPD_TEST|$LMTPD_OTHER|$LC_ALL\"", "a b||C\n");
	/* Without a pipe, whose ends a shell may still have. */
	expect_output(
	    "for fd in /proc/$$/fd/*; do test -e $fd && printf '%s ' ${fd##*/}; done; true",
	    "0 1 2 ");
	expect_output("grep SigIgn /proc/self/status | tr -d '\\t0'", "SigIgn:\n");
	unsetenv("LMTPD_TEST");
	expect_output("echo \"$LMTPD_TEST\"", "\n");
	signal(SIGPIPE, SIG_DFL);
	close(fd);
}

static void test_failures(void **state)
{
	expect_failure("exit 3", COMMAND_FAILED, "it ended with 3");
	expect_failure("echo answer; kill -9 $$", COMMAND_FAILED, "it ended with signal 9");
	expect_failure("echo first >&2; echo second >&2; exit 1", COMMAND_FAILED, "first");
	expect_failure(
	    "head -c 262145 /dev/zero", COMMAND_FAILED, "it says more than 262144 bytes");
	expect_failure("yes", COMMAND_FAILED, "it says more than 262144 bytes");
	expect_failure("yes >&2", COMMAND_FAILED, "y");
}

static void test_absent(void **state)
{
	static const char *const argv[] = { "lmtpd-no-such-program", NULL };
	struct error error;
	char *output;

	assert_int_equal(command_run(argv, NULL, &output, &error), COMMAND_ABSENT);
	assert_null(output);
	assert_non_null(strstr(error.text, "no lmtpd-no-such-program in /usr/sbin:"));
}

/* What it has started keeps its output open, and is not waited for. */
static void test_child_that_stays(void **state)
{
	struct timespec began, ended;

	clock_gettime(CLOCK_MONOTONIC, &began);
	expect_output("sleep 60 & echo answer", "answer\n");
	clock_gettime(CLOCK_MONOTONIC, &ended);
	assert_in_range(ended.tv_sec - began.tv_sec, 0, COMMAND_SECONDS - 1);
}

static void test_timeout(void **state)
{
	expect_failure("echo answer; sleep 60", COMMAND_TIMEOUT, "no answer within 5 seconds");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_output),
		cmocka_unit_test(test_longest_output),
		cmocka_unit_test(test_surroundings),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_child_that_stays),
		cmocka_unit_test(test_timeout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
