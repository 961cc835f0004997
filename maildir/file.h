/* SPDX-License-Identifier: MIT
 * The file of a message before it has a name in a place. Private to maildir. */
#pragma once

#include <stdbool.h>

#include "maildir/maildir.h"

/* No file. */
extern const struct maildir_file file_none;

/* Makes a file on the filesystem of an open place, which fails if that cannot be. Returns 0 or a negative
 * errno; then there is none. */
int file_create(struct maildir_file *file, struct maildir_place *place);

/* Do links of the file reach the place? */
bool file_reaches(const struct maildir_file *file, const struct maildir_place *place);

/* Appends to a file. Returns 0 or a negative errno. */
int file_write(int fd, const char *data, size_t n);

/* Reads n bytes that were written to it. Returns 0 or a negative errno. */
int file_read(int fd, uint64_t offset, char *buffer, size_t n);

/* Brings its bytes to the disk, and where that is not enough before it gets names, all of it. Returns 0 or a
 * negative errno, which is final: the kernel tells it once. */
int file_seal(const struct maildir_file *file);

/* Appends the first n bytes of another one. Returns 0 or a negative errno. */
int file_copy(const struct maildir_file *file, const struct maildir_file *from, uint64_t n);

/* Syncs a file or a directory. Returns 0 or a negative errno, which is final as well. */
int file_sync(int fd);

/* The same, and closes it; fd may be the negative errno of its open, which is returned then. */
int file_sync_and_close(int fd);

/* Syncs the file after it got names, once for all of them. A failure stays the file's: it gets no more names.
 * Returns 0 or a negative errno. */
int file_sync_names(struct maildir_file *file);

/* Is that the name of the open file, here? */
bool file_is_named(int fd, int directory_fd, const char *name);

/* Gives the file one more name. Returns 0 or a negative errno: -EEXIST rather than overwrite. */
int file_link(const struct maildir_file *file, int directory_fd, const char *name);

/* Gives the file up: nothing of it stays but the names that it was given. */
void file_drop(struct maildir_file *file);
