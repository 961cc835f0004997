/* SPDX-License-Identifier: MIT
 * Limits, the grace of the last message, and percents. */
#include "mail/quota.h"

#include "tests/unit/unit.h"

#define MIB UINT64_C(1048576)

static void test_grace_is_read(void **state)
{
	static const struct {
		const char *text;
		bool is_good, is_percent;
		uint64_t n;
	} rows[] = {
		{ "10%", true, true, 10 },
		{ "0%", true, true, 0 },
		{ "999%", true, true, 999 },
		{ "1000%", false, false, 0 },
		{ "0", true, false, 0 },
		{ "4096", true, false, 4096 },
		{ "10M", true, false, 10 * MIB },
		{ "10m", true, false, 10 * MIB },
		{ "3K", true, false, 3072 },
		{ "1G", true, false, 1024 * MIB },
		{ "2T", true, false, 2 * MIB * MIB },
		{ "99999999999T", false, false, 0 },
		{ "", false, false, 0 },
		{ "%", false, false, 0 },
		{ "M", false, false, 0 },
		{ "-1", false, false, 0 },
		{ "1.5M", false, false, 0 },
		{ "10MB", false, false, 0 },
		{ "10 %", false, false, 0 },
		{ "10%%", false, false, 0 },
		{ "10X", false, false, 0 },
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct quota_grace grace = { .n = 0 };
		bool is_good = quota_grace_read(rows[i].text, &grace);

		if (is_good != rows[i].is_good ||
		    (is_good && (grace.n != rows[i].n || grace.is_percent != rows[i].is_percent))) {
			fail_msg("%s", rows[i].text);
		}
	}
}

/* What is full takes nothing; below that the last message may go over by the grace. */
static void test_fits(void **state)
{
	static const struct quota_grace tenth = { true, 10 }, bytes = { false, 50 }, none;
	static const struct {
		struct quota limit;
		const struct quota_grace *grace;
		struct quota used;
		uint64_t size;
		bool is_full, fits;
	} rows[] = {
		{ { 0, 0 }, &none, { UINT64_MAX, UINT64_MAX }, UINT64_MAX, false, true },
		{ { 1000, 0 }, &none, { 0, 0 }, 1000, false, true },
		{ { 1000, 0 }, &none, { 0, 0 }, 1001, false, false },
		{ { 1000, 0 }, &none, { 999, 7 }, 1, false, true },
		{ { 1000, 0 }, &none, { 999, 7 }, 2, false, false },
		{ { 1000, 0 }, &tenth, { 999, 7 }, 101, false, true },
		{ { 1000, 0 }, &tenth, { 999, 7 }, 102, false, false },
		{ { 1000, 0 }, &bytes, { 999, 7 }, 51, false, true },
		{ { 1000, 0 }, &bytes, { 999, 7 }, 52, false, false },
		{ { 1000, 0 }, &bytes, { 1000, 7 }, 0, true, false },
		{ { 1000, 0 }, &bytes, { 1001, 7 }, 0, true, false },
		{ { 0, 3 }, &none, { UINT64_MAX, 2 }, UINT64_MAX, false, true },
		{ { 0, 3 }, &tenth, { 0, 3 }, 1, true, false },
		{ { 1000, 3 }, &tenth, { 0, 3 }, 1, true, false },
		{ { 1000, 3 }, &none, { 500, 2 }, 501, false, false },
		{ { UINT64_MAX, 0 }, &tenth, { UINT64_MAX - 1, 0 }, UINT64_MAX / 11, false, true },
		{ { UINT64_MAX, 0 }, &none, { UINT64_MAX, 0 }, 0, true, false },
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		if (quota_is_full(&rows[i].limit, &rows[i].used) != rows[i].is_full ||
		    quota_fits(&rows[i].limit, rows[i].grace, &rows[i].used, rows[i].size) !=
			rows[i].fits) {
			fail_msg("row %zu", i);
		}
	}
}

static void test_percent(void **state)
{
	static const struct {
		struct quota limit, used;
		unsigned percent;
	} rows[] = {
		{ { 0, 0 }, { 5, 5 }, 0 },
		{ { 1000, 0 }, { 0, 5 }, 0 },
		{ { 1000, 0 }, { 799, 5 }, 79 },
		{ { 1000, 0 }, { 800, 5 }, 80 },
		{ { 1000, 0 }, { 1099, 5 }, 109 },
		{ { 1000, 10 }, { 500, 9 }, 90 },
		{ { 1000, 10 }, { 950, 9 }, 95 },
		{ { 1, 0 }, { 9, 0 }, 900 },
		{ { 1, 0 }, { 10, 0 }, 999 },
		{ { 1, 0 }, { UINT64_MAX, 0 }, 999 },
		{ { UINT64_MAX, 0 }, { UINT64_MAX, 0 }, 100 },
		{ { UINT64_MAX, 0 }, { UINT64_MAX / 2, 0 }, 50 },
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		assert_int_equal(quota_percent(&rows[i].limit, &rows[i].used), rows[i].percent);
	}
}

static void test_is_limited(void **state)
{
	assert_false(quota_is_limited(&(struct quota){ 0, 0 }));
	assert_true(quota_is_limited(&(struct quota){ 1, 0 }));
	assert_true(quota_is_limited(&(struct quota){ 0, 1 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grace_is_read),
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_percent),
		cmocka_unit_test(test_is_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
