/* SPDX-License-Identifier: MIT
 * What is known of the filesystems that mail lies on, and so how a message becomes durable there. It is
 * chosen by what is known, never by hope: where nothing is, the strict way is taken.
 *
 * Some of it stands in the superblock of ext4 alone, which only root can read. So root looks before the
 * daemon is somebody else, and leaves what it found in a file; see storage_examine(). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum {
	STORAGE_MAX = 16, /* filesystems that are known; others are strict */
	STORAGE_SUPERBLOCK_AT = 1024,
	STORAGE_SUPERBLOCK_SIZE = 1024,
};

enum storage_commit {
	STORAGE_STRICT = 0, /* file, names, file again, directories */
	STORAGE_NAMED,      /* strict, and files have a name in tmp/ from the beginning */
	/* The data are written, the names given, and one sync of the file commits them all, with the
	 * directories that were made before: one commit of the journal. */
	STORAGE_ONE_COMMIT,
};

/* What the superblock of an ext4 says of its journal. */
enum storage_journal {
	STORAGE_JOURNAL_UNKNOWN = 0,
	STORAGE_JOURNAL_INSIDE, /* on the same device */
	STORAGE_JOURNAL_NONE,
	STORAGE_JOURNAL_ELSEWHERE,
	STORAGE_JOURNAL_FAST, /* with fast_commit, which unnamed files can break */
};

struct storage {
	size_t n;
	size_t base; /* the number of the filesystem that the mail root itself lies on */
	struct storage_filesystem {
		dev_t device;
		enum storage_journal journal; /* of an ext4 */
		enum storage_commit commit;
		/* Its directories have its device number: not so on btrfs, where each subvolume has one, nor
		 * where something is mounted when it is looked at. */
		bool has_one_device;
		char where[256]; /* it is mounted; longer ones are cut */
		const char *why; /* "ext4 with a journal" */
	} filesystems[STORAGE_MAX];
};

/* Pure: reads a superblock. */
enum storage_journal storage_read_superblock(
    const unsigned char superblock[STORAGE_SUPERBLOCK_SIZE]);

/* Pure: the way for a filesystem of that type, journal and options of its mount. */
enum storage_commit storage_choose(
    const char *type, enum storage_journal journal, const char *options, const char **why_r);

/* Looks at all filesystems that a mail root lies on, and that are mounted below it. words names the file that
 * root has left, NULL for none. Not finding out is no failure: what is unknown is strict. */
void storage_look(struct storage *storage_r, const char *base, const char *words);

/* As root: writes to the file what the superblocks below and above these mail roots say; NULL ends them. Returns 0
 * or a negative errno. */
int storage_examine(const char *const *bases, const char *words);

/* In words: "one commit", "strict", "strict, named files". */
const char *storage_commit_name(enum storage_commit commit);

/* The strict way on all of them: names in tmp/ stay where they are needed. */
void storage_be_strict(struct storage *storage);

/* The filesystem that a path lies on, by what was mounted and without a look at the path: a symbolic link may
 * lead elsewhere. NULL: not known. */
const struct storage_filesystem *storage_of_path(const struct storage *storage, const char *path);

enum storage_commit storage_commit_of(const struct storage *storage, dev_t device);
