/* SPDX-License-Identifier: MIT
 * What --check says of the user that a daemon is, and of the configuration that this user reads. */
#pragma once

#include "doctor/report.h"
#include "runtime/daemon.h"
#include "schema/directory.h"

struct owner {
	const char *what;    /* the user is: "mail owner" */
	const char *section; /* of the configuration, where user and group are set: "maildir" */
	const struct daemon_settings *settings;
	const char *remedy_absent; /* what makes user and group */
	const char *remedy_root;   /* why it should not be root */
};

/* As the caller, who may be root: may others read the database's password, in the configuration's file or in
 * the one that it names? */
void owner_check_file(const struct owner *owner, const char *file,
    const struct directory_settings *settings, struct report *report);

/* Root becomes the user for good: from here on the checks see the machine with the daemon's eyes. */
void owner_become(const struct owner *owner, struct report *report);

/* As the user: root owns the file, since a password lies in it, but a reload must be able to read it. */
void owner_check_reload(const struct owner *owner, const char *file, struct report *report);
