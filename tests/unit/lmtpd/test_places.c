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

/* --- what scripts want --------------------------------------------------------------------------------------------- */

enum {
	STORES_MAX = 8,
};

static struct places filed;
static struct arena arena;

static int begin_filing(void **state)
{
	arena_init(&arena, 1 << 20);
	filed = (struct places){ 0 };
	return begin_envelope(state);
}

static int end_filing(void **state)
{
	places_free(&filed);
	arena_deinit(&arena);
	return end_envelope(state);
}

/* "mailbox/folder FLAGS keyword ... vN", one a line, in the order of the list. */
static void expect_filed(const char *want)
{
	char got[1024] = "";

	for (size_t i = 0; i < filed.n; i++) {
		const struct maildir_place *place = &filed.list[i];
		size_t n = strlen(got);

		n += (size_t)snprintf(
		    got + n, sizeof(got) - n, "%s/%s", place->mailbox, place->folder);
		n +=
		    (size_t)snprintf(got + n, sizeof(got) - n, "%s%s%s", place->flags[0] ? " " : "",
			place->flags, place->if_absent == MAILDIR_MAKE ? " made" : "");
		for (size_t k = 0; k < place->n_keywords; k++) {
			n += (size_t)snprintf(got + n, sizeof(got) - n, " %s", place->keywords[k]);
		}
		snprintf(got + n, sizeof(got) - n, "%s v%u\n", place->subscribes ? " listed" : "",
		    filed.versions[i]);
	}
	expect_text("places", got, want);
}

/* Of each slot as many stores as counts says, one behind the other. */
static void refile(
    const size_t *counts, const char *const *refusals, struct store *stores, unsigned n_versions)
{
	struct places_slot slots[STORES_MAX] = { { 0 } };
	struct filing filing = { stores, 0, slots, n_versions };

	assert_true(places.n_slots <= STORES_MAX);
	for (size_t i = 0; i < places.n_slots && i < STORES_MAX; i++) {
		slots[i] = (struct places_slot){ filing.n_stores, counts[i], refusals[i] };
		filing.n_stores += counts[i];
	}
	assert_int_equal(places_refile(&filed, &places, &filing, &arena), 0);
}

#define KEYWORDS(...)                                     \
	.keywords = (const char *const[]){ __VA_ARGS__ }, \
	.n_keywords = sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *)

/* One mailbox by two addresses, and others: a folder gets a version once, with all that anybody marks it with. */
static void test_stores(void **state)
{
	static const size_t counts[STORES_MAX] = { 2, 3, 1 };
	static const char *const refusals[STORES_MAX] = { NULL, NULL, NULL };
	struct store stores[] = {
		{ .folder = "", .flags = "S", KEYWORDS("$a", "$b") },
		{ .folder = ".Work", .flags = "" },
		{ .folder = "", .flags = "FS", KEYWORDS("$B", "$c") },
		{ .folder = ".Work", .flags = "F", .version = 1 },
		{ .folder = ".Work", .flags = "", .if_absent = MAILDIR_MAKE, .subscribes = true },
		{ .folder = "", .flags = "", .version = 1 },
	};

	add_named("a@d");
	add_named("a@d");
	add_named("b@d");
	assert_int_equal(places_make(&places, &envelope, find, NULL), 0);
	refile(counts, refusals, stores, 2);
	expect_filed("a@d/ SF $a $b $c v0\na@d/.Work made listed v0\na@d/.Work F v1\nb@d/ v1\n");
	assert_string_equal(filed.mailboxes[3]->address.text, "b@d");
}

/* Who discards is told that all is well; who must wait is not, and gets nothing of what others get for him. */
static void test_stores_of_some(void **state)
{
	static const size_t counts[STORES_MAX] = { 0, 1, 2, 0, 0 };
	static const char *const refusals[STORES_MAX] = { NULL, NULL, NULL, "scripts of c@d: no",
		NULL };
	struct store stores[] = { { .folder = "", .flags = "" }, { .folder = ".x", .flags = "" },
		{ .folder = ".y", .flags = "" } };
	char reason[100];

	add_named("a@d");
	add_named("b@d");
	add_named("e@d c@d");
	add_named("f@d");
	assert_int_equal(places_make(&places, &envelope, find, NULL), 0);
	refile(counts, refusals, stores, 1);
	expect_filed("b@d/ v0\ne@d/.x v0\ne@d/.y v0\n");
	places_choose(&filed);
	assert_false(filed.list[0].is_unwanted);
	assert_true(filed.list[1].is_unwanted);
	assert_true(filed.list[2].is_unwanted);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(places_outcome(&filed, recipients[i], reason, sizeof(reason)),
		    i == 2 ? REPLY_NOT_WRITTEN : REPLY_SAVED);
		assert_int_equal(places_fate(&filed, recipients[i]),
		    i == 0 || i == 3 ? PLACES_DISCARDED : PLACES_KEPT);
	}
	places_outcome(&filed, recipients[2], reason, sizeof(reason));
	expect_text("reason", reason, "scripts of c@d: no");
}

/* What goes elsewhere is kept by nobody, unless it is refused there; the fallback is a place of nobody until then. */
static void test_redirects(void **state)
{
	struct store stores[] = { { .folder = "", .flags = "" }, { .folder = "", .flags = "" },
		{ .folder = "", .flags = "" }, { .folder = ".x", .flags = "" } };
	struct places_slot slots[] = { { 0, 0, .has_fallback = true },
		{ 1, 0, .has_fallback = true }, { 2, 0, .has_fallback = true }, { 3, 1 } };
	const struct filing filing = { stores, LENGTH(stores), slots, 1 };
	char reason[100];

	add_named("a@d");
	add_named("b@d");
	add_named("c@d e@d");
	assert_int_equal(places_make(&places, &envelope, find, NULL), 0);
	assert_int_equal(places.n_slots, LENGTH(slots));
	assert_int_equal(places_refile(&filed, &places, &filing, &arena), 0);
	expect_filed("a@d/ v0\nb@d/ v0\nc@d/ v0\ne@d/.x v0\n");
	/* Accepted; refused for good; refused for a while. */
	filed.slots[0].is_redirected = true;
	places_fall_back(&filed, 1);
	filed.slots[2].refusal = "to x@y: 450 later";
	filed.slots[2].is_held_by_others = true;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(places_reach(&filed, i), i < 2);
	}
	places_choose(&filed);
	for (size_t i = 0; i < filed.n; i++) {
		assert_int_equal(filed.list[i].is_unwanted, i != 1);
	}
	assert_int_equal(
	    places_outcome(&filed, recipients[0], reason, sizeof(reason)), REPLY_SAVED);
	assert_int_equal(places_fate(&filed, recipients[0]), PLACES_REDIRECTED);
	assert_int_equal(
	    places_outcome(&filed, recipients[1], reason, sizeof(reason)), REPLY_SAVED);
	assert_int_equal(places_fate(&filed, recipients[1]), PLACES_KEPT);
	assert_int_equal(
	    places_outcome(&filed, recipients[2], reason, sizeof(reason)), REPLY_NOT_SENT);
	expect_text("reason", reason, "to x@y: 450 later");
}

/* A place that is full refuses the message, unless it was only a fallback that nobody needs. */
static void test_full_fallback(void **state)
{
	struct store stores[] = { { .folder = "", .flags = "" }, { .folder = "", .flags = "" } };
	struct places_slot slots[] = { { 0, 0, .has_fallback = true },
		{ 1, 0, .has_fallback = true } };
	const struct filing filing = { stores, LENGTH(stores), slots, 1 };
	char reason[100];

	add_named("a@d");
	add_named("b@d");
	assert_int_equal(places_make(&places, &envelope, find, NULL), 0);
	assert_int_equal(places_refile(&filed, &places, &filing, &arena), 0);
	filed.refusals[0] = filed.refusals[1] = REPLY_FULL;
	filed.slots[0].is_redirected = true;
	places_fall_back(&filed, 1);
	places_choose(&filed);
	assert_int_equal(
	    places_outcome(&filed, recipients[0], reason, sizeof(reason)), REPLY_SAVED);
	assert_int_equal(places_outcome(&filed, recipients[1], reason, sizeof(reason)), REPLY_FULL);
	assert_true(filed.list[0].is_unwanted && filed.list[1].is_unwanted);
}

/* One who rejects is answered for good only when nobody else of his list has the message. */
static void test_rejections(void **state)
{
	struct store stores[] = { { .folder = "", .flags = "" } };
	struct places_slot slots[] = { { 0, 0, .rejection = "no" }, { 0, 0, .rejection = "never" },
		{ 0, 1 }, { 1, 0, .rejection = "one" }, { 1, 0 }, { 1, 0, .rejection = "two" },
		{ 1, 0, .is_redirected = true } };
	const struct filing filing = { stores, LENGTH(stores), slots, 1 };
	static const enum reply replies[] = { REPLY_REJECTED, REPLY_SAVED, REPLY_REJECTED,
		REPLY_SAVED };
	char reason[100];

	add_named("a@d");
	add_named("b@d c@d");
	add_named("e@d f@d");
	add_named("g@d h@d");
	assert_int_equal(places_make(&places, &envelope, find, NULL), 0);
	assert_int_equal(places.n_slots, LENGTH(slots));
	assert_int_equal(places_refile(&filed, &places, &filing, &arena), 0);
	places_choose(&filed);
	for (size_t i = 0; i < LENGTH(replies); i++) {
		assert_int_equal(
		    places_outcome(&filed, recipients[i], reason, sizeof(reason)), replies[i]);
		assert_non_null(places_rejection(&filed, recipients[i]));
	}
	places_outcome(&filed, recipients[0], reason, sizeof(reason));
	expect_text("reason", reason, "a script rejects it: no");
	expect_text("words", places_rejection(&filed, recipients[2]), "one");
	assert_false(filed.list[0].is_unwanted);
}

/* Of the folders of one mailbox those without room are left out; an accident in one holds the recipient. */
static void test_folders_that_fail(void **state)
{
	static const size_t counts[STORES_MAX] = { 2, 2 };
	static const char *const refusals[STORES_MAX] = { NULL, NULL };
	struct store stores[] = { { .folder = "", .flags = "" }, { .folder = ".x", .flags = "" },
		{ .folder = "", .flags = "" }, { .folder = ".x", .flags = "" } };
	char reason[100];

	add_named("a@d");
	add_named("b@d");
	assert_int_equal(places_make(&places, &envelope, find, NULL), 0);
	refile(counts, refusals, stores, 1);
	filed.refusals[0] = REPLY_FULL;
	filed.list[3].result = -ENOSPC;
	filed.list[3].step = "sync";
	filed.list[3].part = "/new";
	filed.list[3].where = ".x";
	places_choose(&filed);
	assert_true(filed.list[0].is_unwanted);
	assert_false(filed.list[1].is_unwanted);
	assert_true(filed.list[2].is_unwanted);
	assert_int_equal(
	    places_outcome(&filed, recipients[0], reason, sizeof(reason)), REPLY_SAVED);
	assert_int_equal(
	    places_outcome(&filed, recipients[1], reason, sizeof(reason)), REPLY_DISK_FULL);
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
		cmocka_unit_test_setup_teardown(test_stores, begin_filing, end_filing),
		cmocka_unit_test_setup_teardown(test_stores_of_some, begin_filing, end_filing),
		cmocka_unit_test_setup_teardown(test_redirects, begin_filing, end_filing),
		cmocka_unit_test_setup_teardown(test_full_fallback, begin_filing, end_filing),
		cmocka_unit_test_setup_teardown(test_rejections, begin_filing, end_filing),
		cmocka_unit_test_setup_teardown(test_folders_that_fail, begin_filing, end_filing),
		cmocka_unit_test_setup_teardown(test_cost_of_lists, begin_envelope, end_envelope),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
