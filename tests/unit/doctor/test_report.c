/* SPDX-License-Identifier: MIT
 * The same facts in both forms, byte for byte, as they come out on standard output. */
#include "doctor/report.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/unit.h"

/* What @say prints. */
static void expect_printed(void (*say)(struct report *report), bool is_json, const char *want)
{
	struct report report = { .is_json = is_json };
	int kept = dup(STDOUT_FILENO), fd = memfd_create("stdout", MFD_CLOEXEC);
	char got[8192];
	ssize_t n;

	fflush(stdout);
	assert_true(kept >= 0 && fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0);
	say(&report);
	fflush(stdout);
	dup2(kept, STDOUT_FILENO);
	n = pread(fd, got, sizeof(got), 0);
	close(kept);
	close(fd);
	assert_true(n >= 0);
	expect_bytes("report", got, (size_t)n, want, strlen(want));
}

static void say_checks(struct report *report)
{
	report_begin(report, "checks");
	report_ok(report, "first", "%s and %d", "a", 1);
	report_warn(report, "second", "do \"this\"", "strange: \033[2J \377 \302\205 \303\251");
	report_fail(report, 78, "third", report_remedy(report, "chmod %04o %s", 0640, "/x"), "bad");
	report_fail(report, 69, "fourth", NULL, "worse");
	report_end(report, report->exit_code);
	assert_int_equal(report->exit_code, 78);
}

static void test_checks(void **state)
{
	expect_printed(say_checks, false,
	    "ok    first: a and 1\n"
	    "warn  second: strange: ?[2J ? ? \303\251; remedy: do \"this\"\n"
	    "FAIL  third: bad; remedy: chmod 0640 /x\n"
	    "FAIL  fourth: worse\n");
	expect_printed(say_checks, true,
	    "{\"checks\":["
	    "{\"status\":\"ok\",\"what\":\"first\",\"detail\":\"a and 1\",\"remedy\":null},"
	    "{\"status\":\"warn\",\"what\":\"second\",\"detail\":\"strange: \\u001b[2J \\ufffd "
	    "\302\205 \303\251\",\"remedy\":\"do \\\"this\\\"\"},"
	    "{\"status\":\"FAIL\",\"what\":\"third\",\"detail\":\"bad\",\"remedy\":\"chmod 0640 "
	    "/x\"},"
	    "{\"status\":\"FAIL\",\"what\":\"fourth\",\"detail\":\"worse\",\"remedy\":null}"
	    "],\"exit\":78}\n");
}

static void say_addresses(struct report *report)
{
	report_begin(report, "addresses");
	report_address(report, "a@x");
	report_list(report, "lookups");
	report_lookup(report, "mailbox", "a@x", NULL);
	report_lookup(report, "alias", "a@x", "b@x");
	report_list_end(report);
	report_list(report, "mailboxes");
	report_mailbox(report, "b@x", "/m/b", "exists");
	report_list_end(report);
	report_address_end(report, "250 ok", "a note");
	report_address(report, "none");
	report_list(report, "lookups");
	report_list_end(report);
	report_list(report, "mailboxes");
	report_list_end(report);
	report_address_end(report, "550 no", NULL);
	report_end(report, 67);
}

static void test_addresses(void **state)
{
	expect_printed(say_addresses, false,
	    "a@x\n"
	    "  mailbox  a@x: no row\n"
	    "  alias    a@x: b@x\n"
	    "  delivers to /m/b (exists)\n"
	    "  note     a note\n"
	    "  reply    250 ok\n"
	    "none\n"
	    "  reply    550 no\n");
	expect_printed(say_addresses, true,
	    "{\"addresses\":["
	    "{\"address\":\"a@x\",\"lookups\":["
	    "{\"table\":\"mailbox\",\"key\":\"a@x\",\"found\":null},"
	    "{\"table\":\"alias\",\"key\":\"a@x\",\"found\":\"b@x\"}],"
	    "\"mailboxes\":[{\"mailbox\":\"b@x\",\"path\":\"/m/b\",\"state\":\"exists\"}],"
	    "\"reply\":\"250 ok\",\"note\":\"a note\"},"
	    "{\"address\":\"none\",\"lookups\":[],\"mailboxes\":[],\"reply\":\"550 no\","
	    "\"note\":null}],\"exit\":67}\n");
}

static void say_nothing(struct report *report)
{
	report_begin(report, "checks");
	report_end(report, 0);
}

static void test_nothing(void **state)
{
	expect_printed(say_nothing, false, "");
	expect_printed(say_nothing, true, "{\"checks\":[],\"exit\":0}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checks),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
