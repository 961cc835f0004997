/* SPDX-License-Identifier: MIT
 * The client of the control socket. The daemon writes the document; here it is only carried to
 * stdout, without what could steer a terminal: the daemon's user is not trusted with root's. */
#include "status/ask.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "runtime/daemon.h"

#include "status/control.h"

enum {
	ANSWER_MAX = 1 << 20,
	PATIENCE = 10, /* seconds, to send, for each piece of the answer, and about that for all */
	WATCH_SECONDS = 2, /* between two looks */
	WATCH_SECONDS_MAX = 3600,
};

/* Whom to ask. */
struct ask {
	const char *program;
	const char *config; /* the file with the path of the control socket */
	char path[CONTROL_PATH_MAX + 1];
};

/* NUL-terminated. */
static char answer[ANSWER_MAX];

static volatile sig_atomic_t has_to_end;

static void on_signal(int number)
{
	has_to_end = 1;
}

/* The seconds of --watch; 0 if the text is no number of them. */
static unsigned parse_seconds(const char *text)
{
	char *end;
	unsigned long seconds;

	if (text == NULL) {
		return WATCH_SECONDS;
	}
	if (text[0] < '1' || text[0] > '9') {
		return 0;
	}
	seconds = strtoul(text, &end, 10);
	return *end != '\0' || seconds > WATCH_SECONDS_MAX ? 0 : (unsigned)seconds;
}

static int connect_to(const char *path)
{
	const struct timeval patience = { .tv_sec = PATIENCE };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), error;

	if (fd < 0) {
		return -errno;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

/* One question. Returns the length of its answer or a negative errno. */
static ssize_t ask_once(const char *path, const char *request)
{
	uint64_t deadline = uv_hrtime() + PATIENCE * UINT64_C(1000000000);
	size_t n = 0;
	int fd = connect_to(path);
	ssize_t result;

	if (fd < 0) {
		return fd;
	}
	/* Who may not ask is told so and closed upon, perhaps before this is sent. */
	(void)!send(fd, request, strlen(request), MSG_NOSIGNAL);
	while ((result = recv(fd, answer + n, ANSWER_MAX - 1 - n, 0)) > 0) {
		n += (size_t)result;
		if (uv_hrtime() > deadline) { /* drop by drop */
			result = -1;
			errno = EAGAIN;
			break;
		}
	}
	if (result == 0 || errno == ECONNRESET) {
		result = n > 0 ? (ssize_t)n : -ENODATA;
	} else {
		result = -errno;
	}
	close(fd);
	answer[n] = '\0';
	return result;
}

static int explain(const struct ask *ask, int error)
{
	if (error == -EINTR && has_to_end) {
		return EX_OK;
	}
	if (error == -EACCES || error == -EPERM) {
		fprintf(stderr,
		    "%s: %s: %s; only root and the user that %s runs as may ask: try it as root\n",
		    ask->program, ask->path, strerror(-error), ask->program);
		return EX_NOPERM;
	}
	if (error == -EAGAIN || error == -ENODATA) {
		fprintf(stderr,
		    "%s: %s: no answer; %s hangs, or is just ending: try again, or see its log\n",
		    ask->program, ask->path, ask->program);
		return EX_UNAVAILABLE;
	}
	fprintf(stderr,
	    "%s: %s: %s; is %s running, with control = \"%s\" as in %s? If it is, its log has a "
	    "line event=control that says why nobody answers\n",
	    ask->program, ask->path, strerror(-error), ask->program, ask->path, ask->config);
	return EX_UNAVAILABLE;
}

/* The line of the answer, from there on. */
static void complain(const struct ask *ask, const char *words)
{
	fprintf(stderr, "%s: %s: ", ask->program, ask->path);
	for (; strcmp(words, "\n") != 0 && *words != '\0'; words++) {
		fputc(*words >= ' ' && *words < 0x7f ? *words : ' ', stderr);
	}
	fputc('\n', stderr);
}

/* The answer, of that length; or why there is none, a negative errno. */
static int print(const struct ask *ask, ssize_t n)
{
	if (n < 0) {
		return explain(ask, (int)n);
	}
	if (strncmp(answer, "error: ", 7) == 0) {
		complain(ask, answer);
		return strstr(answer, "may ask") != NULL ? EX_NOPERM : EX_PROTOCOL;
	}
	for (ssize_t i = 0; i < n; i++) {
		char c = answer[i];

		putchar((c >= ' ' && c < 0x7f) || c == '\n' ? c : '?');
	}
	return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

/* The exit code that the daemon says; words only where it is not well. */
static int ask_health(const struct ask *ask)
{
	ssize_t n = ask_once(ask->path, "health\n");
	char *words;
	unsigned long code;

	if (n < 0 || strncmp(answer, "health ", 7) != 0) {
		return n < 0 || strncmp(answer, "error: ", 7) == 0 ? print(ask, n) : EX_PROTOCOL;
	}
	code = strtoul(answer + 7, &words, 10);
	if (words == answer + 7 || code > UINT8_MAX) {
		return EX_PROTOCOL;
	}
	if (code == EX_OK) {
		return EX_OK;
	}
	complain(ask, words + strspn(words, " "));
	return (int)code;
}

static int watch(const struct ask *ask, unsigned seconds)
{
	const struct timespec pause = { .tv_sec = seconds };
	const struct sigaction action = { .sa_handler = on_signal };
	bool is_terminal = isatty(STDOUT_FILENO), is_first = true;
	char request[64];
	int result = EX_OK;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	/* A number that no other watcher has. */
	snprintf(request, sizeof(request), "watch %" PRIu64 "\n", uv_hrtime());
	while (!has_to_end && result != EX_IOERR) {
		ssize_t n = ask_once(ask->path, request);

		if (is_terminal) {
			fputs("\033[H\033[2J\033[3J", stdout);
			fflush(stdout);
		} else if (!is_first) {
			putchar('\n');
		}
		result = print(ask, n);
		if (is_first && result != EX_OK) {
			return result;
		}
		is_first = false; /* from now on it may come back: a restart */
		if (!has_to_end) {
			nanosleep(&pause, NULL);
		}
	}
	return result == EX_IOERR ? EX_IOERR : EX_OK;
}

int ask_run(const struct program_call *call)
{
	struct ask ask = { .program = call->program->name, .config = call->config_file };
	struct daemon_settings *settings;
	unsigned seconds = parse_seconds(call->seconds);
	struct error error;

	signal(SIGPIPE, SIG_DFL); /* of a pager that is left */
	if (seconds == 0) {
		return program_misused(call->program);
	}
	settings = settings_read(call->program->form, ask.config, &error);
	if (settings == NULL) {
		fprintf(stderr, "%s: %s\n", ask.program, error.text);
		return EX_CONFIG;
	}
	snprintf(ask.path, sizeof(ask.path), "%s", settings->control);
	settings_free(settings);
	if (ask.path[0] == '\0') {
		fprintf(stderr, "%s: %s has control = \"\": there is no socket to ask\n",
		    ask.program, ask.config);
		return EX_CONFIG;
	}
	if ((call->forms & PROGRAM_WATCH) != 0) {
		return watch(&ask, seconds);
	}
	if ((call->forms & PROGRAM_QUIET) != 0) {
		return ask_health(&ask);
	}
	return print(&ask, ask_once(ask.path, call->forms == PROGRAM_JSON         ? "json\n"
					      : call->forms == PROGRAM_PROMETHEUS ? "prometheus\n"
										  : "text\n"));
}
