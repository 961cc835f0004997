/* SPDX-License-Identifier: MIT
 * Dates, beside libc's own arithmetic. */
#include "mail/calendar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/unit/unit.h"

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		int64_t time;
		int zone;
	} cases[] = {
		{ "Tue, 14 Nov 2023 22:13:20 +0000", 1700000000, 0 },
		{ "Tue, 14 Nov 2023 23:13:20 +0100", 1700000000, 3600 },
		{ "14 nov 2023 16:43:20 -0530 (Nowhere (at (all)))", 1700000000, -19800 },
		{ " \t(a) Tue (b\\)) , 14(c)Nov 2023 22 : 13 : 20\r\n +0000", 1700000000, 0 },
		{ "Tue 14 Nov 2023 22:13:20 GMT", 1700000000, 0 },
		{ "14 Nov 23 22:13:20 UT", 1700000000, 0 },
		{ "14 Nov 123 22:13:20 Z", 1700000000, 0 },
		{ "14 Nov 2023 17:13:20 EST", 1700000000, -18000 },
		{ "14 Nov 2023 15:13:20 pdt", 1700000000, -25200 },
		{ "14 Nov 2023 22:13:20 A", 1700000000, 0 },
		{ "14 Nov 2023 22:13:20 CEST", 1700000000, 0 },
		{ "14 Nov 2023 22:13:20", 1700000000, 0 },
		{ "14 Nov 2023 22:13", 1699999980, 0 },
		{ "1 Jan 70 0:0:0 +0000", 0, 0 },
		{ "1 Jan 49 0:0 Z", 2493072000, 0 },
		{ "1 Jan 50 0:0 Z", -631152000, 0 },
		{ "31 Dec 2016 23:59:60 +0000", 1483228800, 0 },
		{ "29 Feb 2000 0:00 +0000", 951782400, 0 },
		{ "1 Jan 1900 00:00 +0000", -2208988800, 0 },
		{ "31 Dec 9999 23:59:59 +0000", 253402300799, 0 },
	};

	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct moment moment = { 1, 1 };

		if (!calendar_parse(span_of(cases[i].text), &moment) ||
		    moment.time != cases[i].time || moment.zone != cases[i].zone) {
			fail_msg("%s: %lld %d", cases[i].text, (long long)moment.time, moment.zone);
		}
	}
}

static void test_none(void **state)
{
	static const char *const cases[] = { "", "Tue", "Tue,", "14", "14 Nov", "14 Nov 2023",
		"14 Nov 2023 22", "14 Nov 2023 22:", "14 Nov 2023 24:00", "14 Nov 2023 22:60",
		"14 Nov 2023 22:13:61", "0 Nov 2023 1:00", "31 Nov 2023 1:00", "29 Feb 2023 1:00",
		"29 Feb 1900 1:00", "014 Nov 2023 1:00", "14 Noe 2023 1:00",
		"14 November 2023 1:00", "14 Nov 1899 1:00", "14 Nov 20230 1:00", "14 Nov 3 1:00",
		"14 Nov 2023 1:00 +01", "14 Nov 2023 1:00 +0160", "14 Nov 2023 1:00 +2400",
		"14 Nov 2023 1:00 +01000", "14 Nov 2023 1:00:", "(14 Nov 2023 1:00",
		"14 -Nov 2023 1:00", "14 Nov -203 1:00" };

	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct moment moment;

		if (calendar_parse(span_of(cases[i]), &moment)) {
			fail_msg("%s is no date", cases[i]);
		}
	}
}

static void test_zone(void **state)
{
	static const struct {
		const char *text;
		int seconds; /* -1: none */
	} cases[] = { { "+0100", 3600 }, { "-0130", -5400 }, { "+0000", 0 }, { "0100", -1 },
		{ "+100", -1 }, { "+01:00", -1 }, { "+ 100", -1 }, { "+010 ", -1 }, { "", -1 },
		{ "+0075", -1 }, { "+(1)1", -1 } };

	for (size_t i = 0; i < LENGTH(cases); i++) {
		int seconds = -1;

		assert_int_equal(
		    calendar_zone(span_of(cases[i].text), &seconds), cases[i].seconds != -1);
		assert_int_equal(seconds, cases[i].seconds);
	}
}

static void expect_part(const struct moment *moment, const char *name, const char *want)
{
	int part = calendar_part_find(span_of(name));
	char text[CALENDAR_TEXT_MAX];

	assert_true(part >= 0);
	expect_bytes(
	    name, text, calendar_write(moment, (enum calendar_part)part, text), want, strlen(want));
}

static void test_write(void **state)
{
	static const struct moment moment = { 1699221906, 3600 }, before = { -432005, -5400 };
	static const struct moment never = { INT64_MIN, -86340 }, ever = { INT64_MAX, 86340 };

	expect_part(&moment, "Year", "2023");
	expect_part(&moment, "month", "11");
	expect_part(&moment, "day", "05");
	expect_part(&moment, "date", "2023-11-05");
	expect_part(&moment, "julian", "60253");
	expect_part(&moment, "hour", "23");
	expect_part(&moment, "minute", "05");
	expect_part(&moment, "second", "06");
	expect_part(&moment, "time", "23:05:06");
	expect_part(&moment, "iso8601", "2023-11-05T23:05:06+01:00");
	expect_part(&moment, "std11", "Sun, 05 Nov 2023 23:05:06 +0100");
	expect_part(&moment, "zone", "+0100");
	expect_part(&moment, "WEEKDAY", "0");
	expect_part(&before, "std11", "Fri, 26 Dec 1969 22:29:55 -0130");
	expect_part(&before, "iso8601", "1969-12-26T22:29:55-01:30");
	expect_part(&(struct moment){ 0, 0 }, "iso8601", "1970-01-01T00:00:00Z");
	expect_part(&(struct moment){ 0, 0 }, "julian", "40587");
	expect_part(&(struct moment){ 0, 0 }, "zone", "+0000");
	expect_part(&never, "std11", "Mon, 01 Jan 1900 00:00:00 -2359");
	expect_part(&never, "julian", "15020");
	expect_part(&ever, "std11", "Fri, 31 Dec 9999 23:59:59 +2359");
	assert_int_equal(calendar_part_find(span_of("years")), -1);
	assert_int_equal(calendar_part_find(span_of("")), -1);
}

/* Every day from 1900 to 9999, and back, beside gmtime(). */
static void test_every_day(void **state)
{
	for (int64_t time = -2208988800 + 12345; time < 253402300799; time += 86400) {
		time_t seconds = (time_t)time;
		struct moment moment = { time, 0 }, again;
		struct tm tm;
		char want[64], got[CALENDAR_TEXT_MAX];
		size_t n = calendar_write(&moment, CALENDAR_STD11, got);

		gmtime_r(&seconds, &tm);
		strftime(want, sizeof(want), "%a, %d %b %Y %H:%M:%S +0000", &tm);
		if (n != strlen(want) || memcmp(got, want, n) != 0 ||
		    !calendar_parse((struct span){ got, n }, &again) || again.time != time) {
			fail_msg("%s is written %.*s", want, (int)n, got);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_zone),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_every_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
