/* SPDX-License-Identifier: MIT
 * The daemon: its loop, listening sockets, connections, signals and its orderly end. */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>
#include <uv.h>

#include "lmtpd/service.h"

enum {
	SERVER_LISTENERS_MAX = 16,
	SERVER_READ_SIZE = 65536,
	SERVER_DRAIN_SECONDS = 30,
};

struct connection;
LIST_HEAD(connections, connection);

struct server_listener {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_pipe_t pipe;
		uv_tcp_t tcp;
	};
	struct server *server;
	char *spec;       /* of a socket made here, NULL if it was handed over */
	bool has_waiting; /* a connection that was not accepted since there are too many */
};

struct server {
	uv_loop_t loop;
	const char *config_file;
	struct service *service;
	struct server_listener listeners[SERVER_LISTENERS_MAX];
	size_t n_listeners;
	uv_signal_t terminate, interrupt, hangup;
	uv_timer_t drain;
	struct connections connections;
	size_t n_connections, connections_max;
	unsigned n_sessions; /* so far, for their ids */
	char id_prefix[40];
	bool is_stopping;
	bool is_stdio;                      /* one session, then the end */
	char read_buffer[SERVER_READ_SIZE]; /* of whichever connection reads now */
};

/* Binds what the configuration names, or takes what systemd hands over. As root, before giving it
 * up. Returns 0, or -1 with a message in error. */
int server_listen(struct server *server, const struct config *config, int *fds_r, size_t *n_r,
    char *error, size_t n_error);

/* Serves until SIGTERM or SIGINT; n_fds == 0: one session on stdin and stdout. Takes over config.
 * Returns an exit code of sysexits. */
int server_run(struct server *server, const char *config_file, struct config *config,
    const int *fds, size_t n_fds);

/* A connection has ended. */
void server_on_connection_closed(struct server *server);
