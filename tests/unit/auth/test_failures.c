/* SPDX-License-Identifier: MIT
 * Who keeps guessing waits longer, up to a bound; nobody else does. */
#include "auth/failures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

enum {
	DELAY = 2000,
	SEED = 12345,
};

#define ATTACKER "192.0.2.1"
#define OWNER    "owner@example.com"
#define OTHER    "other@example.com"

static void *make(uint64_t seed)
{
	struct failures *failures = calloc(1, sizeof(*failures));

	assert_non_null(failures);
	failures->seed = seed;
	return failures;
}

static int set_up(void **state)
{
	*state = make(SEED);
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static const struct failures_login *login_of(const char *rip, const char *user, bool is_trusted)
{
	static struct failures_login login;

	login = (struct failures_login){ .rip = rip, .user = user, .is_trusted = is_trusted };
	return &login;
}

static uint64_t add(struct failures *failures, const char *rip, uint64_t now, uint64_t delay)
{
	return failures_add(failures, login_of(rip, OWNER, false), now, delay, 0);
}

static unsigned rank_of(const struct failures *failures, const char *rip, const char *user)
{
	return failures_rank(failures, login_of(rip, user, false), 1000);
}

static unsigned trusted_rank_of(const struct failures *failures, const char *rip, const char *user)
{
	return failures_rank(failures, login_of(rip, user, true), 1000);
}

static void fail_often(
    struct failures *failures, const char *rip, uint64_t now, uint64_t delay, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		add(failures, rip, now, delay);
	}
}

/* The n-th failure's wait, n from 0. */
static uint64_t wait_of(uint64_t delay, uint64_t n)
{
	uint64_t wait = delay + n * FAILURES_STEP_MS;

	return wait < FAILURES_TOTAL_MS ? wait : FAILURES_TOTAL_MS;
}

static void test_grows_to_a_bound(void **state)
{
	static const uint64_t delays[] = { 0, 1000, DELAY, 3000, 4000 };

	for (size_t i = 0; i < LENGTH(delays); i++) {
		struct failures *failures = make(SEED);

		for (uint64_t n = 0; n < 1000; n++) {
			assert_int_equal(
			    add(failures, ATTACKER, 5000 + n, delays[i]), wait_of(delays[i], n));
		}
		free(failures);
	}
	/* The bound leaves time for the answer itself: all in all less than five seconds. */
	assert_true(FAILURES_TOTAL_MS < 5000);
}

static void test_clock_stands_still(void **state)
{
	for (uint64_t n = 0; n < 100; n++) {
		assert_int_equal(add(*state, ATTACKER, 0, DELAY), wait_of(DELAY, n));
	}
}

static void test_forgets_one_by_one(void **state)
{
	for (uint64_t forgotten = 0; forgotten < 6; forgotten++) {
		struct failures *failures = make(SEED);

		fail_often(failures, ATTACKER, 1000, DELAY, 4);
		/* Nearly as long counts as one less. */
		assert_int_equal(
		    add(failures, ATTACKER, 1000 + (forgotten + 1) * FAILURES_FORGET_MS - 1, DELAY),
		    wait_of(DELAY, forgotten < 4 ? 4 - forgotten : 0));
		free(failures);
	}
}

static void test_forgets_all(void **state)
{
	fail_often(*state, ATTACKER, 1000, DELAY, 1000);
	/* However many there were, the count is bounded, and so is the time until it is gone. */
	assert_int_equal(
	    add(*state, ATTACKER,
		1000 + (FAILURES_TOTAL_MS / FAILURES_STEP_MS) * (uint64_t)FAILURES_FORGET_MS,
		DELAY),
	    DELAY);
	fail_often(*state, ATTACKER, 1000000, DELAY, 5);
	assert_int_equal(add(*state, ATTACKER, UINT64_MAX, DELAY), DELAY);
}

static void test_others_do_not_wait(void **state)
{
	char rip[64];

	fail_often(*state, ATTACKER, 1000, DELAY, 1000);
	for (unsigned i = 2; i < 250; i++) {
		snprintf(rip, sizeof(rip), "192.0.2.%u", i);
		assert_int_equal(add(*state, rip, 1000, DELAY), DELAY);
		snprintf(rip, sizeof(rip), "2001:db8:%x::1", i);
		assert_int_equal(add(*state, rip, 1000, DELAY), DELAY);
	}
}

/* Many more clients than there are slots, among them one that guesses on: it may lose its counts,
 * but nobody ever waits longer than for his own failures. */
static void test_flood(void **state)
{
	uint64_t n_own = 0;
	char rip[64];

	for (unsigned i = 0; i < 8 * FAILURES_SLOTS; i++) {
		uint64_t wait;

		snprintf(rip, sizeof(rip), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		assert_int_equal(add(*state, rip, 1000, DELAY), DELAY);
		wait = add(*state, ATTACKER, 1000, DELAY);
		assert_in_range(wait, DELAY, wait_of(DELAY, n_own++));
	}
}

static void test_ipv6_by_network(void **state)
{
	static const char *const neighbours[] = {
		"2001:db8:1:2::1",
		"2001:db8:1:2::2",
		"2001:0db8:0001:0002:0000:0000:0000:0003",
		"2001:DB8:1:2:ffff:ffff:ffff:ffff",
		"2001:db8:1:2:0:0:192.0.2.1",
	};
	static const char *const strangers[] = {
		"2001:db8:1:3::1",
		"2001:db8:1:1::1",
		"2001:db8:2:2::1",
		"2001:db9:1:2::1",
		"2001:db8:1::2",
	};

	for (size_t i = 0; i < LENGTH(neighbours); i++) {
		assert_int_equal(add(*state, neighbours[i], 1000, DELAY), wait_of(DELAY, i));
	}
	for (size_t i = 0; i < LENGTH(strangers); i++) {
		assert_int_equal(add(*state, strangers[i], 1000, DELAY), DELAY);
	}
}

/* Whatever the client calls its client is a name; no address, none at all, the longest one. */
static void test_other_names(void **state)
{
	static const char *const names[] = { "", "unknown", "unix:/socket", "192.0.2.1:25",
		"fe80::1%eth0", "0123456789012345678901234567890123456789abcde",
		"0123456789012345678901234567890123456789abcdf", "\377\001" };

	for (uint64_t n = 0; n < 5; n++) {
		for (size_t i = 0; i < LENGTH(names); i++) {
			assert_int_equal(add(*state, names[i], 1000, DELAY), wait_of(DELAY, n));
		}
	}
}

/* Does the second take the slot of the first? */
static bool share_a_slot(uint64_t seed, const char *first, const char *second)
{
	struct failures *failures = make(seed);
	bool is_shared;

	add(failures, first, 1000, DELAY);
	add(failures, second, 1000, DELAY);
	is_shared = rank_of(failures, first, OTHER) == 0;
	free(failures);
	return is_shared;
}

/* Who could choose to share a slot with another could wipe his count; the seed keeps it secret. */
static void test_seed_scatters(void **state)
{
	unsigned n_shared = 0, n_shared_elsewhere = 0;
	char rip[64];

	for (unsigned i = 0; i < 3 * FAILURES_SLOTS; i++) {
		snprintf(rip, sizeof(rip), "198.18.%u.%u", i >> 8, i & 255);
		if (share_a_slot(SEED, ATTACKER, rip)) {
			n_shared++;
			n_shared_elsewhere += share_a_slot(SEED + 1, ATTACKER, rip);
		}
	}
	assert_in_range(n_shared, 1, 20);
	assert_in_range(n_shared_elsewhere, 0, 1);
}

/* The pair comes after the address, which comes after whoever has not failed. */
static void test_ranks(void **state)
{
	assert_int_equal(rank_of(*state, ATTACKER, OWNER), 0);
	add(*state, ATTACKER, 1000, DELAY);
	assert_int_equal(rank_of(*state, ATTACKER, OWNER), 2);
	assert_int_equal(rank_of(*state, ATTACKER, "OWNER@Example.COM"), 2);
	assert_int_equal(rank_of(*state, ATTACKER, OTHER), 1);
	assert_int_equal(rank_of(*state, ATTACKER, ""), 1);
	assert_int_equal(rank_of(*state, "192.0.2.2", OWNER), 0);
	assert_int_equal(rank_of(*state, "2001:db8::1", OWNER), 0);
}

/* Of IPv6 the network counts for pairs too. */
static void test_ranks_of_a_network(void **state)
{
	add(*state, "2001:db8:1:2::1", 1000, DELAY);
	assert_int_equal(rank_of(*state, "2001:db8:1:2::2", OWNER), 2);
	assert_int_equal(rank_of(*state, "2001:db8:1:2::2", OTHER), 1);
	assert_int_equal(rank_of(*state, "2001:db8:1:3::1", OWNER), 0);
}

static void test_ranks_are_forgotten(void **state)
{
	fail_often(*state, ATTACKER, 1000, DELAY, 3);
	for (uint64_t n = 0; n < 3; n++) {
		assert_int_equal(failures_rank(*state, login_of(ATTACKER, OWNER, false),
				     1000 + (n + 1) * FAILURES_FORGET_MS - 1),
		    2);
	}
	assert_int_equal(failures_rank(*state, login_of(ATTACKER, OWNER, false),
			     1000 + 3 * (uint64_t)FAILURES_FORGET_MS),
	    0);
}

/* Asking changes nothing. */
static void test_ranks_are_only_read(void **state)
{
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(rank_of(*state, ATTACKER, OWNER), 0);
	}
	assert_int_equal(add(*state, ATTACKER, 1000, DELAY), DELAY);
}

/* All users are behind it: who fails there makes nobody else wait, nor come later. */
static void test_trusted_address(void **state)
{
	struct failures_login login = { .rip = ATTACKER, .is_trusted = true };
	char user[64];

	for (unsigned i = 0; i < 100; i++) {
		snprintf(user, sizeof(user), "user%u@example.com", i);
		login.user = user;
		assert_int_equal(failures_add(*state, &login, 1000, DELAY, 0), DELAY);
	}
	assert_int_equal(trusted_rank_of(*state, ATTACKER, OWNER), 0);
	/* Not even when it is trusted no more. */
	assert_int_equal(rank_of(*state, ATTACKER, OWNER), 0);
	assert_int_equal(add(*state, ATTACKER, 1000, DELAY), DELAY);
}

/* Whose password is guessed there comes after the others there, before who guesses elsewhere. */
static void test_pair_at_a_trusted_address(void **state)
{
	for (uint64_t n = 0; n < 20; n++) {
		assert_int_equal(
		    failures_add(*state, login_of(ATTACKER, OWNER, true), 1000, DELAY, 0),
		    wait_of(DELAY, n));
	}
	assert_int_equal(trusted_rank_of(*state, ATTACKER, OWNER), 1);
	assert_int_equal(trusted_rank_of(*state, ATTACKER, OTHER), 0);
	add(*state, "192.0.2.2", 1000, DELAY);
	assert_int_equal(rank_of(*state, "192.0.2.2", OWNER), 2);
}

/* An address that tries one user after another has no pair, but it has an address. */
static void test_spraying(void **state)
{
	char user[64];

	for (unsigned i = 0; i < 50; i++) {
		snprintf(user, sizeof(user), "user%u@example.com", i);
		assert_int_equal(rank_of(*state, ATTACKER, user), i == 0 ? 0 : 1);
		assert_int_equal(
		    failures_add(*state, login_of(ATTACKER, user, false), 1000, DELAY, 0),
		    wait_of(DELAY, i));
	}
}

/* An owner whom a flood has held up comes behind those where nothing has failed, and before who guesses. */
static void test_overload(void **state)
{
	for (unsigned i = 0; i < 20; i++) {
		failures_add_overload(
		    *state, &(struct failures_login){ ATTACKER, OWNER, true }, 1000);
	}
	assert_int_equal(rank_of(*state, ATTACKER, OTHER), 0);
	for (unsigned i = 0; i < 20; i++) {
		failures_add_overload(
		    *state, &(struct failures_login){ ATTACKER, OWNER, false }, 1000);
	}
	assert_int_equal(rank_of(*state, ATTACKER, OTHER), 1);
	assert_int_equal(rank_of(*state, ATTACKER, OWNER), 1);
	assert_int_equal(rank_of(*state, "192.0.2.2", OWNER), 0);
}

/* A FAIL waits as long as it is told to at least, and no longer than any may. */
static void test_least(void **state)
{
	const struct failures_login *login = login_of(ATTACKER, OWNER, false);

	assert_int_equal(failures_add(*state, login, 1000, DELAY, DELAY + 300), DELAY + 300);
	assert_int_equal(failures_add(*state, login, 1000, DELAY, DELAY), DELAY + FAILURES_STEP_MS);
	assert_int_equal(
	    failures_add(*state, login, 1000, DELAY, FAILURES_TOTAL_MS + 1), FAILURES_TOTAL_MS);
}

/* The slowest hashing is remembered for one to two times of FAILURES_LATE_MS, whatever comes behind it. */
static void test_slowest(void **state)
{
	const uint64_t late = FAILURES_LATE_MS;

	assert_int_equal(failures_slowest(*state, 5), 0);
	failures_hashed(*state, late - 1, 800);
	failures_hashed(*state, late, 100);
	assert_int_equal(failures_slowest(*state, late), 800);
	failures_hashed(*state, late + 1, 300);
	failures_hashed(*state, late + 2, 200);
	assert_int_equal(failures_slowest(*state, 2 * late - 1), 800);
	assert_int_equal(failures_slowest(*state, 2 * late), 300);
	failures_hashed(*state, 2 * late, 900);
	assert_int_equal(failures_slowest(*state, 2 * late), 900);
	assert_int_equal(failures_slowest(*state, 4 * late), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows_to_a_bound),
		cmocka_unit_test_setup_teardown(test_clock_stands_still, set_up, tear_down),
		cmocka_unit_test(test_forgets_one_by_one),
		cmocka_unit_test_setup_teardown(test_forgets_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_others_do_not_wait, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_flood, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ipv6_by_network, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_other_names, set_up, tear_down),
		cmocka_unit_test(test_seed_scatters),
		cmocka_unit_test_setup_teardown(test_ranks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_overload, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ranks_of_a_network, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ranks_are_forgotten, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ranks_are_only_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_trusted_address, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pair_at_a_trusted_address, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_spraying, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_least, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_slowest, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
