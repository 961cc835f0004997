/* SPDX-License-Identifier: MIT
 * Paths of rows, in any order and any number. */
#include "doctor/roster.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static void test_empty(void **state)
{
	struct roster roster;

	assert_int_equal(roster_begin(&roster), 0);
	assert_int_equal(roster_settle(&roster), 0);
	assert_int_equal(roster.n, 0);
	assert_null(roster_find(&roster, "x"));
	roster_free(&roster);
}

static void test_unsettled(void **state)
{
	struct roster roster = { .rows = NULL };

	assert_null(roster_find(&roster, "x"));
	roster_free(&roster);
	assert_int_equal(roster_begin(&roster), 0);
	assert_int_equal(roster_add(&roster, "x", "y"), 0);
	roster_free(&roster);
}

static void test_shared(void **state)
{
	struct roster roster;
	struct roster_row *row;

	assert_int_equal(roster_begin(&roster), 0);
	assert_int_equal(roster_add(&roster, "b", "b@x"), 0);
	assert_int_equal(roster_add(&roster, "a", "one@x"), 0);
	assert_int_equal(roster_add(&roster, "a", "two@x"), 0);
	assert_int_equal(roster_settle(&roster), 0);
	assert_int_equal(roster.n, 2);
	row = roster_find(&roster, "a");
	assert_ptr_equal(row, &roster.rows[0]);
	assert_true(
	    strcmp(roster_address(row), "one@x") == 0 || strcmp(roster_address(row), "two@x") == 0);
	assert_string_equal(roster_address(&roster.rows[1]), "b@x");
	assert_null(roster_find(&roster, ""));
	assert_null(roster_find(&roster, "aa"));
	roster_free(&roster);
}

static void test_many(void **state)
{
	enum {
		N = 5000
	};
	struct roster roster;
	char path[64], address[64];

	assert_int_equal(roster_begin(&roster), 0);
	for (unsigned i = 0; i < N; i++) {
		snprintf(path, sizeof(path), "%u/Maildir", i * 7919 % N);
		snprintf(address, sizeof(address), "%u@x", i * 7919 % N);
		assert_int_equal(roster_add(&roster, path, address), 0);
	}
	assert_int_equal(roster_settle(&roster), 0);
	assert_int_equal(roster.n, N);
	for (unsigned i = 0; i < N; i++) {
		struct roster_row *row;

		snprintf(path, sizeof(path), "%u/Maildir", i);
		snprintf(address, sizeof(address), "%u@x", i);
		row = roster_find(&roster, path);
		assert_non_null(row);
		assert_false(row->is_seen);
		row->is_seen = true;
		assert_string_equal(roster_address(row), address);
	}
	roster_free(&roster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_unsettled),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
