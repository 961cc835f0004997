/* SPDX-License-Identifier: MIT
 * The control socket, where a running daemon tells of itself. A client sends one line, "text", "json",
 * "prometheus", "watch ID" or "health", is sent one document, and the connection closes. The answer to "health"
 * is "health CODE WORDS": an exit code of sysexits, 0 if all is well, and what is not.
 *
 * Only root and the daemon's own user may ask. Clients are few, slow ones are dropped, and nothing
 * here keeps the daemon from serving or ending. Loop's thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <uv.h>

#include "base/error.h"
#include "runtime/daemon.h"
#include "runtime/listener.h"
#include "runtime/peer.h"
#include "status/document.h"

enum {
	CONTROL_PATH_MAX = 96,     /* bytes; the name it is made under is longer */
	CONTROL_CLIENTS_MAX = 4,   /* at a time; further ones wait in the backlog */
	CONTROL_WATCHERS_MAX = 4,  /* whose last look is remembered */
	CONTROL_REQUEST_MAX = 64,  /* bytes of a request, LF included */
	CONTROL_TIMEOUT_MS = 5000, /* from the connect to the last byte */
};

struct control;

struct control_client {
	struct peer peer; /* first: its callbacks get back to the client */
	struct control *control;
	bool is_there;    /* else the place is free */
	bool is_answered; /* the request came whole */
	bool is_waiting;  /* for control_conclude() */
	char request[CONTROL_REQUEST_MAX];
	size_t n_request;
};

struct control_watcher {
	uint64_t id, used; /* uv_now() */
	struct document_marks marks;
};

struct control {
	uv_loop_t *loop;
	const char *prefix; /* of Prometheus's names */
	void (*write)(void *owner, struct document *document);
	/* Is the daemon well? The answer, or NULL: it comes by control_conclude(). */
	const char *(*examine)(void *owner);
	void *owner;

	bool is_open;
	char path[CONTROL_PATH_MAX + 1];
	struct stat status; /* of what stands at path */
	struct listener listener;
	struct control_client clients[CONTROL_CLIENTS_MAX];
	struct control_watcher watchers[CONTROL_WATCHERS_MAX];
};

/* Can path be that of a control socket, or ""? Returns 0, or -1 with what is wrong in error. */
int control_check(const char *path, struct error *error);

/* As root, before giving it up: makes the directory of path for that user, if there is none. */
void control_prepare(const struct daemon_settings *settings, uid_t uid, gid_t gid);

/* Serves from now on. @control has its members up to owner; path "" is no socket. What fails is
 * logged, and is no reason not to serve mail. */
void control_open(struct control *control, const char *path);

/* Answers all who wait for an examination. */
void control_conclude(struct control *control, const char *answer);

/* At the end of the daemon, when nobody waits for an examination; also when it is not open. */
void control_close(struct control *control);
