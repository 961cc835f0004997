/* SPDX-License-Identifier: MIT
 * A running daemon: its loop, its listening sockets, a limit on connections, signals, and an orderly end.
 * Its program says what a connection is. Loop's thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <uv.h>

#include "base/error.h"
#include "runtime/endpoint.h"
#include "runtime/listener.h"
#include "runtime/peer.h"
#include "runtime/program.h"
#include "runtime/service.h"
#include "runtime/settings.h"

enum {
	DAEMON_DOOR_LISTENERS_MAX = 16, /* sockets of one door; systemd hands over no more */
	DAEMON_LISTENERS_MAX = 2 * DAEMON_DOOR_LISTENERS_MAX,
};

struct daemon {
	const struct program *program;
	const char *config_file;
	struct service *service;  /* in force: new clients get it; NULL at the end */
	struct services services; /* all that are not closed */
	unsigned n_reloads;       /* that were tried */
	bool is_refused; /* the last one: the file says something else than what is in force */
	uv_loop_t loop;
	struct listener listeners[DAEMON_LISTENERS_MAX];
	size_t n_listeners; /* none: one connection on stdin and stdout */
	char paths[DAEMON_LISTENERS_MAX]
		  [ENDPOINT_PATH_MAX + 1]; /* of files that were made for them */
	struct peers peers;                /* the connections */
	uv_signal_t terminate, interrupt, hangup;
	uv_timer_t drain, watchdog;
	size_t n_connections, connections_max;
	uint64_t n_accepted; /* so far */
	uint64_t n_refused;  /* so far, see the key allow */
	uint64_t refusal_told,
	    n_refused_told; /* uv_now() of the log's last line on it, and how many there had been */
	bool is_stopping, has_ended;
	uint64_t ended; /* uv_now() */
};

/* The keys that every daemon has; they are settled before root is given up. Each daemon's table fills
 * them from the sections that they stand in there. */
struct daemon_settings {
	struct settings_list listen; /* sockets of the program's first door, see endpoint.h */
	const char
	    *second; /* that of its second one; "" for none, NULL where there is no such door */
	struct settings_list allow; /* who may connect over TCP, see prefix.h; empty: everybody */
	long socket_mode;
	const char *socket_user, *socket_group; /* "" leaves them */
	const char *control;                    /* path of the control socket, "" for none */
	const char *user, *group;               /* that the daemon runs as */
};

/* What the keys' own checks cannot see. sockets and owner are the sections of listen and of user and
 * group, purpose is what the user is for. Returns 0, or -1 with keys and fault in error. */
int daemon_settings_check(const struct daemon_settings *settings, const char *sockets,
    const char *owner, const char *purpose, struct error *error);

/* Do they say something else? Then a reload is not enough. */
bool daemon_settings_differ(const struct daemon_settings *a, const struct daemon_settings *b);

/* Takes the sockets that systemd hands over, and binds those of the doors for which there is none among them.
 * As root, before giving it up. Returns 0, or -1 with a message in error. */
int daemon_listen(
    struct daemon *daemon, const struct daemon_settings *settings, struct error *error);

/* Takes the names of those that were bound away again. */
void daemon_forget_sockets(struct daemon *daemon);

/* First of all. From now on a SIGHUP waits until the loop takes it, and reloads then; by default it would
 * kill. */
void daemon_init(struct daemon *daemon, const struct program *program, const char *config_file);

/* Tells the service manager that the daemon serves, or serves again. */
void daemon_notify_ready(const struct daemon *daemon);

/* Serves until the end. Takes over config. Returns an exit code of sysexits. */
int daemon_serve(struct daemon *daemon, void *config);

/* For each connection; it may end on the way. */
void daemon_for_each(struct daemon *daemon, void (*f)(struct peer *peer));

/* A connection is over: its peer may be freed. The last one's end is the daemon's when it is stopping. */
void daemon_closed(struct daemon *daemon, struct peer *peer);
