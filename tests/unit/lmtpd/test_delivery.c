/* SPDX-License-Identifier: MIT
 * From recipients to mailboxes and back: each mailbox once, each recipient his own outcome, and no
 * more comparisons than sorting takes, since all of it runs on the loop. */
#include "lmtpd/delivery.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* In the place of the service and its configuration: the path of a mailbox is its address. */
struct service *service_ref(struct service *service)
{
	return service;
}

void service_unref(struct service *service)
{
}

int lmtpd_config_mailbox_path(
    const struct lmtpd_config *config, const struct address *row, char *path_r, size_t n_path)
{
	if (row->text[0] == '!') { /* too long */
		return -ENAMETOOLONG;
	}
	snprintf(path_r, n_path, "%s", row->text);
	return 0;
}

static char base[] = "/mail";
static struct lmtpd_config config = { .hostname = "mx", .base = base };
static struct service service = { .config = &config };

static struct envelope envelope;
static struct recipient *recipients[RECIPIENTS_MAX]; /* of the envelope */

static int begin_envelope(void **state)
{
	envelope_init(&envelope);
	envelope.sender = strdup("");
	envelope.client = strdup("client");
	return 0;
}

static int end_envelope(void **state)
{
	envelope_deinit(&envelope);
	return 0;
}

/* A recipient whose mailboxes are still to be filled in. */
static struct address *add_recipient(size_t n_mailboxes)
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
	struct address *mailboxes;

	for (const char *p = names; p != NULL; p = strchr(p + 1, ' ')) {
		n++;
	}
	mailboxes = add_recipient(n);
	snprintf(copy, sizeof(copy), "%s", names);
	for (char *name = strtok(copy, " "); name != NULL; name = strtok(NULL, " ")) {
		snprintf((mailboxes++)->text, ADDRESS_MAX, "%s", name);
	}
}

static struct maildir_place *target_of(struct delivery *delivery, const char *path)
{
	struct maildir_place *found = NULL;

	for (size_t i = 0; i < delivery->n_targets; i++) {
		if (__real_strcmp(delivery->targets[i].mailbox, path) == 0) {
			assert_null(found); /* twice */
			found = &delivery->targets[i];
		}
	}
	assert_non_null(found);
	return found;
}

static void expect_outcome(const struct delivery *delivery, const struct recipient *recipient,
    enum reply reply, const char *reason)
{
	char got[200];

	assert_int_equal(delivery_outcome(delivery, recipient, got, sizeof(got)), reply);
	expect_text("reason", got, reason);
}

static void test_outcomes(void **state)
{
	struct delivery *delivery;
	struct maildir_place *target;

	add_named("c@d");
	add_named("b@d a@d c@d");
	add_named("e@d !long@d");
	add_named("f@d");
	add_named("c@d");
	delivery = delivery_new(&service, &envelope);
	assert_non_null(delivery);
	assert_int_equal(delivery->n_targets, 5);
	target = target_of(delivery, "a@d");
	target->result = -EIO;
	target->step = "sync";
	target->part = "/new";
	target = target_of(delivery, "f@d");
	target->result = -ENOSPC;
	target->step = "make";
	target->part = "";
	expect_outcome(delivery, recipients[0], REPLY_SAVED, "");
	expect_outcome(delivery, recipients[1], REPLY_NOT_WRITTEN,
	    "cannot sync /mail/a@d/new: Input/output error");
	expect_outcome(
	    delivery, recipients[2], REPLY_NOT_WRITTEN, "the path of !long@d is too long");
	expect_outcome(delivery, recipients[3], REPLY_DISK_FULL,
	    "cannot make /mail/f@d: No space left on device");
	expect_outcome(delivery, recipients[4], REPLY_SAVED, "");
	delivery_free(delivery);
}

/* No path at all: the transaction ends with a reply all the same. */
static void test_no_target(void **state)
{
	struct delivery *delivery;

	add_named("!long@d !longer@d");
	delivery = delivery_new(&service, &envelope);
	assert_non_null(delivery);
	assert_int_equal(delivery->n_targets, 0);
	expect_outcome(
	    delivery, recipients[0], REPLY_NOT_WRITTEN, "the path of !long@d is too long");
	delivery_free(delivery);
}

/* Eleven lists with a thousand mailboxes each, of which some are in every list: about 14 comparisons
 * find one among ten thousand. */
static void test_cost_of_lists(void **state)
{
	struct delivery *delivery;
	char reason[100];

	for (unsigned i = 0; i < RECIPIENTS_MAX; i++) {
		struct address *mailboxes = add_recipient(WIDE);

		for (unsigned k = 0; k < WIDE; k++) {
			snprintf(mailboxes[k].text, ADDRESS_MAX, "user%u@example.com",
			    (k < 100 ? 0 : i * WIDE) + k * 7919 % WIDE);
		}
	}
	n_compared = 0;
	delivery = delivery_new(&service, &envelope);
	assert_non_null(delivery);
	assert_int_equal(delivery->n_targets, RECIPIENTS_MAX * (WIDE - 100) + 100);
	for (unsigned i = 0; i < RECIPIENTS_MAX; i++) {
		assert_int_equal(
		    delivery_outcome(delivery, recipients[i], reason, sizeof(reason)), REPLY_SAVED);
	}
	assert_in_range(n_compared, 1, 2 * 15 * RECIPIENTS_MAX * WIDE);
	delivery_free(delivery);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_outcomes, begin_envelope, end_envelope),
		cmocka_unit_test_setup_teardown(test_no_target, begin_envelope, end_envelope),
		cmocka_unit_test_setup_teardown(test_cost_of_lists, begin_envelope, end_envelope),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
