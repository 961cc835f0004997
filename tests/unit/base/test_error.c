/* SPDX-License-Identifier: MIT
 * Error texts: said, put in front of one another, and cut where the room ends. */
#include <string.h>

#include "base/error.h"
#include "tests/unit/unit.h"

static void test_set(void **state)
{
	struct error error;

	assert_int_equal(error_set(&error, "%s: %d", "line", 3), -1);
	assert_string_equal(error.text, "line: 3");
}

static void test_prefix(void **state)
{
	struct error error;

	error_set(&error, "it %s", "fails");
	assert_int_equal(error_prefix(&error, "%s: ", "file"), -1);
	assert_int_equal(error_prefix(&error, "100%%, "), -1);
	assert_string_equal(error.text, "100%, file: it fails");
}

static void test_cut(void **state)
{
	struct error error;
	char text[2 * ERROR_MAX];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	error_set(&error, "%s", text);
	assert_int_equal(strlen(error.text), ERROR_MAX - 1);
	error_prefix(&error, "y");
	assert_int_equal(strlen(error.text), ERROR_MAX - 1);
	assert_int_equal(error.text[0], 'y');
	error_prefix(&error, "%s", text);
	assert_int_equal(strlen(error.text), ERROR_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
