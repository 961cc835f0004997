/* SPDX-License-Identifier: MIT
 * One place of a message: given a copy where it needs one, named, synced; and the file of a message before
 * it has a name there. Private to maildir. */
#pragma once

#include "maildir/maildir.h"

struct rounds;

/* The step that gives a name. */
#define STEP_NAME "name the message in"

/* No file. */
extern const struct maildir_file file_none;

/* Makes a file on the filesystem of an open place, which fails if that cannot be. Returns 0 or a negative
 * errno; then there is none. */
int file_create(struct maildir_file *file, struct maildir_place *place);

/* Do links of the file reach the place? */
bool file_reaches(const struct maildir_file *file, const struct maildir_place *place);

/* Appends to the file. Returns 0 or a negative errno. */
int file_write(const struct maildir_file *file, const char *data, size_t n);

/* Brings its bytes to the disk, and where that is not enough before it gets names, all of it. Returns 0 or a
 * negative errno, which is final: the kernel tells it once. */
int file_seal(const struct maildir_file *file);

/* Appends the first n bytes of another one. Returns 0 or a negative errno. */
int file_copy(const struct maildir_file *file, const struct maildir_file *from, uint64_t n);

/* Syncs the file after it got names, once for all of them, in that round of the filesystem or alone (NULL).
 * A failure stays the file's: it gets no more names. Returns 0 or a negative errno. */
int file_sync_names(struct maildir_file *file, struct rounds *rounds);

/* Gives the file up: nothing of it stays but the names that it was given. */
void file_drop(struct maildir_file *file);

/* Returns the result of a step. A negative one becomes the outcome of the place, as it does in the
 * functions below. */
int place_check(struct maildir_place *place, int result, const char *step, const char *part);

/* Opens new/ again if it was closed since. */
int place_reopen(struct maildir_place *place);

/* Gives the place a file of its own with the same bytes, synced. */
int place_copy(struct maildir_place *place, const struct maildir_message *message);

/* Gives its file a name in new/, or a copy where the filesystem refuses one name more. A place that was
 * closed is opened again. */
int place_name(struct maildir_place *place, const struct maildir_message *message);

/* Makes the name durable. */
int place_sync(struct maildir_place *place);

/* Takes its name away again. */
void place_take_back(const struct maildir_place *place);

/* Lets go of what takes descriptors, but for the copy that other places have their names of. */
void place_close(struct maildir_place *place);

/* Lets go of everything but the outcome. */
void place_drop(struct maildir_place *place);
