/* SPDX-License-Identifier: MIT
 * What happens to a message at one of its places, and the file that it happens with. A place that fails
 * keeps its first error and step, and takes no other one with it.
 *
 * A file is unnamed (O_TMPFILE) until it is complete and synced, so a crash leaves no litter. Where the
 * filesystem cannot do that, it has a name in tmp/ instead, which readers clean up after 36 hours. */
#include "maildir/place.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "maildir/linux.h"
#include "maildir/mailbox.h"
#include "maildir/name.h"
#include "maildir/rounds.h"

enum {
	COPY_CHUNK = 65536
};

const struct maildir_file file_none = { .fd = -1, .tmp_fd = -1 };

int place_check(struct maildir_place *place, int result, const char *step, const char *part)
{
	if (result < 0) {
		place->result = result;
		place->step = step;
		place->part = part;
	}
	return result;
}

/* Makes a file with a name in the mailbox's tmp/. It keeps tmp/ open, to take the name away again. */
static int create_named(struct maildir_file *file, struct maildir_place *place)
{
	int result = -EEXIST, tmp_fd = mailbox_open_part(place, "/tmp");

	if (tmp_fd < 0) {
		return place_check(place, tmp_fd, "open", "/tmp");
	}
	for (int i = 0; i < NAME_ATTEMPTS && result == -EEXIST; i++) {
		name_make_now(file->tmp_name, place->root->host);
		file->fd = openat(tmp_fd, file->tmp_name,
		    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		result = file->fd >= 0 ? 0 : -errno;
	}
	if (result == 0) {
		file->tmp_fd = tmp_fd;
	} else {
		close(tmp_fd);
	}
	return place_check(place, result, "create a file in", "/tmp");
}

int file_create(struct maildir_file *file, struct maildir_place *place)
{
	int result = LINUX_UNKNOWN;

	*file = file_none;
	file->domain = place->domain;
	if (place->root->has_tmpfile && file->domain.commit != STORAGE_NAMED) {
		result = linux_create_unnamed(place->new_fd, &file->fd);
	}
	return result == LINUX_UNKNOWN ? create_named(file, place)
				       : place_check(place, result, "create a file in", "/new");
}

bool file_reaches(const struct maildir_file *file, const struct maildir_place *place)
{
	return file->domain.device == place->domain.device &&
	       file->domain.project == place->domain.project;
}

int file_write(const struct maildir_file *file, const char *data, size_t n)
{
	while (n > 0) {
		ssize_t written = write(file->fd, data, n);

		if (written < 0 && errno != EINTR) {
			return -errno;
		}
		if (written > 0) {
			data += written;
			n -= (size_t)written;
		}
	}
	return 0;
}

int file_copy(const struct maildir_file *file, const struct maildir_file *from, uint64_t n)
{
	char buffer[COPY_CHUNK];
	uint64_t at = 0;

	while (at < n) {
		size_t rest = n - at < sizeof(buffer) ? (size_t)(n - at) : sizeof(buffer);
		ssize_t got = pread(from->fd, buffer, rest, (off_t)at);
		int result;

		if (got <= 0) { /* 0: shorter than what was written to it */
			return got < 0 ? -errno : -EIO;
		}
		result = file_write(file, buffer, (size_t)got);
		if (result < 0) {
			return result;
		}
		at += (uint64_t)got;
	}
	return 0;
}

int file_seal(const struct maildir_file *file)
{
	return file->domain.commit == STORAGE_ONE_COMMIT ? linux_write_out(file->fd)
							 : rounds_sync(NULL, file->fd, false);
}

int file_sync_names(struct maildir_file *file, struct rounds *rounds)
{
	if (file->is_linked) {
		file->is_linked = false;
		file->error = rounds_sync(rounds, file->fd, false);
	}
	return file->error;
}

void file_drop(struct maildir_file *file)
{
	if (file->tmp_fd >= 0) {
		unlinkat(file->tmp_fd, file->tmp_name, 0);
		close(file->tmp_fd);
	}
	if (file->fd >= 0) {
		close(file->fd);
	}
	*file = file_none;
}

int place_reopen(struct maildir_place *place)
{
	return place->new_fd < 0 ? mailbox_open(place) : 0;
}

int place_copy(struct maildir_place *place, const struct maildir_message *message)
{
	struct maildir_file *copy = &place->copy;

	place->file = copy;
	if (file_create(copy, place) < 0 ||
	    place_check(place, file_copy(copy, &message->file, message->size), "write a copy in",
		"/new") < 0 ||
	    place_check(place, file_seal(copy), "sync a copy in", "/new") < 0) {
		place_close(place); /* what is not whole and sealed is nobody's */
	}
	return place->result;
}

/* Does the filesystem refuse this link, and not only this name? Too many of them, another filesystem,
 * or none at all, link(2). */
static bool is_link_refused(int result)
{
	return result == -EMLINK || result == -EXDEV || result == -EPERM || result == -EOPNOTSUPP ||
	       result == -ENOSYS;
}

/* Has the file that name already? A server of NFS may have made it and its reply was lost. */
static bool is_name_of(const struct maildir_file *file, int directory_fd, const char *name)
{
	struct stat named, own;

	return fstatat(directory_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstat(file->fd, &own) == 0 && named.st_dev == own.st_dev &&
	       named.st_ino == own.st_ino;
}

/* Gives the file one more name. Returns 0 or a negative errno: -EEXIST rather than overwrite. */
static int file_link(const struct maildir_file *file, int directory_fd, const char *name)
{
	int result;

	if (file->tmp_fd < 0) {
		result = linux_name_unnamed(file->fd, directory_fd, name);
	} else {
		result =
		    linkat(file->tmp_fd, file->tmp_name, directory_fd, name, 0) == 0 ? 0 : -errno;
	}
	return result == -EEXIST && is_name_of(file, directory_fd, name) ? 0 : result;
}

/* Gives the file a name that nobody has yet in new/: one more, or (moves) in the place of the one in
 * tmp/. Returns as file_link(). */
static int give_name(struct maildir_place *place, const struct maildir_message *message, bool moves)
{
	struct maildir_file *file = place->file;
	int result = -EEXIST;

	for (int i = 0; i < NAME_ATTEMPTS && result == -EEXIST; i++) {
		name_make_now(place->name, place->root->host);
		name_add_sizes(place->name, message->size, message->wire_size);
		result = moves
			     ? linux_move(file->tmp_fd, file->tmp_name, place->new_fd, place->name)
			     : file_link(file, place->new_fd, place->name);
	}
	file->is_linked = file->is_linked || result == 0;
	file->has_moved = file->has_moved || (moves && result == 0);
	return result;
}

int place_name(struct maildir_place *place, const struct maildir_message *message)
{
	int result;

	if (place_check(place, place->file->error, "sync a file in", "/new") < 0 ||
	    place_reopen(place) < 0) {
		return place->result;
	}
	result = place->file->has_moved ? -EMLINK : give_name(place, message, false);
	if (is_link_refused(result) && place->file != &place->copy) {
		if (place_copy(place, message) < 0) {
			return place->result;
		}
		result = give_name(place, message, false);
	}
	/* The last resort of a filesystem without hard links. */
	if (is_link_refused(result) && place->copy.tmp_fd >= 0) {
		result = give_name(place, message, true);
	}
	return place_check(place, result, STEP_NAME, "/new");
}

int place_sync(struct maildir_place *place)
{
	if (place_check(place, file_sync_names(place->file, NULL), "sync a file in", "/new") == 0 &&
	    place->file->domain.commit != STORAGE_ONE_COMMIT &&
	    place_check(place, rounds_sync(NULL, place->new_fd, false), "sync", "/new") == 0 &&
	    place->young != 0) {
		mailbox_sync_parents(place);
	}
	/* The sender keeps a message that may not be durable, and sends it again: not twice. */
	if (place->result < 0) {
		unlinkat(place->new_fd, place->name, 0);
	}
	return place->result;
}

void place_take_back(const struct maildir_place *place)
{
	int fd = mailbox_open_part(place, "/new");

	if (fd >= 0) {
		unlinkat(fd, place->name, 0);
		rounds_sync(NULL, fd, false);
		close(fd);
	}
}

void place_close(struct maildir_place *place)
{
	if (!place->copy.is_shared) {
		file_drop(&place->copy);
	}
	if (place->new_fd >= 0) {
		close(place->new_fd);
		place->new_fd = -1;
	}
}

void place_drop(struct maildir_place *place)
{
	place->copy.is_shared = false;
	place_close(place);
}
