/* SPDX-License-Identifier: MIT
 * Times in buckets: what a percentile says against the times themselves. */
#include "status/histogram.h"

#include <stdlib.h>

#include "tests/unit/unit.h"

static void test_empty(void **state)
{
	static const struct histogram empty;

	assert_int_equal(histogram_percentile(&empty, 50), 0);
	assert_int_equal(histogram_percentile(&empty, 100), 0);
	assert_int_equal(histogram_count_up_to(&empty, 25), 0);
}

/* Up to a power of two, itself included, and not a nanosecond more. */
static void test_powers(void **state)
{
	for (unsigned power = 4; power <= 25; power++) {
		struct histogram histogram = { .n = 0 };
		uint64_t end = (UINT64_C(1) << power) * 1000;

		histogram_add(&histogram, end);
		histogram_add(&histogram, end + 1);
		assert_int_equal(histogram_count_up_to(&histogram, power), 1);
		histogram_add(&histogram, end - 1);
		histogram_add(&histogram, 0);
		assert_int_equal(histogram_count_up_to(&histogram, power), 3);
		if (power < 25) {
			assert_int_equal(histogram_count_up_to(&histogram, power + 1), 4);
		}
		assert_int_equal(histogram.n, 4);
		assert_int_equal(histogram.sum, 3 * end);
		assert_int_equal(histogram.max, end + 1);
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Never below what it must be, and at most a sixteenth and a microsecond above. */
static void check_percentiles(uint64_t *seed, size_t n, uint64_t limit)
{
	static const unsigned percents[] = { 1, 50, 95, 99, 100 };
	struct histogram histogram = { .n = 0 };
	uint64_t times[300] = { 0 };

	for (size_t i = 0; i < n; i++) {
		times[i] = random_below(seed, limit);
		histogram_add(&histogram, times[i]);
	}
	qsort(times, n, sizeof(times[0]), compare);
	for (size_t i = 0; i < LENGTH(percents); i++) {
		size_t rank = (n * percents[i] + 99) / 100;
		uint64_t exact = times[rank - 1];
		uint64_t told = histogram_percentile(&histogram, percents[i]) * 1000;

		assert_true(told >= exact);
		assert_true(told <= exact + exact / 16 + 2000);
	}
}

static void test_percentiles(void **state)
{
	uint64_t seed = 1;

	for (uint64_t limit = 1; limit < UINT64_C(60000000000); limit *= 3) {
		for (size_t n = 1; n <= 300; n += 1 + n / 2) {
			check_percentiles(&seed, n, limit);
		}
	}
}

/* What is longer than the last bucket counts there, and the longest is known. */
static void test_beyond(void **state)
{
	struct histogram histogram = { .n = 0 };

	histogram_add(&histogram, UINT64_MAX / 2);
	histogram_add(&histogram, UINT64_C(68000000000));
	assert_int_equal(histogram_count_up_to(&histogram, 25), 0);
	assert_int_equal(histogram_percentile(&histogram, 50), UINT64_MAX / 2000 + 1);
}

static void test_difference(void **state)
{
	struct histogram histogram = { .n = 0 }, before, difference;

	for (unsigned i = 0; i < 1000; i++) {
		histogram_add(&histogram, 1000000); /* 1 ms */
	}
	before = histogram;
	histogram_add(&histogram, 500000000);
	histogram_difference(&difference, &histogram, &before);
	assert_int_equal(difference.n, 1);
	assert_int_equal(difference.sum, 500000000);
	assert_int_equal(histogram_percentile(&difference, 50), 500000);
	assert_in_range(histogram_percentile(&histogram, 50), 1000, 1070);
	histogram_difference(&difference, &histogram, &histogram);
	assert_int_equal(histogram_percentile(&difference, 99), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_powers),
		cmocka_unit_test(test_percentiles),
		cmocka_unit_test(test_beyond),
		cmocka_unit_test(test_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
