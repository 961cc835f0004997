/* SPDX-License-Identifier: MIT
 * Files of a configuration that is new, and those of its passwords. */
#pragma once

#include <stddef.h>

#include "adopt/side.h"

/* Makes the directory if it is not there, and in it each side's NAME.conf and, if it has a password, NAME.password with
 * mode 0600; none over one that is there, or none at all. All is synced. Says what was written, and what to do next.
 * Returns an exit code of sysexits. */
int write_files(const struct side *sides, size_t n, const char *directory, const char *sysconfdir);
