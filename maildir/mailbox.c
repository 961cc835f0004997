/* SPDX-License-Identifier: MIT
 * The directories of a mailbox.
 *
 * Every path is opened beneath the root, so no name and no symbolic link can lead out of it, whatever
 * a row of the database or a user's files say. Any thread. */
#include "maildir/mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "maildir/file.h"
#include "maildir/folder.h"
#include "maildir/linux.h"
#include "maildir/make.h"
#include "maildir/name.h"
#include "maildir/place.h"

enum {
	/* Seconds that a mailbox or folder is young. By then the kernel has long written back what nobody synced. */
	YOUNG_SECONDS = 300,
	/* Of a part of a folder, "/.Name/new", or of a file. */
	WAY_MAX = MAILDIR_PATH_MAX + 1 + FOLDER_DIRECTORY_MAX + 4,
};

const char *const mailbox_parts[MAILBOX_PARTS] = { "/tmp", "/cur", "/new" };

void maildir_root_init(struct maildir_root *root, const char *base, const char *host)
{
	root->base = base;
	name_escape_host(root->host, sizeof(root->host), host);
	root->has_tmpfile = linux_has_unnamed_files();
	root->storage.n = 0;
	root->marker = "";
}

const char *maildir_strerror(int result, const char *step)
{
	/* Of a name it means what it says, link(2). */
	return result == -EXDEV && strcmp(step, STEP_NAME) != 0
		   ? "a symbolic link leads out of the mail root"
		   : strerror(-result);
}

int mailbox_open_base(const struct maildir_root *root)
{
	int fd = open(root->base, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Opens path below the root; "" is the root itself. The way through the base costs one more open, but
 * a mail root that was replaced or mounted over while the daemon runs is then the one that gets the
 * mail. */
static int open_beneath(const struct maildir_root *root, const char *path, int flags)
{
	int base_fd = mailbox_open_base(root);
	int fd;

	if (base_fd < 0) {
		return base_fd;
	}
	fd = linux_open_beneath(base_fd, path[0] == '\0' ? "." : path, flags);
	close(base_fd);
	return fd;
}

/* The path of a part of a mailbox, or of one of its folders, in path_r[WAY_MAX]. */
static void write_path(char *path_r, const char *mailbox, const char *folder, const char *part)
{
	snprintf(path_r, WAY_MAX, "%s%s%s%s", mailbox, folder[0] == '\0' ? "" : "/", folder, part);
}

int mailbox_open_below(int base_fd, const char *mailbox, const char *folder, const char *part)
{
	char path[WAY_MAX];

	write_path(path, mailbox, folder, part);
	return linux_open_beneath(base_fd, path, O_RDONLY | O_DIRECTORY);
}

static int open_part(
    const struct maildir_root *root, const char *mailbox, const char *folder, const char *part)
{
	char path[WAY_MAX];

	write_path(path, mailbox, folder, part);
	return open_beneath(root, path, O_RDONLY | O_DIRECTORY);
}

const char *mailbox_part(const struct maildir_place *place)
{
	return place->is_marked ? "/cur" : "/new";
}

int mailbox_open_part(const struct maildir_place *place, const char *part)
{
	return open_part(place->root, place->mailbox, place->where, part);
}

int mailbox_open_root_part(const struct maildir_place *place, const char *part)
{
	return open_part(place->root, place->mailbox, "", part);
}

int mailbox_open_file(const struct maildir_place *place, const char *name, int flags)
{
	char path[WAY_MAX];

	write_path(path, place->mailbox, "", name);
	return open_beneath(place->root, path, flags);
}

bool maildir_path_is_plain(const char *path)
{
	char framed[MAILDIR_PATH_MAX + 2];
	int n = snprintf(framed, sizeof(framed), "/%s/", path);

	return n < (int)sizeof(framed) && strstr(framed, "//") == NULL &&
	       strstr(framed, "/./") == NULL && strstr(framed, "/../") == NULL;
}

/* Mail that is written below a mount point is hidden when its disk is there again. */
static int find_marker(const struct maildir_root *root, const char *mailbox)
{
	char path[MAILDIR_PATH_MAX + MAILDIR_NAME_MAX + 1];
	int fd;

	if (root->marker[0] == '\0') {
		return 0;
	}
	snprintf(path, sizeof(path), "%.*s/%s", (int)strcspn(mailbox, "/"), mailbox, root->marker);
	fd = open_beneath(root, path, O_PATH);
	if (fd < 0) {
		fd = open_beneath(root, root->marker, O_PATH);
	}
	if (fd < 0) {
		return fd;
	}
	close(fd);
	return 0;
}

int mailbox_find_domain(const struct maildir_place *place, int fd, struct maildir_domain *domain_r,
    struct linux_status *status_r)
{
	struct linux_attributes attributes;
	int result = linux_stat(fd, status_r);

	if (result < 0) {
		return result;
	}
	attributes = linux_attributes(fd);
	*domain_r = (struct maildir_domain){
		.device = status_r->device,
		.project = attributes.project,
		.commit = attributes.is_realtime
			      ? STORAGE_STRICT
			      : storage_commit_of(&place->root->storage, status_r->device),
	};
	return 0;
}

/* May somebody have made it who has not synced it yet, in this process or in one that died? One whose birth is
 * not known may be young, and so may one that a clock that was set back calls unborn. */
static bool is_young(const struct linux_status *status)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return !status->has_birth || status->birth + YOUNG_SECONDS >= now.tv_sec;
}

/* Finds out what must be known of the directory that was opened. */
static int look_around(struct maildir_place *place)
{
	struct linux_status status;

	if (place_check(place, mailbox_find_domain(place, place->names_fd, &place->domain, &status),
		"stat", mailbox_part(place)) < 0) {
		return place->result;
	}
	/* Opened again, what this message has made stays young, however long ago that was. */
	place->is_young = place->is_young || is_young(&status);
	return 0;
}

/* Opens the directory that the name goes to, in the mailbox itself. */
static int open_mailbox(struct maildir_place *place)
{
	const char *part = mailbox_part(place);

	place->names_fd = mailbox_open_part(place, part);
	if (place->names_fd == -ENOENT) {
		place_drop_letters(place);
		if (make_mailbox(place) == 0) {
			place->names_fd = mailbox_open_part(place, part);
		}
	}
	return place->result < 0 || place_check(place, place->names_fd, "open", part) < 0
		   ? place->result
		   : look_around(place);
}

/* Makes the mailbox of a folder that was not found, if it is not there either. */
static int make_way(struct maildir_place *place)
{
	place->where = "";
	if (open_mailbox(place) < 0) {
		return place->result;
	}
	close(place->names_fd);
	place->names_fd = -1;
	place->where = place->folder;
	return 0;
}

/* One name of a directory that is hidden, and that a line of a file can hold. */
static bool is_folder_name(const char *name)
{
	size_t n = strlen(name);

	return n >= 2 && n <= FOLDER_DIRECTORY_MAX && name[0] == '.' && name[1] != '.' &&
	       strchr(name, '/') == NULL && !text_has_control(name, n);
}

/* Opens the same directory in the folder. Returns 0, MAKE_NOT or a negative errno. */
static int open_folder(struct maildir_place *place)
{
	const char *part = mailbox_part(place);
	int result;

	if (!is_folder_name(place->where)) {
		return place_check(place, -EINVAL, "accept the name of", "");
	}
	place->names_fd = mailbox_open_part(place, part);
	if (place->names_fd == -ENOENT) {
		place_drop_letters(place);
		result = make_way(place) < 0 ? place->result : make_folder(place);
		if (result != 0) {
			return result;
		}
		place->names_fd = mailbox_open_part(place, part);
	}
	return place_check(place, place->names_fd, "open", part) < 0 ? place->result
								     : look_around(place);
}

void mailbox_leave_folder(struct maildir_place *place)
{
	if (place->result < 0) {
		place_note(place, "cannot %s %s%s: %s", place->step, place->where, place->part,
		    maildir_strerror(place->result, place->step));
	}
	if (place->names_fd >= 0) {
		close(place->names_fd);
	}
	place->names_fd = -1;
	place->where = "";
	place_drop_letters(place);
	place->is_young = false;
	place->result = 0;
	place->step = place->part = "";
}

int mailbox_open(struct maildir_place *place)
{
	if (!maildir_path_is_plain(place->mailbox)) {
		return place_check(place, -EINVAL, "accept the path", "");
	}
	if (place_check(
		place, find_marker(place->root, place->mailbox), "find the marker above", "") < 0) {
		return place->result;
	}
	if (place->where[0] != '\0') {
		/* Without its mailbox there is nothing to leave the folder for. */
		if (open_folder(place) == 0 || place->where[0] == '\0') {
			return place->result;
		}
		mailbox_leave_folder(place);
	}
	return open_mailbox(place);
}

/* From a path to that of the directory above. */
static void go_up(char *path)
{
	char *slash = strrchr(path, '/');

	*(slash == NULL ? path : slash) = '\0';
}

/* Has somebody put something else there? Nothing of a delivery is in it then. */
static bool is_in_the_way(int result)
{
	return result == -ENOTDIR || result == -EACCES || result == -ELOOP || result == -EXDEV;
}

/* An empty directory as well: else its block may show after a power cut what lay there before. And tmp/, where a
 * folder was made. */
static int sync_parts(struct maildir_place *place, const char *folder)
{
	for (size_t i = 0; i < MAILBOX_PARTS; i++) {
		int fd = open_part(place->root, place->mailbox, folder, mailbox_parts[i]);

		if (is_in_the_way(fd)) {
			place_note(place, "%s%s is not synced: %s", folder, mailbox_parts[i],
			    strerror(-fd));
		} else if (fd != -ENOENT && place_check(place, file_sync_and_close(fd), "sync",
						mailbox_parts[i]) < 0) {
			return place->result;
		}
	}
	return 0;
}

int mailbox_sync_around(struct maildir_place *place)
{
	char path[WAY_MAX];
	bool is_root;

	if (sync_parts(place, place->where) < 0 ||
	    (place->where[0] != '\0' && sync_parts(place, "") < 0)) {
		return place->result;
	}
	write_path(path, place->mailbox, place->where, "");
	do {
		int fd = open_beneath(place->root, path, O_RDONLY | O_DIRECTORY);

		if (place_check(place, file_sync_and_close(fd), "sync the directories above",
			mailbox_part(place)) < 0) {
			return place->result;
		}
		is_root = path[0] == '\0';
		go_up(path);
	} while (!is_root);
	return 0;
}

/* Closes a directory that something would be made in, and returns the state if it can be. */
static int probe_directory(int fd, enum maildir_state state)
{
	int result = faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) == 0 ? (int)state : -errno;

	close(fd);
	return result;
}

/* Can something be made in the deepest directory that exists on the way to the mailbox, itself
 * included? */
static int probe_way(const struct maildir_root *root, const char *path)
{
	char way[MAILDIR_PATH_MAX];
	int fd, link_fd;

	memcpy(way, path, strlen(path) + 1);
	for (;;) {
		fd = open_beneath(root, way, O_PATH | O_DIRECTORY);
		if (fd != -ENOENT || way[0] == '\0') {
			break;
		}
		/* A symbolic link that leads nowhere takes the name. */
		link_fd = open_beneath(root, way, O_PATH | O_NOFOLLOW);
		if (link_fd >= 0) {
			close(link_fd);
			return -ENOENT;
		}
		go_up(way);
	}
	return fd < 0 ? fd : probe_directory(fd, MAILDIR_ABSENT);
}

int maildir_probe(const struct maildir_root *root, const char *path, const char **part_r)
{
	int fd, result;

	*part_r = "";
	if (!maildir_path_is_plain(path)) {
		return -EINVAL;
	}
	result = find_marker(root, path);
	if (result < 0) {
		*part_r = "the marker";
		return result;
	}
	fd = open_part(root, path, "", "/new");
	if (fd == -ENOENT) {
		return probe_way(root, path);
	}
	*part_r = "/new";
	return fd < 0 ? fd : probe_directory(fd, MAILDIR_EXISTS);
}
