/* SPDX-License-Identifier: MIT
 * What is marked and what is kept to be sent, when the message has its names. */
#include "lmtpd/notices.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "maildir/marks.h"
#include "lmtpd/submitter.h"
#include "runtime/service.h"
#include "tests/unit/unit.h"

/* --- the world ----------------------------------------------------------------------------------------------------- */

static struct filter filter;
static struct outbound outbound;
static struct letter letters[OUTBOX_NOTICES_MAX + 2];
static struct notices notices;
static size_t n_marked, n_marks;
static int mark_error;
static bool is_allowed, is_reached;

int outbox_mark(const struct outbox *outbox, const struct letter *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_true(list[i]->id.n > 0);
	}
	assert_true(SLIST_EMPTY(&notices) || n_marks > 0); /* marks come first */
	n_marks++;
	n_marked += n;
	return mark_error;
}

bool rates_allow(struct rates *rates, const struct key *pair, uint64_t now)
{
	return is_allowed;
}

bool places_reach_slot(const struct places *places, size_t slot)
{
	return is_reached;
}

/* Nothing is sent here. */
void submitter_submit(struct submitter *submitter, const struct submitter_settings *settings,
    const struct submission_message *message, uint64_t deadline,
    struct submission_outcome *outcomes_r)
{
	fail();
}

struct service *service_ref(struct service *service)
{
	return service;
}

void service_unref(struct service *service)
{
}

void lane_submit(struct lane *lane, struct work *work)
{
	fail();
}

static void add(enum sieve_action_kind kind, const char *id)
{
	letters[filter.outbox.n++] = (struct letter){ .kind = kind,
		.from = "",
		.to = "s@x",
		.message = span_of("To: s@x\n\naway\n"),
		.id = span_of(id),
		.home = { .path = "a@d", .address = "a@d" },
		.answer = "" };
}

static int begin(void **state)
{
	filter = (struct filter){ .outbox = { .outbound = &outbound, .list = letters } };
	outbound = (struct outbound){ 0 };
	SLIST_INIT(&notices);
	n_marked = n_marks = 0;
	mark_error = 0;
	is_allowed = is_reached = true;
	return 0;
}

static void expect(unsigned n_waiting, size_t want_marked, uint64_t n_held)
{
	notices_prepare(&notices, &filter, NULL);
	assert_int_equal(outbound.n_waiting, n_waiting);
	assert_int_equal(n_marked, want_marked);
	assert_int_equal(outbound.counts.n_notices_held, n_held);
	notices_drop(&notices);
	assert_true(SLIST_EMPTY(&notices));
}

static int end(void **state)
{
	notices_drop(&notices);
	return 0;
}

/* --- tests --------------------------------------------------------------------------------------------------------- */

static void test_sent(void **state)
{
	add(SIEVE_VACATION, "id");
	add(SIEVE_NOTIFY, "");
	add(SIEVE_MARK, "seen");
	add(SIEVE_REDIRECT, "other");
	expect(2, 2, 0);
	assert_int_equal(n_marks, 1);
	assert_int_equal(outbound.n_waiting, 0);
	assert_int_equal(letters[0].state, LETTER_SENT);
	assert_int_equal(letters[3].state, LETTER_DUE);
}

static void test_without_marks(void **state)
{
	mark_error = -EACCES;
	add(SIEVE_VACATION, "id");
	add(SIEVE_NOTIFY, "");
	expect(1, 1, 1);
	assert_int_equal(letters[0].state, LETTER_DUE);
}

/* What has no id cannot be remembered, and would be said to each message. */
static void test_without_id(void **state)
{
	add(SIEVE_VACATION, "");
	add(SIEVE_NOTIFY, "");
	expect(1, 0, 1);
	assert_int_equal(letters[0].state, LETTER_DUE);
}

static void test_not_reached(void **state)
{
	is_reached = false;
	add(SIEVE_VACATION, "id");
	add(SIEVE_MARK, "seen");
	expect(0, 0, 0);
}

/* What is held is not marked. */
static void test_rate(void **state)
{
	is_allowed = false;
	add(SIEVE_VACATION, "id");
	add(SIEVE_MARK, "seen");
	expect(0, 1, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sent, begin, end),
		cmocka_unit_test_setup_teardown(test_without_marks, begin, end),
		cmocka_unit_test_setup_teardown(test_without_id, begin, end),
		cmocka_unit_test_setup_teardown(test_not_reached, begin, end),
		cmocka_unit_test_setup_teardown(test_rate, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
