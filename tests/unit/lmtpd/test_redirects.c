/* SPDX-License-Identifier: MIT
 * What is handed to Postfix before a message is acknowledged, what is remembered of it, and what its recipients are told. */
#include "lmtpd/redirects.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define FIELDS "Return-Path: <s@x>\nReceived: by mx\n\tid 1\n"
#define HEADER "Subject: x\nReturn-Path:\n <old@x>\nX: 1\n\n"
#define BODY   "Return-Path: a body's\r\n.\n\0\xff\r\n\n"
#define OWN    "X-Sieve-Redirected-From: a@d\n"

/* --- the world ----------------------------------------------------------------------------------------------------- */

static const struct text original = TEXT(FIELDS HEADER BODY);
static struct submitter_settings settings;
static struct outbound outbound;
static struct filter filter;
static struct letter letters[4];
static struct maildir_message written;
static struct places_slot slots[4];
static struct places places = { .slots = slots, .n_slots = LENGTH(slots) };
static const char *answers; /* of the server: a, r, d, or s: it has not answered at all */
static char done[1024];     /* what was done, in its order */
static char content[1024];  /* of the message that was sent last */
static size_t n_content, n_asked;
static unsigned n_unknown; /* tries of a message */
static ssize_t read_fails;
static bool unreached[LENGTH(slots)];

ssize_t maildir_read(const struct maildir_message *from, uint64_t offset, char *buffer, size_t n)
{
	assert_ptr_equal(from, &written);
	if (read_fails < 0) {
		return read_fails;
	}
	n = n < original.n - offset ? n : original.n - offset;
	memcpy(buffer, original.p + offset, n);
	return (ssize_t)n;
}

const char *filter_header_of(const struct filter *of)
{
	return original.p;
}

bool places_reach_slot(const struct places *all, size_t slot)
{
	assert_ptr_equal(all, &places);
	return !unreached[slot];
}

void places_fall_back(struct places *all, size_t slot)
{
	add_text(done, sizeof(done), "back %zu\n", slot);
}

/* The user's log. */
void scripts_tell(const struct lmtpd_config *config, const struct scripts_home *home,
    const struct sieve_note *note, const char *message_id)
{
	add_text(done, sizeof(done), "tell %s %u: %.*s\n", note->script, note->line,
	    (int)note->text.n, note->text.p);
}

/* Is it a redirect that the server has taken? */
void outbox_redirected(const struct outbox *outbox, const struct letter *letter)
{
	assert_ptr_equal(outbox, &filter.outbox);
	assert_int_equal(letter->state, LETTER_SENT);
	add_text(done, sizeof(done), "mark %s\n", letter->to);
}

bool outbox_is_unknown_again(const struct outbox *outbox, const struct letter *letter)
{
	assert_ptr_equal(outbox, &filter.outbox);
	assert_int_equal(letter->state, LETTER_DUE);
	return n_unknown++ > 0;
}

void submitter_submit(struct submitter *submitter, const struct submitter_settings *given,
    const struct submission_message *sent, uint64_t deadline, struct submission_outcome *outcome_r)
{
	static const struct {
		char letter;
		enum submission_result result;
		int code;
		const char *text;
	} says[] = {
		{ 'a', SUBMISSION_ACCEPTED, 250, "Ok" },
		{ 'r', SUBMISSION_REFUSED, 550, "No such user" },
		{ 'd', SUBMISSION_DEFERRED, 451, "Later" },
		{ 's', SUBMISSION_DEFERRED, 0, "nobody answers" },
		{ 'u', SUBMISSION_UNKNOWN, 0, "nobody has answered" },
	};
	struct outgoing outgoing;
	char piece[OUTGOING_ROOM];
	size_t i = 0;
	ssize_t n;

	assert_ptr_equal(given, &settings);
	assert_int_equal(deadline, 77);
	assert_int_equal(sent->n_recipients, 1);
	add_text(done, sizeof(done), "send <%s> %s\n", sent->sender, sent->recipients[0]);
	n_content = 0;
	outgoing_begin(&outgoing, &sent->content);
	while ((n = outgoing_next(&outgoing, piece)) > 0) {
		assert_true(n_content + (size_t)n < sizeof(content));
		memcpy(content + n_content, piece, (size_t)n);
		n_content += (size_t)n;
	}
	assert_true(*answers != '\0'); /* else more is sent than should be */
	while (says[i].letter != *answers) {
		i++;
	}
	*outcome_r = (struct submission_outcome){
		.result = n < 0 ? SUBMISSION_DEFERRED : says[i].result,
		.words = { .code = says[i].code },
	};
	snprintf(outcome_r->words.text, sizeof(outcome_r->words.text), "%s", says[i].text);
	answers++;
}

static bool goes_on(const void *context)
{
	size_t *n_left = (size_t *)context;

	n_asked++;
	return (*n_left)-- > 0;
}

static int begin(void **state)
{
	static const struct header_facts facts;

	filter = (struct filter){ .message = &written,
		.facts = &facts,
		.n_header = sizeof(FIELDS HEADER) - 1,
		.outbox = { .outbound = &outbound, .list = letters, .arena = &filter.arena } };
	arena_init(&filter.arena, 1 << 20);
	outbound = (struct outbound){ 0 };
	memset(slots, 0, sizeof(slots));
	memset(unreached, 0, sizeof(unreached));
	done[0] = '\0';
	n_content = n_asked = n_unknown = 0;
	read_fails = 0;
	return 0;
}

static int end(void **state)
{
	arena_deinit(&filter.arena);
	return 0;
}

static struct letter *add(size_t slot, const char *to)
{
	struct letter *letter = &letters[filter.outbox.n++];

	*letter = (struct letter){ .kind = SIEVE_REDIRECT,
		.slot = slot,
		.from = "s@x",
		.to = to,
		.message = span_of(OWN),
		.id = span_of("id"),
		.home = { .address = "a@d" },
		.answer = "" };
	return letter;
}

static void redirect(const char *said, size_t n_left, const char *want)
{
	answers = said;
	redirects_send(&filter, &places, NULL, &settings, 77, goes_on, &n_left);
	expect_text("done", done, want);
	assert_string_equal(answers, ""); /* all were used */
}

static void expect_counts(uint64_t n_redirected, uint64_t n_refused, uint64_t n_deferred)
{
	assert_int_equal(outbound.counts.n_redirected, n_redirected);
	assert_int_equal(outbound.counts.n_redirects_refused, n_refused);
	assert_int_equal(outbound.counts.n_redirects_deferred, n_deferred);
}

/* --- tests --------------------------------------------------------------------------------------------------------- */

/* Fields on top, no Return-Path of the header, in one line or more, and all else byte for byte. */
static void test_content(void **state)
{
	static const char want[] = OWN "Received: by mx\n\tid 1\nSubject: x\nX: 1\n\n" BODY;
	static const char edited[] = OWN "Subject: new\n\n" BODY;

	add(0, "b@x");
	redirect("a", 9, "send <s@x> b@x\nmark b@x\n");
	expect_bytes("content", content, n_content, want, sizeof(want) - 1);

	/* A version that a script has edited. */
	filter.headers[2] = (struct filter_header){ "Return-Path: <s@x>\nSubject: new\n\n", 33 };
	add(0, "c@x")->version = 2;
	done[0] = '\0';
	redirect("a", 9, "send <s@x> c@x\nmark c@x\n");
	expect_bytes("edited", content, n_content, edited, sizeof(edited) - 1);
}

/* Each is marked as it is taken, before the next one goes. */
static void test_accepted(void **state)
{
	add(0, "b@x");
	add(1, "c@x");
	redirect("aa", 9, "send <s@x> b@x\nmark b@x\nsend <s@x> c@x\nmark c@x\n");
	assert_true(slots[0].is_redirected && slots[1].is_redirected);
	assert_null(slots[0].refusal);
	expect_counts(2, 0, 0);
}

/* One that is refused for good comes back to its mailbox; what is put off holds its recipient, and others go on. */
static void test_not_accepted(void **state)
{
	add(0, "b@x");
	add(1, "c@x");
	add(2, "d@x");
	add(3, "e@x");
	redirect("rdsa", 9,
	    "send <s@x> b@x\nback 0\nsend <s@x> c@x\nsend <s@x> d@x\nsend <s@x> e@x\nmark e@x\n");
	assert_int_equal(letters[0].state, LETTER_REFUSED);
	assert_null(slots[0].refusal);
	assert_false(slots[0].is_redirected || slots[1].is_redirected || slots[2].is_redirected);
	expect_text("reason", slots[1].refusal, "to c@x: 451 Later");
	expect_text("reason", slots[2].refusal, "to d@x: nobody answers");
	assert_true(slots[1].is_held_by_others && slots[2].is_held_by_others);
	assert_true(slots[3].is_redirected);
	expect_counts(1, 1, 2);
}

/* What the server may have and has not confirmed is put off, and sent again: twice is better than never. */
static void test_unknown(void **state)
{
	add(0, "b@x");
	add(1, "b@x");
	redirect("u", 9, "send <s@x> b@x\n");
	expect_text("reason", slots[0].refusal, "to b@x: nobody has answered");
	assert_true(slots[0].is_held_by_others && slots[1].is_held_by_others);
	assert_false(slots[0].is_redirected || slots[1].is_redirected);
	expect_counts(0, 0, 1);
	end(state);
	/* It is not sent with each try: the next time the mailbox keeps it. */
	begin(state);
	n_unknown = 1;
	add(0, "b@x")->script = "mine";
	add(1, "b@x");
	redirect("u", 9,
	    "send <s@x> b@x\n"
	    "tell mine 0: redirected twice, it seems, and not confirmed, so the mailbox keeps the "
	    "message: to b@x: nobody has answered\n"
	    "back 0\nback 1\n");
	assert_false(slots[0].is_held_by_others || slots[1].is_held_by_others);
	assert_false(slots[0].is_redirected || slots[1].is_redirected);
	expect_counts(0, 1, 0);
}

/* A user whose own script wants it hears what was said; in one line, whatever that held. */
static void test_told_to_its_user(void **state)
{
	add(0, "b@x")->script = "mine";
	letters[0].line = 7;
	letters[0].to = "b\n@x";
	add(1, "c@x")->script = "mine";
	redirect("rd", 9,
	    "send <s@x> b\n@x\n"
	    "tell mine 7: not redirected, so the mailbox keeps the message: to b @x: 550 No such "
	    "user\n"
	    "back 0\nsend <s@x> c@x\n");
}

/* One mailbox, two recipients: it goes once, both hear the same, and each is remembered. */
static void test_twins(void **state)
{
	static const struct {
		const char *said, *want;
	} cases[] = {
		{ "a", "send <s@x> b@x\nmark b@x\nmark b@x\n" },
		{ "r", "send <s@x> b@x\nback 0\nback 1\n" },
		{ "d", "send <s@x> b@x\n" },
	};

	for (size_t i = 0; i < LENGTH(cases); i++) {
		begin(state);
		add(0, "b@x");
		add(1, "b@x");
		redirect(cases[i].said, 9, cases[i].want);
		assert_int_equal(slots[0].is_redirected, i == 0);
		assert_int_equal(slots[1].is_redirected, i == 0);
		assert_int_equal(slots[1].is_held_by_others, i == 2);
		expect_counts(i == 0, i == 1, i == 2);
		end(state);
	}
	/* Another mailbox's, or another version, are none. What was sent at an earlier try is one. */
	begin(state);
	filter.headers[1] = (struct filter_header){ "\n", 1 };
	add(0, "b@x")->state = LETTER_SENT;
	add(1, "b@x");
	add(2, "b@x")->home.address = "other@d";
	add(3, "b@x")->version = 1;
	redirect("aa", 9, "mark b@x\nsend <s@x> b@x\nmark b@x\nsend <s@x> b@x\nmark b@x\n");
	assert_false(slots[0].is_redirected); /* that was said when it was put into the box */
	assert_true(slots[1].is_redirected && slots[2].is_redirected && slots[3].is_redirected);
}

/* Who will be told to come again gets nothing redirected now; nor is anything sent that is no redirect. */
static void test_not_due(void **state)
{
	add(0, "b@x");
	add(1, "c@x")->kind = SIEVE_VACATION;
	add(2, "b@x");
	unreached[0] = true;
	redirect("a", 9, "send <s@x> b@x\nmark b@x\n");
	assert_int_equal(letters[0].state, LETTER_DUE);
	assert_false(slots[0].is_redirected);
	assert_true(slots[2].is_redirected);
}

/* A message that was given up goes to nobody any more. */
static void test_given_up(void **state)
{
	add(0, "b@x");
	add(1, "c@x");
	add(2, "d@x");
	redirect("a", 1, "send <s@x> b@x\nmark b@x\n");
	assert_int_equal(n_asked, 2);
	assert_int_equal(letters[1].state, LETTER_DUE);
	assert_int_equal(letters[2].state, LETTER_DUE);
}

/* What cannot be read here, or said, is put off and not lost. */
static void test_accidents(void **state)
{
	read_fails = -EIO;
	add(0, "b@x");
	redirect("a", 9, "send <s@x> b@x\n");
	assert_true(slots[0].is_held_by_others);
	end(state);

	begin(state);
	arena_deinit(&filter.arena);
	arena_init(&filter.arena, 0);
	add(0, "b@x");
	add(1, "c@x");
	redirect("da", 9, "send <s@x> b@x\nsend <s@x> c@x\nmark c@x\n");
	expect_text("reason", slots[0].refusal, "out of memory");
	assert_true(slots[0].is_held_by_others && slots[1].is_redirected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_content, begin, end),
		cmocka_unit_test_setup_teardown(test_accepted, begin, end),
		cmocka_unit_test_setup_teardown(test_not_accepted, begin, end),
		cmocka_unit_test_setup_teardown(test_unknown, begin, end),
		cmocka_unit_test_setup_teardown(test_told_to_its_user, begin, end),
		cmocka_unit_test_setup_teardown(test_twins, begin, end),
		cmocka_unit_test_setup_teardown(test_not_due, begin, end),
		cmocka_unit_test_setup_teardown(test_given_up, begin, end),
		cmocka_unit_test_setup_teardown(test_accidents, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
