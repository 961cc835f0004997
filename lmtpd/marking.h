/* SPDX-License-Identifier: MIT
 * Remembering what was sent for a mailbox, on whichever threads have something to remember at once: one of them writes for all who
 * wait for the same mailbox. If each waited for the file's lock by himself, some would wait in vain where a disk is slow. Any thread. */
#pragma once

#include "lmtpd/scripts.h"
#include "maildir/marks.h"

struct marking;

/* NULL: out of memory. */
struct marking *marking_new(void);
void marking_free(struct marking *marking);

/* What marks_add() and marks_forget() do for the address of a home, and return, or an error of home_open(). */
int marking_add(struct marking *marking, const struct scripts_home *home, const struct mark *marks,
    size_t n, time_t now);
int marking_forget(
    struct marking *marking, const struct scripts_home *home, struct span id, time_t now);
