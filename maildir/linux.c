/* SPDX-License-Identifier: MIT
 * System calls that only Linux has, and how they are to be asked. No policy stands here. */
#include "maildir/linux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum {
	OPEN_ATTEMPTS = 16
};

int linux_open_beneath(int base_fd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (unsigned long long)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	/* EAGAIN: a rename somewhere made the kernel unsure about "..", openat2(2). */
	for (int i = 0; i < OPEN_ATTEMPTS; i++) {
		fd = syscall(SYS_openat2, base_fd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) {
			break;
		}
	}
	return fd < 0 ? -errno : (int)fd;
}

bool linux_has_unnamed_files(void)
{
	return access("/proc/self/fd", X_OK) == 0;
}

int linux_create_unnamed(int directory_fd, int *fd_r)
{
	*fd_r = openat(directory_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (*fd_r >= 0) {
		return 0;
	}
	/* Kernels and filesystems that do not know O_TMPFILE say so in three ways, open(2). */
	return errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL ? LINUX_UNKNOWN : -errno;
}

int linux_name_unnamed(int fd, int directory_fd, const char *name)
{
	char by_fd[40];

	/* AT_EMPTY_PATH would do without /proc, but takes a privilege, linkat(2). */
	snprintf(by_fd, sizeof(by_fd), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, by_fd, directory_fd, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : -errno;
}

int linux_move(int from_fd, const char *from, int to_fd, const char *to)
{
	return renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE) == 0 ? 0 : -errno;
}

int linux_move_directory(int from_fd, const char *from, int to_fd, const char *to)
{
	int result = linux_move(from_fd, from, to_fd, to);

	/* RENAME_NOREPLACE is for some filesystems alone, rename(2). */
	if (result == -EINVAL) {
		result = renameat(from_fd, from, to_fd, to) == 0 ? 0 : -errno;
	}
	return result == -ENOTEMPTY ? -EEXIST : result;
}

int linux_stat(int fd, struct linux_status *status_r)
{
	struct statx status;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &status) != 0) {
		return -errno;
	}
	*status_r = (struct linux_status){
		.device = makedev(status.stx_dev_major, status.stx_dev_minor),
		.birth = status.stx_btime.tv_sec,
		.has_birth = (status.stx_mask & STATX_BTIME) != 0,
	};
	return 0;
}

struct linux_attributes linux_attributes(int directory_fd)
{
	struct fsxattr found;
	struct linux_attributes attributes = { .project = 0 };

	if (ioctl(directory_fd, FS_IOC_FSGETXATTR, &found) == 0) {
		if ((found.fsx_xflags & FS_XFLAG_PROJINHERIT) != 0) {
			attributes.project = found.fsx_projid;
		}
		attributes.is_realtime = (found.fsx_xflags & FS_XFLAG_RTINHERIT) != 0;
	}
	return attributes;
}

void linux_start_writing(int fd, uint64_t at, uint64_t n)
{
	sync_file_range(fd, (off_t)at, (off_t)n, SYNC_FILE_RANGE_WRITE);
}

int linux_write_out(int fd)
{
	/* All three, and the whole file: with fewer flags pages that are being written may be skipped. */
	return sync_file_range(fd, 0, 0,
		   SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
		       SYNC_FILE_RANGE_WAIT_AFTER) == 0
		   ? 0
		   : -errno;
}
