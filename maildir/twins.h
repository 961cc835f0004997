/* SPDX-License-Identifier: MIT
 * Places of a message that lead to the same mailbox, since a folder had to be left for it: the message lies there
 * once, and they share its outcome. Without a folder that was left there are none, and nothing is compared.
 * Private to maildir. */
#pragma once

#include "maildir/maildir.h"

/* Finds those that are twins of another one by now, and lets go of what they hold. Out of memory is the outcome of
 * a place that may be one. */
void twins_find(struct maildir_place *places, size_t n_places);

/* The place that a message lies in or will, where this one would give it a second name; NULL: there is none. For
 * one that has left its folder since twins_find(). */
struct maildir_place *twins_of(
    struct maildir_place *places, size_t n_places, const struct maildir_place *place);

/* What a twin wants, the other one wants. */
void twins_want(struct maildir_place *places, size_t n_places);

/* The outcome of a place is that of its twins. */
void twins_share(struct maildir_place *places, size_t n_places);
