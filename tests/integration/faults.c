/* SPDX-License-Identifier: MIT
 * Loaded into lmtpd by the tests: a disk that is slow or broken when it syncs, a record of what was
 * done to it in which order, a clock that somebody sets, and an end at any step.
 *
 * FAULT_FSYNC_DELAY_MS   makes each fsync take that long
 * FAULT_FSYNC_ERRNO      makes each fsync fail
 * FAULT_FSYNC_SKIP       makes each fsync do nothing and succeed
 * FAULT_FSYNC_ON         the two above strike "directories" alone, or "parents" of new/, or whatever is
 *                        synced for the sake of "names": directories, and files that have one
 * FAULT_WRITE_ERRNO      makes each write to a file of a Maildir fail
 * FAULT_TRACE            a file that gets a line for each fsync, mkdirat, linkat and reply
 * FAULT_CLOCK            a file with the seconds by which the wall clock is wrong
 * FAULT_KILL             a file that names a step: "before" or "after", and a pattern of fnmatch(3) for "sync PATH",
 *                        "name PATH", "rename PATH", "write PATH", "reply TEXT", "send TEXT" or "recv TEXT". The process
 *                        takes the file away and kills itself there. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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

/* Ends the process if that is the step. */
static void pass(const char *when, const char *what, const char *text, size_t n)
{
	const char *file = getenv("FAULT_KILL");
	char wanted[4096] = "", step[4700];
	int saved = errno, fd = file == NULL ? -1 : open(file, O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (read(fd, wanted, sizeof(wanted) - 1) < 0) {
			abort();
		}
		close(fd);
		snprintf(
		    step, sizeof(step), "%s %s %.*s", when, what, (int)(n < 4000 ? n : 4000), text);
		/* Of several threads one takes it away. */
		if (wanted[0] != '\0' && fnmatch(wanted, step, 0) == 0 && unlink(file) == 0) {
			kill(getpid(), SIGKILL);
			pause();
		}
	}
	errno = saved;
}

/* The same, at the file behind fd or a name in that directory. */
static void pass_file(const char *when, const char *what, int fd, const char *name)
{
	char link[64], path[4096] = "", full[4600];
	int saved = errno;

	if (getenv("FAULT_KILL") == NULL) {
		return;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, path, sizeof(path) - 1) < 0) {
		path[0] = '\0';
	}
	snprintf(full, sizeof(full), "%s%s%.255s", path, name[0] != '\0' ? "/" : "", name);
	pass(when, what, full, strlen(full));
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
	pass_file("before", "sync", fd, "");
	result = real(fd);
	trace("sync", fd, "");
	pass_file("after", "sync", fd, "");
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
	int result;

	pass_file("before", "name", fd, name);
	result = real(from_fd, from, fd, name, flags);
	if (result == 0) {
		trace("name", fd, name);
		pass_file("after", "name", fd, name);
	}
	return result;
}

int renameat(int from_fd, const char *from, int fd, const char *name)
{
	int (*real)(int, const char *, int, const char *) =
	    (int (*)(int, const char *, int, const char *))dlsym(RTLD_NEXT, "renameat");
	int result;

	pass_file("before", "rename", fd, name);
	result = real(from_fd, from, fd, name);
	pass_file("after", "rename", fd, name);
	return result;
}

/* With the server that takes what scripts send. */
ssize_t send(int fd, const void *data, size_t n, int flags)
{
	static ssize_t (*real)(int, const void *, size_t, int);
	ssize_t result;

	if (real == NULL) {
		real = (ssize_t(*)(int, const void *, size_t, int))dlsym(RTLD_NEXT, "send");
	}
	pass("before", "send", data, n);
	result = real(fd, data, n, flags);
	pass("after", "send", data, n);
	return result;
}

ssize_t recv(int fd, void *data, size_t n, int flags)
{
	static ssize_t (*real)(int, void *, size_t, int);
	ssize_t result;

	if (real == NULL) {
		real = (ssize_t(*)(int, void *, size_t, int))dlsym(RTLD_NEXT, "recv");
	}
	result = real(fd, data, n, flags);
	if (result > 0) {
		pass("after", "recv", data, (size_t)result);
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
		ssize_t result;

		trace("reply", fd, "");
		pass("before", "reply", data, n);
		result = real_write(fd, data, n);
		pass("after", "reply", data, n);
		return result;
	}
	if (getenv("FAULT_KILL") != NULL) {
		ssize_t result;

		pass_file("before", "write", fd, "");
		result = real_write(fd, data, n);
		pass_file("after", "write", fd, "");
		return result;
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
