/* SPDX-License-Identifier: MIT
 * Columns by their names. */
#include "base/row.h"

#include "tests/unit/unit.h"

static void test_find(void **state)
{
	static const struct column columns[] = { { "email", "a@d", 3 }, { "home", NULL, 0 } };
	const struct row row = { columns, 2 }, shorter = { columns, 1 }, none = { NULL, 0 };

	assert_ptr_equal(row_find(&row, "email"), &columns[0]);
	assert_ptr_equal(row_find(&row, "home"), &columns[1]);
	assert_null(row_find(&row, "HOME"));
	assert_null(row_find(&row, ""));
	assert_null(row_find(&shorter, "home"));
	assert_null(row_find(&none, "email"));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_find) };

	return cmocka_run_group_tests_name("row", tests, NULL, NULL);
}
