/* SPDX-License-Identifier: MIT
 * The mail root: may its owner write there, what kind of filesystem is it, how full? Nothing is
 * written, so what a filesystem can do is known by its kind. */
#include "doctor/storage.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/text.h"

enum {
	LOW_PERCENT = 2,
	LOW_MEGABYTES = 1024, /* 2 % of a large disk are enough for days */
	LOW_INODES = 100000,
};

/* Numbers of statfs(2). */
static const struct {
	unsigned long type;
	const char *name, *trouble, *remedy;
} kinds[] = {
	{ 0x01021994, "tmpfs", "nothing on it survives a restart", "mail belongs on a disk" },
	{ 0x858458f6, "ramfs", "nothing on it survives a restart", "mail belongs on a disk" },
	{ 0x4d44, "FAT", "it has no hard links and no owners", "use ext4 or XFS" },
	{ 0x2011bab0, "exFAT", "it has no hard links and no owners", "use ext4 or XFS" },
	{ 0x5346544e, "NTFS", "it does not sync directories", "use ext4 or XFS" },
	{ 0x7366746e, "NTFS", "it does not sync directories", "use ext4 or XFS" },
	{ 0x6969, "NFS", "that mail is durable is up to its server; every delivery waits for it",
	    "export it with \"sync\", and mount it \"hard\"" },
	{ 0xff534d42, "CIFS", "that mail is durable is up to its server", "use ext4 or XFS" },
	{ 0xfe534d42, "SMB", "that mail is durable is up to its server", "use ext4 or XFS" },
	{ 0x01021997, "9P", "that mail is durable is up to what lies behind it",
	    "use ext4 or XFS" },
	{ 0x65735546, "FUSE",
	    "whether it has hard links and syncs directories is up to its program",
	    "use ext4 or XFS, or make sure that it does" },
};

/* What cannot hold mail that survives, or depends on somebody else for it. An unknown kind is taken as good. */
static void check_kind(const char *base, struct report *report)
{
	struct statfs status;

	if (statfs(base, &status) != 0) {
		return;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (((unsigned long)status.f_type & 0xffffffffUL) == kinds[i].type) {
			report_warn(report, "filesystem", kinds[i].remedy, "%s lies on %s: %s",
			    base, kinds[i].name, kinds[i].trouble);
		}
	}
}

/* Room for bytes and for files: each message is a file. What root alone may use does not count. */
static void check_room(const char *base, struct report *report)
{
	unsigned long long left, whole;
	struct statvfs status;

	if (statvfs(base, &status) != 0) {
		return;
	}
	left = (unsigned long long)status.f_bavail * status.f_frsize >> 20;
	whole = (unsigned long long)status.f_blocks * status.f_frsize >> 20;
	if (status.f_bavail == 0) {
		report_fail(report, EX_TEMPFAIL, "filesystem",
		    "make room: all mail is put off (452 4.3.1)", "%s: no space left", base);
	} else if (left < LOW_MEGABYTES && left * 100 < whole * LOW_PERCENT) {
		report_warn(report, "filesystem",
		    "make room before it is full: all mail is put off then",
		    "%s: %llu of %llu MiB left", base, left, whole);
	}
	if (status.f_files == 0) {
		return; /* it makes them as they are needed */
	}
	if (status.f_favail == 0) {
		report_fail(report, EX_TEMPFAIL, "filesystem",
		    "remove files: all mail is put off (452 4.3.1)",
		    "%s: no inodes left, each file takes one", base);
	} else if (status.f_favail < LOW_INODES &&
		   status.f_favail * 100 < status.f_files * LOW_PERCENT) {
		report_warn(report, "filesystem",
		    "remove files, or make the filesystem anew with more: df -i shows them",
		    "%s: %llu of %llu inodes left", base, (unsigned long long)status.f_favail,
		    (unsigned long long)status.f_files);
	}
}

/* How mail becomes durable on a filesystem, and what a power cut may cost all the same. */
static void check_commit(const struct storage_filesystem *filesystem, struct report *report)
{
	switch (filesystem->journal) {
	case STORAGE_JOURNAL_FAST:
		report_warn(report, "commit", "unmount it, and: tune2fs -O ^fast_commit DEVICE",
		    "%s: %s: after a power cut it may not be mountable, nor repairable by e2fsck",
		    filesystem->where, filesystem->why);
		break;
	case STORAGE_JOURNAL_NONE:
		report_warn(report, "commit", "unmount it, and: tune2fs -j DEVICE",
		    "%s: %s: what was delivered before a power cut is as safe as e2fsck can make "
		    "it",
		    filesystem->where, filesystem->why);
		break;
	default:
		report_ok(report, "commit", "%s: %s (%s)", filesystem->where,
		    storage_commit_name(filesystem->commit), filesystem->why);
	}
}

static bool has_marker(const struct maildir_root *root, const char *directory)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s/%s", root->base, directory, root->marker);
	return access(path, F_OK) == 0;
}

/* The marker is in the root, or has to be in each directory there. */
static void check_marker(const struct maildir_root *root, struct report *report)
{
	DIR *directory;
	const struct dirent *entry;
	bool is_found = false;

	if (root->marker[0] == '\0') {
		return;
	}
	if (has_marker(root, ".")) {
		report_ok(report, "marker", "%s/%s", root->base, root->marker);
		return;
	}
	directory = opendir(root->base);
	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		if (entry->d_name[0] == '.') {
			continue;
		}
		if (has_marker(root, entry->d_name)) {
			is_found = true;
			report_ok(
			    report, "marker", "%s/%s/%s", root->base, entry->d_name, root->marker);
		} else if (errno == ENOENT) { /* else no directory, or one without mail */
			is_found = true;
			report_fail(report, EX_TEMPFAIL, "marker",
			    "mount its disk, or make the file there if that is the disk",
			    "%s/%s/%s is not there: mail below it is put off", root->base,
			    entry->d_name, root->marker);
		}
	}
	if (directory != NULL) {
		closedir(directory);
	}
	if (!is_found) {
		report_fail(report, EX_TEMPFAIL, "marker",
		    "mount the disk, or make the file there if that is the disk",
		    "%s/%s is not there: all mail is put off", root->base, root->marker);
	}
}

static void check_commits(const char *base, const struct storage *storage, struct report *report)
{
	for (size_t i = 0; i < storage->n; i++) {
		const char *where = storage->filesystems[i].where;

		/* Of those at or above the root, one has it. */
		if (i == storage->base ||
		    (text_is_below(where, base) && !text_is_below(base, where))) {
			check_commit(&storage->filesystems[i], report);
		}
	}
}

void storage_check(const struct maildir_root *root, const char *rest, struct report *report)
{
	const char *base = root->base;
	struct stat status;

	if (stat(base, &status) != 0 || access(base, R_OK | W_OK | X_OK) != 0) {
		int error = errno;

		report_fail(report, EX_CONFIG, "mail root",
		    error == EROFS
			? "mount it for writing: mount -o remount,rw"
			: "make it, and give it to the user and group of section maildir",
		    "%s: %s", base, strerror(error));
		return;
	}
	if (!S_ISDIR(status.st_mode)) {
		report_fail(report, EX_CONFIG, "mail root", "it must be a directory", "%s", base);
		return;
	}
	if (rest == NULL) {
		report_ok(report, "mail root", "%s, for homes of rows", base);
	} else {
		report_ok(report, "mail root", "%s, homes at %s/%s", base, base, rest);
	}
	check_marker(root, report);
	check_kind(base, report);
	check_commits(base, &root->storage, report);
	check_room(base, report);
}
