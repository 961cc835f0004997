/* SPDX-License-Identifier: MIT
 * What is marked and what is kept to be sent, when the message has its names; and what becomes of that. */
#include "lmtpd/notices.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lmtpd/server.h"
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
static int n_given_back; /* of what was allowed */
static struct places_slot own;
static struct places reached = { .slots = &own, .n_slots = 1 };
static struct lmtpd_config config;
static struct lmtpd_server server;
static struct service kept = { .config = &config, .daemon = &server.daemon };
static const struct maildir_root root = { .base = "/mail" };
static unsigned disk; /* the share of the home's */

int outbox_mark(const struct outbox *outbox, const struct letter *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_true(list[i]->id.n > 0);
	}
	assert_true(STAILQ_EMPTY(&notices) || n_marks > 0); /* marks come first */
	n_marks++;
	n_marked += n;
	return mark_error;
}

bool rates_allow(struct rates *rates, const struct key *pair, uint64_t now)
{
	return is_allowed;
}

void rates_give_back(struct rates *rates, const struct key *pair)
{
	n_given_back++;
}

bool places_reach_slot(const struct places *places, size_t slot)
{
	return is_reached;
}

static char sent[1024];     /* what was handed in, a recipient a line */
static const char *answers; /* a letter for each: a, r, d */
static int n_references, n_forgotten, forgetting;
static struct work *works[OUTBOX_NOTICES_MAX];
static size_t n_works, n_submitted[2]; /* to the lane of notices, to the writers */
static bool is_withdrawn;
static unsigned n_until_no_memory;

void submitter_submit(struct submitter *submitter, const struct submitter_settings *settings,
    const struct submission_message *message, uint64_t deadline,
    struct submission_outcome *outcomes_r)
{
	assert_ptr_equal(settings, &config.sieve.submitter);
	assert_true(n_references > 0);
	assert_null(message->content.read);
	for (size_t i = 0; i < message->n_recipients; i++) {
		const struct span text = message->content.leading;

		add_text(sent, sizeof(sent), "%s to %s: %.*s", message->sender,
		    message->recipients[i], (int)text.n, text.p);
		outcomes_r[i] = (struct submission_outcome){
			.result = answers[i] == 'a'   ? SUBMISSION_ACCEPTED
				  : answers[i] == 'r' ? SUBMISSION_REFUSED
				  : answers[i] == 'u' ? SUBMISSION_UNKNOWN
						      : SUBMISSION_DEFERRED,
			.words = { .code = 250 },
		};
	}
}

struct service *service_ref(struct service *service)
{
	n_references++;
	return service;
}

void service_unref(struct service *service)
{
	n_references--;
}

/* What is to be forgotten goes to where a disk may be waited for. */
void lane_submit(struct lane *lane, struct work *work)
{
	assert_ptr_equal(lane, &kept.lanes[work->rank > 0 ? SERVICE_WORKERS : SERVICE_NOTICES]);
	assert_true(work->late != NULL);
	assert_true(work->share < QUEUE_SHARES);
	assert_true(work->rank == 0 || work->share == disk);
	n_submitted[lane == &kept.lanes[SERVICE_WORKERS]]++;
	works[n_works++] = work;
}

/* Threads of disks that work must not be taken by one that stands still. */
unsigned devices_share(const struct devices *devices, const struct maildir_place *place)
{
	assert_ptr_equal(devices, &server.devices);
	assert_ptr_equal(place->root, &root);
	assert_string_equal(place->mailbox, "a@d");
	return disk;
}

bool lane_withdraw(struct lane *lane, struct work *work)
{
	assert_ptr_equal(lane, &kept.lanes[SERVICE_NOTICES]);
	return is_withdrawn;
}

static unsigned hurry; /* ms */

void lane_hurry(struct lane *lane, unsigned patience)
{
	assert_ptr_equal(lane, &kept.lanes[SERVICE_NOTICES]);
	hurry = patience;
}

void *submitter_start(void *unused)
{
	return NULL;
}

void submitter_on_idle(void *context)
{
}

void submitter_stop(void *context)
{
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

int marking_forget(
    struct marking *marking, const struct scripts_home *home, struct span id, time_t now)
{
	assert_string_equal(home->path, "a@d");
	assert_string_equal(home->address, "a@d");
	expect_bytes("id", id.p, id.n, "id", 2);
	n_forgotten++;
	return forgetting;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return n_until_no_memory > 0 && --n_until_no_memory == 0 ? NULL : __real_calloc(n, size);
}

static void add(enum sieve_action_kind kind, const char *id)
{
	letters[filter.outbox.n++] = (struct letter){ .kind = kind,
		.from = "",
		.to = "s@x",
		.message = span_of("To: s@x\n\naway\n"),
		.id = span_of(id),
		.home = { .root = &root, .path = "a@d", .address = "a@d" },
		.answer = "" };
}

static int begin(void **state)
{
	filter = (struct filter){ .config = &config,
		.outbox = { .outbound = &outbound, .list = letters } };
	own = (struct places_slot){ 0 };
	config = (struct lmtpd_config){ .folders_max = 1 };
	sent[0] = '\0';
	n_forgotten = n_references = 0;
	n_works = n_submitted[0] = n_submitted[1] = 0;
	n_given_back = 0;
	is_withdrawn = false;
	disk = 3;
	n_until_no_memory = 0;
	outbound = (struct outbound){ 0 };
	STAILQ_INIT(&notices);
	n_marked = n_marks = 0;
	mark_error = 0;
	is_allowed = is_reached = true;
	return 0;
}

static void expect(unsigned n_waiting, size_t want_marked, uint64_t n_held)
{
	notices_prepare(&notices, &filter, &reached);
	assert_int_equal(outbound.n_waiting, n_waiting);
	assert_int_equal(n_marked, want_marked);
	assert_int_equal(outbound.counts.n_notices_held, n_held);
	notices_drop(&notices);
	assert_true(STAILQ_EMPTY(&notices));
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
	assert_int_equal(n_given_back, 1);
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
	assert_int_equal(outbound.n_waiting, 0);
	assert_int_equal(n_given_back, 0);
}

/* What is put off by lmtp.soft_bounce comes again: then it is not a duplicate, and nobody is told of it each time. */
static void test_rejected(void **state)
{
	own.rejection = "no";
	add(SIEVE_MARK, "seen");
	add(SIEVE_NOTIFY, "");
	expect(1, 1, 0);
	end(state);
	begin(state);
	own.rejection = "no";
	config.lmtp.soft_bounce = true;
	add(SIEVE_MARK, "seen");
	add(SIEVE_NOTIFY, "");
	expect(0, 0, 0);
}

/* Marks of one mailbox are made at once, as many as may be. */
static void test_many(void **state)
{
	for (int i = 0; i < MARKS_AT_ONCE + 1; i++) {
		add(SIEVE_VACATION, "id");
	}
	add(SIEVE_VACATION, "id");
	letters[filter.outbox.n - 1].home.address = "b@d";
	expect(MARKS_AT_ONCE + 2, MARKS_AT_ONCE + 2, 0);
	assert_int_equal(n_marks, 3);
}

/* Beyond what may wait nothing is sent or marked, but what is only marked is. */
static void test_too_many(void **state)
{
	outbound.n_waiting = OUTBOX_NOTICES_MAX - 1;
	add(SIEVE_VACATION, "id");
	add(SIEVE_VACATION, "other");
	add(SIEVE_MARK, "seen");
	notices_prepare(&notices, &filter, &reached);
	assert_int_equal(n_marked, 2);
	assert_int_equal(outbound.n_waiting, OUTBOX_NOTICES_MAX);
	assert_int_equal(outbound.counts.n_notices_held, 1);
	notices_drop(&notices);
	assert_int_equal(outbound.n_waiting, OUTBOX_NOTICES_MAX - 1);
}

/* What is not sent is not marked, either. */
static void test_no_memory(void **state)
{
	add(SIEVE_VACATION, "id");
	add(SIEVE_NOTIFY, "");
	n_until_no_memory = 1;
	expect(1, 0, 1);
	assert_int_equal(n_given_back, 1);
	assert_int_equal(letters[0].state, LETTER_DUE);
	assert_int_equal(letters[1].state, LETTER_SENT);
}

/* What is sent is a copy, since the delivery is gone by then; the service is kept until the end of it. */
static void send_all(const char *said)
{
	answers = said;
	notices_prepare(&notices, &filter, &reached);
	notices_send(&notices, &kept);
	memset(letters, 0, sizeof(letters));
	assert_true(STAILQ_EMPTY(&notices));
	assert_int_equal(n_references, n_works);
	assert_int_equal(n_submitted[1], 0);
	for (size_t i = 0; i < n_works; i++) {
		works[i]->run(works[i], NULL);
		works[i]->done(works[i]);
	}
	assert_int_equal(n_references, 0);
	assert_int_equal(outbound.n_waiting, 0);
}

static void test_vacation_sent(void **state)
{
	static const struct {
		const char *said;
		uint64_t n_sent, n_failed;
		int n_forgotten, forgetting;
	} cases[] = { { "a", 1, 0, 0, 0 }, { "r", 0, 1, 1, 0 }, { "d", 0, 1, 1, 0 },
		{ "d", 0, 1, 1, -EIO }, { "u", 0, 1, 0, 0 } };

	for (size_t i = 0; i < LENGTH(cases); i++) {
		begin(state);
		forgetting = cases[i].forgetting;
		add(SIEVE_VACATION, "id");
		send_all(cases[i].said);
		expect_text("sent", sent, " to s@x: To: s@x\n\naway\n");
		assert_int_equal(outbound.counts.n_notices, cases[i].n_sent);
		assert_int_equal(outbound.counts.n_notices_failed, cases[i].n_failed);
		assert_int_equal(outbound.counts.n_notified, 0);
		assert_int_equal(n_forgotten, cases[i].n_forgotten);
		assert_int_equal(n_submitted[1], cases[i].n_forgotten);
	}
}

/* Each of several is told by itself; what was not said is not said later. */
static void test_notify_sent(void **state)
{
	add(SIEVE_NOTIFY, "");
	letters[0].to = "b@x\n\nc@x\nd@x";
	letters[0].message = span_of("!\n");
	send_all("aru");
	expect_text("sent", sent, " to b@x: !\n to c@x: !\n to d@x: !\n");
	assert_int_equal(outbound.counts.n_notified, 1);
	assert_int_equal(outbound.counts.n_notifications_failed, 2);
	assert_int_equal(outbound.counts.n_notices, 0);
	assert_int_equal(n_forgotten, 0);
}

/* A long one takes the places of many, and gives back as many. */
static void test_long(void **state)
{
	const struct span text = { calloc(9, OUTBOX_NOTICE), 9 * (size_t)OUTBOX_NOTICE };

	outbound.n_waiting = OUTBOX_NOTICES_MAX - 9;
	add(SIEVE_NOTIFY, "");
	letters[0].message = text;
	notices_prepare(&notices, &filter, &reached);
	assert_true(STAILQ_EMPTY(&notices));
	assert_int_equal(outbound.n_waiting, OUTBOX_NOTICES_MAX - 9);
	outbound.n_waiting--;
	notices_prepare(&notices, &filter, &reached);
	assert_int_equal(outbound.n_waiting, OUTBOX_NOTICES_MAX);
	notices_drop(&notices);
	assert_int_equal(outbound.n_waiting, OUTBOX_NOTICES_MAX - 10);
	free((void *)text.p);
}

/* In the order of the script. */
static void test_order(void **state)
{
	add(SIEVE_NOTIFY, "");
	add(SIEVE_NOTIFY, "");
	letters[0].message = span_of("1\n");
	letters[1].message = span_of("2\n");
	send_all("a");
	expect_text("sent", sent, " to s@x: 1\n to s@x: 2\n");
}

/* What has waited for too long is not sent: then it was not marked, either. What is under way goes on. */
static void test_late(void **state)
{
	static const struct {
		enum sieve_action_kind kind;
		bool is_withdrawn;
		int n_forgotten;
	} cases[] = { { SIEVE_VACATION, true, 1 }, { SIEVE_VACATION, false, 0 },
		{ SIEVE_NOTIFY, true, 0 }, { SIEVE_NOTIFY, false, 0 } };

	for (size_t i = 0; i < LENGTH(cases); i++) {
		begin(state);
		is_withdrawn = cases[i].is_withdrawn;
		add(cases[i].kind, "id");
		notices_prepare(&notices, &filter, &reached);
		notices_send(&notices, &kept);
		works[0]->late(works[0]);
		assert_int_equal(n_works, 1 + cases[i].n_forgotten);
		if (cases[i].n_forgotten > 0) {
			works[1]->run(works[1], NULL);
			works[1]->late(works[1]);
			works[1]->done(works[1]);
		} else if (!is_withdrawn) {
			assert_int_equal(n_references, 1);
			answers = "a";
			works[0]->run(works[0], NULL);
			works[0]->done(works[0]);
		}
		assert_int_equal(n_forgotten, cases[i].n_forgotten);
		assert_int_equal(sent[0] == '\0', is_withdrawn);
		assert_int_equal(n_references, 0);
		assert_int_equal(outbound.n_waiting, 0);
		assert_int_equal(
		    outbound.counts.n_notices_failed + outbound.counts.n_notifications_failed,
		    is_withdrawn);
	}
}

/* At the end of the process that is soon, for all services that have notices. */
static void test_end(void **state)
{
	struct service others = { .n_lanes = SERVICE_SUBMISSIONS };
	struct daemon daemon = { .n_listeners = 0 };
	struct lane_settings lane;

	LIST_INIT(&daemon.services);
	LIST_INSERT_HEAD(&daemon.services, &others, entry);
	kept.n_lanes = SERVICE_LANES;
	LIST_INSERT_HEAD(&daemon.services, &kept, entry);
	notices_lane(&config, &lane);
	assert_int_equal(lane.n_threads, 0);
	config.sieve.is_enabled = true;
	notices_lane(&config, &lane);
	assert_int_equal(lane.n_threads, NOTICES_THREADS);
	notices_end(&daemon);
	assert_true(hurry > 0 && hurry < lane.patience);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sent, begin, end),
		cmocka_unit_test_setup_teardown(test_without_marks, begin, end),
		cmocka_unit_test_setup_teardown(test_without_id, begin, end),
		cmocka_unit_test_setup_teardown(test_not_reached, begin, end),
		cmocka_unit_test_setup_teardown(test_rate, begin, end),
		cmocka_unit_test_setup_teardown(test_rejected, begin, end),
		cmocka_unit_test_setup_teardown(test_many, begin, end),
		cmocka_unit_test_setup_teardown(test_too_many, begin, end),
		cmocka_unit_test_setup_teardown(test_no_memory, begin, end),
		cmocka_unit_test(test_vacation_sent),
		cmocka_unit_test_setup_teardown(test_long, begin, end),
		cmocka_unit_test_setup_teardown(test_order, begin, end),
		cmocka_unit_test(test_late),
		cmocka_unit_test_setup_teardown(test_end, begin, end),
		cmocka_unit_test_setup_teardown(test_notify_sent, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
