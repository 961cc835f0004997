/* SPDX-License-Identifier: MIT
 * The lmtpd.conf and auth.conf that say what this machine's Postfix and Dovecot say. */
#pragma once

#include "runtime/settings.h"

/* Reads what the caller may read, and prints both files, or writes them into a directory with those of the passwords;
 * NULL: it changes nothing. Standard error has a line for all that has no translation. sysconfdir: where the daemons
 * look for their files. Returns an exit code of sysexits. */
int adopt_run(const struct settings_form *mail, const struct settings_form *logins,
    const char *sysconfdir, const char *directory);
