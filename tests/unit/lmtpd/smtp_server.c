/* SPDX-License-Identifier: MIT
 * One connection after the other. */
#include "tests/unit/lmtpd/smtp_server.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Reads until the text has come behind at; NULL: until the client is gone. Returns false when it is. */
static bool read_until(int fd, char *said, size_t at, const char *text)
{
	size_t n = strlen(said);

	while (text == NULL || strstr(said + at, text) == NULL) {
		ssize_t result =
		    n + 1 < SMTP_SAID_MAX ? read(fd, said + n, SMTP_SAID_MAX - 1 - n) : 0;

		if (result <= 0) {
			return false;
		}
		n += (size_t)result;
		said[n] = '\0';
	}
	return true;
}

/* Without reading a byte more. */
static void wait_until_gone(int fd)
{
	struct pollfd polled = { .fd = fd };

	poll(&polled, 1, -1);
}

static void serve(struct smtp_server *server, int fd, const struct smtp_turn *turn, char *said)
{
	size_t at = 0;

	for (; turn->read != NULL; turn++) {
		if (!read_until(fd, said, at, turn->read)) {
			return;
		}
		at = strlen(said);
		if (send(fd, turn->say, strlen(turn->say), MSG_NOSIGNAL) < 0) {
			return;
		}
		if (turn->act == SMTP_HANG) {
			atomic_store(&server->n_silent, server->n_connections);
			wait_until_gone(fd);
		}
		if (turn->act != SMTP_SAY) {
			return;
		}
	}
	atomic_store(&server->n_silent, server->n_connections);
	read_until(fd, said, at, NULL);
}

static void *run_server(void *data)
{
	struct smtp_server *server = data;
	int fd;

	while (server->n_connections < SMTP_CONNECTIONS_MAX &&
	       (fd = accept(server->fd, NULL, NULL)) >= 0) {
		unsigned i = server->n_connections++;

		serve(server, fd, server->turns[i], server->said[i]);
		close(fd);
	}
	return NULL;
}

void smtp_server_start(struct smtp_server *server)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	directory_make(server->directory, sizeof(server->directory));
	snprintf(server->endpoint, sizeof(server->endpoint), "unix:%s/smtp", server->directory);
	snprintf(address.sun_path, sizeof(address.sun_path), "%.90s/smtp", server->directory);
	for (unsigned i = 0; i < SMTP_CONNECTIONS_MAX; i++) {
		server->said[i] = calloc(1, SMTP_SAID_MAX);
	}
	server->n_connections = 0;
	server->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_true(server->fd >= 0);
	assert_int_equal(bind(server->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(server->fd, 10), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, run_server, server), 0);
}

void smtp_server_end(struct smtp_server *server)
{
	shutdown(server->fd, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->fd);
}

void smtp_server_free(struct smtp_server *server)
{
	for (unsigned i = 0; i < SMTP_CONNECTIONS_MAX; i++) {
		free(server->said[i]);
	}
	directory_remove(server->directory);
}
