/* SPDX-License-Identifier: MIT
 * What happens to a message at one of its places. A place that fails keeps its first error and step, and takes
 * no other one with it. */
#include "maildir/place.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "maildir/file.h"
#include "maildir/keywords.h"
#include "maildir/linux.h"
#include "maildir/mailbox.h"
#include "maildir/name.h"

_Static_assert(
    (int)MAILDIR_LETTERS_MAX == (int)KEYWORDS_LETTERS, "a place has room for all letters");

int place_check(struct maildir_place *place, int result, const char *step, const char *part)
{
	if (result < 0) {
		place->result = result;
		place->step = step;
		place->part = part;
	}
	return result;
}

void place_note(struct maildir_place *place, const char *format, ...)
{
	size_t n = strlen(place->note);
	va_list arguments;

	if (n > 0 && n + 2 < sizeof(place->note)) {
		memcpy(place->note + n, "; ", 3);
		n += 2;
	}
	va_start(arguments, format);
	vsnprintf(place->note + n, sizeof(place->note) - n, format, arguments);
	va_end(arguments);
}

void maildir_describe(const struct maildir_place *place, char *text_r, size_t n)
{
	const char *where = place->where == NULL ? "" : place->where;

	snprintf(text_r, n, "cannot %s %s/%s%s%s%s: %s", place->step, place->root->base,
	    place->mailbox, where[0] == '\0' ? "" : "/", where, place->part,
	    maildir_strerror(place->result, place->step));
}

void place_drop_letters(struct maildir_place *place)
{
	if (place->letters[0] != '\0') {
		place_note(place, "keywords are left out");
		place->letters[0] = '\0';
	}
}

bool place_is_marked(const struct maildir_place *place)
{
	bool is_marked = strpbrk(place->flags, NAME_FLAGS) != NULL;

	for (size_t i = 0; i < place->n_keywords && !is_marked; i++) {
		is_marked = keywords_is_name(place->keywords[i]);
	}
	return is_marked;
}

/* Those that are no names are known from the beginning. */
static void note_names(struct maildir_place *place)
{
	size_t n = 0;

	for (size_t i = 0; i < place->n_keywords; i++) {
		n += !keywords_is_name(place->keywords[i]);
	}
	if (n > 0) {
		place_note(place, "%zu keywords are left out: no atoms", n);
	}
}

void place_find_letters(struct maildir_place *place)
{
	bool syncs = place->domain.commit != STORAGE_ONE_COMMIT;
	int fd, result;

	note_names(place);
	if (!place->is_marked) {
		return;
	}
	fd = mailbox_open_part(place, "");
	if (fd < 0) {
		place_note(place, "keywords are left out: %s", strerror(-fd));
		return;
	}
	result = keywords_letters(
	    fd, syncs, place->keywords, place->n_keywords, place->patience, place->letters);
	close(fd);
	if (result < 0) {
		place_note(place, "keywords are left out: dovecot-keywords: %s", strerror(-result));
	} else if (result != 0) {
		place_note(place, "keywords are left out: %s",
		    result == KEYWORDS_FULL ? "there are 26 others" : "a lock is not let go of");
	}
}

int place_reopen(struct maildir_place *place)
{
	return place->names_fd < 0 ? mailbox_open(place) : 0;
}

int place_copy(struct maildir_place *place, const struct maildir_message *message)
{
	struct maildir_file *copy = &place->copy;

	place->file = copy;
	if (file_create(copy, place) < 0 ||
	    place_check(place, file_copy(copy, &message->file, message->size), "write a copy in",
		mailbox_part(place)) < 0 ||
	    place_check(place, file_seal(copy), "sync a copy in", mailbox_part(place)) < 0) {
		place_close(place); /* what is not whole and sealed is nobody's */
	}
	return place->result;
}

/* Does the filesystem refuse this link, and not only this name? Too many of them, another filesystem,
 * or none at all, link(2). Or the file has lost its name in tmp/: somebody has removed the folder. */
static bool is_link_refused(const struct maildir_place *place, int result)
{
	return result == -EMLINK || result == -EXDEV || result == -EPERM || result == -EOPNOTSUPP ||
	       result == -ENOSYS || (result == -ENOENT && place->file->tmp_fd >= 0);
}

void place_make_name(struct maildir_place *place, const struct maildir_message *message)
{
	name_make_now(place->name, place->root->host);
	name_add_sizes(place->name, message->size, message->wire_size);
}

/* Gives the file the place's name, or where somebody has that, another one: one more, or (moves) in the place of the
 * one in tmp/. Returns as file_link(). */
static int give_name(struct maildir_place *place, const struct maildir_message *message, bool moves)
{
	struct maildir_file *file = place->file;
	int result = -EEXIST;

	name_drop_flags(place->name); /* of a directory that it was refused in */
	for (int i = 0; i < NAME_ATTEMPTS && result == -EEXIST; i++) {
		if (i > 0) {
			place_make_name(place, message);
		}
		if (place->is_marked) {
			name_add_flags(place->name, place->flags, place->letters);
		}
		result =
		    moves ? linux_move(file->tmp_fd, file->tmp_name, place->names_fd, place->name)
			  : file_link(file, place->names_fd, place->name);
	}
	file->is_linked = file->is_linked || result == 0;
	file->has_moved = file->has_moved || (moves && result == 0);
	return result;
}

int place_name(struct maildir_place *place, const struct maildir_message *message)
{
	int result;

	if (place_check(place, place->file->error, "sync a file in", mailbox_part(place)) < 0) {
		return place->result;
	}
	result = place->file->has_moved ? -EMLINK : give_name(place, message, false);
	if (is_link_refused(place, result) && place->file != &place->copy) {
		if (place_copy(place, message) < 0) {
			return place->result;
		}
		result = give_name(place, message, false);
	}
	/* The last resort of a filesystem without hard links. */
	if (is_link_refused(place, result) && place->copy.tmp_fd >= 0) {
		result = give_name(place, message, true);
	}
	return place_check(place, result, STEP_NAME, mailbox_part(place));
}

int place_sync(struct maildir_place *place)
{
	if (place_check(
		place, file_sync_names(place->file), "sync a file in", mailbox_part(place)) == 0 &&
	    place->file->domain.commit != STORAGE_ONE_COMMIT &&
	    place_check(place, file_sync(place->names_fd), "sync", mailbox_part(place)) == 0 &&
	    place->is_young) {
		mailbox_sync_around(place);
	}
	/* The sender keeps a message that may not be durable, and sends it again: not twice. */
	if (place->result < 0) {
		unlinkat(place->names_fd, place->name, 0);
	}
	return place->result;
}

void place_take_back(const struct maildir_place *place)
{
	int fd = mailbox_open_part(place, mailbox_part(place));

	if (fd >= 0) {
		unlinkat(fd, place->name, 0);
		file_sync(fd);
		close(fd);
	}
}

void place_close(struct maildir_place *place)
{
	if (!place->copy.is_shared) {
		file_drop(&place->copy);
	}
	if (place->names_fd >= 0) {
		close(place->names_fd);
		place->names_fd = -1;
	}
}

void place_drop(struct maildir_place *place)
{
	place->copy.is_shared = false;
	place_close(place);
}
