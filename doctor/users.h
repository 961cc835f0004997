/* SPDX-License-Identifier: MIT
 * Users whose mail cannot reach them; a part of lists. */
#pragma once

#include "doctor/mailboxes.h"
#include "doctor/rows.h"

struct lists;

/* Told of each user whom the daemon finds. What it has to say it says by rows_say(). */
typedef void users_judge(void *data, struct rows *rows, const struct mailbox *mailbox);

void users_check(struct rows *rows, const struct lists *lists);
