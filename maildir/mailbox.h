/* SPDX-License-Identifier: MIT
 * Directories of a mailbox: the safe way to them, and how they are made. Private to maildir. */
#pragma once

#include "maildir/maildir.h"

/* The part of the mailbox that the place's name goes to: "/new" or "/cur". */
const char *mailbox_part(const struct maildir_place *place);

/* Opens a directory of the place's mailbox, part is "/new", "/cur" or "/tmp". Returns a file descriptor or a negative
 * errno (-EXDEV: a symbolic link leads out of the root). */
int mailbox_open_part(const struct maildir_place *place, const char *part);

/* Opens place->names_fd, making the mailbox if need be, and says on which device it lies and whether it
 * is young. Returns 0 or a negative errno, the place's outcome then. */
int mailbox_open(struct maildir_place *place);

/* Syncs the directories on the way from the mailbox up to the root; then it is young no more. Returns
 * as mailbox_open(). */
int mailbox_sync_parents(struct maildir_place *place);
