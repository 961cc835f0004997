/* SPDX-License-Identifier: MIT
 * One place of a message: given a copy where it needs one, named, synced. Private to maildir. */
#pragma once

#include "maildir/maildir.h"

/* The step that gives a name. */
#define STEP_NAME "name the message in"

/* Returns the result of a step. A negative one becomes the outcome of the place, as it does in the
 * functions below. */
int place_check(struct maildir_place *place, int result, const char *step, const char *part);

/* Adds to what people should know of a place that takes the message all the same. */
void place_note(struct maildir_place *place, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Does its message bear flags or keywords? Pure. */
bool place_is_marked(const struct maildir_place *place);

/* Finds the letters of its keywords in the folder that it lies in. Those that have none are left out, with a note. */
void place_find_letters(struct maildir_place *place);

/* Leaves out the keywords: it lies in another folder than they were found for. */
void place_drop_letters(struct maildir_place *place);

/* Opens new/ or cur/ again if it was closed since. */
int place_reopen(struct maildir_place *place);

/* Gives the place a file of its own with the same bytes, synced. */
int place_copy(struct maildir_place *place, const struct maildir_message *message);

/* Makes the name that its file is to get, without flags. */
void place_make_name(struct maildir_place *place, const struct maildir_message *message);

/* Gives its file that name, or a copy where the filesystem refuses one name more. The place is open. */
int place_name(struct maildir_place *place, const struct maildir_message *message);

/* Makes the name durable. */
int place_sync(struct maildir_place *place);

/* Takes its name away again. */
void place_take_back(const struct maildir_place *place);

/* Lets go of what takes descriptors, but for the copy that other places have their names of. */
void place_close(struct maildir_place *place);

/* Lets go of everything but the outcome. */
void place_drop(struct maildir_place *place);
