/* SPDX-License-Identifier: MIT
 * What happens to a message at one of its places. A place that fails keeps its first error and step, and
 * takes no other one with it. */
#include "maildir/place.h"

#include <errno.h>
#include <unistd.h>

#include "maildir/file.h"
#include "maildir/mailbox.h"
#include "maildir/name.h"
#include "maildir/rounds.h"

int place_check(struct maildir_place *place, int result, const char *step, const char *part)
{
	if (result < 0) {
		place->result = result;
		place->step = step;
		place->part = part;
	}
	return result;
}

int place_copy(struct maildir_place *place, const struct maildir_message *message)
{
	const struct maildir_file *copy = &place->copy;

	if (file_create(&place->copy, message->root, place) < 0 ||
	    place_check(place, file_copy(copy, &message->file, message->size), "write a copy in",
		"/new") < 0) {
		return place->result;
	}
	return place_check(place, rounds_sync(NULL, copy->fd, false), "sync a copy in", "/new");
}

/* Does the filesystem refuse this link, and not only this name? Too many of them, another filesystem,
 * or none at all, link(2). */
static bool is_link_refused(int result)
{
	return result == -EMLINK || result == -EXDEV || result == -EPERM || result == -EOPNOTSUPP ||
	       result == -ENOSYS;
}

/* Gives the file a name that nobody has yet in new/, by file_link() or file_move(). */
static int give_name(struct maildir_place *place, const struct maildir_message *message,
    const struct maildir_file *file,
    int (*give)(const struct maildir_file *file, int directory_fd, const char *name))
{
	int result = -EEXIST;

	for (int i = 0; i < NAME_ATTEMPTS && result == -EEXIST; i++) {
		name_make_now(place->name, message->root->host);
		name_add_sizes(place->name, message->size, message->wire_size);
		result = give(file, place->new_fd, place->name);
	}
	return result;
}

int place_name(struct maildir_place *place, const struct maildir_message *message)
{
	int result = 0;

	/* Closed since, to hold no more than MAILDIR_HELD_MAX. */
	if (place->new_fd < 0 && mailbox_open(message->root, place) < 0) {
		return place->result;
	}
	if (place->copy.fd < 0) {
		result = give_name(place, message, &message->file, file_link);
		if (is_link_refused(result) && place_copy(place, message) < 0) {
			return place->result;
		}
	}
	if (place->copy.fd >= 0) {
		result = give_name(place, message, &place->copy, file_link);
	}
	/* The last resort of a filesystem without hard links. */
	if (is_link_refused(result) && place->copy.tmp_fd >= 0) {
		result = give_name(place, message, &place->copy, file_move);
	}
	return place_check(place, result, "name the message in", "/new");
}

int place_sync(
    struct maildir_place *place, const struct maildir_message *message, struct rounds *rounds)
{
	if (place_check(place, rounds_sync(rounds, place->new_fd, false), "sync", "/new") == 0 &&
	    place->young != 0) {
		mailbox_sync_parents(message->root, place);
	}
	/* The sender keeps a message that may not be durable, and sends it again: not twice. */
	if (place->result < 0) {
		unlinkat(place->new_fd, place->name, 0);
	}
	return place->result;
}

void place_close(struct maildir_place *place)
{
	file_drop(&place->copy);
	if (place->new_fd >= 0) {
		close(place->new_fd);
		place->new_fd = -1;
	}
}
