/* SPDX-License-Identifier: MIT
 * Who is next: by rank, by share, by age. */
#include "runtime/queue.h"

#include "runtime/lane.h"
#include "tests/unit/unit.h"

enum {
	WORKS = 6
};

static const unsigned plain[QUEUE_SHARES];
static struct queue queue;
static struct work works[WORKS];

/* Adds one at a time that counts up by 10. */
static struct work *add(unsigned i, unsigned rank, unsigned share)
{
	works[i] = (struct work){ .rank = rank, .share = share, .submitted = (uint64_t)i * 10 };
	queue_add(&queue, &works[i]);
	return &works[i];
}

static void expect_next(const struct work *want, uint64_t now)
{
	assert_ptr_equal(queue_take(&queue, now), want);
}

static void test_oldest_first(void **state)
{
	queue_init(&queue, plain, 100, 0);
	expect_next(NULL, 0);
	for (unsigned i = 0; i < WORKS; i++) {
		add(i, 0, i % 3);
	}
	assert_int_equal(queue_n_ready(&queue), WORKS);
	for (unsigned i = 0; i < WORKS; i++) {
		expect_next(&works[i], 1000000);
	}
	expect_next(NULL, 1000000);
	assert_int_equal(queue.n, 0);
}

static void test_ranks(void **state)
{
	queue_init(&queue, plain, 100, 0);
	add(0, 2, 0);
	add(1, 1, 0);
	add(2, 0, 0);
	add(3, 1, 0);
	expect_next(&works[2], 0);
	expect_next(&works[1], 0);
	expect_next(add(4, 0, 0), 0);
	expect_next(&works[3], 0);
	expect_next(&works[0], 0);
}

/* One share has all that it may: it does not hold up others, of whatever rank, and goes on when something
 * of it is done. */
static void test_shares(void **state)
{
	queue_init(&queue, plain, 2, 0);
	for (unsigned i = 0; i < 4; i++) {
		add(i, 0, 1);
	}
	add(4, 2, 7);
	assert_int_equal(queue_n_ready(&queue), 3);
	expect_next(&works[0], 0);
	expect_next(&works[1], 0);
	expect_next(&works[4], 0);
	expect_next(NULL, 0);
	assert_int_equal(queue_n_ready(&queue), 0);
	assert_int_equal(queue.n, 2);
	queue_done(&queue, &works[1]);
	expect_next(&works[2], 0);
	expect_next(NULL, 0);
	queue.max[1] = 1; /* fewer from now on */
	queue_done(&queue, &works[0]);
	expect_next(NULL, 0);
	assert_int_equal(queue_n_ready(&queue), 0);
	queue_done(&queue, &works[2]);
	expect_next(&works[3], 0);
}

static void test_overload(void **state)
{
	queue_init(&queue, plain, 100, 50);
	for (unsigned i = 0; i < 5; i++) {
		add(i, 1, 0);
	}
	expect_next(&works[0], 50);
	expect_next(&works[4], 61); /* the oldest is of 10 */
	expect_next(&works[3], 61);
	expect_next(&works[1], 60);
	add(5, 0, 0);
	expect_next(&works[5], 1000); /* rank goes before age */
	expect_next(&works[2], 1000);
}

static void test_removed(void **state)
{
	queue_init(&queue, plain, 100, 0);
	for (unsigned i = 0; i < 3; i++) {
		add(i, 0, 0);
	}
	assert_true(queue_remove(&queue, &works[1]));
	assert_false(queue_remove(&queue, &works[1]));
	expect_next(&works[0], 0);
	assert_false(queue_remove(&queue, &works[0]));
	expect_next(&works[2], 0);
	expect_next(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_oldest_first),
		cmocka_unit_test(test_ranks),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_overload),
		cmocka_unit_test(test_removed),
	};

	return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
