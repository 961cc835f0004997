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
	name_escape_host(root->host, sizeof(root->host), host, strlen(host));
	root->has_tmpfile = linux_has_unnamed_files();
}

const char *maildir_strerror(int result)
{
	return result == -EXDEV ? "a symbolic link leads out of the mail root" : strerror(-result);
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

int mailbox_open_part(const struct maildir_root *root, const char *mailbox, const char *part)
{
	char path[MAILDIR_PATH_MAX + 4];

	snprintf(path, sizeof(path), "%s%s", mailbox, part);
	return open_beneath(root, path, O_RDONLY | O_DIRECTORY);
}

/* Not too long, and without components that would be resolved instead of named. */
static bool is_plain_path(const char *path)
{
	char framed[MAILDIR_PATH_MAX + 2];
	int n = snprintf(framed, sizeof(framed), "/%s/", path);

	return n < (int)sizeof(framed) && strstr(framed, "//") == NULL &&
	       strstr(framed, "/./") == NULL && strstr(framed, "/../") == NULL;
}

static int make_directory(int parent_fd, const char *name)
{
	return mkdirat(parent_fd, name, 0700) == 0 || errno == EEXIST ? 0 : -errno;
}

/* Opens the directory in fd by that name, and makes it if it is not there. Returns a file descriptor or
 * a negative errno; a symbolic link is an error here. */
static int open_or_make(int fd, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
	int next_fd = linux_open_beneath(fd, name, flags);

	if (next_fd == -ENOENT) {
		int result = make_directory(fd, name);

		next_fd = result < 0 ? result : linux_open_beneath(fd, name, flags);
	}
	return next_fd;
}

/* Makes the directories of path below base_fd, one by one, and returns the last one open. */
static int make_path(int base_fd, const char *path)
{
	char way[MAILDIR_PATH_MAX];
	int fd = base_fd, next_fd;
	bool is_last;

	memcpy(way, path, strlen(path) + 1);
	for (char *name = way, *slash;; name = slash + 1, fd = next_fd) {
		slash = strchrnul(name, '/');
		is_last = *slash == '\0';
		*slash = '\0';
		next_fd = open_or_make(fd, name);
		/* A symbolic link is followed, but from the root only, so that it cannot lead out. */
		if (next_fd == -ELOOP || next_fd == -ENOTDIR) {
			next_fd = linux_open_beneath(base_fd, way, O_RDONLY | O_DIRECTORY);
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

static int make_mailbox(const struct maildir_root *root, struct maildir_place *place)
{
	/* new/ last: who finds it takes the mailbox for whole. */
	static const char *const parts[] = { "/cur", "/tmp", "/new" };
	int base_fd, fd;

	base_fd = open(root->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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

int mailbox_open(const struct maildir_root *root, struct maildir_place *place)
{
	struct linux_status status;
	uint64_t identity;

	if (!is_plain_path(place->mailbox)) {
		return place_check(place, -EINVAL, "accept the path", "");
	}
	place->new_fd = mailbox_open_part(root, place->mailbox, "/new");
	if (place->new_fd == -ENOENT && make_mailbox(root, place) == 0) {
		place->new_fd = mailbox_open_part(root, place->mailbox, "/new");
	}
	if (place->result < 0 || place_check(place, place->new_fd, "open", "/new") < 0 ||
	    place_check(place, linux_stat(place->new_fd, &status), "stat", "/new") < 0) {
		return place->result;
	}
	place->device = status.device;
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

int mailbox_sync_parents(const struct maildir_root *root, struct maildir_place *place)
{
	char path[MAILDIR_PATH_MAX];
	bool is_root;

	memcpy(path, place->mailbox, strlen(place->mailbox) + 1);
	do {
		int fd = open_beneath(root, path, O_RDONLY | O_DIRECTORY);
		int result = fd < 0 ? fd : rounds_sync(NULL, fd, false);

		if (fd >= 0) {
			close(fd);
		}
		if (place_check(place, result, "sync the directories above", "/new") < 0) {
			return result;
		}
		is_root = path[0] == '\0';
		go_up(path);
	} while (!is_root);
	young_forget(place->young);
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
	int fd;

	*part_r = "";
	if (!is_plain_path(path)) {
		return -EINVAL;
	}
	fd = mailbox_open_part(root, path, "/new");
	if (fd == -ENOENT) {
		return probe_way(root, path);
	}
	*part_r = "/new";
	return fd < 0 ? fd : probe_directory(fd, MAILDIR_EXISTS);
}
