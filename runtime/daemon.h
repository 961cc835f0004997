/* SPDX-License-Identifier: MIT
 * What every daemon here has: a loop, listening sockets, a limit on connections, signals, and an
 * orderly end. The daemon itself says what a connection is. Loop's thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <uv.h>

#include "base/error.h"

enum {
	DAEMON_LISTENERS_MAX = 16,
	DAEMON_READ_SIZE = 65536,
	DAEMON_DRAIN_SECONDS = 30,
};

struct daemon;

struct daemon_callbacks {
	/* A client waits: uv_accept() it and call daemon_opened(). Returns false when that cannot be
	 * now; the client then waits until another connection ends. */
	bool (*accept)(struct daemon *daemon, uv_stream_t *listener);
	void (*stop)(struct daemon *daemon);    /* SIGTERM, SIGINT: end what can be ended now */
	void (*drained)(struct daemon *daemon); /* after DAEMON_DRAIN_SECONDS: end the rest */
	void (*reload)(struct daemon *daemon);  /* SIGHUP */
	void (*ended)(
	    struct daemon *daemon); /* the last connection is gone: let go of everything */
};

struct daemon_listener {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_pipe_t pipe;
		uv_tcp_t tcp;
	};
	struct daemon *daemon;
	int fd;           /* the handle works on a copy of it and can be closed */
	uv_timer_t retry; /* runs while the handle is closed */
	char *spec;       /* of a socket made here, NULL if it was handed over */
	bool has_waiting; /* a client that was not accepted since there are too many */
};

struct daemon {
	const struct daemon_callbacks *callbacks;
	uv_loop_t loop;
	struct daemon_listener listeners[DAEMON_LISTENERS_MAX];
	size_t n_listeners; /* none: one session on stdin and stdout */
	uv_signal_t terminate, interrupt, hangup;
	uv_timer_t drain, watchdog;
	size_t n_connections, connections_max;
	bool is_stopping, has_ended;
	char read_buffer[DAEMON_READ_SIZE]; /* of whichever connection reads now */
};

struct daemon_sockets {
	const char *const *specs; /* see listener.h */
	size_t n_specs;
	mode_t mode;
	const char *user, *group;
};

/* Binds the sockets, or takes what systemd hands over. As root, before giving it up.
 * Returns 0, or -1 with a message in error. */
int daemon_listen(struct daemon *daemon, const struct daemon_sockets *sockets, struct error *error);

/* Starts the loop, accepting nothing yet. As many connections are allowed as there are descriptors,
 * less n_reserved. */
void daemon_init(
    struct daemon *daemon, const struct daemon_callbacks *callbacks, size_t n_reserved);

/* Accepts from now on and tells systemd. Returns 0, or -1 with a message in error. */
int daemon_start(struct daemon *daemon, struct error *error);

/* Runs until the end. */
void daemon_run(struct daemon *daemon);

/* As SIGTERM does. */
void daemon_stop(struct daemon *daemon);

/* A connection begins and ends; the last one's end is the daemon's when it is stopping. */
void daemon_opened(struct daemon *daemon);
void daemon_closed(struct daemon *daemon);

/* A reload that callbacks->reload() began is over, well or not. */
void daemon_reloaded(void);
