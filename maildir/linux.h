/* SPDX-License-Identifier: MIT
 * What Linux has of its own; all else in this room is plain POSIX. Another system gets a file beside
 * linux.c that says the same in its words. Private to maildir; any thread. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

enum {
	LINUX_UNKNOWN = 1, /* the kernel or the filesystem has no such thing */
};

/* Opens path without leaving the directory base_fd, whatever symbolic links stand on the way. Returns
 * a file descriptor or a negative errno (-EXDEV: a link leads out). */
int linux_open_beneath(int base_fd, const char *path, int flags);

/* Can unnamed files get a name later? It takes /proc. */
bool linux_has_unnamed_files(void);

/* Makes a file without a name on the filesystem of directory_fd: whoever dies leaves nothing behind.
 * Returns 0, LINUX_UNKNOWN or a negative errno. */
int linux_create_unnamed(int directory_fd, int *fd_r);

/* Gives such a file a name; never overwrites one. Returns 0 or a negative errno. */
int linux_name_unnamed(int fd, int directory_fd, const char *name);

/* Moves a file to a name; never overwrites one. Returns 0 or a negative errno. */
int linux_move(int from_fd, const char *from, int to_fd, const char *to);

/* The same of a directory. Where the filesystem cannot promise it, an empty directory may be replaced: it is no
 * loss. */
int linux_move_directory(int from_fd, const char *from, int to_fd, const char *to);

struct linux_status {
	dev_t device;
	int64_t birth;  /* when it was made, seconds since 1970 */
	bool has_birth; /* the filesystem knows that */
};

/* Returns 0 or a negative errno. */
int linux_stat(int fd, struct linux_status *status_r);

struct linux_attributes {
	/* That files made there count for, where the filesystem counts by projects; 0: none. */
	uint32_t project;
	bool is_realtime; /* their bytes go to XFS's realtime device */
};

/* Of a directory; all zero where the filesystem has none. */
struct linux_attributes linux_attributes(int directory_fd);

/* Sends n bytes from at on (0: all that follow) to the disk, and does not wait for them. An error is
 * kept for fsync(2), which tells it. */
void linux_start_writing(int fd, uint64_t at, uint64_t n);

/* Writes all bytes of the file to the disk, into its cache, and waits for them. The metadata that the bytes
 * need, such as the size, are in the running transaction of a journal then. An error is told here, and
 * not again by fsync(2). Returns 0 or a negative errno. */
int linux_write_out(int fd);
