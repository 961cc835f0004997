/* SPDX-License-Identifier: MIT
 * The terminal is set back in every case that can be caught. */
#include "auth/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* Reads up to the end of the line, byte by byte: nothing of it stays in a buffer of stdio. */
static int read_line(int fd, char *line_r, size_t n, struct error *error)
{
	size_t at = 0;

	for (;;) {
		ssize_t got = read(fd, &line_r[at], 1);

		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0 || (got == 0 && at == 0)) {
			return error_set(error, "cannot read the password: %s",
			    got < 0 ? strerror(errno) : "end of input");
		}
		if (got == 0 || line_r[at] == '\n') {
			line_r[at] = '\0';
			return 0;
		}
		if (line_r[at] == '\0' || ++at == n) {
			explicit_bzero(line_r, n);
			return error_set(
			    error, "the password holds a NUL or is longer than %zu bytes", n - 1);
		}
	}
}

static int ask(int fd, const char *prompt, char *line_r, size_t n, struct error *error)
{
	struct termios old, quiet;
	sigset_t interrupts, before;
	int result;

	if (tcgetattr(fd, &old) != 0) {
		return error_set(error, "cannot turn off the terminal's echo: %s", strerror(errno));
	}
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	/* Ctrl-C must not leave a terminal without echo: it waits until that is back. */
	sigemptyset(&interrupts);
	sigaddset(&interrupts, SIGINT);
	sigaddset(&interrupts, SIGTSTP);
	sigaddset(&interrupts, SIGQUIT);
	sigprocmask(SIG_BLOCK, &interrupts, &before);
	tcsetattr(fd, TCSAFLUSH, &quiet);
	(void)!write(fd, prompt, strlen(prompt));
	result = read_line(fd, line_r, n, error);
	tcsetattr(fd, TCSAFLUSH, &old);
	(void)!write(fd, "\n", 1);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return result;
}

int terminal_read_password(char *password_r, size_t n, bool is_new, struct error *error)
{
	char again[4097];
	int fd, result;

	if (!isatty(STDIN_FILENO)) {
		return read_line(STDIN_FILENO, password_r, n, error);
	}
	fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		return error_set(error, "/dev/tty: %s", strerror(errno));
	}
	result = ask(fd, "Password: ", password_r, n, error);
	if (result == 0 && is_new) {
		result = ask(fd, "Once more: ", again, sizeof(again), error);
		if (result == 0 && strcmp(again, password_r) != 0) {
			error_set(error, "the two are not the same");
			result = -1;
		}
		explicit_bzero(again, sizeof(again));
	}
	close(fd);
	return result;
}
