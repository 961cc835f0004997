/* SPDX-License-Identifier: MIT
 * How mailboxes and folders are made. Private to maildir. */
#pragma once

#include "maildir/maildir.h"

enum {
	MAKE_NOT = 1, /* there is no such folder, nor is one made */
};

/* Makes the mailbox, and what it lacks. Returns 0 or a negative errno, the place's outcome then. */
int make_mailbox(struct maildir_place *place);

/* Makes the folder of the place, if it may, and what it lacks; its mailbox is there. Returns 0, MAKE_NOT, or a
 * negative errno, the place's outcome then. */
int make_folder(struct maildir_place *place);
