/* SPDX-License-Identifier: MIT
 * lmtpd --maildirs: mail whose user is gone, and users who have none yet. It only reads. */
#pragma once

#include <stdbool.h>

#include "doctor/mailboxes.h"
#include "maildir/maildir.h"
#include "schema/directory.h"

struct strays {
	const struct directory_settings *settings;
	const char *users_query;                 /* lists all rows */
	const struct maildir_root *const *roots; /* none of them below another; NULL ends them */
	unsigned
	    depth; /* that Maildirs lie below the first; those of rows may lie elsewhere, too */
	mailboxes_path *path_of;
	const void *config; /* its */
};

/* Prints what it finds. Returns an exit code of sysexits: 0 whatever is found; EX_TEMPFAIL if something could
 * not be looked at, which is printed too; what any other means is said in error. */
int strays_list(const struct strays *strays, bool is_json, struct error *error);
