/* SPDX-License-Identifier: MIT
 * Accounts of mailboxes: when they are counted, what is charged, and that nothing is counted twice. The clock and the
 * mailboxes are the test's own. */
#include "lmtpd/allowance.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "tests/unit/unit.h"

#define SECOND UINT64_C(1000000000)

static const struct maildir_root root = { .base = "/mail" };
static struct account_rules rules = { .grace = { true, 10 } };
static struct accounts accounts;

static _Atomic uint64_t now;

uint64_t uv_hrtime(void)
{
	return ++now;
}

/* What a count finds: names in the mailbox, each of the same size; what is done in its middle; and whether it
 * fails. */
static const char *names[8];
static size_t n_names;
static uint64_t size_of_one = 100;
static _Atomic unsigned n_counts;
static unsigned n_skipped;
static size_t n_slots;
static int failure;
static void (*meanwhile)(void), (*delay)(void);

int usage_count(const struct maildir_root *mail_root, const char *mailbox,
    const struct usage_style *style, struct usage_memory *memory, usage_skip *skips, void *data,
    struct usage *usage_r, struct error *error)
{
	n_counts++;
	if (delay != NULL) {
		delay();
	}
	if (failure != 0) {
		error_set(error, "cannot read %s/%s", mail_root->base, mailbox);
		return failure;
	}
	if (meanwhile != NULL) {
		meanwhile();
	}
	memory->n_max = n_slots;
	*usage_r = (struct usage){ .bytes = 0 };
	for (size_t i = 0; i < n_names; i++) {
		if (skips(data, names[i], strlen(names[i]))) {
			n_skipped++;
		} else {
			usage_r->bytes += size_of_one;
			usage_r->messages++;
		}
	}
	return 0;
}

void usage_forget(struct usage_memory *memory)
{
}

static int begin(void **state)
{
	now = 1000 * SECOND;
	n_names = n_skipped = 0;
	n_counts = 0;
	n_slots = 0;
	size_of_one = 100;
	failure = 0;
	meanwhile = delay = NULL;
	rules.style = (struct usage_style){ .is_virtual = true };
	account_rules_init(&rules);
	accounts_init(&accounts);
	return 0;
}

static int end(void **state)
{
	accounts_deinit(&accounts);
	return 0;
}

static struct allowance take(const char *path, uint64_t bytes, uint64_t messages)
{
	const struct quota limit = { bytes, messages };
	struct allowance allowance;

	allowance_take(&allowance, &accounts, &rules, &root, path, &limit);
	return allowance;
}

static enum allowance_answer ask(const struct allowance *allowance, uint64_t size)
{
	struct quota used;
	uint64_t since = uv_hrtime();
	enum allowance_answer answer = allowance_ask(allowance, size, UINT64_MAX, &used);
	struct error error;

	if (answer == ALLOWANCE_UNKNOWN) {
		assert_int_equal(allowance_count(allowance, since, &error), 0);
		answer = allowance_ask(allowance, size, since, &used);
	}
	return answer;
}

/* Charges as a delivery does. */
static enum allowance_answer charge(
    const struct allowance *allowance, const char *name, uint64_t size, struct charge **charge_r)
{
	struct quota used;
	uint64_t since = uv_hrtime();
	enum allowance_answer answer =
	    allowance_charge(allowance, name, size, since, charge_r, &used);
	struct error error;

	if (answer == ALLOWANCE_UNKNOWN) {
		assert_int_equal(allowance_count(allowance, since, &error), 0);
		answer = allowance_charge(allowance, name, size, since, charge_r, &used);
	}
	return answer;
}

static void settle(const struct allowance *allowance, struct charge *charged, bool is_delivered)
{
	struct allowance_move move;

	allowance_settle(allowance, charged, is_delivered, 100, &move);
}

static void test_without_limit(void **state)
{
	struct allowance allowance = take("a", 0, 0);
	struct charge *charged;

	assert_null(allowance.account);
	assert_int_equal(ask(&allowance, UINT64_MAX), ALLOWANCE_ROOM);
	assert_int_equal(charge(&allowance, "x", UINT64_MAX, &charged), ALLOWANCE_ROOM);
	assert_null(charged);
	settle(&allowance, charged, true);
	allowance_drop(&allowance);
	assert_int_equal(n_counts, 0);
}

/* Below 80 % once a minute; above it for each question. */
static void test_when_it_is_counted(void **state)
{
	struct allowance allowance = take("a", 1000, 0);

	names[0] = names[1] = names[2] = names[3] = names[4] = "1";
	names[5] = names[6] = names[7] = "1";
	n_names = 7;
	assert_int_equal(ask(&allowance, 0), ALLOWANCE_ROOM);
	assert_int_equal(n_counts, 1);
	assert_int_equal(ask(&allowance, 0), ALLOWANCE_ROOM);
	assert_int_equal(n_counts, 1);
	now += 59 * SECOND;
	assert_int_equal(ask(&allowance, 0), ALLOWANCE_ROOM);
	assert_int_equal(n_counts, 1);
	now += 2 * SECOND;
	n_names = 8;
	assert_int_equal(ask(&allowance, 0), ALLOWANCE_ROOM);
	assert_int_equal(n_counts, 2);
	assert_int_equal(ask(&allowance, 0), ALLOWANCE_ROOM);
	assert_int_equal(n_counts, 3);
	/* One message that is large is near as well. */
	n_names = 1;
	assert_int_equal(ask(&allowance, 0), ALLOWANCE_ROOM);
	assert_int_equal(n_counts, 4);
	assert_int_equal(ask(&allowance, 0), ALLOWANCE_ROOM);
	assert_int_equal(n_counts, 4);
	assert_int_equal(ask(&allowance, 900), ALLOWANCE_ROOM);
	assert_int_equal(n_counts, 5);
	assert_int_equal(ask(&allowance, 1001), ALLOWANCE_FULL);
	assert_int_equal(n_counts, 6);
	assert_int_equal(ask(&allowance, UINT64_MAX), ALLOWANCE_FULL);
	allowance_drop(&allowance);
}

/* The limit is that of the row, each time. */
static void test_limit_changes(void **state)
{
	struct allowance narrow = take("a", 100, 0), wide = take("a", 10000, 0);

	names[0] = "1";
	n_names = 1;
	assert_int_equal(ask(&wide, 0), ALLOWANCE_ROOM);
	assert_int_equal(ask(&narrow, 0), ALLOWANCE_FULL);
	assert_int_equal(ask(&wide, 0), ALLOWANCE_ROOM);
	assert_int_equal(n_counts, 2);
	allowance_drop(&narrow);
	allowance_drop(&wide);
}

/* What another style has counted is worth nothing. */
static void test_style_changes(void **state)
{
	static struct account_rules others = { .grace = { true, 10 } };
	const struct quota limit = { 1000, 0 };
	struct allowance allowance = take("a", 1000, 0), other;

	account_rules_init(&others);
	assert_int_not_equal(others.digest, rules.digest);
	allowance_take(&other, &accounts, &others, &root, "a", &limit);
	ask(&allowance, 0);
	assert_int_equal(n_counts, 1);
	ask(&other, 0);
	assert_int_equal(n_counts, 2);
	allowance_drop(&allowance);
	allowance_drop(&other);
}

static void test_charges(void **state)
{
	struct allowance allowance = take("a", 1000, 3);
	struct charge *first, *second, *third, *fourth;
	struct allowance_move move;

	assert_int_equal(charge(&allowance, "1.x:2,S", 300, &first), ALLOWANCE_ROOM);
	assert_int_equal(charge(&allowance, "2.x", 300, &second), ALLOWANCE_ROOM);
	/* The grace is 100 bytes. */
	assert_int_equal(charge(&allowance, "3.x", 501, &third), ALLOWANCE_FULL_NOW);
	assert_null(third);
	assert_int_equal(charge(&allowance, "3.x", 500, &third), ALLOWANCE_ROOM);
	assert_int_equal(charge(&allowance, "4.x", 0, &fourth), ALLOWANCE_FULL_NOW);
	settle(&allowance, third, false);
	assert_int_equal(charge(&allowance, "4.x", 100, &fourth), ALLOWANCE_ROOM);
	allowance_settle(&allowance, first, true, 300, &move);
	assert_int_equal(move.before.bytes, 0);
	assert_int_equal(move.after.bytes, 300);
	assert_int_equal(move.after.messages, 1);
	allowance_settle(&allowance, second, true, 290, &move);
	assert_int_equal(move.after.bytes, 590); /* it takes up less than it was tested with */
	allowance_settle(&allowance, fourth, true, 100, &move);
	assert_int_equal(move.after.bytes, 690);
	assert_int_equal(move.after.messages, 3);
	allowance_drop(&allowance);
}

static struct allowance shared;
static struct charge *waiting;

/* Delivered while the count is on its way. */
static void deliver_meanwhile(void)
{
	settle(&shared, waiting, true);
	meanwhile = NULL;
}

/* A message that is under way has a name, or not yet: it is added once. */
static void test_nothing_is_counted_twice(void **state)
{
	struct quota used;
	struct error error;

	shared = take("a", 10000, 0);
	names[0] = "1.M1.host,S=100,W=100";
	names[1] = "2.M2.host,S=100,W=100";
	n_names = 1;
	assert_int_equal(
	    charge(&shared, "2.M2.host,S=100,W=100:2,S", 100, &waiting), ALLOWANCE_ROOM);
	n_names = 2;
	assert_int_equal(allowance_count(&shared, uv_hrtime(), &error), 0);
	assert_int_equal(n_skipped, 1);
	allowance_ask(&shared, 0, 1, &used);
	assert_int_equal(used.bytes, 200);
	assert_int_equal(used.messages, 2);
	meanwhile = deliver_meanwhile;
	assert_int_equal(allowance_count(&shared, uv_hrtime(), &error), 0);
	assert_int_equal(n_skipped, 2);
	allowance_ask(&shared, 0, 1, &used);
	assert_int_equal(used.bytes, 200);
	assert_int_equal(used.messages, 2);
	/* From now on it is found. */
	assert_int_equal(allowance_count(&shared, uv_hrtime(), &error), 0);
	assert_int_equal(n_skipped, 2);
	allowance_ask(&shared, 0, 1, &used);
	assert_int_equal(used.bytes, 200);
	allowance_drop(&shared);
}

/* A name that another one begins with is another one. */
static void test_names_are_whole(void **state)
{
	struct allowance allowance = take("a", 10000, 0);
	struct charge *charged;
	struct error error;

	assert_int_equal(charge(&allowance, "12.x", 1, &charged), ALLOWANCE_ROOM);
	names[0] = "1";
	names[1] = "12.xy";
	names[2] = "12.x";
	n_names = 3;
	assert_int_equal(allowance_count(&allowance, uv_hrtime(), &error), 0);
	assert_int_equal(n_skipped, 1);
	settle(&allowance, charged, false);
	allowance_drop(&allowance);
}

static void test_count_fails(void **state)
{
	struct allowance allowance = take("a", 1000, 0);
	struct charge *charged;
	struct quota used;
	struct error error;

	failure = -13;
	assert_int_equal(allowance_ask(&allowance, 0, UINT64_MAX, &used), ALLOWANCE_UNKNOWN);
	assert_int_equal(allowance_count(&allowance, uv_hrtime(), &error), -1);
	assert_string_equal(error.text, "cannot read /mail/a");
	assert_int_equal(
	    allowance_charge(&allowance, "x", 1, uv_hrtime(), &charged, &used), ALLOWANCE_UNKNOWN);
	assert_null(charged);
	failure = 0;
	assert_int_equal(ask(&allowance, 0), ALLOWANCE_ROOM);
	allowance_drop(&allowance);
}

static void take_long(void)
{
	now += SECOND;
}

/* What takes long and fails is not done for each message. */
static void test_long_count_fails(void **state)
{
	struct allowance allowance = take("a", 1000, 0);
	struct error error;

	failure = -7;
	delay = take_long;
	assert_int_equal(allowance_count(&allowance, uv_hrtime(), &error), -1);
	assert_int_equal(allowance_count(&allowance, uv_hrtime(), &error), -1);
	assert_int_equal(n_counts, 1);
	assert_string_equal(error.text, "to count /mail/a takes long, and failed a moment ago");
	now += 61 * SECOND;
	failure = 0;
	delay = NULL;
	assert_int_equal(allowance_count(&allowance, uv_hrtime(), &error), 0);
	assert_int_equal(n_counts, 2);
	allowance_drop(&allowance);
}

static _Atomic bool is_let_go;

static void hang(void)
{
	while (!is_let_go) {
		usleep(1000);
	}
}

static void *count_slowly(void *allowance)
{
	struct error error;

	allowance_count(allowance, now + 1, &error);
	return NULL;
}

/* What another thread takes long to count is not waited for. */
static void test_slow_count_of_another(void **state)
{
	struct allowance allowance = take("a", 1000, 0);
	struct error error;
	pthread_t thread;

	is_let_go = false;
	delay = hang;
	assert_int_equal(pthread_create(&thread, NULL, count_slowly, &allowance), 0);
	while (n_counts == 0) {
		usleep(1000);
	}
	now += 2 * SECOND;
	assert_int_equal(allowance_count(&allowance, now, &error), -1);
	assert_string_equal(error.text, "to count /mail/a takes long");
	is_let_go = true;
	pthread_join(thread, NULL);
	delay = NULL;
	assert_int_equal(allowance_count(&allowance, now, &error), 0);
	assert_int_equal(n_counts, 2);
	allowance_drop(&allowance);
}

/* What is full is refused for good only by what lies there. */
static void test_full_for_now(void **state)
{
	struct allowance allowance = take("a", 1000, 0);
	struct allowance_move move;
	struct charge *first, *second;
	struct quota used;

	assert_int_equal(charge(&allowance, "1.x", 1000, &first), ALLOWANCE_ROOM);
	assert_int_equal(ask(&allowance, 0), ALLOWANCE_FULL_NOW);
	assert_int_equal(charge(&allowance, "2.x", 1, &second), ALLOWANCE_FULL_NOW);
	assert_null(second);
	allowance_settle(&allowance, first, true, 1000, &move);
	assert_int_equal(allowance_ask(&allowance, 0, 1, &used), ALLOWANCE_FULL);
	allowance_drop(&allowance);
}

/* A count that takes longer than it is good for is an answer all the same. */
static void test_count_is_old_at_its_end(void **state)
{
	struct allowance allowance = take("a", 1000, 0);
	uint64_t since = uv_hrtime();
	struct charge *charged;
	struct quota used;
	struct error error;

	assert_int_equal(allowance_count(&allowance, since, &error), 0);
	now += 100 * SECOND;
	assert_int_equal(
	    allowance_charge(&allowance, "1.x", 500, since, &charged, &used), ALLOWANCE_ROOM);
	settle(&allowance, charged, false);
	allowance_drop(&allowance);
}

/* Who was counted after the question need not be counted again. */
static void test_one_count_for_many(void **state)
{
	struct allowance allowance = take("a", 1000, 0);
	uint64_t since = uv_hrtime();
	struct error error;

	for (int i = 0; i < 5; i++) {
		assert_int_equal(allowance_count(&allowance, since, &error), 0);
	}
	assert_int_equal(n_counts, 1);
	allowance_drop(&allowance);
}

static unsigned counts_of(const char *path)
{
	struct allowance allowance = take(path, 1000, 0);
	unsigned n = n_counts;

	ask(&allowance, 0);
	allowance_drop(&allowance);
	return n_counts - n;
}

/* The latest accounts are kept, and those that were asked for again. */
static void test_table(void **state)
{
	struct allowance used = take("used", 1000, 0);
	char path[32];

	counts_of("again");
	counts_of("again");
	for (unsigned i = 0; i < ACCOUNTS_MAX; i++) {
		snprintf(path, sizeof(path), "user%u", i);
		assert_int_equal(counts_of(path), 1);
	}
	assert_int_equal(accounts.n, ACCOUNTS_MAX);
	assert_int_equal(counts_of("again"), 0);
	assert_int_equal(counts_of("user2"), 0);
	assert_int_equal(counts_of("user0"), 1);
	assert_int_equal(accounts.n, ACCOUNTS_MAX);
	assert_int_equal(ask(&used, 0), ALLOWANCE_ROOM);
	allowance_drop(&used);
}

/* Nor do folders take more memory than there is for all. */
static void test_table_of_folders(void **state)
{
	n_slots = ACCOUNT_SLOTS_MAX / 4;
	counts_of("user0");
	counts_of("user1");
	counts_of("user2");
	counts_of("user3");
	assert_int_equal(accounts.n_slots, ACCOUNT_SLOTS_MAX);
	assert_int_equal(counts_of("user0"), 0);
	counts_of("user4");
	assert_int_equal(accounts.n_slots, ACCOUNT_SLOTS_MAX / 4 * 5);
	counts_of("user5");
	assert_int_equal(accounts.n_slots, ACCOUNT_SLOTS_MAX / 4 * 5);
	assert_int_equal(counts_of("user1"), 1);
	assert_int_equal(counts_of("user0"), 0);
}

enum {
	THREADS = 8,
	TURNS = 2000,
};

static _Atomic unsigned n_let_in;

static void *storm(void *nothing)
{
	struct allowance allowance = take("storm", 30000, 0);

	for (unsigned i = 0; i < TURNS; i++) {
		struct charge *charged;
		struct quota used;
		uint64_t since = 1;
		enum allowance_answer answer =
		    allowance_charge(&allowance, "name", 100, since, &charged, &used);

		if (answer == ALLOWANCE_ROOM) {
			settle(&allowance, charged, i % 2 == 0);
			n_let_in += i % 2 == 0;
		}
	}
	allowance_drop(&allowance);
	return NULL;
}

/* However many come at once, what is let in is no more than what fits. */
static void test_storm(void **state)
{
	struct allowance allowance = take("storm", 30000, 0);
	pthread_t threads[THREADS];
	struct error error;
	struct quota used;

	assert_int_equal(allowance_count(&allowance, uv_hrtime(), &error), 0);
	n_let_in = 0;
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, storm, NULL), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	allowance_ask(&allowance, 0, 1, &used);
	assert_int_equal(used.messages, n_let_in);
	assert_int_equal(n_let_in, 300);
	allowance_drop(&allowance);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_without_limit, begin, end),
		cmocka_unit_test_setup_teardown(test_when_it_is_counted, begin, end),
		cmocka_unit_test_setup_teardown(test_limit_changes, begin, end),
		cmocka_unit_test_setup_teardown(test_style_changes, begin, end),
		cmocka_unit_test_setup_teardown(test_charges, begin, end),
		cmocka_unit_test_setup_teardown(test_nothing_is_counted_twice, begin, end),
		cmocka_unit_test_setup_teardown(test_names_are_whole, begin, end),
		cmocka_unit_test_setup_teardown(test_count_fails, begin, end),
		cmocka_unit_test_setup_teardown(test_long_count_fails, begin, end),
		cmocka_unit_test_setup_teardown(test_slow_count_of_another, begin, end),
		cmocka_unit_test_setup_teardown(test_full_for_now, begin, end),
		cmocka_unit_test_setup_teardown(test_count_is_old_at_its_end, begin, end),
		cmocka_unit_test_setup_teardown(test_one_count_for_many, begin, end),
		cmocka_unit_test_setup_teardown(test_table, begin, end),
		cmocka_unit_test_setup_teardown(test_table_of_folders, begin, end),
		cmocka_unit_test_setup_teardown(test_storm, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
