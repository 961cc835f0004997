/* SPDX-License-Identifier: MIT
 * The home of a mailbox, for what of it is no mail. Nothing leads out of it, whatever symbolic links stand on the
 * way. Any thread. */
#pragma once

#include "maildir/maildir.h"

/* Opens the home at a path below the root; "" is the root itself. Returns a file descriptor that others are opened
 * beneath, or a negative errno. */
int home_open(const struct maildir_root *root, const char *path);

/* Opens what is beneath it, and waits for nobody, not even at a pipe. flags: of open(2), without O_CREAT. Returns a file
 * descriptor or a negative errno (-EXDEV: a symbolic link leads out). */
int home_open_beneath(int home_fd, const char *path, int flags);
