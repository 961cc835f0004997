/* SPDX-License-Identifier: MIT
 * One place of a message: given a copy where it needs one, named, synced; and the file of a message before
 * it has a name there. Private to maildir. */
#pragma once

#include "maildir/maildir.h"

struct rounds;

/* No file. */
extern const struct maildir_file file_none;

/* Makes a file on the filesystem of an open place, which fails if that cannot be. Returns 0 or a negative
 * errno; then there is none. */
int file_create(
    struct maildir_file *file, const struct maildir_root *root, struct maildir_place *place);

/* Appends to the file. Returns 0 or a negative errno. */
int file_write(const struct maildir_file *file, const char *data, size_t n);

/* Appends the first n bytes of another one. Returns 0 or a negative errno. */
int file_copy(const struct maildir_file *file, const struct maildir_file *from, uint64_t n);

/* Gives the file up: nothing of it stays but the names that it was given. */
void file_drop(struct maildir_file *file);

/* Returns the result of a step. A negative one becomes the outcome of the place, as it does in the
 * functions below. */
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
