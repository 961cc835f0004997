/* SPDX-License-Identifier: MIT
 * Notices in all and of one pair, by a clock that the test sets. */
#include "lmtpd/rates.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "tests/unit/unit.h"

enum {
	DAY_MS = 24 * 60 * 60 * 1000,
	THREADS = 4,
	EACH = 200,
};

static bool is_out_of_memory;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return is_out_of_memory ? NULL : __real_calloc(n, size);
}

static struct key key_of(uint32_t number)
{
	struct key key = { 0 };

	memcpy(key.bytes, &number, sizeof(number));
	return key;
}

static bool take(struct bucket *bucket, const struct bucket_size *size, uint64_t now)
{
	bool has = bucket_has(bucket, size, now);

	if (has) {
		bucket_take(bucket, size);
	}
	return has;
}

static void test_bucket(void **state)
{
	static const struct {
		uint64_t now;
		bool has;
	} rows[] = {
		/* Three at once, one more every 100 ms, and never more than three. */
		{ 1000, true },
		{ 1000, true },
		{ 1000, true },
		{ 1000, false },
		{ 1099, false },
		{ 1100, true },
		{ 1100, false },
		{ 1150, false },
		{ 1200, true },
		/* A clock that goes back. */
		{ 500, false },
		{ 1299, false },
		{ 1300, true },
		{ 1600, true },
		{ 1600, true },
		{ 1600, true },
		{ 1600, false },
		{ 900000, true },
		{ 900000, true },
		{ 900000, true },
		{ 900000, false },
		{ UINT64_MAX, true },
	};
	const struct bucket_size size = { .burst = 3, .ms = 100 };
	struct bucket bucket = { 0 };

	for (size_t i = 0; i < LENGTH(rows); i++) {
		if (take(&bucket, &size, rows[i].now) != rows[i].has) {
			fail_msg("row %zu", i);
		}
	}
}

static unsigned count_allowed(struct rates *rates, uint32_t first, unsigned n, uint64_t now)
{
	unsigned n_allowed = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct key key = key_of(first + i);

		n_allowed += rates_allow(rates, &key, now);
	}
	return n_allowed;
}

static unsigned count_of_pair(struct rates *rates, uint32_t pair, unsigned n, uint64_t now)
{
	unsigned n_allowed = 0;

	for (unsigned i = 0; i < n; i++) {
		n_allowed += count_allowed(rates, pair, 1, now);
	}
	return n_allowed;
}

static void test_pair(void **state)
{
	struct rates *rates = rates_new();

	assert_int_equal(count_of_pair(rates, 1, 30, 0), 10);
	assert_int_equal(count_of_pair(rates, 2, 30, 0), 10);
	assert_int_equal(count_of_pair(rates, 1, 30, DAY_MS / 10 - 1), 0);
	assert_int_equal(count_of_pair(rates, 1, 30, DAY_MS / 10), 1);
	assert_int_equal(count_of_pair(rates, 1, 30, 2 * (uint64_t)DAY_MS), 10);
	rates_free(rates);
	rates_free(NULL);
}

/* What may not be sent because of others does not count for the pair. */
static void test_all(void **state)
{
	struct rates *rates = rates_new();

	assert_int_equal(count_allowed(rates, 0, 1000, 0), 500);
	assert_int_equal(count_of_pair(rates, 5000, 30, 0), 0);
	assert_int_equal(count_allowed(rates, 1000, 1000, 1000), 50);
	assert_int_equal(count_of_pair(rates, 5000, 30, 20000), 10);
	rates_free(rates);
}

/* What was allowed and not sent is allowed again, to the pair and to all; never more than there may be. */
static void test_given_back(void **state)
{
	struct rates *rates = rates_new();
	const struct key pair = key_of(1), unknown = key_of(9999);

	assert_int_equal(count_of_pair(rates, 1, 30, 0), 10);
	rates_give_back(rates, &pair);
	assert_int_equal(count_of_pair(rates, 1, 30, 0), 1);
	assert_int_equal(count_allowed(rates, 1000, 1000, 0), 490);
	rates_give_back(rates, &pair);
	assert_int_equal(count_allowed(rates, 3000, 1000, 0), 1);
	for (int i = 0; i < 1000; i++) {
		rates_give_back(rates, &pair);
		rates_give_back(rates, &unknown);
	}
	assert_int_equal(count_of_pair(rates, 1, 30, 0), 10);
	assert_int_equal(count_allowed(rates, 5000, 1000, 0), 490);
	rates_free(rates);
}

/* With more pairs than are remembered the one that was not asked for longest begins anew. */
static void test_many_pairs(void **state)
{
	struct rates *rates = rates_new();
	uint64_t now = 0;

	assert_int_equal(count_of_pair(rates, 1, 10, now), 10);
	assert_int_equal(count_of_pair(rates, 2, 10, now), 10);
	for (uint32_t i = 3; i <= RATES_PAIRS_MAX; i++) {
		now += 20;
		assert_int_equal(count_allowed(rates, i, 1, now), 1);
	}
	assert_int_equal(count_of_pair(rates, 1, 1, now), 0);
	now += 20;
	assert_int_equal(count_allowed(rates, 100000, 1, now), 1);
	assert_int_equal(count_of_pair(rates, 1, 1, now), 0);
	now += 20;
	assert_int_equal(count_of_pair(rates, 2, 1, now), 1);
	is_out_of_memory = true;
	assert_int_equal(count_allowed(rates, 200000, 1, now), 0);
	is_out_of_memory = false;
	rates_free(rates);
}

struct sender {
	struct rates *rates;
	uint32_t first;
	atomic_uint *n_allowed;
};

static void *run_sender(void *data)
{
	const struct sender *sender = data;

	*sender->n_allowed += count_allowed(sender->rates, sender->first, EACH, 0);
	return NULL;
}

static void test_threads(void **state)
{
	struct rates *rates = rates_new();
	atomic_uint n_allowed = 0;
	struct sender senders[THREADS];
	pthread_t threads[THREADS];

	for (uint32_t i = 0; i < THREADS; i++) {
		senders[i] = (struct sender){ rates, 1000 * i, &n_allowed };
		assert_int_equal(pthread_create(&threads[i], NULL, run_sender, &senders[i]), 0);
	}
	for (uint32_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	assert_int_equal(n_allowed, 500);
	rates_free(rates);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bucket),
		cmocka_unit_test(test_pair),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_given_back),
		cmocka_unit_test(test_many_pairs),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
