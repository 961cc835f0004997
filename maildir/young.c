/* SPDX-License-Identifier: MIT
 * Who makes a directory syncs its parents, but a delivery may find one that somebody else has just
 * made and not synced yet, in this process or in one that died. So what is younger than
 * YOUNG_SECONDS is treated as one's own. By then the kernel has long written back what nobody
 * synced, and what is older than this process is settled: maildir_root_settle() has synced the whole
 * filesystem at its start. */
#include "maildir/young.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "maildir/maildir.h"

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

uint64_t young_identify(const struct linux_status *status)
{
	uint64_t identity = identify(status);

	return is_young(status) && *slot_of(identity) != identity ? identity : 0;
}

void young_is_synced(uint64_t identity)
{
	*slot_of(identity) = identity;
}
