/* SPDX-License-Identifier: MIT
 * The same facts in both forms, byte for byte, as they come out on standard output. */
#include "doctor/report.h"

#include "tests/unit/unit.h"

struct saying {
	void (*say)(struct report *report);
	struct report report;
};

static void say(void *data)
{
	struct saying *saying = data;

	saying->say(&saying->report);
}

static void expect_said(void (*what)(struct report *report), bool is_json, const char *want)
{
	struct saying saying = { what, { .is_json = is_json } };

	expect_printed("report", say, &saying, want);
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
	expect_said(say_checks, false,
	    "ok    first: a and 1\n"
	    "warn  second: strange: ?[2J ? ? \303\251; remedy: do \"this\"\n"
	    "FAIL  third: bad; remedy: chmod 0640 /x\n"
	    "FAIL  fourth: worse\n");
	expect_said(say_checks, true,
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
	report_mailbox(report, "b@x", "/m/b", "exists", NULL, NULL);
	report_list_end(report);
	report_address_end(report, "250 ok", NULL, "a note");
	report_address(report, "none");
	report_list(report, "lookups");
	report_list_end(report);
	report_list(report, "mailboxes");
	report_list_end(report);
	report_address_end(report, "550 no", NULL, NULL);
	report_end(report, 67);
}

static void test_addresses(void **state)
{
	expect_said(say_addresses, false,
	    "a@x\n"
	    "  mailbox  a@x: no row\n"
	    "  alias    a@x: b@x\n"
	    "  delivers to /m/b (exists)\n"
	    "  note     a note\n"
	    "  reply    250 ok\n"
	    "none\n"
	    "  reply    550 no\n");
	expect_said(say_addresses, true,
	    "{\"addresses\":["
	    "{\"address\":\"a@x\",\"lookups\":["
	    "{\"table\":\"mailbox\",\"key\":\"a@x\",\"found\":null},"
	    "{\"table\":\"alias\",\"key\":\"a@x\",\"found\":\"b@x\"}],"
	    "\"mailboxes\":[{\"mailbox\":\"b@x\",\"path\":\"/m/b\",\"state\":\"exists\","
	    "\"quota\":null}],"
	    "\"reply\":\"250 ok\",\"reply_to_1_mb\":null,\"note\":\"a note\"},"
	    "{\"address\":\"none\",\"lookups\":[],\"mailboxes\":[],\"reply\":\"550 no\","
	    "\"reply_to_1_mb\":null,\"note\":null}],\"exit\":67}\n");
}

static const struct report_quota full = {
	.limit = { 1000, 0 },
	.used = { 1001, 1 },
	.count = "virtual",
	.n_unsized = 1,
	.has_file = true,
	.is_file_usable = true,
	.file = { 900, 1 },
};
static const struct report_quota known = {
	.limit = { 1000, 20 },
	.used = { 500, 5 },
	.count = "disk",
	.has_file = true,
	.is_file_usable = true,
	.file = { 500, 5 },
	.is_file_right = true,
};
static const struct report_quota odd = {
	.used = { 7, 2 },
	.count = "virtual",
	.doubt = "its column quota_bytes is \"\033\", and no whole number: no limit",
	.has_file = true,
	.n_unsized = 2,
};
static const struct report_quota unread = {
	.limit = { 0, 3 },
	.count = "virtual",
	.why = { "cannot read .x/cur: No" },
};

static void say_address_with_quota(struct report *report)
{
	report_begin(report, "addresses");
	report_address(report, "a@x");
	report_list(report, "mailboxes");
	report_mailbox(report, "a@x", "/m/a", "exists", &full, NULL);
	report_mailbox(report, "b@x", "/m/b", "exists", &unread, NULL);
	report_mailbox(report, "c@x", "/m/c", "exists", &known, NULL);
	report_list_end(report);
	report_address_end(report, "552 full", "552 too", NULL);
	report_end(report, 75);
}

static void test_address_with_quota(void **state)
{
	expect_said(say_address_with_quota, false,
	    "a@x\n"
	    "  delivers to /m/a (exists)\n"
	    "  quota    1001 of 1000 bytes, 1 messages, 100%; virtual, 1 message without a size in "
	    "the name, maildirsize says 900 bytes, 1 messages (differs)\n"
	    "  delivers to /m/b (exists)\n"
	    "  quota    not counted: cannot read .x/cur: No\n"
	    "  delivers to /m/c (exists)\n"
	    "  quota    500 of 1000 bytes, 5 of 20 messages, 50%; disk, maildirsize says 500 "
	    "bytes, "
	    "5 messages (right)\n"
	    "  reply    552 full\n"
	    "  a message of 1 MB: 552 too\n");
	expect_said(say_address_with_quota, true,
	    "{\"addresses\":[{\"address\":\"a@x\",\"mailboxes\":["
	    "{\"mailbox\":\"a@x\",\"path\":\"/m/a\",\"state\":\"exists\",\"quota\":{"
	    "\"bytes\":1001,\"messages\":1,\"bytes_limit\":1000,\"messages_limit\":null,"
	    "\"percent\":100,\"count\":\"virtual\",\"unsized\":1,\"maildirsize\":{\"bytes\":900,"
	    "\"messages\":1,\"differs\":1},\"note\":null,\"why\":null}},"
	    "{\"mailbox\":\"b@x\",\"path\":\"/m/b\",\"state\":\"exists\",\"quota\":{"
	    "\"bytes\":null,\"messages\":null,\"bytes_limit\":null,\"messages_limit\":3,"
	    "\"percent\":null,\"count\":\"virtual\",\"unsized\":0,\"maildirsize\":null,"
	    "\"note\":null,\"why\":\"cannot read .x/cur: No\"}},"
	    "{\"mailbox\":\"c@x\",\"path\":\"/m/c\",\"state\":\"exists\",\"quota\":{"
	    "\"bytes\":500,\"messages\":5,\"bytes_limit\":1000,\"messages_limit\":20,"
	    "\"percent\":50,\"count\":\"disk\",\"unsized\":0,\"maildirsize\":{\"bytes\":500,"
	    "\"messages\":5,\"differs\":0},\"note\":null,\"why\":null}}"
	    "],\"reply\":\"552 full\",\"reply_to_1_mb\":\"552 "
	    "too\",\"note\":null}],\"exit\":75}\n");
}

static void say_address_with_scripts(struct report *report)
{
	static const struct report_sending sendings[] = {
		{ "redirect", "\033@y", "inet:127.0.0.1:25", "/e/a", 7 },
		{ "reject", "", NULL, "~/s/\033", 12 },
	};

	report_begin(report, "addresses");
	report_address(report, "a@x");
	report_list(report, "mailboxes");
	report_mailbox(report, "a@x", "/m/a", "exists", NULL,
	    &(struct report_scripts){ "/e/a, ~/s/\033", "", sendings, 2, 3 });
	report_mailbox(report, "b@x", "/m/b", "exists", NULL,
	    &(struct report_scripts){ .names = "", .trouble = "bad \"x\"" });
	report_list_end(report);
	report_address_end(report, "250 ok", NULL, NULL);
	report_end(report, 0);
}

static void test_address_with_scripts(void **state)
{
	expect_said(say_address_with_scripts, false,
	    "a@x\n"
	    "  delivers to /m/a (exists)\n"
	    "  scripts  /e/a, ~/s/?\n"
	    "  may      redirect to ?@y, over inet:127.0.0.1:25  (/e/a: line 7)\n"
	    "  may      reject  (~/s/?: line 12)\n"
	    "  may      send 3 more\n"
	    "  delivers to /m/b (exists)\n"
	    "  scripts  none\n"
	    "           wrong: bad \"x\"\n"
	    "  reply    250 ok\n");
	expect_said(say_address_with_scripts, true,
	    "{\"addresses\":[{\"address\":\"a@x\",\"mailboxes\":["
	    "{\"mailbox\":\"a@x\",\"path\":\"/m/a\",\"state\":\"exists\",\"quota\":null,"
	    "\"scripts\":\"/e/a, ~/s/\\u001b\",\"scripts_trouble\":\"\","
	    "\"scripts_may\":[{\"command\":\"redirect\",\"to\":\"\\u001b@y\","
	    "\"server\":\"inet:127.0.0.1:25\",\"script\":\"/e/a\",\"line\":7},"
	    "{\"command\":\"reject\",\"to\":null,\"server\":null,\"script\":\"~/s/\\u001b\","
	    "\"line\":12}],\"scripts_may_more\":3},"
	    "{\"mailbox\":\"b@x\",\"path\":\"/m/b\",\"state\":\"exists\",\"quota\":null,"
	    "\"scripts\":\"\",\"scripts_trouble\":\"bad \\\"x\\\"\","
	    "\"scripts_may\":[],\"scripts_may_more\":0}"
	    "],\"reply\":\"250 ok\",\"reply_to_1_mb\":null,\"note\":null}],\"exit\":0}\n");
}

static void say_quotas(struct report *report)
{
	const struct report_quotas totals = { 4, 1, 1, 1 };

	report_begin(report, "mailboxes");
	report_quota(report, "a@x", &full);
	report_quota(report, "\303\274@x", &unread);
	report_quota(report, "a-name-that-is-rather-long@example.com", &odd);
	report_quota(report, "c@x", &known);
	report_quotas_end(report, &totals, 75);
}

static void say_one_quota(struct report *report)
{
	report_begin(report, "mailboxes");
	report_quotas_end(report, NULL, 67);
}

static void say_fine_quotas(struct report *report)
{
	const struct report_quotas totals = { 1, 0, 0, 0 };

	report_begin(report, "mailboxes");
	report_quotas_end(report, &totals, 0);
}

static void test_quotas(void **state)
{
	expect_said(say_quotas, false,
	    "mailbox                                    bytes           limit  messages     limit  "
	    "full  counted\n"
	    "a@x                                         1001            1000         1         -  "
	    "100%  virtual, 1 message without a size in the name, maildirsize says 900 bytes, 1 "
	    "messages (differs)\n"
	    "\303\274@x                                            -               -         -     "
	    " "
	    "   3     -  not counted: cannot read .x/cur: No\n"
	    "a-name-that-is-rather-long@example.com               7               -         2      "
	    "   -     -  virtual, 2 messages without a size in the name, maildirsize says nothing; "
	    "its column quota_bytes is \"?\", and no whole number: no limit\n"
	    "c@x                                          500            1000         5        20  "
	    " "
	    "50%  disk, maildirsize says 500 bytes, 5 messages (right)\n"
	    "4 mailboxes, 1 without a limit, 1 not counted; 1 row can be no mailbox\n");
	expect_said(say_one_quota, false, "");
	expect_said(say_one_quota, true, "{\"mailboxes\":[],\"exit\":67}\n");
	expect_said(say_fine_quotas, false, "1 mailbox, 0 without a limit\n");
	expect_said(
	    say_fine_quotas, true, "{\"mailboxes\":[],\"rows\":1,\"bad_rows\":0,\"exit\":0}\n");
}

static void say_maildirs(struct report *report)
{
	const struct report_maildirs totals = { 2, 1, 1, 3, 1 };

	report_begin(report, "rows_without_maildir");
	report_absent(report, "a@x", "/m/a");
	report_list_end(report);
	report_list(report, "maildirs_without_row");
	report_stray(report, "/m/b\033", 12, 1795371803);
	report_stray(report, "/m/c", 1, 0);
	report_stray(report, "/m/d", 0, (time_t)1 << 62);
	report_list_end(report);
	report_list(report, "unread");
	report_unread(report, "/m/e", "No");
	report_maildirs_end(report, &totals, 75);
}

static void say_no_maildirs(struct report *report)
{
	const struct report_maildirs totals = { 1, 0, 0, 1, 0 };

	report_begin(report, "rows_without_maildir");
	report_maildirs_end(report, &totals, 0);
}

static void test_maildirs(void **state)
{
	expect_said(say_maildirs, false,
	    "no Maildir  a@x: /m/a (made at the first delivery)\n"
	    "no row      /m/b? (12 messages, last change 2026-11-22T18:23:23Z)\n"
	    "no row      /m/c (1 message)\n"
	    "no row      /m/d (0 messages)\n"
	    "unread      /m/e: No\n"
	    "2 mailboxes, 1 without a Maildir; 3 Maildirs without a row; 1 row can be no mailbox; "
	    "1 "
	    "path could not be looked at\n");
	expect_said(say_maildirs, true,
	    "{\"rows_without_maildir\":[{\"mailbox\":\"a@x\",\"path\":\"/m/a\"}],"
	    "\"maildirs_without_row\":["
	    "{\"path\":\"/m/b\\u001b\",\"messages\":12,\"changed\":\"2026-11-22T18:23:23Z\"},"
	    "{\"path\":\"/m/c\",\"messages\":1,\"changed\":null},"
	    "{\"path\":\"/m/d\",\"messages\":0,\"changed\":null}],"
	    "\"unread\":[{\"path\":\"/m/e\",\"why\":\"No\"}],"
	    "\"rows\":2,\"bad_rows\":1,\"exit\":75}\n");
	expect_said(
	    say_no_maildirs, false, "1 mailbox, 0 without a Maildir; 1 Maildir without a row\n");
}

static void say_nothing(struct report *report)
{
	report_begin(report, "checks");
	report_end(report, 0);
}

static void test_nothing(void **state)
{
	expect_said(say_nothing, false, "");
	expect_said(say_nothing, true, "{\"checks\":[],\"exit\":0}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checks),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_address_with_quota),
		cmocka_unit_test(test_address_with_scripts),
		cmocka_unit_test(test_quotas),
		cmocka_unit_test(test_maildirs),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
