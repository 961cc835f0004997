/* SPDX-License-Identifier: MIT
 * What is put into a box, what is taken for sent before, and what is remembered; without memory, too. */
#include "lmtpd/outbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maildir/marks.h"
#include "tests/unit/unit.h"

/* --- the world: marks, memory -------------------------------------------------------------------------------------- */

static struct outbound outbound;
static struct arena arena;
static const struct scripts_home home = { .path = "a@d", .address = "a@d" };
static int opens;     /* what home_open() returns; 0: a descriptor */
static int marks_are; /* what marks_has() returns, */
static int adds;      /* and marks_add() */
static size_t n_added;
static struct mark added[MARKS_AT_ONCE];
static bool has_memory;

int __wrap_home_open(const struct maildir_root *root, const char *path);
int __wrap_marks_has(int home_fd, const char *user, struct span id, time_t now);
int __wrap_marks_add(int home_fd, const char *user, const struct mark *marks, size_t n, time_t now,
    unsigned *patience);
void *__real_reallocarray(void *list, size_t n, size_t size);
void *__wrap_reallocarray(void *list, size_t n, size_t size);

int __wrap_home_open(const struct maildir_root *root, const char *path)
{
	assert_string_equal(path, "a@d");
	return opens < 0 ? opens : dup(STDERR_FILENO);
}

int __wrap_marks_has(int home_fd, const char *user, struct span id, time_t now)
{
	assert_string_equal(user, "a@d");
	return marks_are;
}

int __wrap_marks_add(int home_fd, const char *user, const struct mark *marks, size_t n, time_t now,
    unsigned *patience)
{
	assert_string_equal(user, "a@d");
	assert_true(*patience > 0);
	memcpy(added, marks, n * sizeof(*marks));
	n_added += n;
	return adds;
}

void *__wrap_reallocarray(void *list, size_t n, size_t size)
{
	return has_memory ? __real_reallocarray(list, n, size) : NULL;
}

static int begin(void **state)
{
	assert_int_equal(outbound_init(&outbound), 0);
	arena_init(&arena, 1 << 24);
	opens = marks_are = adds = 0;
	n_added = 0;
	has_memory = true;
	return 0;
}

static int end(void **state)
{
	arena_deinit(&arena);
	claims_free(outbound.claims);
	rates_free(outbound.rates);
	marking_free(outbound.marking);
	return 0;
}

static struct outbox box(const char *queue_id, const char *received)
{
	return (struct outbox){ .outbound = &outbound,
		.arena = &arena,
		.queue_id = queue_id,
		.received = received,
		.recipient = "a@d",
		.now = 1000 };
}

static struct sieve_action action(enum sieve_action_kind kind, const char *to, const char *id)
{
	return (struct sieve_action){ .kind = kind,
		.from = span_of("s@x"),
		.to = span_of(to),
		.message = span_of("X: 1\n"),
		.id = span_of(id),
		.seconds = 60 };
}

static int add(struct outbox *outbox, enum sieve_action_kind kind, const char *to, const char *id)
{
	const struct sieve_action wanted = action(kind, to, id);

	return outbox_add(outbox, &home, 0, 0, &wanted, false);
}

/* --- tests --------------------------------------------------------------------------------------------------------- */

/* The client brings a message again, since another recipient failed, and what was redirected is not redirected again. But it uses queue ids
 * again for other messages, and one that were taken for the message before would go nowhere. */
static void test_retry(void **state)
{
	static const struct {
		const char *queue_id, *received, *to, *id;
		int want;
	} seconds[] = {
		{ "Q1", "Fri 1", "b@x", "id", OUTBOX_DONE },
		{ "Q2", "Fri 1", "b@x", "id", OUTBOX_TAKEN },
		{ "Q1", "Fri 2", "b@x", "id", OUTBOX_TAKEN },
		{ "Q1", "Fri 1", "c@x", "id", OUTBOX_TAKEN },
		{ "Q1", "Fri 1", "b@x", "other", OUTBOX_TAKEN },
		{ "Q1", "Fri 1", "b@x", "", OUTBOX_TAKEN },
		{ "Q1", "", "b@x", "id", OUTBOX_TAKEN },
		{ "", "Fri 1", "b@x", "id", OUTBOX_TAKEN },
	};
	struct outbox first = box("Q1", "Fri 1");

	assert_int_equal(add(&first, SIEVE_REDIRECT, "b@x", "id"), OUTBOX_TAKEN);
	assert_true(outbox_redirects(&first));
	outbox_redirected(&first, &first.list[0]);
	assert_int_equal(n_added, 1);
	assert_int_equal(added[0].until, 1060);
	outbox_drop(&first);
	for (size_t i = 0; i < LENGTH(seconds); i++) {
		struct outbox second = box(seconds[i].queue_id, seconds[i].received);

		assert_int_equal(
		    add(&second, SIEVE_REDIRECT, seconds[i].to, seconds[i].id), seconds[i].want);
		assert_int_equal(second.list[0].state,
		    seconds[i].want == OUTBOX_DONE ? LETTER_SENT : LETTER_DUE);
		assert_int_equal(outbox_redirects(&second), seconds[i].want != OUTBOX_DONE);
		outbox_drop(&second);
	}
}

/* Two recipients of a mailbox may each redirect a version of their own, also of a message without an id. When one was done and the other
 * one comes again, it is not taken for done. */
static void test_retry_of_another_recipient(void **state)
{
	struct outbox first = box("Q1", "Fri 1"), second = first;

	assert_int_equal(add(&first, SIEVE_REDIRECT, "b@x", ""), OUTBOX_TAKEN);
	outbox_redirected(&first, &first.list[0]);
	outbox_drop(&first);
	second.recipient = "a+y@d";
	assert_int_equal(add(&second, SIEVE_REDIRECT, "b@x", ""), OUTBOX_TAKEN);
	second.recipient = "a@d";
	assert_int_equal(add(&second, SIEVE_REDIRECT, "b@x", ""), OUTBOX_DONE);
	outbox_drop(&second);
}

/* What cannot be told apart from others is not remembered at all. */
static void test_unknown_message(void **state)
{
	static const char *const names[][2] = { { "Q1", "" }, { "", "Fri 1" }, { "", "" } };

	for (size_t i = 0; i < LENGTH(names); i++) {
		struct outbox first = box(names[i][0], names[i][1]), second = first;

		assert_int_equal(add(&first, SIEVE_REDIRECT, "b@x", ""), OUTBOX_TAKEN);
		outbox_redirected(&first, &first.list[0]);
		assert_int_equal(n_added, 0); /* it has no id, either */
		outbox_drop(&first);
		assert_int_equal(add(&second, SIEVE_REDIRECT, "b@x", ""), OUTBOX_TAKEN);
		outbox_drop(&second);
	}
}

/* Who is at it holds a claim; it goes with the box. */
static void test_claims(void **state)
{
	struct outbox first = box("Q1", "Fri 1"), second = box("Q2", "Fri 1");

	assert_int_equal(add(&first, SIEVE_REDIRECT, "b@x", "id"), OUTBOX_TAKEN);
	assert_int_equal(add(&second, SIEVE_REDIRECT, "b@x", "id"), OUTBOX_KNOWN);
	assert_int_equal(second.n, 0);
	assert_int_equal(outbox_seen(&first, &home, span_of("text"), false), 0);
	assert_int_equal(outbox_seen(&first, &home, span_of("text"), false), 0); /* its own */
	assert_int_equal(outbox_seen(&second, &home, span_of("text"), false), -EBUSY);
	assert_int_equal(first.n_claims, 2);
	outbox_drop(&first);
	assert_int_equal(outbox_seen(&second, &home, span_of("text"), false), 0);
	assert_int_equal(add(&second, SIEVE_REDIRECT, "b@x", "id"), OUTBOX_TAKEN);
	outbox_drop(&second);
}

/* What is marked needs no claim; what cannot be read is not. */
static void test_marked(void **state)
{
	struct outbox outbox = box("Q1", "Fri 1");

	marks_are = 1;
	assert_int_equal(outbox_seen(&outbox, &home, span_of("text"), false), 1);
	assert_int_equal(add(&outbox, SIEVE_REDIRECT, "b@x", "id"), OUTBOX_KNOWN);
	assert_int_equal(outbox.n_claims, 0);
	marks_are = -EIO;
	assert_int_equal(outbox_seen(&outbox, &home, span_of("text"), false), 0);
	opens = -EACCES;
	assert_int_equal(outbox_seen(&outbox, &home, span_of("other"), false), 0);
	outbox_drop(&outbox);
}

/* A list may have more mailboxes than a box has claims. The message would be put off at each try, and returned in the end. */
static void test_too_many_claims(void **state)
{
	struct outbox outbox = box("Q1", "Fri 1");
	char text[16];

	for (int i = 0; i < OUTBOX_CLAIMS_MAX + 10; i++) {
		snprintf(text, sizeof(text), "%d", i);
		assert_int_equal(outbox_seen(&outbox, &home, span_of(text), i % 2 > 0), 0);
	}
	assert_int_equal(outbox.n_claims, OUTBOX_CLAIMS_MAX);
	assert_int_equal(add(&outbox, SIEVE_REDIRECT, "b@x", "id"), OUTBOX_TAKEN);
	marks_are = 1;
	assert_int_equal(outbox_seen(&outbox, &home, span_of("none"), false), 1);
	outbox_drop(&outbox);
}

/* Once for the mailbox; of redirects each recipient has its own. */
static void test_twins(void **state)
{
	const struct scripts_home other = { .path = "a@d", .address = "b@d" };
	const enum sieve_action_kind kinds[] = { SIEVE_VACATION, SIEVE_NOTIFY, SIEVE_MARK };
	struct outbox outbox = box("Q1", "Fri 1");
	struct sieve_action wanted = action(SIEVE_NOTIFY, "n@x", "id");

	for (size_t i = 0; i < LENGTH(kinds); i++) {
		assert_int_equal(add(&outbox, kinds[i], "n@x", "id"), OUTBOX_TAKEN);
		assert_int_equal(add(&outbox, kinds[i], "n@x", "id"), OUTBOX_TAKEN);
		assert_int_equal(outbox.n, i + 1);
	}
	assert_int_equal(outbox_add(&outbox, &other, 1, 0, &wanted, false), OUTBOX_TAKEN);
	assert_int_equal(outbox.n, 4);
	assert_false(outbox_redirects(&outbox));
	assert_int_equal(add(&outbox, SIEVE_REDIRECT, "b@x", "id"), OUTBOX_TAKEN);
	assert_int_equal(add(&outbox, SIEVE_REDIRECT, "b@x", "id"), OUTBOX_TAKEN);
	assert_int_equal(outbox.n, 6);
	outbox_drop(&outbox);
}

/* Two notifications to one address are one only if they say the same; which of its runs says it makes no difference. */
static void test_texts(void **state)
{
	static const struct {
		const char *text;
		bool is_new;
	} messages[] = {
		{ "X-Sieve: x\r\nMessage-ID: <1@x>\r\nSubject: one\r\n\r\nnews\r\n", true },
		{ "X-Sieve: x\r\nMessage-ID: <1@x>\r\nSubject: one\r\n\r\nnews\r\n", false },
		{ "X-Sieve: x\r\nMessage-ID: <2@x>\r\nSubject: one\r\n\r\nnews\r\n", false },
		{ "X-Sieve: x\r\nMessage-ID: <2@x>\r\nSubject: two\r\n\r\nnews\r\n", true },
		{ "X-Sieve: x\r\nMessage-ID: <1@x>\r\nSubject: one\r\n\r\nother\r\n", true },
		{ "Message-ID: <1@x>", true },
		{ "Message-ID: <2@x>", true },
		{ "none", true },
		{ "none", false },
	};
	struct outbox outbox = box("Q1", "Fri 1");
	size_t n = 0;

	for (size_t i = 0; i < LENGTH(messages); i++) {
		struct sieve_action wanted = action(SIEVE_NOTIFY, "n@x", "");

		wanted.message = span_of(messages[i].text);
		assert_int_equal(outbox_add(&outbox, &home, i, 0, &wanted, false), OUTBOX_TAKEN);
		n += messages[i].is_new;
		assert_int_equal(outbox.n, n);
	}
	outbox_drop(&outbox);
}

static void test_full(void **state)
{
	struct outbox outbox = box("Q1", "Fri 1");
	char to[16];

	for (int i = 0; i <= OUTBOX_LETTERS_MAX; i++) {
		snprintf(to, sizeof(to), "%d@x", i);
		assert_int_equal(add(&outbox, SIEVE_REDIRECT, to, ""),
		    i < OUTBOX_LETTERS_MAX ? OUTBOX_TAKEN : OUTBOX_FULL);
	}
	assert_int_equal(outbox.n, OUTBOX_LETTERS_MAX);
	outbox_drop(&outbox);
}

/* Without room for what it holds nothing is in the box, whichever piece of it that is; without room for a claim the script must wait. */
static void test_no_memory(void **state)
{
	for (size_t room = 0;; room++) {
		struct outbox outbox = box("Q1", "Fri 1");
		int result;

		arena_deinit(&arena);
		arena_init(&arena, room);
		result = add(&outbox, SIEVE_REDIRECT, "b@x", "id");
		assert_int_equal(outbox.n, result == OUTBOX_TAKEN);
		outbox_drop(&outbox);
		if (result == OUTBOX_TAKEN) {
			assert_true(room > 0);
			break;
		}
		assert_int_equal(result, -ENOMEM);
	}
	arena_deinit(&arena);
	arena_init(&arena, 1 << 24);
	{
		struct outbox outbox = box("Q1", "Fri 1");

		has_memory = false;
		assert_int_equal(outbox_seen(&outbox, &home, span_of("text"), true), -ENOMEM);
		assert_int_equal(add(&outbox, SIEVE_REDIRECT, "b@x", "id"), -ENOMEM);
		assert_int_equal(add(&outbox, SIEVE_NOTIFY, "b@x", "id"), OUTBOX_FULL);
		assert_int_equal(outbox.n, 0);
		assert_int_equal(outbox.n_claims, 0);
		has_memory = true;
		assert_int_equal(add(&outbox, SIEVE_REDIRECT, "b@x", "id"), OUTBOX_TAKEN);
		outbox_drop(&outbox);
	}
}

/* Letters are remembered with the times until when, and what cannot be is told. */
static void test_mark(void **state)
{
	const struct letter one = { .id = span_of("1"), .until = 5, .home = home };
	const struct letter two = { .id = span_of("2"), .until = 6, .home = home };
	const struct letter *const letters[] = { &one, &two };
	static const int failures[] = { -EROFS, MARKS_FULL };
	struct outbox outbox = box("Q1", "Fri 1");

	assert_int_equal(outbox_mark(&outbox, letters, 2), 0);
	assert_int_equal(n_added, 2);
	assert_int_equal(added[1].until, 6);
	expect_bytes("id", added[1].id.p, added[1].id.n, "2", 1);
	for (size_t i = 0; i < LENGTH(failures); i++) {
		adds = failures[i];
		assert_int_equal(outbox_mark(&outbox, letters, 2), failures[i]);
	}
	opens = -EACCES;
	assert_int_equal(outbox_mark(&outbox, letters, 2), -EACCES);
	assert_int_equal(n_added, 6);
}

/* What was redirected is known to a retry, though no mark of it could be made. */
static void test_retry_without_mark(void **state)
{
	struct outbox first = box("Q1", "Fri 1"), second = first;

	assert_int_equal(add(&first, SIEVE_REDIRECT, "b@x", "id"), OUTBOX_TAKEN);
	adds = -EROFS;
	outbox_redirected(&first, &first.list[0]);
	outbox_drop(&first);
	assert_int_equal(add(&second, SIEVE_REDIRECT, "b@x", "id"), OUTBOX_DONE);
	outbox_drop(&second);
}

/* That the server may have a message is known of it, and of what it should be redirected to; it does not count as taken. */
static void test_unknown_again(void **state)
{
	static const struct {
		const char *queue_id, *received, *to;
		bool want;
	} seconds[] = { { "Q1", "Fri 1", "b@x", true }, { "Q1", "Fri 1", "c@x", false },
		{ "Q1", "Fri 2", "b@x", false }, { "Q2", "Fri 1", "b@x", false },
		{ "Q1", "", "b@x", false }, { "Q1", "", "b@x", false } };
	struct outbox first = box("Q1", "Fri 1");

	assert_int_equal(add(&first, SIEVE_REDIRECT, "b@x", "id"), OUTBOX_TAKEN);
	assert_false(outbox_is_unknown_again(&first, &first.list[0]));
	outbox_drop(&first);
	assert_int_equal(n_added, 0);
	for (size_t i = 0; i < LENGTH(seconds); i++) {
		struct outbox second = box(seconds[i].queue_id, seconds[i].received);

		assert_int_equal(add(&second, SIEVE_REDIRECT, seconds[i].to, "id"), OUTBOX_TAKEN);
		assert_int_equal(
		    outbox_is_unknown_again(&second, &second.list[0]), seconds[i].want);
		outbox_drop(&second);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_retry, begin, end),
		cmocka_unit_test_setup_teardown(test_retry_of_another_recipient, begin, end),
		cmocka_unit_test_setup_teardown(test_unknown_message, begin, end),
		cmocka_unit_test_setup_teardown(test_claims, begin, end),
		cmocka_unit_test_setup_teardown(test_marked, begin, end),
		cmocka_unit_test_setup_teardown(test_too_many_claims, begin, end),
		cmocka_unit_test_setup_teardown(test_twins, begin, end),
		cmocka_unit_test_setup_teardown(test_texts, begin, end),
		cmocka_unit_test_setup_teardown(test_full, begin, end),
		cmocka_unit_test_setup_teardown(test_no_memory, begin, end),
		cmocka_unit_test_setup_teardown(test_mark, begin, end),
		cmocka_unit_test_setup_teardown(test_retry_without_mark, begin, end),
		cmocka_unit_test_setup_teardown(test_unknown_again, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
