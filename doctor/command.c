/* SPDX-License-Identifier: MIT
 * One child at a time, in a process group of its own, so that nothing of it outlives its time. What it says
 * goes into files in memory: nobody must read while it runs, and a child of its own that keeps them open is
 * not waited for. */
#include "doctor/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	STDERR_MAX = 512, /* bytes of its complaint that are looked at */
};

/* Where the system's programs are, and where they look for others. */
static const char places[] = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin";

static bool find_program(const char *name, char *path_r, size_t n_path)
{
	size_t n;

	for (const char *place = places; *place != '\0'; place += n + (place[n] == ':')) {
		n = strcspn(place, ":");
		snprintf(path_r, n_path, "%.*s/%s", (int)n, place, name);
		if (access(path_r, X_OK) == 0) {
			return true;
		}
	}
	return false;
}

/* In the child: of the caller's environment one variable is left. */
static bool set_environment(const char *kept)
{
	/* clearenv(3) forgets the list, and frees none of its strings. */
	const char *value = kept == NULL ? NULL : getenv(kept);

	return clearenv() == 0 && setenv("PATH", places, 1) == 0 && setenv("LC_ALL", "C", 1) == 0 &&
	       (value == NULL || setenv(kept, value, 1) == 0);
}

/* The rest of the child's life. Standard input is empty, the output leads to us, no other descriptor stays
 * open; of signals, a daemon has changed SIGPIPE alone. It may fill a file up to its limit: a write behind
 * that ends it by SIGXFSZ. --check has one thread, so all of libc may be called behind fork(). */
static _Noreturn void run_child(
    const char *path, const char *const *argv, const char *kept, int out, int err)
{
	const struct rlimit limit = { COMMAND_OUTPUT_MAX + 1, COMMAND_OUTPUT_MAX + 1 };
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigset_t none;

	/* Signals are as a shell leaves them; two of them cannot be set, and need not be. */
	for (int number = 1; number < NSIG; number++) {
		signal(number, SIG_DFL);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0 &&
	    dup2(in, STDIN_FILENO) >= 0 && close_range(3, ~0U, 0) == 0 && setpgid(0, 0) == 0 &&
	    setrlimit(RLIMIT_FSIZE, &limit) == 0 && set_environment(kept)) {
		execv(path, (char *const *)(size_t)argv);
	}
	dprintf(STDERR_FILENO, "%s: %s\n", path, strerror(errno));
	_exit(127);
}

static void close_fd(int fd)
{
	if (fd >= 0) {
		close(fd);
	}
}

/* Returns false when its time is over. */
static bool is_in_time(pid_t pid)
{
	struct pollfd ended = { .fd = pidfd_open(pid, 0), .events = POLLIN };
	int n = ended.fd < 0 ? -1 : poll(&ended, 1, COMMAND_SECONDS * 1000);

	close_fd(ended.fd);
	return n == 1;
}

/* What the child has said, up to max bytes, to be freed; NULL when out of memory. */
static char *read_output(int fd, size_t max)
{
	char *text = malloc(max + 1);
	ssize_t n = text == NULL ? -1 : pread(fd, text, max, 0);

	if (n < 0) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	return text;
}

/* The first line of its complaint, or how it ended. */
static void say_end(int err, const siginfo_t *ended, struct error *error)
{
	char complaint[STDERR_MAX];
	ssize_t n = pread(err, complaint, sizeof(complaint) - 1, 0);

	complaint[n < 0 ? 0 : n] = '\0';
	complaint[strcspn(complaint, "\r\n")] = '\0';
	if (complaint[0] != '\0') {
		error_set(error, "%s", complaint);
	} else {
		error_set(error, "it ended with %s%d",
		    ended->si_code == CLD_EXITED ? "" : "signal ", ended->si_status);
	}
}

static int finish(pid_t pid, int out, int err, char **output_r, struct error *error)
{
	siginfo_t ended = { .si_code = 0 };
	struct stat said = { .st_size = 0 };
	bool has_ended = is_in_time(pid);
	int result;

	/* Its group too: the leader is not reaped yet, so the number is still its. */
	kill(-pid, SIGKILL);
	do {
		result = waitid(P_PID, (id_t)pid, &ended, WEXITED);
	} while (result != 0 && errno == EINTR);
	if (!has_ended) {
		error_set(error, "no answer within %d seconds", COMMAND_SECONDS);
		return COMMAND_TIMEOUT;
	}
	if (fstat(out, &said) == 0 && said.st_size > COMMAND_OUTPUT_MAX) {
		error_set(error, "it says more than %d bytes", COMMAND_OUTPUT_MAX);
		return COMMAND_FAILED;
	}
	if (result != 0 || ended.si_code != CLD_EXITED || ended.si_status != 0) {
		say_end(err, &ended, error);
		return COMMAND_FAILED;
	}
	*output_r = read_output(out, COMMAND_OUTPUT_MAX);
	return *output_r == NULL ? -ENOMEM : COMMAND_OK;
}

int command_run(const char *const *argv, const char *variable, char **output_r, struct error *error)
{
	char path[256];
	int out, err, result;
	pid_t pid;

	*output_r = NULL;
	if (!find_program(argv[0], path, sizeof(path))) {
		error_set(error, "no %s in %s", argv[0], places);
		return COMMAND_ABSENT;
	}
	out = memfd_create("stdout", MFD_CLOEXEC);
	err = memfd_create("stderr", MFD_CLOEXEC);
	pid = out < 0 || err < 0 ? -1 : fork();
	if (pid == 0) {
		run_child(path, argv, variable, out, err);
	}
	if (pid > 0) {
		result = finish(pid, out, err, output_r, error);
	} else {
		result = -errno;
		error_set(error, "%s: %s", path, strerror(-result));
	}
	close_fd(out);
	close_fd(err);
	return result;
}
