/* SPDX-License-Identifier: MIT
 * Loaded into lmtpd by the tests: a disk that is slow or broken when it syncs, a record of what was
 * done to it in which order, and a clock that somebody sets.
 *
 * FAULT_FSYNC_DELAY_MS   makes each fsync take that long
 * FAULT_FSYNC_ERRNO      makes each fsync fail
 * FAULT_FSYNC_SKIP       makes each fsync do nothing and succeed
 * FAULT_FSYNC_ON         the two above strike "directories" alone, or "parents" of new/, or whatever is
 *                        synced for the sake of "names": directories, and files that have one
 * FAULT_WRITE_ERRNO      makes each write to a file of a Maildir fail
 * FAULT_TRACE            a file that gets a line for each fsync, mkdirat, linkat and reply
 * FAULT_CLOCK            a file with the seconds by which the wall clock is wrong */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static ssize_t real_write(int fd, const void *data, size_t n)
{
	static ssize_t (*real)(int, const void *, size_t);

	if (real == NULL) {
		real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
	}
	return real(fd, data, n);
}

/* One line: what was done, to the file behind fd, or to a name in that directory. */
static void trace(const char *what, int fd, const char *name)
{
	const char *file = getenv("FAULT_TRACE");
	char link[64], path[4096] = "", line[4600];
	int saved = errno, out, n;

	if (file == NULL) {
		return;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, path, sizeof(path) - 1) < 0) {
		path[0] = '\0';
	}
	n = snprintf(
	    line, sizeof(line), "%s %s%s%.255s\n", what, path, name[0] != '\0' ? "/" : "", name);
	out = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (real_write(out, line, (size_t)n) != n) {
		abort();
	}
	close(out);
	errno = saved;
}

static int strikes(int fd)
{
	const char *on = getenv("FAULT_FSYNC_ON");
	char link[64], path[4096] = "";
	struct stat status;

	if (on == NULL) {
		return 1;
	}
	if (fstat(fd, &status) != 0) {
		return 0;
	}
	if (strcmp(on, "names") == 0) {
		return status.st_nlink > 0;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (!S_ISDIR(status.st_mode) || readlink(link, path, sizeof(path) - 1) < 4) {
		return 0;
	}
	return strcmp(on, "directories") == 0 || strcmp(path + strlen(path) - 4, "/new") != 0;
}

static int faulty_sync(const char *name, int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
	const char *delay = getenv("FAULT_FSYNC_DELAY_MS");
	const char *error = getenv("FAULT_FSYNC_ERRNO");
	int result;

	if (delay != NULL) {
		usleep((useconds_t)atoi(delay) * 1000);
	}
	if (error != NULL && strikes(fd)) {
		errno = atoi(error);
		return -1;
	}
	if (getenv("FAULT_FSYNC_SKIP") != NULL && strikes(fd)) {
		return 0;
	}
	result = real(fd);
	trace("sync", fd, "");
	return result;
}

int fsync(int fd)
{
	return faulty_sync("fsync", fd);
}

int fdatasync(int fd)
{
	return faulty_sync("fdatasync", fd);
}

/* Not called by lmtpd today: a test without syncing must stay one if that changes. */
int syncfs(int fd)
{
	return faulty_sync("syncfs", fd);
}

int mkdirat(int fd, const char *name, mode_t mode)
{
	int (*real)(int, const char *, mode_t) =
	    (int (*)(int, const char *, mode_t))dlsym(RTLD_NEXT, "mkdirat");
	int result = real(fd, name, mode);

	if (result == 0) {
		trace("mkdir", fd, name);
	}
	return result;
}

int linkat(int from_fd, const char *from, int fd, const char *name, int flags)
{
	int (*real)(int, const char *, int, const char *, int) =
	    (int (*)(int, const char *, int, const char *, int))dlsym(RTLD_NEXT, "linkat");
	int result = real(from_fd, from, fd, name, flags);

	if (result == 0) {
		trace("name", fd, name);
	}
	return result;
}

static int is_mail(int fd)
{
	char link[64], path[4096];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	return strstr(path, "/Maildir/") != NULL;
}

ssize_t write(int fd, const void *data, size_t n)
{
	const char *error = getenv("FAULT_WRITE_ERRNO");

	if (error != NULL && is_mail(fd)) {
		errno = atoi(error);
		return -1;
	}
	if (n > 10 && memcmp(data, "250 2.0.0 <", 11) == 0) {
		trace("reply", fd, "");
	}
	return real_write(fd, data, n);
}

static time_t clock_error(void)
{
	const char *file = getenv("FAULT_CLOCK");
	char text[40] = "";
	int fd = file == NULL ? -1 : open(file, O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (read(fd, text, sizeof(text) - 1) < 0) {
			abort();
		}
		close(fd);
	}
	return atol(text);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	static int (*real)(clockid_t, struct timespec *);
	int result;

	if (real == NULL) {
		real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	}
	result = real(clock, now);
	if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
		now->tv_sec += clock_error();
	}
	return result;
}

time_t time(time_t *now)
{
	struct timespec precise;

	clock_gettime(CLOCK_REALTIME, &precise);
	if (now != NULL) {
		*now = precise.tv_sec;
	}
	return precise.tv_sec;
}
