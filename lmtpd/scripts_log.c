/* SPDX-License-Identifier: MIT
 * Nothing but a plain file is written to, beneath the home. */
#include "lmtpd/scripts_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "lmtpd/scripts_find.h"
#include "maildir/home.h"

/* A full one makes room. */
static void turn(int directory_fd, const char *name)
{
	char old[SCRIPT_PATH_MAX + 2];
	struct stat status;

	if (fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	    status.st_size >= SCRIPTS_LOG_MAX) {
		snprintf(old, sizeof(old), "%s.0", name);
		renameat(directory_fd, name, directory_fd, old);
	}
}

static int append(int fd, const char *lines, size_t n)
{
	char first[128];
	time_t now = time(NULL);
	struct iovec parts[] = { { first, 0 }, { (char *)(size_t)lines, n } };
	struct tm tm;
	struct stat status;

	if (fstat(fd, &status) != 0) {
		return -errno;
	}
	if (!S_ISREG(status.st_mode)) {
		return -EINVAL;
	}
	if (localtime_r(&now, &tm) != NULL) {
		parts[0].iov_len = strftime(first, sizeof(first),
		    "sieve: info: started log at %Y-%m-%d %H:%M:%S %z.\n", &tm);
	}
	return writev(fd, parts, 2) < 0 ? -errno : 0;
}

int scripts_log_write(int home_fd, const char *path, const char *lines, size_t n)
{
	const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
	char directory[SCRIPT_PATH_MAX];
	int directory_fd, fd, result;

	snprintf(directory, sizeof(directory), "%.*s", slash == NULL ? 1 : (int)(slash - path),
	    slash == NULL ? "." : path);
	directory_fd = home_open_beneath(home_fd, directory, O_RDONLY | O_DIRECTORY);
	if (directory_fd < 0) {
		return directory_fd;
	}
	turn(directory_fd, name);
	fd = openat(directory_fd, name,
	    O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	result = fd < 0 ? -errno : append(fd, lines, n);
	if (fd >= 0) {
		close(fd);
	}
	close(directory_fd);
	return result;
}
