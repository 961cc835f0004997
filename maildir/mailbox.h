/* SPDX-License-Identifier: MIT
 * Directories of a mailbox and its folders: the safe way to them. Private to maildir. */
#pragma once

#include "maildir/linux.h"
#include "maildir/maildir.h"

/* What every mailbox and folder has, each made after the one before: who finds new/ takes it for whole, and who
 * looks for cur/ alone has tmp/ then. */
enum {
	MAILBOX_PARTS = 3
};
extern const char *const mailbox_parts[MAILBOX_PARTS];

/* The part of the mailbox or folder that the place's name goes to: "/new" or "/cur". */
const char *mailbox_part(const struct maildir_place *place);

/* Opens the root, for many directories below it. Returns a file descriptor or a negative errno. */
int mailbox_open_base(const struct maildir_root *root);

/* Opens a directory below the root that is open: of a mailbox whose path is plain, or of a folder of it ("" for
 * none), part as below. Returns as mailbox_open_part(). */
int mailbox_open_below(int base_fd, const char *mailbox, const char *folder, const char *part);

/* Opens a directory of the mailbox or folder that the place lies in, part is "/new", "/cur", "/tmp", or "" for
 * itself. Returns a file descriptor or a negative errno (-EXDEV: a symbolic link leads out of the root). */
int mailbox_open_part(const struct maildir_place *place, const char *part);

/* The same of the mailbox, whichever folder the place lies in. */
int mailbox_open_root_part(const struct maildir_place *place, const char *part);

/* Opens a file in the mailbox itself, name with a slash in front. Returns as mailbox_open_part(). */
int mailbox_open_file(const struct maildir_place *place, const char *name, int flags);

/* What must be known of a directory that is open. Returns 0 or a negative errno. */
int mailbox_find_domain(const struct maildir_place *place, int fd, struct maildir_domain *domain_r,
    struct linux_status *status_r);

/* Opens place->names_fd, making mailbox and folder if need be, and says on which device it lies and whether it
 * is young. A folder that cannot be used is left for the mailbox itself. Returns 0 or a negative errno, the
 * place's outcome then. */
int mailbox_open(struct maildir_place *place);

/* The place is to lie in the mailbox itself, not in its folder: closes what was opened. What has failed becomes
 * its note. */
void mailbox_leave_folder(struct maildir_place *place);

/* Syncs all parts of the mailbox, and of the folder, and the directories on the way up to the root. Returns as mailbox_open(). */
int mailbox_sync_around(struct maildir_place *place);
