/* SPDX-License-Identifier: MIT
 * The directories of a mailbox.
 *
 * Every path is opened by openat2(RESOLVE_BENEATH) from the root, so no name and no symbolic link
 * can lead out of it, whatever a row of the database or a user's files say.
 *
 * A new mailbox is made from the root downwards and new/ comes last, so that a mailbox with a new/
 * has all the rest. A delivery may find directories that another one has just made and not synced
 * yet, in this process or in one that died; a directory that is younger than YOUNG_SECONDS is
 * therefore treated as one's own: its parents are synced too. By then the kernel has long written
 * back what nobody synced, and what is older than this process was synced at its start by
 * maildir_root_settle(). Any thread. */
#include "maildir/mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

enum {
	YOUNG_SECONDS = 300,
	SYNCED_SLOTS = 4096,
	CLOCK_SLACK = 1000000000, /* ns; file times lag behind, and clocks are slewed */
};

/* Young mailboxes whose parents this process has synced, so that it does so once. A slot that is
 * lost to another mailbox costs one more sync, nothing else. */
static _Atomic uint64_t synced[SYNCED_SLOTS];

/* When the whole filesystem of the mail was synced, by both clocks; 0: not yet. */
static struct {
	_Atomic uint64_t device;
	_Atomic int64_t wall, monotonic; /* ns */
	atomic_bool is_begun, is_done;
} settled;

static int64_t nanoseconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
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
	settled.wall = nanoseconds(CLOCK_REALTIME);
	settled.monotonic = nanoseconds(CLOCK_MONOTONIC);
	if (fstat(fd, &status) == 0 && syncfs(fd) == 0) {
		settled.device = status.st_dev;
		settled.is_done = true;
	}
	close(fd);
}

/* Was it there when the filesystem was synced? A clock that was set since then cannot tell. */
static bool is_settled(dev_t device, const struct statx_timestamp *birth, int64_t wall)
{
	int64_t born = birth->tv_sec * 1000000000 + birth->tv_nsec;
	int64_t drift = (wall - settled.wall) - (nanoseconds(CLOCK_MONOTONIC) - settled.monotonic);

	return settled.is_done && device == settled.device && born < settled.wall - CLOCK_SLACK &&
	       drift > -CLOCK_SLACK && drift < CLOCK_SLACK;
}

int mailbox_fail(struct maildir_target *target, int result, const char *step, const char *part)
{
	target->result = result;
	target->step = step;
	target->part = part;
	return result;
}

const char *maildir_strerror(int result)
{
	return result == -EXDEV ? "a symbolic link leads out of the mail root" : strerror(-result);
}

static int open_beneath_fd(int base_fd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (unsigned long long)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	/* EAGAIN: a rename somewhere made the kernel unsure about "..", openat2(2). */
	for (int i = 0; i < 16; i++) {
		fd = syscall(SYS_openat2, base_fd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) {
			break;
		}
	}
	return fd < 0 ? -errno : (int)fd;
}

/* The way through the base costs one more open, but a mail root that was replaced or mounted over
 * while the daemon runs is then the one that gets the mail. */
int mailbox_open_beneath(const char *base, const char *path, int flags)
{
	int base_fd = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (base_fd < 0) {
		return -errno;
	}
	fd = open_beneath_fd(base_fd, path, flags);
	close(base_fd);
	return fd;
}

/* Components that would be resolved, not named. */
static bool is_plain_path(const char *path)
{
	size_t n = strlen(path);

	if (n == 0 || n >= MAILDIR_PATH_MAX) {
		return false;
	}
	for (const char *p = path; *p != '\0';) {
		size_t length = strcspn(p, "/");

		if (length == 0 || (length <= 2 && strncmp(p, "..", length) == 0)) {
			return false;
		}
		p += length;
		if (*p == '/' && *++p == '\0') {
			return false;
		}
	}
	return true;
}

static int make_directory(int parent_fd, const char *name)
{
	return mkdirat(parent_fd, name, 0700) == 0 || errno == EEXIST ? 0 : -errno;
}

/* Makes the directories of path below base_fd, one by one, and returns the last one open. */
static int make_path(int base_fd, const char *path)
{
	char name[MAILDIR_PATH_MAX];
	int fd = fcntl(base_fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0) {
		return -errno;
	}
	for (const char *p = path;;) {
		const char *slash = strchrnul(p, '/');
		int next_fd, result;

		memcpy(name, p, (size_t)(slash - p));
		name[slash - p] = '\0';
		/* A symbolic link in this place is followed, but by openat2 and from the root only. */
		next_fd = open_beneath_fd(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		if (next_fd == -ENOENT) {
			result = make_directory(fd, name);
			next_fd = result < 0 ? result
					     : open_beneath_fd(
						   fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		}
		if (next_fd == -ELOOP || next_fd == -ENOTDIR) {
			char whole[MAILDIR_PATH_MAX];

			memcpy(whole, path, (size_t)(slash - path));
			whole[slash - path] = '\0';
			next_fd = open_beneath_fd(base_fd, whole, O_RDONLY | O_DIRECTORY);
		}
		close(fd);
		if (next_fd < 0 || *slash == '\0') {
			return next_fd;
		}
		fd = next_fd;
		p = slash + 1;
	}
}

static int make_mailbox(const struct maildir_root *root, struct maildir_target *target)
{
	static const char *const parts[] = { "/cur", "/tmp", "/new" };
	int base_fd, fd, result;

	base_fd = open(root->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (base_fd < 0) {
		return mailbox_fail(target, -errno, "open the mail root above", "");
	}
	fd = make_path(base_fd, target->path);
	close(base_fd);
	if (fd < 0) {
		return mailbox_fail(target, fd, "make", "");
	}
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		result = make_directory(fd, parts[i] + 1);
		if (result < 0) {
			close(fd);
			return mailbox_fail(target, result, "make", parts[i]);
		}
	}
	close(fd);
	return 0;
}

static int open_new(const struct maildir_root *root, const char *path)
{
	char new_path[MAILDIR_PATH_MAX + 4];
	size_t n = strlen(path);

	memcpy(new_path, path, n);
	memcpy(new_path + n, "/new", 5);
	return mailbox_open_beneath(root->base, new_path, O_RDONLY | O_DIRECTORY);
}

/* Spreads inode, device and time of birth over 64 bits (the finaliser of splitmix64). */
static uint64_t identify(const struct statx *status)
{
	uint64_t x = status->stx_ino ^ (uint64_t)status->stx_dev_major << 52 ^
		     (uint64_t)status->stx_dev_minor << 40 ^
		     (uint64_t)status->stx_btime.tv_sec << 32 ^ status->stx_btime.tv_nsec;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/* A filesystem that does not know the birth of a directory, or a clock that was set back: better
 * one sync too many. */
static bool is_young(const struct statx *status, dev_t device)
{
	int64_t now = nanoseconds(CLOCK_REALTIME);

	return (status->stx_mask & STATX_BTIME) == 0 ||
	       (status->stx_btime.tv_sec + YOUNG_SECONDS > now / 1000000000 &&
		   !is_settled(device, &status->stx_btime, now));
}

int mailbox_open(const struct maildir_root *root, struct maildir_target *target)
{
	struct statx status;

	if (!is_plain_path(target->path)) {
		return mailbox_fail(target, -EINVAL, "accept the path", "");
	}
	target->new_fd = open_new(root, target->path);
	if (target->new_fd == -ENOENT) {
		int result = make_mailbox(root, target);

		if (result < 0) {
			return result;
		}
		target->new_fd = open_new(root, target->path);
	}
	if (target->new_fd < 0) {
		return mailbox_fail(target, target->new_fd, "open", "/new");
	}
	if (statx(target->new_fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &status) != 0) {
		return mailbox_fail(target, -errno, "stat", "/new");
	}
	target->identity = identify(&status);
	target->device = makedev(status.stx_dev_major, status.stx_dev_minor);
	target->is_young = is_young(&status, target->device) &&
			   synced[target->identity % SYNCED_SLOTS] != target->identity;
	return 0;
}

int mailbox_sync_parents(const struct maildir_root *root, struct maildir_target *target)
{
	char path[MAILDIR_PATH_MAX];
	size_t n = strlen(target->path);

	memcpy(path, target->path, n + 1);
	/* From the mailbox up to the root itself. */
	for (;;) {
		char *slash;
		int fd = mailbox_open_beneath(
		    root->base, path[0] == '\0' ? "." : path, O_RDONLY | O_DIRECTORY);
		int result = fd < 0 ? fd : (fsync(fd) == 0 ? 0 : -errno);

		if (fd >= 0) {
			close(fd);
		}
		if (result < 0) {
			return mailbox_fail(target, result, "sync the directories above", "/new");
		}
		if (path[0] == '\0') {
			synced[target->identity % SYNCED_SLOTS] = target->identity;
			return 0;
		}
		slash = strrchr(path, '/');
		*(slash == NULL ? path : slash) = '\0';
	}
}

/* Can something be made in the deepest directory that exists on the way to the mailbox, itself
 * included? */
static int probe_way(const struct maildir_root *root, const char *path)
{
	char way[MAILDIR_PATH_MAX];
	int fd, link_fd, result;

	memcpy(way, path, strlen(path) + 1);
	for (;;) {
		char *slash;

		fd = mailbox_open_beneath(
		    root->base, way[0] == '\0' ? "." : way, O_PATH | O_DIRECTORY);
		if (fd != -ENOENT || way[0] == '\0') {
			break;
		}
		/* A symbolic link that leads nowhere takes the name. */
		link_fd = mailbox_open_beneath(root->base, way, O_PATH | O_NOFOLLOW);
		if (link_fd >= 0) {
			close(link_fd);
			return -ENOENT;
		}
		slash = strrchr(way, '/');
		*(slash == NULL ? way : slash) = '\0';
	}
	if (fd < 0) {
		return fd;
	}
	result = faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) == 0 ? MAILDIR_ABSENT : -errno;
	close(fd);
	return result;
}

int maildir_probe(const struct maildir_root *root, const char *path, const char **part_r)
{
	int fd, result;

	*part_r = "";
	if (!is_plain_path(path)) {
		return -EINVAL;
	}
	fd = open_new(root, path);
	if (fd == -ENOENT) {
		return probe_way(root, path);
	}
	*part_r = "/new";
	if (fd < 0) {
		return fd;
	}
	result = faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) == 0 ? MAILDIR_EXISTS : -errno;
	close(fd);
	return result;
}
