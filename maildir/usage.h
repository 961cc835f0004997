/* SPDX-License-Identifier: MIT
 * What a mailbox holds: added up from the sizes in the names of its messages, in cur/ and new/ of itself and of its
 * folders. A name without one costs a stat(2).
 *
 * What was read of a directory is remembered, and read again when the directory is another one or was changed
 * since (inode and mtime in nanoseconds, which a client moves that adds, removes or marks a message). An mtime of
 * less than a second before the reading is not trusted: more may have come within the same tick of the clock.
 *
 * A directory that several folders lead to, by symbolic links, counts once, and a folder whose link leads out of the
 * root counts nothing. What clients change while a mailbox is being read may be missed; only what is moved from a
 * folder to another one just then may count twice.
 *
 * Blocking. A memory belongs to one count at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "maildir/maildir.h"

enum {
	USAGE_FOLDERS_MAX = 10000,
	USAGE_NAMES_MAX = 4000000, /* in all directories of a mailbox */
};

/* How Dovecot counts the same mailbox. */
struct usage_style {
	/* Sizes with every line ended by CRLF (W=), as its count driver has them; else S=. */
	bool is_virtual;
	/* The directories of folders that do not count (".Trash"), "" is INBOX; NULL ends them. NULL: there are none. */
	const char *const *ignored;
	unsigned patience; /* ms that it may take, as far as the disk answers at all; 0: any time */
};

struct usage {
	uint64_t bytes;
	uint64_t messages;
	uint64_t unsized; /* messages of these that had to be looked at: their name has no size */
};

/* What counts remember of the directories of one mailbox. All zero: nothing. Sizes are of a style (is_virtual): who
 * counts with another one forgets first. */
struct usage_memory {
	/* private */
	struct usage_directory *directories; /* a table of n_max slots */
	size_t n, n_max;
};

/* Is a message to be left out of the count? name[0..n) is its name without flags. A directory in which one was
 * left out is not remembered. */
typedef bool usage_skip(void *data, const char *name, size_t n);

/* Counts a mailbox below a root. One that is not there yet holds nothing. skip: NULL for none.
 * Returns 0, or a negative errno with words in error: a directory cannot be read, there are too many to count
 * (-E2BIG), or it takes too long (-ETIMEDOUT); then usage_r is all zero. The memory is good in both cases: it has what was seen. */
int usage_count(const struct maildir_root *root, const char *mailbox,
    const struct usage_style *style, struct usage_memory *memory, usage_skip *skip, void *data,
    struct usage *usage_r, struct error *error);

/* Does a folder (a directory as in struct maildir_place, "" is INBOX) count? Pure. */
bool usage_counts_folder(const struct usage_style *style, const char *folder);

/* Frees what is remembered. */
void usage_forget(struct usage_memory *memory);
