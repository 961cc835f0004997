/* SPDX-License-Identifier: MIT
 * libuv's streams with the memory rules of a connection. Reading borrows one buffer that all peers
 * share, since its bytes are dealt with before the next read; what is sent is copied only if the peer
 * does not take it at once.
 *
 * Each event (input, output gone, work back) ends in peer_settle(), so what an event put out leaves in
 * one write, and the end is decided in one place. */
#include "runtime/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	READ_SIZE = 65536,
	INPUT_MAX = 4096, /* bytes that are kept; who sends more waits himself */
};

static char read_buffer[READ_SIZE];

static const char does_not_take[] = "the client does not take its replies";

static void peer_drop_input(struct peer *peer)
{
	if (peer->input != NULL && peer->has_secrets) {
		explicit_bzero(peer->input, peer->n_input);
	}
	free(peer->input);
	peer->input = NULL;
	peer->n_input = peer->input_at = 0;
}

static void peer_is_alive(struct peer *peer)
{
	if (!peer->has_deadline) {
		peer->active = uv_now(peer->timer.loop);
	}
}

/* The handles and the work that is out point to it. */
static void peer_free_if_done(struct peer *peer)
{
	if (peer->n_handles == 0 && peer->n_out == 0) {
		peer_drop_input(peer);
		peer->callbacks->closed(peer);
	}
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct peer *peer = handle->data;

	peer->n_handles--;
	peer_free_if_done(peer);
}

void peer_close(struct peer *peer, const char *why)
{
	if (peer->is_closed) {
		return;
	}
	if (peer->callbacks->closing != NULL) {
		peer->callbacks->closing(peer, why);
	}
	peer->is_closed = true;
	uv_close((uv_handle_t *)&peer->timer, on_handle_closed);
	uv_close(&peer->in.handle, on_handle_closed);
	if (peer->is_split) {
		uv_close(&peer->out.handle, on_handle_closed);
	}
}

void peer_end(struct peer *peer)
{
	peer->is_ending = true;
}

void peer_renew(struct peer *peer)
{
	if (peer->callbacks->renew != NULL) {
		peer->callbacks->renew(peer);
	}
}

void peer_stop(struct peer *peer)
{
	if (peer->callbacks->stop != NULL) {
		peer->callbacks->stop(peer);
	}
}

void peer_drop(struct peer *peer)
{
	if (peer->callbacks->drop != NULL) {
		peer->callbacks->drop(peer);
	}
}

/* Puts bytes behind those that are kept. What was taken of them goes. */
static void peer_keep(struct peer *peer, const char *data, size_t n)
{
	size_t n_kept = peer->n_input - peer->input_at;
	char *input;

	if (n == 0 || peer->is_ending || peer->is_closed) {
		return;
	}
	input = malloc(n_kept + n);
	if (input == NULL) {
		peer_close(peer, "no memory for its input");
		return;
	}
	if (n_kept > 0) {
		memcpy(input, peer->input + peer->input_at, n_kept);
	}
	memcpy(input + n_kept, data, n);
	peer_drop_input(peer);
	peer->input = input;
	peer->n_input = n_kept + n;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	*buf = uv_buf_init(read_buffer, sizeof(read_buffer));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static void peer_read(struct peer *peer, bool is_on)
{
	if (is_on && !peer->is_reading) {
		if (uv_read_start(&peer->in.stream, on_alloc, on_read) != 0) {
			peer_close(peer, NULL);
			return;
		}
	} else if (!is_on && peer->is_reading) {
		uv_read_stop(&peer->in.stream);
	}
	peer->is_reading = is_on;
}

/* The end of each event: sends, then reads on, waits or closes. */
static void peer_settle(struct peer *peer)
{
	bool is_busy;

	peer->callbacks->turn(peer);
	if (peer->is_closed) {
		peer_free_if_done(peer);
		return;
	}
	is_busy = peer->is_writing || peer->n_out > 0;
	if (peer->is_ending && !is_busy) {
		peer_close(peer, NULL);
	} else if (peer->is_at_end && !peer->is_ending && !is_busy && peer->n_input == 0) {
		/* Who has closed his side while work is out is told the outcome first. */
		peer_close(peer, "the client closed the connection");
	} else {
		peer_read(peer, !peer->is_ending && !peer->is_at_end && !peer->is_full &&
				    !peer->is_writing && peer->n_input <= INPUT_MAX);
	}
}

/* Of a peer that is closed, the owner may still have to hear what its machine has to say. */
void peer_proceed(struct peer *peer)
{
	if (peer->is_closed) {
		peer_drop_input(peer);
	}
	if (!peer->is_writing) {
		peer->input_at += peer->callbacks->input(peer,
		    peer->n_input > 0 ? peer->input + peer->input_at : "",
		    peer->n_input - peer->input_at);
		if (peer->input_at == peer->n_input) {
			peer_drop_input(peer);
		}
	}
	peer_settle(peer);
}

void peer_work_done(struct peer *peer)
{
	peer->n_out--;
	peer_is_alive(peer);
	peer_proceed(peer);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct peer *peer = stream->data;
	size_t taken;

	if (n == 0) {
		return;
	}
	if (n < 0) {
		peer->is_at_end = true;
		peer_settle(peer);
		return;
	}
	peer_is_alive(peer);
	/* What is kept comes first. */
	taken = peer->n_input > 0 ? 0 : peer->callbacks->input(peer, buf->base, (size_t)n);
	peer_keep(peer, buf->base + taken, (size_t)n - taken);
	if (peer->has_secrets) {
		explicit_bzero(buf->base, (size_t)n);
	}
	peer_settle(peer);
}

struct write_request {
	uv_write_t request;
	char data[];
};

static void on_written(uv_write_t *request, int status)
{
	struct peer *peer = request->data;

	free(request);
	peer->is_writing = false;
	if (status < 0) {
		peer_close(peer, does_not_take);
	}
	peer_is_alive(peer);
	peer_proceed(peer);
}

/* Returns 0 or a negative errno. */
static int peer_write_later(struct peer *peer, uv_stream_t *out, const char *data, size_t n)
{
	struct write_request *request = malloc(sizeof(*request) + n);
	uv_buf_t buf;
	int result;

	if (request == NULL) {
		return -ENOMEM;
	}
	memcpy(request->data, data, n);
	request->request.data = peer;
	buf = uv_buf_init(request->data, (unsigned)n);
	result = uv_write(&request->request, out, &buf, 1, on_written);
	if (result < 0) {
		free(request);
	}
	peer->is_writing = result == 0;
	return result;
}

bool peer_write(struct peer *peer, const char *data, size_t n)
{
	uv_stream_t *out = peer->is_split ? &peer->out.stream : &peer->in.stream;
	uv_buf_t buf = uv_buf_init((char *)(size_t)data, (unsigned)n); /* only read */
	int result;

	if (peer->is_closed || peer->is_writing) {
		return false;
	}
	result = uv_try_write(out, &buf, 1);
	if (result == UV_EAGAIN) {
		result = 0;
	}
	if (result >= 0 && (size_t)result < n) {
		result = peer_write_later(peer, out, data + result, n - (size_t)result);
	}
	if (result < 0) {
		peer_close(peer, does_not_take);
	}
	return true;
}

static void on_timer(uv_timer_t *timer);

static void peer_start_timer(struct peer *peer, uint64_t idle)
{
	uv_timer_start(
	    &peer->timer, on_timer, idle < peer->patience ? peer->patience - idle : 0, 0);
}

/* The timer is not moved with each byte; it looks at the last sign of life when it fires. */
static void on_timer(uv_timer_t *timer)
{
	struct peer *peer = timer->data;
	uint64_t idle = uv_now(timer->loop) - peer->active;

	if (peer->n_out > 0) {
		peer_start_timer(peer, 0);
	} else if (idle < peer->patience) {
		peer_start_timer(peer, idle);
	} else if (peer->is_writing) {
		peer_close(peer, does_not_take);
	} else {
		peer->callbacks->silent(peer);
	}
}

void peer_set_patience(struct peer *peer, uint64_t patience)
{
	if (patience != peer->patience && !peer->is_closed) {
		peer->patience = patience;
		peer_start_timer(peer, uv_now(peer->timer.loop) - peer->active);
	}
}

static void peer_init(struct peer *peer, uv_loop_t *loop)
{
	uv_timer_init(loop, &peer->timer);
	peer->timer.data = peer->in.handle.data = peer->out.handle.data = peer;
	peer->n_handles = peer->is_split ? 3 : 2;
	peer->active = uv_now(loop);
}

static void init_handle(union peer_handle *handle, uv_loop_t *loop, bool is_tcp)
{
	if (is_tcp) {
		uv_tcp_init(loop, &handle->tcp);
	} else {
		uv_pipe_init(loop, &handle->pipe, 0);
	}
}

int peer_handle_open(union peer_handle *handle, uv_loop_t *loop, int fd)
{
	uv_handle_type type = uv_guess_handle(fd);

	init_handle(handle, loop, type == UV_TCP);
	if (type == UV_TCP) {
		return uv_tcp_open(&handle->tcp, fd);
	}
	return type == UV_NAMED_PIPE ? uv_pipe_open(&handle->pipe, fd) : -EINVAL;
}

/* Closes for a reason that is not the peer's. */
static int peer_is_open(struct peer *peer, int result)
{
	if (result != 0) {
		peer_close(peer, NULL);
	}
	return result;
}

int peer_accept(struct peer *peer, uv_stream_t *listener)
{
	bool is_tcp = listener->type == UV_TCP;
	int result;

	peer_init(peer, listener->loop);
	init_handle(&peer->in, listener->loop, is_tcp);
	result = uv_accept(listener, &peer->in.stream);
	if (result == 0 && is_tcp) {
		uv_tcp_nodelay(&peer->in.tcp, 1);
	}
	return peer_is_open(peer, result);
}

int peer_open_stdio(struct peer *peer, uv_loop_t *loop)
{
	int result;

	peer->is_split = true;
	peer_init(peer, loop);
	result = peer_handle_open(&peer->in, loop, STDIN_FILENO);
	if (peer_handle_open(&peer->out, loop, STDOUT_FILENO) != 0) {
		result = -EINVAL;
	}
	return peer_is_open(peer, result);
}

int peer_get_address(const struct peer *peer, struct prefix_address *address_r)
{
	struct sockaddr_storage address;
	int n = sizeof(address), result;

	if (peer->in.handle.type != UV_TCP) {
		return -ENOTSOCK;
	}
	result = uv_tcp_getpeername(&peer->in.tcp, (struct sockaddr *)&address, &n);
	if (result != 0) {
		return result;
	}
	return prefix_from_socket(address_r, (const struct sockaddr *)&address) ? 0 : -EAFNOSUPPORT;
}
