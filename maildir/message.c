/* SPDX-License-Identifier: MIT
 * One message into its places; the contract stands in maildir.h, and maildir_prepare() and
 * maildir_commit() read like it.
 *
 * After a failed fsync the file is dropped and never synced again: the kernel reports such an error
 * once and then forgets the bytes it could not write. */
#include "maildir/maildir.h"

#include <errno.h>
#include <string.h>

#include "maildir/dotlock.h"
#include "maildir/file.h"
#include "maildir/linux.h"
#include "maildir/mailbox.h"
#include "maildir/place.h"
#include "maildir/twins.h"

enum {
	STRETCH = 1 << 20, /* of a large message, that goes to the disk while the next one comes */
	/* Files that are lost before the rest of the filesystem is given up: of mailboxes whose quota is
	 * exhausted, and of those that fail otherwise, which may be a quota too (ENOSPC on XFS). */
	QUOTAS_MAX = 64,
	LOSSES_MAX = 3,
};

/* Does it get a name of its own? */
static bool is_live(const struct maildir_place *place)
{
	return place->result == 0 && !place->is_unwanted && place->same == NULL;
}

/* Makes the file in a place that is open. A folder that cannot take it is left. */
static int take_file(struct maildir_message *message, struct maildir_place *place)
{
	int result = file_create(&message->file, place);

	if (result < 0 && place->where[0] != '\0') {
		mailbox_leave_folder(place);
		result =
		    mailbox_open(place) < 0 ? place->result : file_create(&message->file, place);
	}
	if (result == 0) {
		message->home = place;
	}
	return result;
}

/* Opens those places that are not open yet. The first one that can takes the file. */
static void open_places(
    struct maildir_message *message, struct maildir_place *places, size_t n_places)
{
	for (size_t i = 0; i < n_places; i++) {
		struct maildir_place *place = &places[i];

		if (place->is_begun) {
			continue;
		}
		*place = (struct maildir_place){ .root = place->root,
			.mailbox = place->mailbox,
			.folder = place->folder == NULL ? "" : place->folder,
			.if_absent = place->if_absent,
			.folders_max = place->folders_max,
			.subscribes = place->subscribes,
			.flags = place->flags == NULL ? "" : place->flags,
			.keywords = place->keywords,
			.n_keywords = place->n_keywords,
			.is_begun = true,
			.step = "",
			.part = "",
			.patience = &message->patience,
			.names_fd = -1,
			.copy = file_none };
		place->where = place->folder;
		place->is_marked = place_is_marked(place);
		if (message->error != 0) {
			place_check(place, message->error, "write a file in", mailbox_part(place));
		} else if (mailbox_open(place) == 0 && message->file.fd < 0) {
			take_file(message, place);
		}
		/* One that may need a file of its own stays open. */
		if (place->result < 0 ||
		    (i >= MAILDIR_HELD_MAX && file_reaches(&message->file, place))) {
			place_close(place);
		}
	}
}

int maildir_begin(
    struct maildir_message *message, struct maildir_place *expected, size_t n_expected)
{
	*message = (struct maildir_message){
		.expected = expected,
		.n_expected = n_expected,
		.file = file_none,
		.patience = DOTLOCK_PATIENCE_MS,
	};
	for (size_t i = 0; i < n_expected; i++) {
		expected[i].is_begun = false;
	}
	open_places(message, expected, n_expected);
	if (message->file.fd < 0) {
		message->error = n_expected > 0 ? expected[0].result : -EINVAL;
	}
	return message->error;
}

/* Line ends that get a CR when the message is sent: those that have none. */
static uint64_t count_bare_lf(const char *data, size_t n, char before)
{
	const char *p = data, *end = data + n;
	uint64_t count = 0;

	while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		count += (p == data ? before : p[-1]) != '\r';
		p++;
	}
	return count;
}

/* The file is lost. It counts against the quota of the mailbox that it was made in, so this one fails
 * alone; but when it goes on like that, the filesystem itself is full or broken. */
static void lose_file(struct maildir_message *message, int error)
{
	const struct maildir_domain lost = message->home->domain;
	unsigned limit = error == -EDQUOT ? QUOTAS_MAX : LOSSES_MAX;

	place_check(message->home, error, "write a file in", mailbox_part(message->home));
	message->n_lost_ever++;
	if (++message->n_lost >= limit) {
		/* The quota may be a project's, which many mailboxes have together, and others have not. */
		bool is_all = lost.project == 0 || message->n_lost_ever >= QUOTAS_MAX;

		message->n_lost = 0;
		for (size_t i = 0; i < message->n_expected; i++) {
			struct maildir_place *place = &message->expected[i];

			if (place->result == 0 && place->domain.device == lost.device &&
			    (is_all || place->domain.project == lost.project)) {
				place_check(place, error, "write a file in", mailbox_part(place));
			}
		}
	}
	file_drop(&message->file);
}

/* The file cannot take more: the next expected place that can goes on with what was written so far.
 * Returns 0, or the error when there is none. */
static int move_file(struct maildir_message *message, int error)
{
	struct maildir_file old = message->file;

	message->file = file_none;
	lose_file(message, error);
	for (size_t i = 0; i < message->n_expected && message->file.fd < 0; i++) {
		struct maildir_place *place = &message->expected[i];
		int result;

		/* Closed since, to hold no more than MAILDIR_HELD_MAX. */
		if (place->result < 0 || place_reopen(place) < 0 || take_file(message, place) < 0) {
			place_close(place);
			continue;
		}
		result = file_copy(&message->file, &old, message->size);
		if (result < 0) {
			lose_file(message, result);
		}
	}
	file_drop(&old);
	return message->file.fd >= 0 ? 0 : error;
}

/* Sends what has come to the disk without waiting for it, so that less is left to sync. */
static void start_writing(struct maildir_message *message)
{
	uint64_t n = message->size - message->n_started;

	if (n >= STRETCH) {
		linux_start_writing(message->file.fd, message->n_started, n);
		message->n_started = message->size;
	}
}

int maildir_write(struct maildir_message *message, const char *data, size_t n)
{
	int result = -1;

	while (n > 0 && message->error == 0 && result < 0) {
		result = file_write(message->file.fd, data, n);
		if (result < 0) {
			message->error = move_file(message, result);
		}
	}
	if (message->error != 0 || n == 0) {
		return message->error;
	}
	message->size += n;
	message->wire_size += n + count_bare_lf(data, n, message->last);
	message->last = data[n - 1];
	start_writing(message);
	return 0;
}

ssize_t maildir_read(const struct maildir_message *message, uint64_t offset, char *buffer, size_t n)
{
	uint64_t left = offset < message->size ? message->size - offset : 0;
	int result = message->error;

	if (n > left) {
		n = (size_t)left;
	}
	if (result == 0) {
		result = file_read(message->file.fd, offset, buffer, n);
	}
	return result < 0 ? result : (ssize_t)n;
}

/* What could not be synced cannot be read back and trusted either, so nobody gets it. */
static void message_seal(
    struct maildir_message *message, struct maildir_place *places, size_t n_places)
{
	int result = message->error == 0 ? file_seal(&message->file) : 0;

	for (size_t i = 0; i < n_places && result < 0; i++) {
		if (places[i].result == 0) {
			place_check(&places[i], result, "sync a file in", mailbox_part(&places[i]));
		}
	}
}

/* The copy that one of these places has and that links reach the place from; NULL: there is none. */
static struct maildir_file *find_copy(
    struct maildir_place *places, size_t n_places, const struct maildir_place *place)
{
	for (size_t i = 0; i < n_places; i++) {
		if (places[i].result == 0 && places[i].copy.fd >= 0 &&
		    file_reaches(&places[i].copy, place)) {
			places[i].copy.is_shared = true;
			return &places[i].copy;
		}
	}
	return NULL;
}

/* Finds the file that the place at i gets a name of. */
static void find_file(struct maildir_message *message, struct maildir_place *places, size_t i)
{
	struct maildir_place *place = &places[i];

	place->file =
	    file_reaches(&message->file, place) ? &message->file : find_copy(places, i, place);
	/* It may be closed: the file could be linked there, before it had to move. */
	if (place->file == NULL && place_reopen(place) == 0) {
		place_copy(place, message);
	}
}

static void message_copy(
    struct maildir_message *message, struct maildir_place *places, size_t n_places)
{
	for (size_t i = 0; i < n_places; i++) {
		struct maildir_place *place = &places[i];

		if (place->result < 0) {
			continue;
		}
		find_file(message, places, i);
		if (place->result < 0 && place->where[0] != '\0') {
			mailbox_leave_folder(place);
			if (mailbox_open(place) == 0) {
				find_file(message, places, i);
			}
		}
		if (i >= MAILDIR_HELD_MAX && place->file != &place->copy) {
			place_close(place);
		}
	}
}

/* Gives a place its name. A folder that cannot take it now is left as well; others may have a name in that mailbox
 * by then. */
static void name_place(struct maildir_message *message, struct maildir_place *place,
    struct maildir_place *places, size_t n_places)
{
	bool has_folder = place->where[0] != '\0';

	if (place_reopen(place) < 0) {
		return;
	}
	if (place->where[0] != '\0') {
		if (place_name(place, message) == 0 || place->file->error < 0) {
			return;
		}
		mailbox_leave_folder(place);
		/* A copy of its own is not whole, or it went away with the folder. */
		if (place->file == &place->copy && !place->copy.is_shared) {
			file_drop(&place->copy);
			place->file = &message->file;
		}
		if (mailbox_open(place) < 0) {
			return;
		}
	}
	if (has_folder) {
		place->same = twins_of(places, n_places, place);
	}
	if (place->same == NULL) {
		place_name(place, message);
	} else {
		place_close(place);
	}
}

static void message_sync(
    struct maildir_message *message, struct maildir_place *places, size_t n_places)
{
	for (size_t i = 0; i < n_places; i++) {
		if (is_live(&places[i])) {
			place_sync(&places[i]);
		}
		place_close(&places[i]);
	}
}

/* What is shared is dropped with the last batch. */
static void message_end(
    struct maildir_message *message, struct maildir_place *places, size_t n_places)
{
	file_drop(&message->file);
	for (size_t i = 0; i < message->n_expected; i++) {
		place_drop(&message->expected[i]);
	}
	for (size_t i = 0; i < n_places; i++) {
		place_drop(&places[i]);
	}
}

static void message_find_letters(struct maildir_place *places, size_t n_places)
{
	for (size_t i = 0; i < n_places; i++) {
		if (places[i].n_keywords > 0 && places[i].result == 0) {
			place_find_letters(&places[i]);
		}
	}
}

/* Now that all that is slow is done: names are in the order of their appearance then, as far as one can tell. */
static void message_make_names(
    const struct maildir_message *message, struct maildir_place *places, size_t n_places)
{
	for (size_t i = 0; i < n_places; i++) {
		if (places[i].result == 0 && places[i].same == NULL) {
			place_make_name(&places[i], message);
		}
	}
}

void maildir_prepare(struct maildir_message *message, struct maildir_place *places, size_t n_places)
{
	open_places(message, places, n_places);
	message_find_letters(places, n_places);
	message_seal(message, places, n_places);
	message_copy(message, places, n_places);
	twins_find(places, n_places);
	message_make_names(message, places, n_places);
	twins_share(places, n_places);
}

void maildir_commit(struct maildir_message *message, struct maildir_place *places, size_t n_places)
{
	twins_want(places, n_places);
	/* All names of a batch first: then one sync commits them together. */
	for (size_t at = 0; at < n_places; at += MAILDIR_HELD_MAX) {
		size_t n = n_places - at < MAILDIR_HELD_MAX ? n_places - at : MAILDIR_HELD_MAX;

		for (size_t i = at; i < at + n; i++) {
			if (is_live(&places[i])) {
				name_place(message, &places[i], places, n_places);
			}
		}
		message_sync(message, places + at, n);
	}
	twins_share(places, n_places);
	message_end(message, places, n_places);
}

void maildir_take_back(const struct maildir_place *places, size_t n_places)
{
	for (size_t i = 0; i < n_places; i++) {
		if (is_live(&places[i])) {
			place_take_back(&places[i]);
		}
	}
}

void maildir_abort(struct maildir_message *message, struct maildir_place *places, size_t n_places)
{
	message_end(message, places, n_places);
}
