/* SPDX-License-Identifier: MIT
 * Listening sockets: how they are made, as root perhaps, and how clients are taken off them.
 *
 * A client for whom there is no room is not accepted: libuv takes no more off the backlog then, and all wait
 * there. When accept(2) fails the listener pauses for a second; its socket stays. Loop's thread. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

#include "base/error.h"
#include "runtime/endpoint.h"
#include "runtime/peer.h"

struct program_door;

struct listener_settings {
	mode_t mode; /* of unix sockets, as are the next two; -1 leaves owner or group */
	uid_t uid;
	gid_t gid;
};

/* Binds and listens with the largest backlog. A stale unix socket is replaced; one that somebody
 * listens on is not. Returns a non-blocking descriptor, or -1 with a message in error. */
int listener_open(
    const struct endpoint *endpoint, const struct listener_settings *settings, struct error *error);

enum listener_outcome {
	LISTENER_ACCEPTED,
	LISTENER_LATER,     /* there is no room: listener_proceed() is due when there is */
	LISTENER_NO_MEMORY, /* and nobody is there who could leave: it pauses */
};

struct listener {
	int fd; /* of the socket; the handle works on a copy of it and can be closed */
	const struct program_door *door; /* the owner's: whose clients come through it */

	/* A client waits: peer_accept() it. */
	enum listener_outcome (*accept)(struct listener *listener, uv_stream_t *stream);

	/* It begins a pause, and why. NULL: nobody wants to know. */
	void (*paused)(const char *why);
	void *owner;

	/* The listener's own. */
	union peer_handle handle;
	uv_timer_t retry; /* runs while the handle is closed */
	bool has_waiting; /* a client that was not accepted */
	bool is_stopped;
};

/* Accepts from now on; @listener has its members up to owner. Returns 0 or a negative errno;
 * listener_stop() is due in both cases. */
int listener_start(struct listener *listener, uv_loop_t *loop);

/* There may be room for a client that waits. */
void listener_proceed(struct listener *listener);

/* Closes the socket too. The memory may be reused when the loop has turned. */
void listener_stop(struct listener *listener);
