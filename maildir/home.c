/* SPDX-License-Identifier: MIT
 * Where the home itself is a symbolic link, it may lead anywhere below its root. */
#include "maildir/home.h"

#include <fcntl.h>
#include <unistd.h>

#include "maildir/mailbox.h"

int home_open(const struct maildir_root *root, const char *path)
{
	int base_fd = mailbox_open_base(root), fd;

	if (base_fd < 0) {
		return base_fd;
	}
	fd = linux_open_beneath(base_fd, path[0] == '\0' ? "." : path, O_PATH | O_DIRECTORY);
	close(base_fd);
	return fd;
}

int home_open_beneath(int home_fd, const char *path, int flags)
{
	/* O_PATH goes with few other flags, openat2(2). */
	return linux_open_beneath(
	    home_fd, path, flags | ((flags & O_PATH) != 0 ? 0 : O_NONBLOCK | O_NOCTTY));
}
