/* SPDX-License-Identifier: MIT
 * The directories of a mailbox.
 *
 * Every path is opened beneath the root, so no name and no symbolic link can lead out of it, whatever
 * a row of the database or a user's files say. A new mailbox is made from the root downwards and
 * new/ comes last, so that a mailbox with a new/ has all the rest.
 *
 * Who makes a directory syncs its parents, but a delivery may find one that somebody else has just
 * made and not synced yet, in this process or in one that died. So what is younger than
 * YOUNG_SECONDS is treated as one's own. By then the kernel has long written back what nobody
 * synced, and what is older than this process is settled: maildir_root_settle() has synced the whole
 * filesystem at its start. Any thread. */
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

enum {
	SECOND = 1000000000,  /* ns */
	CLOCK_SLACK = SECOND, /* file times lag behind, and clocks are slewed */
	YOUNG_SECONDS = 300,
	SYNCED_SLOTS = 4096,
};

/* Young directories whose parents this process has synced, so that it does so once. A slot that is
 * lost to another one costs one more sync, nothing else. */
static _Atomic uint64_t synced[SYNCED_SLOTS];

/* When the whole filesystem of the mail was synced, by both clocks. */
static struct {
	_Atomic uint64_t device;
	_Atomic int64_t wall, monotonic; /* ns */
	atomic_bool is_begun, is_done;
} settled;

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
	/* new/ last: who finds it takes the mailbox for whole. */
	static const char *const parts[] = { "/cur", "/tmp", "/new" };
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

static int64_t nanoseconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

void maildir_root_settle(const struct maildir_root *root)
{
	struct stat status;
	int fd;

	if (atomic_exchange(&settled.is_begun, true)) {
		return;
	}
	fd = open(root->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		return;
	}
	/* The clocks are read first: what is made during the sync may miss it. */
	settled.wall = nanoseconds(CLOCK_REALTIME);
	settled.monotonic = nanoseconds(CLOCK_MONOTONIC);
	if (fstat(fd, &status) == 0 &&
	    storage_commit_of(&root->storage, status.st_dev) != STORAGE_ONE_COMMIT &&
	    linux_sync_filesystem(fd) == 0) {
		settled.device = status.st_dev;
		settled.is_done = true;
	}
	close(fd);
}

/* Was it there when the filesystem was synced? A clock that was set since then cannot tell. */
static bool is_settled(const struct linux_status *status, int64_t wall)
{
	int64_t drift = (wall - settled.wall) - (nanoseconds(CLOCK_MONOTONIC) - settled.monotonic);

	return settled.is_done && status->device == settled.device &&
	       status->birth < settled.wall - CLOCK_SLACK && drift > -CLOCK_SLACK &&
	       drift < CLOCK_SLACK;
}

/* A filesystem that does not know the birth of a directory, or a clock that was set back: better
 * one sync too many. */
static bool is_young(const struct linux_status *status)
{
	int64_t now = nanoseconds(CLOCK_REALTIME);

	return !status->has_birth ||
	       (status->birth + (int64_t)YOUNG_SECONDS * SECOND > now && !is_settled(status, now));
}

/* An inode is used again when its directory is gone, hence the time of birth. All of it is spread
 * over 64 bits by the finaliser of splitmix64. */
static uint64_t identify(const struct linux_status *status)
{
	uint64_t x = status->inode ^ (uint64_t)status->device << 40 ^
		     (uint64_t)status->birth * 0x9e3779b97f4a7c15u;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return (x ^ (x >> 31)) | 1; /* 0 stands for none */
}

static _Atomic uint64_t *slot_of(uint64_t identity)
{
	return &synced[identity / 2 % SYNCED_SLOTS];
}

/* Returns 0 when the parents of this directory are durable, else a number that tells it from every other
 * directory, and from a successor by the same name and inode. */
static uint64_t identify_young(const struct linux_status *status)
{
	uint64_t identity = identify(status);

	return is_young(status) && *slot_of(identity) != identity ? identity : 0;
}

int mailbox_open(struct maildir_place *place)
{
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
	place->new_fd = mailbox_open_part(place, "/new");
	if (place->new_fd == -ENOENT && make_mailbox(place) == 0) {
		place->new_fd = mailbox_open_part(place, "/new");
	}
	if (place->result < 0 || place_check(place, place->new_fd, "open", "/new") < 0 ||
	    place_check(place, linux_stat(place->new_fd, &status), "stat", "/new") < 0) {
		return place->result;
	}
	attributes = linux_attributes(place->new_fd);
	place->domain = (struct maildir_domain){
		.device = status.device,
		.project = attributes.project,
		.commit = attributes.is_realtime
			      ? STORAGE_STRICT
			      : storage_commit_of(&place->root->storage, status.device),
	};
	/* Opened again, what this message has made stays young, however long ago that was. */
	identity = identify_young(&status);
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
		if (place_check(place, result, "sync the directories above", "/new") < 0) {
			return result;
		}
		is_root = path[0] == '\0';
		go_up(path);
	} while (!is_root);
	*slot_of(place->young) = place->young;
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
