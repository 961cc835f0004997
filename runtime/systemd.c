/* SPDX-License-Identifier: MIT
 * A few lines by hand, as systemd's manual advises where its library is used for nothing else. */
#include "runtime/systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static long get_number(const char *name)
{
	const char *value = getenv(name);
	char *end;
	long number;

	if (value == NULL || *value == '\0') {
		return -1;
	}
	errno = 0;
	number = strtol(value, &end, 10);
	return errno != 0 || *end != '\0' ? -1 : number;
}

int systemd_listen_fds(char **names_r)
{
	long pid = get_number("LISTEN_PID"), n = get_number("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	bool is_ours = pid == (long)getpid() && n >= 1 && n <= 1024;

	/* Without memory for them they are as good as sockets without names. */
	*names_r = is_ours && names != NULL ? strdup(names) : NULL;

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (!is_ours) {
		return 0;
	}
	for (int fd = SYSTEMD_FIRST_FD; fd < SYSTEMD_FIRST_FD + (int)n; fd++) {
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
	return (int)n;
}

bool systemd_name_is(const char *names, size_t i, const char *name)
{
	size_t n = strlen(name);

	for (; names != NULL && i > 0; i--) {
		names = strchr(names, ':');
		names += names != NULL;
	}
	return names != NULL && strcspn(names, ":") == n && memcmp(names, name, n) == 0;
}

void systemd_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = 1 };
	size_t n;
	int fd;

	if (path == NULL || (path[0] != '/' && path[0] != '@')) {
		return;
	}
	n = strlen(path);
	if (n >= sizeof(address.sun_path)) {
		return;
	}
	memcpy(address.sun_path, path, n);
	if (path[0] == '@') { /* an abstract name */
		address.sun_path[0] = '\0';
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return;
	}
	/* A manager that hangs must not stop mail, yet one that is busy shall hear READY=1. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	/* Nobody to tell when it fails: the manager will time out and say so. */
	(void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
	close(fd);
}

/* A server's words may be among them: a line end in there would begin another assignment. */
void systemd_notify_status(const char *state, const char *format, ...)
{
	char status[512], whole[600];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(status, sizeof(status), format, arguments);
	va_end(arguments);
	for (char *p = status; *p != '\0'; p++) {
		*p = (unsigned char)*p < ' ' ? ' ' : *p;
	}
	snprintf(whole, sizeof(whole), "%s\nSTATUS=%s", state, status);
	systemd_notify(whole);
}

uint64_t systemd_watchdog_timeout(void)
{
	long pid = get_number("WATCHDOG_PID"), usec = get_number("WATCHDOG_USEC");

	if (usec < 1 || (getenv("WATCHDOG_PID") != NULL && pid != (long)getpid())) {
		return 0;
	}
	return ((uint64_t)usec + 999) / 1000;
}
