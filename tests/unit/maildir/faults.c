/* SPDX-License-Identifier: MIT
 * The wrappers: __wrap_X is what the library calls, __real_X is the system's. */
#include "tests/unit/maildir/faults.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <search.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

ssize_t __real_write(int fd, const void *data, size_t n);
int __real_fsync(int fd);
int __real_linkat(int from_fd, const char *from, int fd, const char *name, int flags);
int __real_mkdirat(int fd, const char *name, mode_t mode);
int __real_open64(const char *path, int flags, ...);
int __real_openat64(int fd, const char *name, int flags, ...);
long __real_syscall(long number, ...);
int __real_statx(int fd, const char *path, int flags, unsigned mask, struct statx *status);
ssize_t __real_pread64(int fd, void *data, size_t n, off_t at);
int __real_renameat2(int from_fd, const char *from, int fd, const char *name, unsigned flags);
int __real_renameat(int from_fd, const char *from, int fd, const char *name);
DIR *__real_fdopendir(int fd);
struct dirent *__real_readdir64(DIR *directory);
void *__real_tsearch(const void *key, void **tree, int (*compare)(const void *, const void *));
int __real_flock(int fd, int operation);
int __real_fchmod(int fd, mode_t mode);
int __real_ftruncate64(int fd, off_t n);
int __real_futimens(int fd, const struct timespec *times);
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
int __real_nanosleep(const struct timespec *time, struct timespec *rest);
int __real_fstat64(int fd, struct stat *status);
int __real_fstatat64(int fd, const char *name, struct stat *status, int flags);
int __real_ioctl(int fd, unsigned long request, ...);
int __real_sync_file_range(int fd, off_t at, off_t n, unsigned flags);

/* Where the system's function takes "...", these name what the library gives: on Linux both are passed
 * alike, and what was not given is not looked at. */
ssize_t __wrap_write(int fd, const void *data, size_t n);
int __wrap_fsync(int fd);
int __wrap_linkat(int from_fd, const char *from, int fd, const char *name, int flags);
int __wrap_mkdirat(int fd, const char *name, mode_t mode);
int __wrap_open64(const char *path, int flags, mode_t mode);
int __wrap_openat64(int fd, const char *name, int flags, mode_t mode);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);
int __wrap_statx(int fd, const char *path, int flags, unsigned mask, struct statx *status);
ssize_t __wrap_pread64(int fd, void *data, size_t n, off_t at);
int __wrap_renameat2(int from_fd, const char *from, int fd, const char *name, unsigned flags);
int __wrap_renameat(int from_fd, const char *from, int fd, const char *name);
DIR *__wrap_fdopendir(int fd);
struct dirent *__wrap_readdir64(DIR *directory);
void *__wrap_tsearch(const void *key, void **tree, int (*compare)(const void *, const void *));
int __wrap_flock(int fd, int operation);
int __wrap_fchmod(int fd, mode_t mode);
int __wrap_ftruncate64(int fd, off_t n);
int __wrap_futimens(int fd, const struct timespec *times);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
int __wrap_nanosleep(const struct timespec *time, struct timespec *rest);
int __wrap_fstat64(int fd, struct stat *status);
int __wrap_fstatat64(int fd, const char *name, struct stat *status, int flags);
int __wrap_ioctl(int fd, unsigned long request, struct fsxattr *attributes);
int __wrap_sync_file_range(int fd, off_t at, off_t n, unsigned flags);

struct fault_event fault_events[FAULT_EVENTS_MAX];
size_t n_fault_events;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct faults now;
static bool is_armed;
static unsigned n_calls[FAULT_CALLS], n_failed;
static unsigned n_slept;   /* ms */
static struct dirent last; /* that was read of a directory, */
static const DIR *ended;   /* and the one that is at its end */

void faults_begin(const struct faults *faults)
{
	now = *faults;
	memset(n_calls, 0, sizeof(n_calls));
	n_failed = n_slept = 0;
	n_fault_events = 0;
	ended = NULL;
	is_armed = true;
}

unsigned faults_end(void)
{
	is_armed = false;
	return n_failed;
}

unsigned fault_slept(void)
{
	return n_slept;
}

unsigned fault_count(enum fault_call call)
{
	return n_calls[call];
}

static bool fails_with(int error)
{
	errno = error;
	return true;
}

/* Is this the call that fails? */
static bool fails(enum fault_call call)
{
	unsigned n;
	bool is_hit;

	if (!is_armed) {
		return false;
	}
	pthread_mutex_lock(&mutex);
	n = n_calls[call]++;
	is_hit =
	    now.call == call && (now.mask == UINT64_MAX || (n < 64 && (now.mask >> n & 1) != 0));
	n_failed += is_hit;
	pthread_mutex_unlock(&mutex);
	return is_hit && fails_with(now.error);
}

static ino_t inode_at(int fd, const char *name, int flags)
{
	struct stat status;
	int saved = errno;
	ino_t inode =
	    __real_fstatat64(fd, name, &status, flags | AT_EMPTY_PATH) == 0 ? status.st_ino : 0;

	errno = saved;
	return inode;
}

static void record(enum fault_call call, bool is_done, ino_t inode, ino_t source)
{
	if (!is_armed) {
		return;
	}
	pthread_mutex_lock(&mutex);
	if (n_fault_events < FAULT_EVENTS_MAX) {
		fault_events[n_fault_events++] =
		    (struct fault_event){ call, is_done, inode, source };
	}
	pthread_mutex_unlock(&mutex);
}

ssize_t __wrap_write(int fd, const void *data, size_t n)
{
	ssize_t result = -1;
	bool is_slow = is_armed && now.writes_slowly;

	if (is_armed && now.on_write != NULL) {
		now.on_write(fd);
	}
	if (!fails(FAULT_WRITE)) {
		if (is_slow && n_calls[FAULT_WRITE] % 2 == 0) {
			errno = EINTR;
			return -1;
		}
		result = __real_write(fd, data, is_slow && n > 5 ? 5 : n);
	}
	record(FAULT_WRITE, result >= 0, inode_at(fd, "", 0), 0);
	return result;
}

int __wrap_fsync(int fd)
{
	int result = -1;

	if (is_armed && now.on_fsync != NULL) {
		now.on_fsync(fd);
	}
	if (!fails(FAULT_FSYNC)) {
		result = is_armed && !now.syncs ? 0 : __real_fsync(fd);
	}
	record(FAULT_FSYNC, result == 0, inode_at(fd, "", 0), 0);
	return result;
}

/* Names that the file has by now; a file in tmp/ has one that does not count. */
static nlink_t count_links(int fd, const char *name, int flags)
{
	struct stat status;

	return __real_fstatat64(fd, name, &status, flags) == 0 ? status.st_nlink : 0;
}

int __wrap_linkat(int from_fd, const char *from, int fd, const char *name, int flags)
{
	bool is_unnamed = (flags & AT_SYMLINK_FOLLOW) != 0;
	int at = is_unnamed ? 0 : AT_SYMLINK_NOFOLLOW, result = -1;
	ino_t source = inode_at(from_fd, from, at);

	if (is_armed && now.has_no_links) {
		n_calls[FAULT_LINKAT]++;
		errno = source == 0 ? ENOENT : EPERM; /* the kernel looks for the file first */
	} else if (is_armed && now.has_one_link &&
		   count_links(from_fd, from, at) > (is_unnamed ? 0 : 1)) {
		n_calls[FAULT_LINKAT]++;
		errno = EMLINK;
	} else if (!fails(FAULT_LINKAT)) {
		result = __real_linkat(from_fd, from, fd, name, flags);
	}
	record(FAULT_LINKAT, result == 0, inode_at(fd, "", 0), source);
	if (is_armed && now.has_lost_reply) {
		errno = EEXIST;
		return -1;
	}
	return result;
}

int __wrap_mkdirat(int fd, const char *name, mode_t mode)
{
	int result = fails(FAULT_MKDIRAT) ? -1 : __real_mkdirat(fd, name, mode);

	record(FAULT_MKDIRAT, result == 0, inode_at(fd, "", 0), inode_at(fd, name, 0));
	return result;
}

int __wrap_open64(const char *path, int flags, mode_t mode)
{
	return fails(FAULT_OPEN) ? -1 : __real_open64(path, flags, mode);
}

int __wrap_openat64(int fd, const char *name, int flags, mode_t mode)
{
	bool is_unnamed = (flags & O_TMPFILE) == O_TMPFILE;

	if (is_armed && now.has_no_tmpfile && is_unnamed) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return fails(FAULT_OPENAT) ? -1 : __real_openat64(fd, name, flags, mode);
}

/* openat2, for which libc has no function. */
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	return number == SYS_openat2 && fails(FAULT_OPENAT2)
		   ? -1
		   : __real_syscall(number, a, b, c, d, e, f);
}

int __wrap_statx(int fd, const char *path, int flags, unsigned mask, struct statx *status)
{
	int result = fails(FAULT_STATX) ? -1 : __real_statx(fd, path, flags, mask, status);

	if (result == 0 && is_armed) {
		status->stx_btime.tv_sec -= now.age;
		status->stx_dev_minor += now.has_devices ? n_calls[FAULT_STATX] : 0;
		status->stx_mask &= now.has_no_birth ? ~STATX_BTIME : UINT32_MAX;
	}
	return result;
}

ssize_t __wrap_pread64(int fd, void *data, size_t n, off_t at)
{
	if (is_armed && now.reads_nothing) {
		return 0;
	}
	return fails(FAULT_PREAD) ? -1 : __real_pread64(fd, data, n, at);
}

int __wrap_renameat2(int from_fd, const char *from, int fd, const char *name, unsigned flags)
{
	ino_t source = inode_at(from_fd, from, AT_SYMLINK_NOFOLLOW);
	bool is_refused = is_armed && now.has_no_noreplace && fails_with(EINVAL);
	int result = is_refused || fails(FAULT_RENAMEAT2)
			 ? -1
			 : __real_renameat2(from_fd, from, fd, name, flags);

	record(FAULT_RENAMEAT2, result == 0, inode_at(fd, "", 0), source);
	return result;
}

int __wrap_renameat(int from_fd, const char *from, int fd, const char *name)
{
	ino_t source = inode_at(from_fd, from, AT_SYMLINK_NOFOLLOW);
	int result = fails(FAULT_RENAMEAT) ? -1 : __real_renameat(from_fd, from, fd, name);

	record(FAULT_RENAMEAT, result == 0, inode_at(fd, "", 0), source);
	return result;
}

DIR *__wrap_fdopendir(int fd)
{
	return fails(FAULT_OPENDIR) ? NULL : __real_fdopendir(fd);
}

struct dirent *__wrap_readdir64(DIR *directory)
{
	bool is_endless = is_armed && now.has_endless_names;
	struct dirent *entry;

	if (fails(FAULT_READDIR)) {
		return NULL;
	}
	if (is_endless && directory == ended) {
		return &last;
	}
	entry = __real_readdir64(directory);
	if (entry != NULL && is_armed && now.has_no_types) {
		entry->d_type = DT_UNKNOWN;
	}
	if (entry != NULL && is_endless) {
		memcpy(&last, entry, entry->d_reclen);
	}
	ended = entry == NULL && is_endless ? directory : NULL;
	return entry == NULL && is_endless ? &last : entry;
}

void *__wrap_tsearch(const void *key, void **tree, int (*compare)(const void *, const void *))
{
	return fails(FAULT_TSEARCH) ? NULL : __real_tsearch(key, tree, compare);
}

int __wrap_flock(int fd, int operation)
{
	return fails(FAULT_FLOCK) ? -1 : __real_flock(fd, operation);
}

int __wrap_fchmod(int fd, mode_t mode)
{
	return fails(FAULT_FCHMOD) ? -1 : __real_fchmod(fd, mode);
}

int __wrap_ftruncate64(int fd, off_t n)
{
	return fails(FAULT_FTRUNCATE) ? -1 : __real_ftruncate64(fd, n);
}

int __wrap_futimens(int fd, const struct timespec *times)
{
	return fails(FAULT_FUTIMENS) ? -1 : __real_futimens(fd, times);
}

void *__wrap_malloc(size_t n)
{
	return fails(FAULT_MALLOC) ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails(FAULT_CALLOC) ? NULL : __real_calloc(n, size);
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *rest)
{
	if (!is_armed || now.sleeps) {
		return __real_nanosleep(time, rest);
	}
	pthread_mutex_lock(&mutex);
	n_calls[FAULT_NANOSLEEP]++;
	n_slept += (unsigned)(time->tv_sec * 1000 + time->tv_nsec / 1000000);
	pthread_mutex_unlock(&mutex);
	if (now.on_sleep != NULL) {
		now.on_sleep();
	}
	return 0;
}

int __wrap_fstat64(int fd, struct stat *status)
{
	int result = fails(FAULT_FSTAT) ? -1 : __real_fstat64(fd, status);

	if (result == 0 && is_armed && now.has_one_inode) {
		status->st_dev = status->st_ino;
		status->st_ino = 1;
	}
	return result;
}

int __wrap_fstatat64(int fd, const char *name, struct stat *status, int flags)
{
	return fails(FAULT_STATAT) ? -1 : __real_fstatat64(fd, name, status, flags);
}

/* A call that does not wait promises nothing, and is none of those that fail. */
int __wrap_sync_file_range(int fd, off_t at, off_t n, unsigned flags)
{
	int result = 0;

	if ((flags & SYNC_FILE_RANGE_WAIT_AFTER) == 0) {
		return __real_sync_file_range(fd, at, n, flags);
	}
	if (fails(FAULT_WRITE_OUT)) {
		result = -1;
	} else if (!is_armed || now.syncs) {
		result = __real_sync_file_range(fd, at, n, flags);
	}
	record(FAULT_WRITE_OUT, result == 0, inode_at(fd, "", 0), 0);
	return result;
}

/* FS_IOC_FSGETXATTR, the only one that is used. */
int __wrap_ioctl(int fd, unsigned long request, struct fsxattr *attributes)
{
	if (fails(FAULT_IOCTL)) {
		return -1;
	}
	if (is_armed && now.has_projects) {
		*attributes = (struct fsxattr){ .fsx_xflags = FS_XFLAG_PROJINHERIT,
			.fsx_projid = 1 + n_calls[FAULT_IOCTL] % 2 };
		return 0;
	}
	if (is_armed && now.has_realtime) {
		*attributes = (struct fsxattr){ .fsx_xflags = FS_XFLAG_RTINHERIT };
		return 0;
	}
	return __real_ioctl(fd, request, attributes);
}
