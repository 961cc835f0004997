/* SPDX-License-Identifier: MIT
 * From recipients to mailboxes and back: each mailbox once, each recipient his own outcome, and no
 * more comparisons than sorting takes, since all of it runs on the loop. */
#include "lmtpd/places.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lmtpd/config.h"

#include "tests/unit/unit.h"

enum {
	RECIPIENTS_MAX = 11,
	WIDE = 1000, /* mailboxes of a list */
};

/* Of the linker's --wrap. */
int __real_strcmp(const char *a, const char *b);
int __wrap_strcmp(const char *a, const char *b);

static size_t n_compared;

int __wrap_strcmp(const char *a, const char *b)
{
	n_compared++;
	return __real_strcmp(a, b);
}

/* The path of a mailbox is its address, and its folder the detail. */
static int find(const struct lmtpd_config *config, const struct mailbox *mailbox,
    struct home *home_r, struct error *error)
{
	static const struct maildir_root root = { .base = "/mail" };

	if (mailbox->address.text[0] == '!') { /* refused */
		return -1;
	}
	*home_r = (struct home){ .root = &root };
	snprintf(home_r->path, sizeof(home_r->path), "%s", mailbox->address.text);
	return 0;
}

static struct places places;
static struct envelope envelope;
static struct recipient *recipients[RECIPIENTS_MAX]; /* of the envelope */

static int begin_envelope(void **state)
{
	envelope_init(&envelope);
	places = (struct places){ 0 };
	return 0;
}

static int end_envelope(void **state)
{
	places_free(&places);
	envelope_deinit(&envelope);
	return 0;
}

/* A recipient whose mailboxes are still to be filled in. */
static struct mailbox *add_recipient(size_t n_mailboxes)
{
	struct recipient *recipient = recipient_new("", 0);
	struct resolution *resolution = &recipient->resolution;

	assert_true(envelope.n_recipients < RECIPIENTS_MAX);
	resolution->mailboxes = calloc(n_mailboxes, sizeof(*resolution->mailboxes));
	resolution->n_mailboxes = n_mailboxes;
	recipients[envelope.n_recipients] = recipient;
	envelope_add(&envelope, recipient);
	envelope.n_mailboxes += n_mailboxes;
	return resolution->mailboxes;
}

/* Mailboxes divided by blanks. */
static void add_named(const char *names)
{
	char copy[200];
	size_t n = 0;
	struct mailbox *mailboxes;

	for (const char *p = names; p != NULL; p = strchr(p + 1, ' ')) {
		n++;
	}
	mailboxes = add_recipient(n);
	snprintf(copy, sizeof(copy), "%s", names);
	for (char *name = strtok(copy, " "); name != NULL; name = strtok(NULL, " ")) {
		snprintf((mailboxes++)->address.text, ADDRESS_MAX, "%s", name);
	}
}

static struct maildir_place *place_at(const char *path)
{
	struct maildir_place *found = NULL;

	for (size_t i = 0; i < places.n; i++) {
		if (__real_strcmp(places.list[i].mailbox, path) == 0) {
			assert_null(found); /* twice */
			found = &places.list[i];
		}
	}
	assert_non_null(found);
	return found;
}

static void expect_outcome(size_t i, enum reply reply, const char *reason)
{
	char got[200];

	assert_int_equal(places_outcome(&places, recipients[i], got, sizeof(got)), reply);
	expect_text("reason", got, reason);
}

static void test_outcomes(void **state)
{
	struct maildir_place *place;

	add_named("c@d");
	add_named("b@d a@d c@d");
	add_named("e@d !long@d");
	add_named("f@d");
	add_named("c@d");
	assert_int_equal(places_make(&places, &envelope, find, NULL), 0);
	assert_int_equal(places.n, 5);
	place = place_at("a@d");
	place->result = -EIO;
	place->step = "sync";
	place->part = "/new";
	place = place_at("f@d");
	place->result = -ENOSPC;
	place->step = "make";
	place->part = "";
	expect_outcome(0, REPLY_SAVED, "");
	expect_outcome(1, REPLY_NOT_WRITTEN, "cannot sync /mail/a@d/new: Input/output error");
	expect_outcome(2, REPLY_NOT_WRITTEN, "the path of !long@d is refused");
	expect_outcome(3, REPLY_DISK_FULL, "cannot make /mail/f@d: No space left on device");
	expect_outcome(4, REPLY_SAVED, "");
}

/* Who fails at one of his mailboxes gets nothing in the others, but for what somebody else wants there. */
static void test_choice(void **state)
{
	add_named("a@d bad@d");
	add_named("b@d c@d");
	add_named("c@d !long@d");
	add_named("e@d bad@d b@d");
	assert_int_equal(places_make(&places, &envelope, find, NULL), 0);
	place_at("bad@d")->result = -EIO;
	places_choose(&places);
	assert_true(place_at("a@d")->is_unwanted);
	assert_false(place_at("b@d")->is_unwanted);
	assert_false(place_at("c@d")->is_unwanted);
	assert_true(place_at("e@d")->is_unwanted);
}

/* A mailbox that is full is left out, as long as another one is reached. */
static void test_full(void **state)
{
	add_named("a@d full@d");
	add_named("full@d");
	add_named("full@d fuller@d");
	add_named("full@d bad@d");
	assert_int_equal(places_make(&places, &envelope, find, NULL), 0);
	assert_string_equal(places.mailboxes[1]->address.text, "full@d");
	place_at("bad@d")->result = -EIO;
	place_at("bad@d")->step = "sync";
	place_at("bad@d")->part = "/new";
	places.refusals[place_at("full@d") - places.list] = REPLY_FULL;
	places.refusals[place_at("fuller@d") - places.list] = REPLY_FULL_NOW;
	places_choose(&places);
	assert_false(place_at("a@d")->is_unwanted);
	assert_true(place_at("full@d")->is_unwanted);
	assert_true(place_at("fuller@d")->is_unwanted);
	expect_outcome(0, REPLY_SAVED, "");
	expect_outcome(1, REPLY_FULL, "full@d has no room for it");
	expect_outcome(2, REPLY_FULL_NOW, "fuller@d has no room for it");
	expect_outcome(3, REPLY_NOT_WRITTEN, "cannot sync /mail/bad@d/new: Input/output error");
}

/* No path at all: the transaction ends with a reply all the same. */
static void test_no_place(void **state)
{

	add_named("!long@d !longer@d");
	assert_int_equal(places_make(&places, &envelope, find, NULL), 0);
	assert_int_equal(places.n, 0);
	expect_outcome(0, REPLY_NOT_WRITTEN, "the path of !long@d is refused");
}

/* Eleven lists with a thousand mailboxes each, of which some are in every list: about 14
 * comparisons put one among ten thousand, and finding it again takes none. */
static void test_cost_of_lists(void **state)
{
	char reason[100];

	for (unsigned i = 0; i < RECIPIENTS_MAX; i++) {
		struct mailbox *mailboxes = add_recipient(WIDE);

		for (unsigned k = 0; k < WIDE; k++) {
			snprintf(mailboxes[k].address.text, ADDRESS_MAX, "user%u@example.com",
			    (k < 100 ? 0 : i * WIDE) + k * 7919 % WIDE);
		}
	}
	n_compared = 0;
	assert_int_equal(places_make(&places, &envelope, find, NULL), 0);
	assert_int_equal(places.n, RECIPIENTS_MAX * (WIDE - 100) + 100);
	for (unsigned i = 0; i < RECIPIENTS_MAX; i++) {
		assert_int_equal(
		    places_outcome(&places, recipients[i], reason, sizeof(reason)), REPLY_SAVED);
	}
	assert_in_range(n_compared, 1, 16 * RECIPIENTS_MAX * WIDE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_outcomes, begin_envelope, end_envelope),
		cmocka_unit_test_setup_teardown(test_choice, begin_envelope, end_envelope),
		cmocka_unit_test_setup_teardown(test_full, begin_envelope, end_envelope),
		cmocka_unit_test_setup_teardown(test_no_place, begin_envelope, end_envelope),
		cmocka_unit_test_setup_teardown(test_cost_of_lists, begin_envelope, end_envelope),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
