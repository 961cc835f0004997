/* SPDX-License-Identifier: MIT
 * What scripts have filed on its way to the disk, every system call of which fails in its turn: who is told that the message
 * is saved has it, whole, in a folder that his script wanted or in INBOX; who is not may try again. */
#include "lmtpd/versions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/maildir/mailroot.h"

enum {
	N_STORES = 5,
	N_SLOTS = 4,
	N_FILES_MAX = 32,
};

static const char original[] = "Subject: x\n\nThe body,\nwhich is the same.\n";
static const char edited[] = "X-Edited: 1\nSubject: x\n\nThe body,\nwhich is the same.\n";
static const size_t n_header = sizeof("Subject: x\n\n") - 1;

static const char *const mailboxes[N_SLOTS] = { "d/a/Maildir", "d/b/Maildir", "d/a/Maildir",
	"d/c/Maildir" };

/* a has two folders, one of them with the edited header; b the edited one in INBOX alone; a by another address one of the
 * same folders; c has discarded it. */
static struct store stores[N_STORES] = {
	{ .folder = ".Work", .if_absent = MAILDIR_MAKE, .flags = "S" },
	{ .folder = ".Old", .if_absent = MAILDIR_MAKE, .flags = "", .version = 1 },
	{ .folder = "", .flags = "", .version = 1 },
	{ .folder = ".Work", .if_absent = MAILDIR_MAKE, .flags = "F" },
	{ .folder = ".None", .flags = "" },
};
static const size_t counts[N_SLOTS] = { 2, 1, 2, 0 };

static struct envelope envelope;
static struct recipient *recipients[N_SLOTS];
static const struct maildir_root *root;

static int find(const struct lmtpd_config *config, const struct mailbox *mailbox,
    struct home *home_r, struct error *error)
{
	*home_r = (struct home){ .root = root };
	snprintf(home_r->path, sizeof(home_r->path), "%s", mailbox->address.text);
	return 0;
}

static void make_envelope(const struct mailroot *mailroot)
{
	root = &mailroot->root;
	envelope_init(&envelope);
	for (size_t i = 0; i < N_SLOTS; i++) {
		struct recipient *recipient = recipients[i] = recipient_new("", 0);
		struct mailbox *mailbox = calloc(1, sizeof(*mailbox));

		snprintf(mailbox->address.text, ADDRESS_MAX, "%s", mailboxes[i]);
		recipient->resolution.mailboxes = mailbox;
		recipient->resolution.n_mailboxes = 1;
		envelope_add(&envelope, recipient);
		envelope.n_mailboxes++;
	}
}

/* How many files of the mailbox hold that text; no file holds another one than the two. */
static unsigned count_copies(
    const struct mailroot *mailroot, const char *mailbox, const char *folder, const char *text)
{
	static const char *const parts[] = { "/new", "/cur" };
	unsigned n = 0;

	for (size_t i = 0; i < LENGTH(parts); i++) {
		char part[100], list[4000], buffer[200];

		snprintf(part, sizeof(part), "%s%s%s", folder[0] ? "/" : "", folder, parts[i]);
		mailroot_list(mailroot_path(mailroot, mailbox, part), list, sizeof(list));
		if (strcmp(list, "-") == 0) {
			continue; /* there is no such folder */
		}
		for (char *name = strtok(list, " "); name != NULL; name = strtok(NULL, " ")) {
			char file[400];
			FILE *stream;
			size_t got;

			snprintf(file, sizeof(file), "%s/%s", part, name);
			stream = fopen(mailroot_path(mailroot, mailbox, file), "r");
			assert_non_null(stream);
			got = fread(buffer, 1, sizeof(buffer) - 1, stream);
			fclose(stream);
			buffer[got] = '\0';
			assert_true(strcmp(buffer, original) == 0 || strcmp(buffer, edited) == 0);
			n += strcmp(buffer, text) == 0;
		}
	}
	return n;
}

/* Who is told that it is saved has every store, where it was wanted or in INBOX. */
static void check_recipient(const struct mailroot *mailroot, const struct places *places, size_t i)
{
	char reason[300];

	if (places_outcome(places, recipients[i], reason, sizeof(reason)) != REPLY_SAVED) {
		assert_string_not_equal(reason, "");
		return;
	}
	for (size_t k = places->slots[i].first; k < places->slots[i].first + counts[i]; k++) {
		const char *text = stores[k].version == 0 ? original : edited;

		assert_int_equal(places->of[k]->result, 0);
		assert_int_equal(
		    count_copies(mailroot, mailboxes[i], places->of[k]->where, text), 1);
	}
}

/* Nothing of a message that was given up lies anywhere. */
static void check_nothing(const struct mailroot *mailroot)
{
	for (size_t i = 0; i < N_SLOTS; i++) {
		for (size_t k = 0; k < N_STORES; k++) {
			assert_int_equal(
			    count_copies(mailroot, mailboxes[i], stores[k].folder, original), 0);
			assert_int_equal(
			    count_copies(mailroot, mailboxes[i], stores[k].folder, edited), 0);
		}
	}
}

/* Returns how often the fault struck. gives_up: before there are names. */
static unsigned deliver(struct mailroot *mailroot, const struct faults *faults, bool gives_up)
{
	struct places_slot slots[N_SLOTS] = { { 0 } };
	struct filter filter = { .n_header = n_header,
		.filing = { stores, N_STORES, slots, 2 },
		.headers = { [1] = { edited, sizeof("X-Edited: 1\nSubject: x\n\n") - 1 } } };
	struct places expected = { 0 }, places = { 0 };
	struct versions versions;
	struct maildir_message message;
	unsigned n_struck, n_fds, n_failed = 0;
	struct arena arena;

	arena_init(&arena, 1 << 20);
	for (size_t i = 0, n = 0; i < N_SLOTS; n += counts[i], i++) {
		slots[i] = (struct places_slot){ .first = n, .n = counts[i] };
	}
	make_envelope(mailroot);
	assert_int_equal(places_make(&expected, &envelope, find, NULL), 0);
	assert_int_equal(places_refile(&places, &expected, &filter.filing, &arena), 0);
	assert_int_equal(places.n, 4);
	assert_int_equal(versions_make(&versions, &message, &places, &filter), 0);
	assert_int_equal(versions.n_original, 2);
	n_fds = count_fds();
	faults_begin(faults);
	maildir_begin(&message, expected.list, expected.n);
	maildir_write(&message, original, sizeof(original) - 1);
	versions_prepare(&versions, &places, &filter);
	assert_ptr_equal(versions_message(&versions, 0), &message);
	assert_ptr_equal(versions_message(&versions, 2), &versions.list[0].message);
	assert_ptr_equal(versions_message(&versions, 3), &versions.list[0].message);
	if (gives_up) {
		versions_abort(&versions, &places);
	} else {
		places_choose(&places);
		versions_commit(&versions, &places);
	}
	n_struck = faults_end();
	assert_int_equal(count_fds(), n_fds);
	if (gives_up) {
		check_nothing(mailroot);
	}
	for (size_t i = 0; i < N_SLOTS && !gives_up; i++) {
		check_recipient(mailroot, &places, i);
	}
	for (size_t i = 0; i < places.n; i++) {
		int result = places.list[i].result;

		n_failed += result != 0 || places.list[i].note[0] != '\0';
		assert_true(
		    result == 0 || result == -faults->error || result == -EIO || result == -ENOMEM);
	}
	/* What strikes a place that was only expected need not matter. */
	assert_true(n_struck > 0 || n_failed == 0);
	versions_drop(&versions);
	places_free(&places);
	places_free(&expected);
	arena_deinit(&arena);
	envelope_deinit(&envelope);
	return n_struck;
}

static void clear(const struct mailroot *mailroot)
{
	char list[100];

	mailroot_list(mailroot->base, list, sizeof(list));
	if (list[0] != '\0') {
		directory_remove(mailroot_path(mailroot, "d", ""));
	}
}

static void test_all_is_well(void **state)
{
	struct mailroot *mailroot = *state;

	deliver(mailroot, &mailroot_plain, true);
	deliver(mailroot, &mailroot_plain, false);
	assert_int_equal(count_copies(mailroot, "d/a/Maildir", ".Work", original), 1);
	assert_int_equal(count_copies(mailroot, "d/a/Maildir", ".Old", edited), 1);
	assert_int_equal(count_copies(mailroot, "d/a/Maildir", "", original), 1);
	assert_int_equal(count_copies(mailroot, "d/a/Maildir", "", edited), 0);
	assert_int_equal(count_copies(mailroot, "d/b/Maildir", "", edited), 1);
	assert_int_equal(count_copies(mailroot, "d/b/Maildir", "", original), 0);
	assert_int_equal(count_copies(mailroot, "d/c/Maildir", "", original), 0);
}

/* Each call in its turn, then all of them. */
static void test_faults(void **state)
{
	static const enum fault_call calls[] = { FAULT_WRITE, FAULT_FSYNC, FAULT_LINKAT,
		FAULT_MKDIRAT, FAULT_OPENAT2, FAULT_OPENAT, FAULT_OPEN, FAULT_PREAD, FAULT_STATX,
		FAULT_WRITE_OUT, FAULT_MALLOC };
	static const int errors[] = { ENOSPC, EIO };
	struct mailroot *mailroot = *state;
	unsigned n_all = 0;

	for (size_t i = 0; i < LENGTH(calls); i++) {
		for (size_t k = 0; k < LENGTH(errors); k++) {
			struct faults faults = { .call = calls[i], .error = errors[k], .mask = 1 };

			for (; faults.mask != 0; faults.mask <<= 1, n_all++) {
				unsigned n_struck;

				deliver(mailroot, &faults, true);
				clear(mailroot);
				n_struck = deliver(mailroot, &faults, false);
				clear(mailroot);
				if (n_struck == 0) {
					break;
				}
			}
			faults.mask = UINT64_MAX;
			deliver(mailroot, &faults, true);
			clear(mailroot);
			deliver(mailroot, &faults, false);
			clear(mailroot);
		}
	}
	assert_in_range(n_all, 200, 100000);
}

int main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, mailroot_setup_in_memory, mailroot_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_all_is_well),
		TEST(test_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
