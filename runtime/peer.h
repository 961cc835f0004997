/* SPDX-License-Identifier: MIT
 * A peer: the other end of one connection. It is a stream (one socket, or stdin and stdout), the input
 * that its owner could not take yet, its silence, and its end. Its owner knows what the bytes mean.
 *
 * Nothing is read while the peer does not take what it is sent, nor while more than a little input is
 * kept: what it can make the owner hold is bounded, and who sends fast waits in his own buffers.
 * Loop's thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

#include "runtime/prefix.h"

struct peer;

/* What the owner does. NULL where it does nothing, but for input, turn and closed. */
struct peer_callbacks {
	/* Takes what it can of data[0..n) and says how much. The rest is kept and comes again after the
	 * next event; n may be 0, and is once the peer is closed. Not called while is_writing. */
	size_t (*input)(struct peer *peer, const char *data, size_t n);

	/* An event was dealt with: time to send what was put out. */
	void (*turn)(struct peer *peer);

	/* The peer was silent for longer than peer_set_patience() said. */
	void (*silent)(struct peer *peer);

	/* It is being closed. why: what is wrong with it, NULL when its owner wants it. */
	void (*closing)(struct peer *peer, const char *why);

	/* It is closed and no work is out for it: its memory may be reused. */
	void (*closed)(struct peer *peer);

	/* The daemon's life: a new configuration is in force; end what can be ended now; the time for an
	 * orderly end is over. */
	void (*renew)(struct peer *peer);
	void (*stop)(struct peer *peer);
	void (*drop)(struct peer *peer);
};

union peer_handle {
	uv_handle_t handle;
	uv_stream_t stream;
	uv_pipe_t pipe;
	uv_tcp_t tcp;
};

struct peer {
	const struct peer_callbacks *callbacks;
	LIST_ENTRY(peer) entry; /* the owner's: of all that he has */
	bool has_secrets;       /* the owner's to set: what was read is wiped */
	bool
	    has_deadline; /* the owner's to set: patience counts from its beginning, not from its last word */
	bool is_full;   /* the owner's to set: nothing is to be read for now */
	unsigned n_out; /* the owner's to raise: work that is out, on a lane or with a timer */

	/* The owner's to read. */
	bool is_at_end;  /* it has closed its side */
	bool is_writing; /* it has not taken all that it was sent */
	bool is_ending;  /* peer_end() was called */
	bool is_closed;

	/* The peer's own. */
	union peer_handle in;  /* both ways, but for stdin and stdout */
	union peer_handle out; /* used when is_split */
	uv_timer_t timer;
	bool is_split, is_reading;
	unsigned n_handles;       /* that are not closed yet */
	char *input;              /* that is kept, */
	size_t n_input, input_at; /* and how much of it was taken after all */
	uint64_t patience;        /* ms that it may be silent; 0: for ever */
	uint64_t active;          /* uv_now() of its last sign of life */
};
LIST_HEAD(peers, peer);

/* Makes a handle of the kind that suits a socket or a pipe. It is initialised in any case, and takes over fd
 * when all is well. Returns 0 or a negative errno. */
int peer_handle_open(union peer_handle *handle, uv_loop_t *loop, int fd);

/* Takes a client that waits on a listener, or stdin and stdout. With peer_proceed() what was put out is sent, and
 * reading begins. Members but those that are the owner's to set must be 0. Returns 0 or a negative errno: the
 * peer closes then. */
int peer_accept(struct peer *peer, uv_stream_t *listener);
int peer_open_stdio(struct peer *peer, uv_loop_t *loop);

/* Where it has come from over TCP. Returns 0, -ENOTSOCK when it is no client of TCP, or another negative errno. */
int peer_get_address(const struct peer *peer, struct prefix_address *address_r);

/* Sends n bytes: at once as far as the socket takes them, the rest in the background. False when it
 * cannot be now: they come again in a later turn. */
bool peer_write(struct peer *peer, const char *data, size_t n);

/* How long it may be silent while no work is out for it, in ms. */
void peer_set_patience(struct peer *peer, uint64_t patience);

/* Something has changed that input may have waited for. May free the peer's owner if it is closed. */
void peer_proceed(struct peer *peer);

/* Work that was out is back. As peer_proceed(). */
void peer_work_done(struct peer *peer);

/* Closes once all is sent and no work is out; nothing more is read. Takes effect with the turn. */
void peer_end(struct peer *peer);

/* Closes at once; see closing() for why. */
void peer_close(struct peer *peer, const char *why);

/* Tell its owner. */
void peer_renew(struct peer *peer);
void peer_stop(struct peer *peer);
void peer_drop(struct peer *peer);
