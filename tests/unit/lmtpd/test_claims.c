/* SPDX-License-Identifier: MIT
 * Of all who want to send something at once one may, and what was redirected is known for a day. */
#include "lmtpd/claims.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "tests/unit/unit.h"

enum {
	DAY = CLAIMS_REDIRECTS_SECONDS,
	THREADS = 8,
	ROUNDS = 20,
	WAIT_MS = 600000, /* longer than a test may run */
};

static atomic_bool is_out_of_memory, has_no_node;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_tsearch(const void *key, void **tree, int (*compare)(const void *, const void *));
void *__wrap_tsearch(const void *key, void **tree, int (*compare)(const void *, const void *));

void *__wrap_calloc(size_t n, size_t size)
{
	return is_out_of_memory ? NULL : __real_calloc(n, size);
}

void *__wrap_tsearch(const void *key, void **tree, int (*compare)(const void *, const void *))
{
	return has_no_node ? NULL : __real_tsearch(key, tree, compare);
}

static struct key key_of(uint32_t number)
{
	struct key key = { 0 };

	memcpy(key.bytes, &number, sizeof(number));
	return key;
}

static void test_one_has_it(void **state)
{
	struct claims *claims = claims_new();
	const struct key a = key_of(1), b = key_of(2);

	assert_true(claims_take(claims, &a));
	assert_false(claims_take(claims, &a));
	assert_false(claims_wait(claims, &a, 0));
	assert_true(claims_take(claims, &b));
	claims_release(claims, &a);
	claims_release(claims, &a); /* nobody has it */
	assert_true(claims_wait(claims, &a, 0));
	assert_false(claims_take(claims, &b));
	is_out_of_memory = true;
	claims_release(claims, &a);
	assert_false(claims_take(claims, &a));
	is_out_of_memory = false;
	has_no_node = true;
	assert_false(claims_take(claims, &a));
	has_no_node = false;
	assert_true(claims_take(claims, &a));
	claims_free(claims);
	claims_free(NULL);
}

static void test_full(void **state)
{
	struct claims *claims = claims_new();
	struct key key;

	for (uint32_t i = 0; i < CLAIMS_MAX; i++) {
		key = key_of(i);
		assert_true(claims_take(claims, &key));
	}
	key = key_of(CLAIMS_MAX);
	assert_false(claims_take(claims, &key));
	assert_false(claims_wait(claims, &key, 0));
	key = key_of(7);
	claims_release(claims, &key);
	key = key_of(CLAIMS_MAX);
	assert_true(claims_take(claims, &key));
	claims_free(claims);
}

struct party {
	struct claims *claims;
	atomic_int n_inside;
	atomic_int n_taken;
	atomic_bool was_two;
};

static void *run_sender(void *data)
{
	const struct timespec moment = { .tv_nsec = 100000 };
	struct party *party = data;
	const struct key key = key_of(1);

	for (int i = 0; i < ROUNDS; i++) {
		if (claims_wait(party->claims, &key, WAIT_MS)) {
			if (atomic_fetch_add(&party->n_inside, 1) != 0) {
				party->was_two = true;
			}
			party->n_taken++;
			nanosleep(&moment, NULL); /* so that the others come to wait */
			party->n_inside--;
			claims_release(party->claims, &key);
		}
	}
	return NULL;
}

/* Threads that wait all come to it, and never two at once. */
static void test_threads(void **state)
{
	struct party party = { .claims = claims_new() };
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, run_sender, &party), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	assert_false(party.was_two);
	assert_int_equal(party.n_taken, THREADS * ROUNDS);
	claims_free(party.claims);
}

static void test_redirects(void **state)
{
	struct claims *claims = claims_new();
	const struct key a = key_of(1), b = key_of(2);

	assert_false(claims_has_redirected(claims, &a, 0));
	claims_note_redirect(claims, &a, 5);
	assert_true(claims_has_redirected(claims, &a, 5));
	assert_false(claims_has_redirected(claims, &b, 5));
	assert_true(claims_has_redirected(claims, &a, 0)); /* one that began earlier asks */
	claims_note_redirect(claims, &b, 6);
	claims_note_redirect(claims, &a, 10);
	assert_true(claims_has_redirected(claims, &b, 5 + DAY));
	assert_false(claims_has_redirected(claims, &b, 6 + DAY));
	assert_true(claims_has_redirected(claims, &a, 9 + DAY));
	assert_false(claims_has_redirected(claims, &a, 10 + DAY));
	is_out_of_memory = true;
	claims_note_redirect(claims, &a, 10 + DAY);
	is_out_of_memory = false;
	assert_false(claims_has_redirected(claims, &a, 10 + DAY));
	claims_free(claims);
}

/* The oldest go, but not those that were done again. */
static void test_many_redirects(void **state)
{
	struct claims *claims = claims_new();
	struct key key;

	for (uint32_t i = 0; i < CLAIMS_REDIRECTS_MAX; i++) {
		key = key_of(i);
		claims_note_redirect(claims, &key, 1);
	}
	key = key_of(0);
	claims_note_redirect(claims, &key, 2);
	key = key_of(CLAIMS_REDIRECTS_MAX);
	claims_note_redirect(claims, &key, 2);
	for (uint32_t i = 0; i <= CLAIMS_REDIRECTS_MAX; i++) {
		key = key_of(i);
		assert_int_equal(claims_has_redirected(claims, &key, 2), i != 1);
	}
	claims_free(claims);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_has_it),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_redirects),
		cmocka_unit_test(test_many_redirects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
