/* SPDX-License-Identifier: MIT
 * One child at a time, in a process group of its own, so that nothing of it outlives its time. */
#include "doctor/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	ARGUMENTS_MAX = 30,
	STDERR_MAX = 512,
};

static const char *const places[] = { "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin",
	"/usr/local/bin" };

static const char path_variable[] =
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin";

struct stream {
	int fd; /* -1: closed */
	char *text;
	size_t n, cap;
	bool is_cut;
};

struct child {
	pid_t pid;
	int pidfd;
	struct stream out, err;
	struct timespec deadline;
};

static int find_program(const char *name, char *path_r, size_t n_path)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path_r, n_path, "%s/%s", places[i], name);
		if (access(path_r, X_OK) == 0) {
			return 0;
		}
	}
	return -1;
}

/* Standard input is empty, the output leads to us, no other descriptor stays open; signals are as a
 * shell leaves them. */
static int spawn(
    const char *path, char *const *argv, char *const *environment, int out, int err, pid_t *pid_r)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int result;

	sigemptyset(&none);
	sigfillset(&all);
	if ((result = posix_spawn_file_actions_init(&actions)) != 0) {
		return -result;
	}
	if ((result = posix_spawnattr_init(&attributes)) != 0) {
		posix_spawn_file_actions_destroy(&actions);
		return -result;
	}
	if ((result = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)) ==
		0 &&
	    (result = posix_spawn_file_actions_adddup2(&actions, out, 1)) == 0 &&
	    (result = posix_spawn_file_actions_adddup2(&actions, err, 2)) == 0 &&
	    (result = posix_spawn_file_actions_addclosefrom_np(&actions, 3)) == 0 &&
	    (result = posix_spawnattr_setsigmask(&attributes, &none)) == 0 &&
	    (result = posix_spawnattr_setsigdefault(&attributes, &all)) == 0 &&
	    (result = posix_spawnattr_setpgroup(&attributes, 0)) == 0 &&
	    (result = posix_spawnattr_setflags(&attributes,
		 POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK)) == 0) {
		result = posix_spawn(pid_r, path, &actions, &attributes, argv, environment);
	}
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -result;
}

static void close_fd(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
		*fd = -1;
	}
}

/* Takes what is there; what does not fit is dropped. */
static void drain(struct stream *stream)
{
	char dropped[4096];
	size_t room = stream->cap - 1 - stream->n;
	ssize_t n = read(stream->fd, room > 0 ? stream->text + stream->n : dropped,
	    room > 0 ? room : sizeof(dropped));

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		close_fd(&stream->fd);
	} else if (n > 0 && room > 0) {
		stream->n += (size_t)n;
	} else if (n > 0) {
		stream->is_cut = true;
	}
}

static int milliseconds_left(const struct timespec *deadline)
{
	struct timespec now;
	long left;

	clock_gettime(CLOCK_MONOTONIC, &now);
	left = (deadline->tv_sec - now.tv_sec) * 1000 + (deadline->tv_nsec - now.tv_nsec) / 1000000;
	return left > 0 ? (int)left : 0;
}

/* Until it has ended, and what it wrote is read; a child of its own that keeps the pipe open is not
 * waited for. Returns false when the time is over. */
static bool attend(struct child *child)
{
	for (;;) {
		struct pollfd polled[] = {
			{ .fd = child->out.fd, .events = POLLIN },
			{ .fd = child->err.fd, .events = POLLIN },
			{ .fd = child->pidfd, .events = POLLIN },
		};
		int left = milliseconds_left(&child->deadline);

		if (left == 0 || (poll(polled, 3, left) < 0 && errno != EINTR)) {
			return false;
		}
		if (polled[0].revents != 0) {
			drain(&child->out);
		}
		if (polled[1].revents != 0) {
			drain(&child->err);
		}
		if (polled[0].revents == 0 && polled[1].revents == 0 && polled[2].revents != 0) {
			return true;
		}
	}
}

static void say_first_line(const struct stream *stream, const char *otherwise, struct error *error)
{
	size_t n = strcspn(stream->text, "\r\n");

	if (n > 0) {
		error_set(error, "%.*s", (int)n, stream->text);
	} else {
		error_set(error, "%s", otherwise);
	}
}

static int finish(struct child *child, bool is_in_time, struct error *error)
{
	siginfo_t ended = { .si_code = 0 };
	char otherwise[64];
	int result;

	/* Its group too: the leader is not reaped yet, so the number is still its. */
	kill(-child->pid, SIGKILL);
	do {
		result = waitid(P_PID, (id_t)child->pid, &ended, WEXITED);
	} while (result != 0 && errno == EINTR);
	child->out.text[child->out.n] = '\0';
	child->err.text[child->err.n] = '\0';
	if (!is_in_time) {
		error_set(error, "no answer within %d seconds", COMMAND_SECONDS);
		return COMMAND_TIMEOUT;
	}
	if (result != 0 || ended.si_code != CLD_EXITED || ended.si_status != 0) {
		snprintf(otherwise, sizeof(otherwise), "it ended with %s%d",
		    ended.si_code == CLD_EXITED ? "" : "signal ", ended.si_status);
		say_first_line(&child->err, otherwise, error);
		return COMMAND_FAILED;
	}
	if (child->out.is_cut) {
		error_set(error, "it says more than %d bytes", COMMAND_OUTPUT_MAX);
		return COMMAND_FAILED;
	}
	return COMMAND_OK;
}

static int open_stream(struct stream *stream, size_t cap, int *theirs_r)
{
	int fds[2];

	*stream = (struct stream){ .fd = -1, .cap = cap, .text = malloc(cap) };
	if (stream->text == NULL) {
		return -ENOMEM;
	}
	if (pipe2(fds, O_CLOEXEC) != 0) {
		return -errno;
	}
	stream->fd = fds[0];
	*theirs_r = fds[1];
	return fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0 ? 0 : -errno;
}

static int start(struct child *child, const char *path, char *const *argv, char *const *environment)
{
	int out = -1, err = -1;
	int result = open_stream(&child->out, COMMAND_OUTPUT_MAX + 1, &out);

	if (result == 0) {
		result = open_stream(&child->err, STDERR_MAX, &err);
	}
	if (result == 0) {
		clock_gettime(CLOCK_MONOTONIC, &child->deadline);
		child->deadline.tv_sec += COMMAND_SECONDS;
		result = spawn(path, argv, environment, out, err, &child->pid);
	}
	close_fd(&out);
	close_fd(&err);
	return result;
}

int command_run(const struct command *command, char **output_r, struct error *error)
{
	char path[256], variable[4096];
	char *argv[ARGUMENTS_MAX + 2] = { path };
	char *environment[] = { (char *)(size_t)path_variable, (char *)(size_t) "LC_ALL=C", NULL,
		NULL };
	const char *value = command->environment == NULL ? NULL : getenv(command->environment);
	struct child child = { .pidfd = -1, .out = { .fd = -1 }, .err = { .fd = -1 } };
	int result;

	*output_r = NULL;
	if (find_program(command->name, path, sizeof(path)) != 0) {
		error_set(error, "no %s in %s", command->name, path_variable + 5);
		return COMMAND_ABSENT;
	}
	for (size_t i = 0; i < ARGUMENTS_MAX && command->arguments[i] != NULL; i++) {
		argv[i + 1] = (char *)(size_t)command->arguments[i];
	}
	if (value != NULL && snprintf(variable, sizeof(variable), "%s=%s", command->environment,
				 value) < (int)sizeof(variable)) {
		environment[2] = variable;
	}
	result = start(&child, path, argv, environment);
	if (result == 0) {
		child.pidfd = pidfd_open(child.pid, 0);
		result = finish(&child, child.pidfd >= 0 && attend(&child), error);
	} else {
		error_set(error, "%s: %s", path, strerror(-result));
	}
	close_fd(&child.pidfd);
	close_fd(&child.out.fd);
	close_fd(&child.err.fd);
	free(child.err.text);
	if (result == COMMAND_OK) {
		*output_r = child.out.text;
	} else {
		free(child.out.text);
	}
	return result;
}
