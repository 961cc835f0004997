/* SPDX-License-Identifier: MIT
 * What --check says of the directory that mail lies in, and of the filesystem below it. Asked as the owner
 * of the mail. */
#pragma once

#include "doctor/report.h"
#include "maildir/maildir.h"

/* rest: what the path of a home has behind the root, with placeholders, for people; NULL: rows have the homes. */
void storage_check(const struct maildir_root *root, const char *rest, struct report *report);
