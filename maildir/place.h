/* SPDX-License-Identifier: MIT
 * One place of a message: given a copy where it needs one, named, synced. A function that returns a
 * negative errno has made it the outcome of the place. Private to maildir. */
#pragma once

#include "maildir/maildir.h"

struct rounds;

/* Returns the result of a step. A negative one becomes the outcome of the place. */
int place_check(struct maildir_place *place, int result, const char *step, const char *part);

/* Gives the place a file of its own with the same bytes, synced. */
int place_copy(struct maildir_place *place, const struct maildir_message *message);

/* Gives the message its name in new/: one file for all places, but a copy where that is refused. A
 * place that was closed is opened again. */
int place_name(struct maildir_place *place, const struct maildir_message *message);

/* Makes the name durable, in that round of the filesystem or alone (NULL). */
int place_sync(
    struct maildir_place *place, const struct maildir_message *message, struct rounds *rounds);

/* Lets go of everything but the outcome. */
void place_close(struct maildir_place *place);
