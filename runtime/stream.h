/* SPDX-License-Identifier: MIT
 * The byte stream to a client: one socket, or stdin and stdout. Loop's thread. */
#pragma once

#include <stdbool.h>
#include <uv.h>

union stream_handle {
	uv_handle_t handle;
	uv_stream_t stream;
	uv_pipe_t pipe;
	uv_tcp_t tcp;
};

struct stream {
	union stream_handle in;  /* both ways, but for stdin and stdout */
	union stream_handle out; /* used when is_split */
	bool is_split, is_reading, is_writing;
	unsigned n_open; /* handles that are not closed yet */

	void *owner;
	void (*on_read)(void *owner, const char *data, ssize_t n); /* n < 0: the end, or an error */
	void (*on_written)(
	    void *owner, int status);   /* what went in the background is sent, or lost */
	void (*on_closed)(void *owner); /* the memory may be reused */
	char *read_buffer;              /* lent for the time of on_read() */
	size_t n_read_buffer;
};

/* Both return 0 or a negative errno; stream_close() is due in both cases. The caller has set the
 * members from owner on. */
int stream_accept(struct stream *stream, uv_stream_t *listener);
int stream_open_stdio(struct stream *stream, uv_loop_t *loop);

/* Reads, or stops reading. Returns 0 or a negative errno. */
int stream_read(struct stream *stream, bool is_on);

/* Sends n bytes: at once as far as the socket takes them, the rest in the background
 * (is_writing until on_written()). Not while is_writing. Returns 0 or a negative errno. */
int stream_write(struct stream *stream, const char *data, size_t n);

void stream_close(struct stream *stream);
