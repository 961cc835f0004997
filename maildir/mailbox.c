/* SPDX-License-Identifier: MIT
 * The directories of a mailbox.
 *
 * Every path is opened beneath the root, so no name and no symbolic link can lead out of it, whatever
 * a row of the database or a user's files say. A new mailbox is made from the root downwards and
 * new/ comes last, so that a mailbox with a new/ has all the rest. Any thread. */
#include "maildir/mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "maildir/linux.h"
#include "maildir/name.h"
#include "maildir/place.h"
#include "maildir/rounds.h"
#include "maildir/young.h"

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

/* Opens path below the root; "" is the root itself. The way through the base costs one more open, but
 * a mail root that was replaced or mounted over while the daemon runs is then the one that gets the
 * mail. */
static int open_beneath(const struct maildir_root *root, const char *path, int flags)
{
	int base_fd = open(root->base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (base_fd < 0) {
		return -errno;
	}
	fd = linux_open_beneath(base_fd, path[0] == '\0' ? "." : path, flags);
	close(base_fd);
	return fd;
}

static int open_part(const struct maildir_root *root, const char *mailbox, const char *part)
{
	char path[MAILDIR_PATH_MAX + 4];

	snprintf(path, sizeof(path), "%s%s", mailbox, part);
	return open_beneath(root, path, O_RDONLY | O_DIRECTORY);
}

const char *mailbox_part(const struct maildir_place *place)
{
	return place->is_marked ? "/cur" : "/new";
}

int mailbox_open_part(const struct maildir_place *place, const char *part)
{
	return open_part(place->root, place->mailbox, part);
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

static int make_mailbox(struct maildir_place *place)
{
	/* new/ last: who finds it takes the mailbox for whole. Who looks for cur/ alone has tmp/ then. */
	static const char *const parts[] = { "/tmp", "/cur", "/new" };
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
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && place->result == 0; i++) {
		place_check(place, make_directory(fd, parts[i] + 1), "make", parts[i]);
	}
	close(fd);
	return place->result;
}

int mailbox_open(struct maildir_place *place)
{
	const char *part = mailbox_part(place);
	struct linux_attributes attributes;
	struct linux_status status;
	uint64_t identity;

	if (!maildir_path_is_plain(place->mailbox)) {
		return place_check(place, -EINVAL, "accept the path", "");
	}
	if (place_check(
		place, find_marker(place->root, place->mailbox), "find the marker above", "") < 0) {
		return place->result;
	}
	place->names_fd = mailbox_open_part(place, part);
	if (place->names_fd == -ENOENT && make_mailbox(place) == 0) {
		place->names_fd = mailbox_open_part(place, part);
	}
	if (place->result < 0 || place_check(place, place->names_fd, "open", part) < 0 ||
	    place_check(place, linux_stat(place->names_fd, &status), "stat", part) < 0) {
		return place->result;
	}
	attributes = linux_attributes(place->names_fd);
	place->domain = (struct maildir_domain){
		.device = status.device,
		.project = attributes.project,
		.commit = attributes.is_realtime
			      ? STORAGE_STRICT
			      : storage_commit_of(&place->root->storage, status.device),
	};
	/* Opened again, what this message has made stays young, however long ago that was. */
	identity = young_identify(&status);
	place->young = identity != 0 ? identity : place->young;
	return 0;
}

/* From a path to that of the directory above. */
static void go_up(char *path)
{
	char *slash = strrchr(path, '/');

	*(slash == NULL ? path : slash) = '\0';
}

int mailbox_sync_parents(struct maildir_place *place)
{
	char path[MAILDIR_PATH_MAX];
	bool is_root;

	memcpy(path, place->mailbox, strlen(place->mailbox) + 1);
	do {
		int fd = open_beneath(place->root, path, O_RDONLY | O_DIRECTORY);
		int result = fd < 0 ? fd : rounds_sync(NULL, fd, false);

		if (fd >= 0) {
			close(fd);
		}
		if (place_check(place, result, "sync the directories above", mailbox_part(place)) <
		    0) {
			return result;
		}
		is_root = path[0] == '\0';
		go_up(path);
	} while (!is_root);
	young_is_synced(place->young);
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
	fd = open_part(root, path, "/new");
	if (fd == -ENOENT) {
		return probe_way(root, path);
	}
	*part_r = "/new";
	return fd < 0 ? fd : probe_directory(fd, MAILDIR_EXISTS);
}
