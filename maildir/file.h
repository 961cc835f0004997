/* SPDX-License-Identifier: MIT
 * The file of a message before it has a name in new/. Private to maildir. */
#pragma once

#include "maildir/maildir.h"

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

/* Gives the file one more name. Returns 0 or a negative errno: -EEXIST rather than overwrite. */
int file_link(const struct maildir_file *file, int directory_fd, const char *name);

/* Gives a named file another name in the place of the one in tmp/. Returns as file_link(). */
int file_move(const struct maildir_file *file, int directory_fd, const char *name);

/* Gives the file up: nothing of it stays but the names that it was given. */
void file_drop(struct maildir_file *file);
