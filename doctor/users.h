/* SPDX-License-Identifier: MIT
 * Users whose mail cannot reach them; a part of lists. */
#pragma once

#include "doctor/mailboxes.h"
#include "doctor/rows.h"

/* path_of, with config: where the mail of a user lies. */
void users_check(struct rows *rows, const char *query, mailboxes_path *path_of, const void *config);
