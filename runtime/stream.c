/* SPDX-License-Identifier: MIT
 * libuv's streams with the memory rules of a connection: reading borrows a buffer of the server's,
 * since the bytes are dealt with before the next read; replies are copied only when the client does
 * not take them at once. */
#include "runtime/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uv_handle_t *init_handle(
    struct stream *stream, uv_loop_t *loop, union stream_handle *handle, bool is_tcp)
{
	if (is_tcp) {
		uv_tcp_init(loop, &handle->tcp);
	} else {
		uv_pipe_init(loop, &handle->pipe, 0);
	}
	handle->handle.data = stream;
	stream->n_open++;
	return &handle->handle;
}

int stream_accept(struct stream *stream, uv_stream_t *listener)
{
	bool is_tcp = listener->type == UV_TCP;
	int result;

	init_handle(stream, listener->loop, &stream->in, is_tcp);
	result = uv_accept(listener, &stream->in.stream);
	if (result == 0 && is_tcp) {
		uv_tcp_nodelay(&stream->in.tcp, 1);
	}
	return result;
}

static int open_fd(struct stream *stream, uv_loop_t *loop, union stream_handle *handle, int fd)
{
	uv_handle_type type = uv_guess_handle(fd);
	bool is_tcp = type == UV_TCP;

	init_handle(stream, loop, handle, is_tcp);
	if (!is_tcp && type != UV_NAMED_PIPE) {
		return -EINVAL;
	}
	return is_tcp ? uv_tcp_open(&handle->tcp, fd) : uv_pipe_open(&handle->pipe, fd);
}

int stream_open_stdio(struct stream *stream, uv_loop_t *loop)
{
	int result = open_fd(stream, loop, &stream->in, STDIN_FILENO);

	stream->is_split = true;
	return open_fd(stream, loop, &stream->out, STDOUT_FILENO) != 0 ? -EINVAL : result;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct stream *stream = handle->data;

	*buf = uv_buf_init(stream->read_buffer, (unsigned)stream->n_read_buffer);
}

static void on_read(uv_stream_t *handle, ssize_t n, const uv_buf_t *buf)
{
	struct stream *stream = handle->data;

	if (n != 0) {
		stream->on_read(stream->owner, buf->base, n);
	}
}

int stream_read(struct stream *stream, bool is_on)
{
	int result = 0;

	if (is_on && !stream->is_reading) {
		result = uv_read_start(&stream->in.stream, on_alloc, on_read);
	} else if (!is_on && stream->is_reading) {
		uv_read_stop(&stream->in.stream);
	}
	stream->is_reading = is_on && result == 0;
	return result;
}

struct write_request {
	uv_write_t request;
	char data[];
};

static void on_written(uv_write_t *request, int status)
{
	struct stream *stream = request->data;

	free(request);
	stream->is_writing = false;
	stream->on_written(stream->owner, status);
}

int stream_write(struct stream *stream, const char *data, size_t n)
{
	uv_stream_t *out = stream->is_split ? &stream->out.stream : &stream->in.stream;
	uv_buf_t buf = uv_buf_init((char *)(size_t)data, (unsigned)n); /* only read */
	struct write_request *request;
	int result = uv_try_write(out, &buf, 1);

	if (result < 0 && result != UV_EAGAIN) {
		return result;
	}
	if (result > 0) {
		data += result;
		n -= (size_t)result;
	}
	if (n == 0) {
		return 0;
	}
	request = malloc(sizeof(*request) + n);
	if (request == NULL) {
		return -ENOMEM;
	}
	memcpy(request->data, data, n);
	request->request.data = stream;
	buf = uv_buf_init(request->data, (unsigned)n);
	result = uv_write(&request->request, out, &buf, 1, on_written);
	if (result < 0) {
		free(request);
	}
	stream->is_writing = result == 0;
	return result;
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct stream *stream = handle->data;

	if (--stream->n_open == 0) {
		stream->on_closed(stream->owner);
	}
}

void stream_close(struct stream *stream)
{
	uv_close(&stream->in.handle, on_handle_closed);
	if (stream->is_split) {
		uv_close(&stream->out.handle, on_handle_closed);
	}
}
