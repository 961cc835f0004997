/* SPDX-License-Identifier: MIT
 * A new mailbox is made from the root downwards and new/ comes last, so that a mailbox with a new/ has all
 * the rest. A new folder is made in tmp/, where it is none, and gets its name when it is whole: for everybody
 * else it is not there, or whole. Any thread. */
#include "maildir/make.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "maildir/dotlock.h"
#include "maildir/file.h"
#include "maildir/linux.h"
#include "maildir/mailbox.h"
#include "maildir/name.h"
#include "maildir/place.h"
#include "maildir/subscriptions.h"

enum {
	ROUNDS_OF_FOLDER = 2, /* somebody else may have made it in the first */
};

/* An empty file that tells Courier and Exim that this is a folder. */
static const char folder_file[] = "maildirfolder";

static int make_directory(int parent_fd, const char *name)
{
	return mkdirat(parent_fd, name, 0700) == 0 || errno == EEXIST ? 0 : -errno;
}

/* Makes the directories of path below base_fd, one by one, and returns the last one open. Each is opened
 * from the root again, so that a symbolic link on the way may lead anywhere in it, but not out. */
static int make_path(int base_fd, const char *path)
{
	const int flags = O_RDONLY | O_DIRECTORY;
	char way[MAILDIR_PATH_MAX];
	int fd = base_fd, next_fd;
	bool is_last;

	memcpy(way, path, strlen(path) + 1);
	for (char *name = way, *slash;; name = slash + 1, fd = next_fd) {
		slash = strchrnul(name, '/');
		is_last = *slash == '\0';
		*slash = '\0';
		next_fd = linux_open_beneath(base_fd, way, flags);
		if (next_fd == -ENOENT) {
			int result = make_directory(fd, name);

			next_fd = result < 0 ? result : linux_open_beneath(base_fd, way, flags);
		}
		if (fd != base_fd) {
			close(fd);
		}
		if (next_fd < 0 || is_last) {
			return next_fd;
		}
		*slash = '/';
	}
}

static int make_parts(struct maildir_place *place, int fd)
{
	for (size_t i = 0; i < MAILBOX_PARTS && place->result == 0; i++) {
		place_check(
		    place, make_directory(fd, mailbox_parts[i] + 1), "make", mailbox_parts[i]);
	}
	return place->result;
}

int make_mailbox(struct maildir_place *place)
{
	int base_fd, fd;

	base_fd = open(place->root->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (base_fd < 0) {
		return place_check(place, -errno, "open the mail root above", "");
	}
	fd = make_path(base_fd, place->mailbox);
	close(base_fd);
	if (fd < 0) {
		return place_check(place, fd, "make", "");
	}
	make_parts(place, fd);
	close(fd);
	return place->result;
}

/* Syncs a file or directory where one commit is not enough, so that what gets a name is whole after a power cut
 * as well. */
static int sync_at(int directory_fd, const char *name)
{
	int fd = openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return file_sync_and_close(fd < 0 ? -errno : fd);
}

static int sync_folder(int fd)
{
	int result = sync_at(fd, folder_file);

	for (size_t i = 0; i < MAILBOX_PARTS && result == 0; i++) {
		result = sync_at(fd, mailbox_parts[i] + 1);
	}
	return result == 0 ? file_sync(fd) : result;
}

/* Makes all that a folder has. */
static int fill_folder(struct maildir_place *place, int fd, bool syncs)
{
	int file_fd;

	if (make_parts(place, fd) < 0) {
		return place->result;
	}
	file_fd =
	    openat(fd, folder_file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (place_check(place, file_fd < 0 ? -errno : 0, "make maildirfolder in", "") < 0) {
		return place->result;
	}
	close(file_fd);
	return syncs ? place_check(place, sync_folder(fd), "sync", "") : 0;
}

/* Takes away what was made of a folder. Without a journal the disk may still name what is gone, and what takes
 * its inode next would have two names after a power cut: so all stays open until the disk has forgotten it. */
static void unmake_folder(int tmp_fd, const char *name, int fd, bool syncs)
{
	int fds[MAILBOX_PARTS + 1];

	for (size_t i = 0; i < MAILBOX_PARTS + 1; i++) {
		const char *part = i < MAILBOX_PARTS ? mailbox_parts[i] + 1 : folder_file;

		fds[i] = syncs ? openat(fd, part, O_PATH | O_NOFOLLOW | O_CLOEXEC) : -1;
		unlinkat(fd, part, i < MAILBOX_PARTS ? AT_REMOVEDIR : 0);
	}
	unlinkat(tmp_fd, name, AT_REMOVEDIR);
	if (syncs) {
		file_sync(fd); /* the repair would find a directory that is full */
		file_sync(tmp_fd);
	}
	for (size_t i = 0; i < MAILBOX_PARTS + 1; i++) {
		if (fds[i] >= 0) {
			close(fds[i]);
		}
	}
}

/* Makes a directory in tmp/ and returns it open, or a negative errno. */
static int make_unseen(const struct maildir_place *place, int tmp_fd, char *name_r)
{
	int result = -EEXIST, fd;

	for (int i = 0; i < NAME_ATTEMPTS && result == -EEXIST; i++) {
		name_make_now(name_r, place->root->host);
		result = mkdirat(tmp_fd, name_r, 0700) == 0 ? 0 : -errno;
	}
	if (result < 0) {
		return result;
	}
	fd = openat(tmp_fd, name_r, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		result = -errno;
		unlinkat(tmp_fd, name_r, AT_REMOVEDIR);
	}
	return fd < 0 ? result : fd;
}

/* Makes the folder in tmp/ and moves it to its name. Returns 0 or a negative errno, the place's outcome then:
 * -EEXIST when somebody else has made it meanwhile. */
static int make_in(struct maildir_place *place, int mailbox_fd, int tmp_fd)
{
	struct maildir_domain domain;
	struct linux_status status;
	char name[MAILDIR_NAME_MAX + 1];
	int fd, result;
	bool syncs;

	if (place_check(place, mailbox_find_domain(place, tmp_fd, &domain, &status), "stat", "") <
	    0) {
		return place->result;
	}
	fd = make_unseen(place, tmp_fd, name);
	if (place_check(place, fd, "make", "") < 0) {
		return place->result;
	}
	syncs = domain.commit != STORAGE_ONE_COMMIT;
	result = fill_folder(place, fd, syncs);
	if (result == 0) {
		result = place_check(place,
		    linux_move_directory(tmp_fd, name, mailbox_fd, place->where), "make", "");
	}
	if (result < 0) {
		unmake_folder(tmp_fd, name, fd, syncs);
	} else if (syncs) {
		/* Else it may have two names after a power cut. */
		result = place_check(place, file_sync(tmp_fd), "sync", "");
	}
	close(fd);
	return result;
}

/* Is that the name of a folder? Names with two dots in front are Dovecot's, of what is being deleted. */
static bool is_folder(const struct dirent *entry)
{
	return entry->d_name[0] == '.' && entry->d_name[1] != '.' && entry->d_name[1] != '\0' &&
	       entry->d_type != DT_REG;
}

/* May there be one more? Returns 0, MAKE_NOT, or a negative errno. -EEXIST: the folder is there by now. */
static int find_room(struct maildir_place *place, int mailbox_fd)
{
	int fd = openat(mailbox_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = 0;
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	unsigned n = 0;

	if (directory == NULL) {
		result = -errno;
		if (fd >= 0) {
			close(fd);
		}
		return result;
	}
	errno = 0;
	while (result == 0 && (entry = readdir(directory)) != NULL) {
		n += is_folder(entry);
		result = strcmp(entry->d_name, place->where) == 0 ? -EEXIST : 0;
		errno = 0;
	}
	if (result == 0 && errno != 0) {
		result = -errno;
	}
	if (result == 0 && n >= place->folders_max) {
		place_note(place, "%s is not made: there are %u folders", place->where, n);
		result = MAKE_NOT;
	}
	closedir(directory);
	return result;
}

/* Clients show no other folders. It is made all the same when that cannot be. */
static void subscribe(struct maildir_place *place, int mailbox_fd)
{
	bool syncs = place->domain.commit != STORAGE_ONE_COMMIT;
	int result = subscriptions_add(mailbox_fd, place->where, syncs, place->patience);

	if (result != 0) {
		place_note(place, "cannot subscribe to %s: %s", place->where,
		    result == DOTLOCK_HELD ? "subscriptions.lock is not let go of"
					   : strerror(-result));
	}
}

/* Makes a folder that is not there. Returns as make_folder(), or -EEXIST. */
static int make_new(struct maildir_place *place)
{
	int mailbox_fd, tmp_fd, result;

	mailbox_fd = mailbox_open_root_part(place, "");
	if (place_check(place, mailbox_fd, "make", "") < 0) {
		return mailbox_fd;
	}
	result = place->folders_max == 0 ? 0 : find_room(place, mailbox_fd);
	if (place_check(place, result, "count folders to make", "") == 0) {
		tmp_fd = mailbox_open_root_part(place, "/tmp");
		result = place_check(place, tmp_fd, "open tmp/ to make", "");
		if (tmp_fd >= 0) {
			result = make_in(place, mailbox_fd, tmp_fd);
			close(tmp_fd);
		}
		if (result == 0 && place->subscribes) {
			subscribe(place, mailbox_fd);
		}
	}
	close(mailbox_fd);
	return result;
}

int make_folder(struct maildir_place *place)
{
	int result = -EEXIST, fd;

	for (int i = 0; i < ROUNDS_OF_FOLDER && result == -EEXIST; i++) {
		place->result = 0;
		fd = mailbox_open_part(place, "");
		if (fd >= 0) {
			result = make_parts(place, fd);
			close(fd);
		} else if (place_check(place, fd, "open", "") != -ENOENT) {
			result = fd;
		} else {
			place->result = 0;
			result = place->if_absent == MAILDIR_MAKE ? make_new(place) : MAKE_NOT;
		}
	}
	return result;
}
