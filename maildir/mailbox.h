/* SPDX-License-Identifier: MIT
 * Directories of a mailbox: the safe way to them, and how they are made. Private to maildir. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "maildir/maildir.h"

/* Opens path below base without leaving it: O_DIRECTORY, or O_PATH as flags say. Returns a file
 * descriptor or a negative errno (-EXDEV: a symbolic link leads out of base). */
int mailbox_open_beneath(const char *base, const char *path, int flags);

/* Opens target->new_fd, making the mailbox if need be, and says whether its directories are so
 * young that their parents may not have been synced. Returns 0 or a negative errno, with step and
 * part set. */
int mailbox_open(const struct maildir_root *root, struct maildir_target *target);

/* Syncs the directories on the way from the root down to the mailbox. Returns as mailbox_open. */
int mailbox_sync_parents(const struct maildir_root *root, struct maildir_target *target);

/* Sets the target's outcome and returns it. */
int mailbox_fail(struct maildir_target *target, int result, const char *step, const char *part);
