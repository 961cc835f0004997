/* SPDX-License-Identifier: MIT
 * Who shares writers with whom, and how many. */
#include "lmtpd/devices.h"

#include <stdio.h>

#include "tests/unit/unit.h"

enum {
	THREADS = 64
};

static void test_learning(void **state)
{
	struct devices devices = { .n = 0 };
	unsigned a, b;

	assert_int_equal(devices_share(&devices, "example.com/a/Maildir"), DEVICES_UNKNOWN);
	assert_true(devices_learn(&devices, "example.com/a/Maildir", 10));
	assert_false(devices_learn(&devices, "example.com/b/Maildir", 10));
	assert_true(devices_learn(&devices, "example.org/a/Maildir", 20));
	a = devices_share(&devices, "example.com/a/Maildir");
	b = devices_share(&devices, "example.org/a/Maildir");
	assert_true(a != b && a != DEVICES_UNKNOWN && b != DEVICES_UNKNOWN);
	assert_int_equal(devices_share(&devices, "example.com/b/Maildir"), a);
	/* One that was never seen is taken for one of its domain. */
	assert_int_equal(devices_share(&devices, "example.org/z/Maildir"), b);
	assert_int_equal(devices_share(&devices, "example.net/z/Maildir"), DEVICES_UNKNOWN);
	/* It has moved, which its domain has not. */
	assert_false(devices_learn(&devices, "example.com/a/Maildir", 20));
	assert_false(devices_learn(&devices, "example.com/b/Maildir", 10));
	assert_int_equal(devices_share(&devices, "example.com/a/Maildir"), b);
	assert_int_equal(devices_share(&devices, "example.com/z/Maildir"), a);
}

/* However many devices stand still, others have writers left, as long as they can be told apart. */
static void test_limits(void **state)
{
	static const unsigned threads[] = { 1, 2, 8, THREADS, 512 };
	struct devices devices = { .n = 0 };
	char path[40];

	assert_int_equal(devices_limit(&devices, DEVICES_UNKNOWN, THREADS), THREADS);
	for (unsigned device = 1; device < 3 * DEVICES_MAX; device++) {
		snprintf(path, sizeof(path), "d%u/a/Maildir", device);
		assert_int_equal(devices_learn(&devices, path, device), device <= DEVICES_MAX);
		assert_in_range(devices_share(&devices, path), 1, DEVICES_MAX);
		for (size_t i = 0; i < LENGTH(threads); i++) {
			unsigned n_all = 0;

			for (unsigned share = 0; share <= devices.n; share++) {
				unsigned n = devices_limit(&devices, share, threads[i]);

				assert_in_range(n, 1, threads[i]);
				n_all += n;
			}
			assert_true(n_all <= threads[i] || threads[i] <= 2 * QUEUE_SHARES);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_learning),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}
