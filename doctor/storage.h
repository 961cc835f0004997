/* SPDX-License-Identifier: MIT
 * What --check says of the directory that mail lies in, and of the filesystem below it. Asked as the owner
 * of the mail. */
#pragma once

#include "doctor/report.h"
#include "maildir/storage.h"

/* base: the directory; rest: what the path of a home has behind it, with placeholders, for people; storage:
 * what is known of the filesystems there. */
void storage_check(
    const char *base, const char *rest, const struct storage *storage, struct report *report);
