/* SPDX-License-Identifier: MIT
 * A connection: owner of its session machine, of the input that the machine could not take yet, and
 * of the delivery of its transaction. Everything here runs on the loop's thread.
 *
 * While work is out, or the client does not read, nothing is read from it either: what a session
 * holds in memory stays bounded, and a fast sender waits in his own buffers. A connection is freed
 * when its handles are closed and no work is out. */
#include "lmtpd/connection.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lmtpd/delivery.h"
#include "lmtpd/lookup.h"
#include "lmtpd/protocol/lmtp.h"
#include "runtime/log.h"

union stream {
	uv_handle_t handle;
	uv_stream_t stream;
	uv_pipe_t pipe;
	uv_tcp_t tcp;
};

struct connection {
	LIST_ENTRY(connection) entry;
	struct server *server;
	struct service *service;
	union stream in;  /* both ways, but for stdin and stdout */
	union stream out; /* used when is_split */
	bool is_split;
	uv_timer_t timer;
	unsigned n_handles; /* that are not closed yet */

	struct lmtp lmtp;
	struct lmtp_callbacks callbacks;
	char id[64];
	struct delivery *delivery; /* from LMTP_BEGIN to its end */

	char *input; /* that the machine could not take yet */
	size_t n_input, input_at;
	unsigned n_lookups; /* out on the lane */
	bool is_reading, is_writing;
	bool is_closing; /* close once the output is sent */
	bool is_closed;
	uint64_t active; /* uv_now() of the last sign of life */
};

static void proceed(struct connection *connection);
static void finish(struct connection *connection);

static uv_stream_t *out_of(struct connection *connection)
{
	return connection->is_split ? &connection->out.stream : &connection->in.stream;
}

static const char *transaction_id(const struct connection *connection, char *id, size_t n)
{
	snprintf(id, n, "%s.%u", connection->id, connection->lmtp.n_transactions);
	return id;
}

/* One line for one recipient. */
static void log_recipient(const struct connection *connection, const struct lmtp_recipient *recipient,
    const struct delivery *delivery, const char *reason)
{
	const struct recipient_facts *facts = recipient->data;
	enum reply reply = recipient->reply;
	enum log_level level = reply == REPLY_SAVED ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING;
	struct log_line line;
	char id[80], mailboxes[1024] = "";

	for (size_t i = 0, n = 0; facts != NULL && i < facts->resolution.n_mailboxes &&
	     n < sizeof(mailboxes); i++) {
		n += (size_t)snprintf(mailboxes + n, sizeof(mailboxes) - n, "%s%s", i > 0 ? "," : "",
		    facts->resolution.mailboxes[i].text);
	}
	log_begin(&line, level, "delivery");
	log_text(&line, "session", transaction_id(connection, id, sizeof(id)));
	log_text(&line, "qid", delivery != NULL ? delivery->facts.queue_id : "");
	log_address(&line, "from", connection->lmtp.sender != NULL ? connection->lmtp.sender : "");
	log_address(&line, "to", recipient->text);
	log_address(&line, "mailbox", mailboxes);
	log_text(&line, "msgid", delivery != NULL ? delivery->facts.message_id : "");
	log_number(&line, "size", delivery != NULL ? delivery->maildir.size : 0);
	log_number(&line, "ms",
	    delivery != NULL ? (delivery->finished - delivery->ended) / 1000000 : 0);
	log_text(&line, "status", reply == REPLY_SAVED ? "saved" :
		reply_is_permanent(reply) ? "rejected" : "deferred");
	log_number(&line, "code", (uint64_t)reply_code(reply));
	log_text(&line, "dsn", reply_enhanced(reply));
	log_quoted(&line, "reason", reason);
	log_end(&line);
}

/* A RCPT, or a message for its size, that was refused. */
static void on_refused(void *context, const struct lmtp_recipient *recipient)
{
	const struct recipient_facts *facts = recipient->data;
	const char *reason = reply_text(recipient->reply);

	if (facts != NULL && recipient->reply != REPLY_TOO_BIG) {
		reason = facts->error[0] != '\0' ? facts->error :
		    facts->resolution.note[0] != '\0' ? facts->resolution.note : reason;
	}
	log_recipient(context, recipient, NULL, reason);
}

static void free_connection(struct connection *connection)
{
	struct server *server = connection->server;

	LIST_REMOVE(connection, entry);
	lmtp_deinit(&connection->lmtp);
	service_unref(connection->service);
	free(connection->input);
	free(connection);
	server_on_connection_closed(server);
}

static void free_if_done(struct connection *connection)
{
	bool is_delivery_out = connection->delivery != NULL && connection->delivery->is_out;

	if (connection->is_closed && connection->n_handles == 0 && connection->n_lookups == 0 &&
	    !is_delivery_out) {
		if (connection->delivery != NULL) {
			delivery_abandon(connection->delivery);
		}
		free_connection(connection);
	}
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct connection *connection = handle->data;

	connection->n_handles--;
	free_if_done(connection);
}

/* Closes the socket at once. A message past its last dot goes on to its end without it. */
static void close_connection(struct connection *connection)
{
	if (connection->is_closed) {
		return;
	}
	connection->is_closed = true;
	uv_close((uv_handle_t *)&connection->timer, on_handle_closed);
	uv_close(&connection->in.handle, on_handle_closed);
	if (connection->is_split) {
		uv_close(&connection->out.handle, on_handle_closed);
	}
}

/* The client is gone, or to be gone, while its transaction is under way. */
static void lose(struct connection *connection, const char *why)
{
	if (!connection->is_closed && lmtp_is_in_body(&connection->lmtp)) {
		log_event(LOG_LEVEL_WARNING, "lost", "session %s: %s in the middle of a message, %s",
		    connection->id, why, connection->lmtp.phase == LMTP_PHASE_DELIVERING ?
			"which is delivered all the same" : "which is dropped; the client still has it");
	}
	close_connection(connection);
}

struct write_request {
	uv_write_t request;
	char data[];
};

static void on_written(uv_write_t *request, int status)
{
	struct connection *connection = request->data;

	free(request);
	connection->is_writing = false;
	if (status < 0) {
		lose(connection, "the client does not take its replies");
		return;
	}
	connection->active = uv_now(&connection->server->loop);
	proceed(connection);
}

/* Sends what the machine has put out: at once if the socket takes it, else in the background. */
static void flush(struct connection *connection)
{
	struct write_request *request;
	size_t n;
	const char *output = lmtp_output(&connection->lmtp, &n);
	uv_buf_t buf = uv_buf_init((char *)(size_t)output, (unsigned)n);
	int sent;

	if (connection->is_closed || connection->is_writing || n == 0) {
		return;
	}
	sent = uv_try_write(out_of(connection), &buf, 1);
	if (sent < 0 && sent != UV_EAGAIN) {
		lose(connection, "the client does not take its replies");
		return;
	}
	lmtp_sent(&connection->lmtp, sent > 0 ? (size_t)sent : 0);
	output = lmtp_output(&connection->lmtp, &n);
	if (n == 0) {
		return;
	}
	request = malloc(sizeof(*request) + n);
	if (request == NULL) {
		lose(connection, "no memory for the replies");
		return;
	}
	memcpy(request->data, output, n);
	lmtp_sent(&connection->lmtp, n);
	request->request.data = connection;
	buf = uv_buf_init(request->data, (unsigned)n);
	connection->is_writing = true;
	if (uv_write(&request->request, out_of(connection), &buf, 1, on_written) != 0) {
		connection->is_writing = false;
		free(request);
		lose(connection, "the client does not take its replies");
	}
}

static void on_looked_up(struct lookup *lookup)
{
	struct connection *connection = lookup->owner;
	struct lmtp_recipient *recipient = lookup->recipient;

	connection->n_lookups--;
	connection->active = uv_now(&connection->server->loop);
	recipient->data = lookup->facts;
	lookup->facts = NULL;
	if (lookup->reply == REPLY_RECIPIENT_OK) {
		const struct recipient_facts *facts = recipient->data;

		if (facts->resolution.note[0] != '\0') {
			log_event(LOG_LEVEL_WARNING, "alias", "%s: %s", recipient->text,
			    facts->resolution.note);
		}
	}
	lmtp_recipient_done(&connection->lmtp, recipient, lookup->reply);
	lookup_free(lookup);
	proceed(connection);
}

static void look_up(struct connection *connection, struct lmtp_recipient *recipient)
{
	if (lookup_start(connection->service, &recipient->address, on_looked_up, connection,
		recipient) == NULL) {
		lmtp_recipient_done(&connection->lmtp, recipient, REPLY_NO_MEMORY);
		return;
	}
	connection->n_lookups++;
}

/* Everybody's reply, from the results of the delivery. */
static void answer_recipients(struct connection *connection, const struct delivery *delivery)
{
	struct lmtp_recipient *recipient;
	char id[80], reason[1024];

	STAILQ_FOREACH(recipient, &connection->lmtp.recipients, next) {
		recipient->reply = REPLY_NO_MEMORY;
		snprintf(reason, sizeof(reason), "%s", reply_text(recipient->reply));
		if (delivery != NULL) {
			recipient->reply =
			    delivery_outcome(delivery, recipient, reason, sizeof(reason));
		}
		log_recipient(connection, recipient, delivery, reason);
	}
	lmtp_delivered(&connection->lmtp, transaction_id(connection, id, sizeof(id)));
}

static void on_delivered(struct delivery *delivery)
{
	struct connection *connection = delivery->owner;

	connection->active = uv_now(&connection->server->loop);
	if (delivery->is_last) {
		answer_recipients(connection, delivery);
		connection->delivery = NULL;
		delivery_free(delivery);
	}
	proceed(connection);
}

static void begin(struct connection *connection)
{
	char id[80];

	assert(connection->delivery == NULL);
	/* Without memory the body is taken and dropped, and answered with 451. */
	connection->delivery = delivery_new(
	    connection->service, &connection->lmtp, transaction_id(connection, id, sizeof(id)));
}

static void deliver(struct connection *connection)
{
	if (connection->delivery == NULL) {
		answer_recipients(connection, NULL);
		return;
	}
	delivery_write(connection->delivery, true, on_delivered, connection);
}

static void abandon(struct connection *connection)
{
	if (connection->delivery != NULL) {
		delivery_abandon(connection->delivery);
		connection->delivery = NULL;
	}
}

/* Feeds the machine and does what it asks for. Returns the bytes taken; *goes_on_r: it would take
 * more. */
static size_t feed(struct connection *connection, const char *data, size_t n, bool *goes_on_r)
{
	size_t taken = 0;

	*goes_on_r = false;
	for (;;) {
		struct delivery *delivery = connection->delivery;
		char scrap[256];
		struct lmtp_step step;
		char *body = scrap;
		size_t body_cap = sizeof(scrap);

		if (connection->is_closed || connection->is_writing) {
			return taken;
		}
		if (delivery != NULL) {
			if (delivery->is_out) {
				return taken;
			}
			if (!delivery_make_room(delivery)) {
				delivery_write(delivery, false, on_delivered, connection);
				return taken;
			}
			body = delivery->buffer + delivery->n;
			body_cap = delivery->cap - delivery->n;
		}
		taken += lmtp_feed(&connection->lmtp, data + taken, n - taken, body, body_cap, &step);
		if (delivery != NULL) {
			delivery->n += step.n_body;
		}
		switch (step.want) {
		case LMTP_INPUT:
			*goes_on_r = true;
			return taken;
		case LMTP_WAIT:
			return taken;
		case LMTP_FLUSH:
			flush(connection);
			break;
		case LMTP_RECIPIENT:
			look_up(connection, step.recipient);
			break;
		case LMTP_BEGIN:
			begin(connection);
			break;
		case LMTP_BODY:
			break;
		case LMTP_DELIVER:
			deliver(connection);
			break;
		case LMTP_ABANDON:
			abandon(connection);
			break;
		case LMTP_CLOSE:
			connection->is_closing = true;
			return taken;
		}
	}
}

static void keep_input(struct connection *connection, const char *data, size_t n)
{
	if (n == 0 || connection->is_closing || connection->is_closed) {
		return;
	}
	connection->input = malloc(n);
	if (connection->input == NULL) {
		lose(connection, "no memory for its input");
		return;
	}
	memcpy(connection->input, data, n);
	connection->n_input = n;
	connection->input_at = 0;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct connection *connection = stream->data;
	bool goes_on;
	size_t taken;

	if (n < 0) {
		/* Postfix closes idle connections without QUIT: no reason for a word. */
		lose(connection, "the client closed the connection");
		return;
	}
	if (n == 0) {
		return;
	}
	connection->active = uv_now(&connection->server->loop);
	taken = feed(connection, buf->base, (size_t)n, &goes_on);
	keep_input(connection, buf->base + taken, (size_t)n - taken);
	finish(connection);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct connection *connection = handle->data;

	*buf = uv_buf_init(connection->server->read_buffer, SERVER_READ_SIZE);
}

static bool is_waiting(const struct connection *connection)
{
	return connection->n_input > 0 || connection->is_writing || connection->n_lookups > 0 ||
	    (connection->delivery != NULL && connection->delivery->is_out);
}

/* After each turn: sends the replies, then reads on, waits or closes. */
static void finish(struct connection *connection)
{
	flush(connection);
	if (connection->is_closed) {
		free_if_done(connection);
		return;
	}
	if (connection->is_closing && !connection->is_writing) {
		close_connection(connection);
		return;
	}
	if (connection->is_reading && (is_waiting(connection) || connection->is_closing)) {
		uv_read_stop(&connection->in.stream);
		connection->is_reading = false;
	} else if (!connection->is_reading && !is_waiting(connection) && !connection->is_closing) {
		connection->is_reading =
		    uv_read_start(&connection->in.stream, on_alloc, on_read) == 0;
		if (!connection->is_reading) {
			close_connection(connection);
		}
	}
}

/* An outcome has come, or the output has gone: takes up the input that was kept. */
static void proceed(struct connection *connection)
{
	bool goes_on;

	if (!connection->is_closed) {
		connection->input_at += feed(connection, connection->input + connection->input_at,
		    connection->n_input - connection->input_at, &goes_on);
		if (connection->input_at == connection->n_input) {
			free(connection->input);
			connection->input = NULL;
			connection->n_input = connection->input_at = 0;
		}
	}
	finish(connection);
}

static bool has_work_out(const struct connection *connection)
{
	return connection->n_lookups > 0 ||
	    (connection->delivery != NULL && connection->delivery->is_out);
}

/* The timer is not moved with each byte; it looks at the last sign of life when it fires. */
static void on_timer(uv_timer_t *timer)
{
	struct connection *connection = timer->data;
	uint64_t limit = (uint64_t)connection->service->config.idle_timeout * 1000;
	uint64_t idle = uv_now(&connection->server->loop) - connection->active;

	if (has_work_out(connection) || idle < limit) {
		uv_timer_start(timer, on_timer, has_work_out(connection) ? limit : limit - idle, 0);
		return;
	}
	if (connection->is_writing) {
		lose(connection, "the client does not take its replies");
		return;
	}
	lmtp_time_out(&connection->lmtp);
	flush(connection);
	lose(connection, "the client was silent for too long");
}

static struct connection *new_connection(struct server *server)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (connection == NULL) {
		return NULL;
	}
	connection->server = server;
	connection->service = service_ref(server->service);
	connection->active = uv_now(&server->loop);
	connection->callbacks = (struct lmtp_callbacks){
		.context = connection,
		.refused = on_refused,
		.release = recipient_facts_free,
	};
	snprintf(connection->id, sizeof(connection->id), "%s%x", server->id_prefix, ++server->n_sessions);
	lmtp_init(&connection->lmtp, &connection->service->config.lmtp, &connection->callbacks);
	uv_timer_init(&server->loop, &connection->timer);
	connection->timer.data = connection;
	connection->n_handles = 1;
	LIST_INSERT_HEAD(&server->connections, connection, entry);
	server->n_connections++;
	uv_timer_start(&connection->timer, on_timer,
	    (uint64_t)connection->service->config.idle_timeout * 1000, 0);
	return connection;
}

void connection_accept(struct server *server, struct server_listener *listener)
{
	struct connection *connection = new_connection(server);

	if (connection == NULL) {
		listener->has_waiting = true;
		return;
	}
	if (listener->handle.type == UV_TCP) {
		uv_tcp_init(&server->loop, &connection->in.tcp);
		uv_tcp_nodelay(&connection->in.tcp, 1);
	} else {
		uv_pipe_init(&server->loop, &connection->in.pipe, 0);
	}
	connection->in.handle.data = connection;
	connection->n_handles++;
	if (uv_accept(&listener->stream, &connection->in.stream) != 0) {
		close_connection(connection);
		return;
	}
	finish(connection);
}

static int open_stream(struct server *server, union stream *stream, int fd)
{
	if (uv_guess_handle(fd) == UV_TCP) {
		uv_tcp_init(&server->loop, &stream->tcp);
		return uv_tcp_open(&stream->tcp, fd);
	}
	uv_pipe_init(&server->loop, &stream->pipe, 0);
	return uv_pipe_open(&stream->pipe, fd);
}

int connection_open_stdio(struct server *server)
{
	struct connection *connection = new_connection(server);
	int result;

	if (connection == NULL) {
		return -ENOMEM;
	}
	connection->is_split = true;
	connection->in.handle.data = connection->out.handle.data = connection;
	connection->n_handles += 2;
	result = open_stream(server, &connection->in, STDIN_FILENO);
	if (open_stream(server, &connection->out, STDOUT_FILENO) != 0 || result != 0) {
		close_connection(connection);
		return -EINVAL;
	}
	connection->in.handle.data = connection->out.handle.data = connection;
	finish(connection);
	return 0;
}

void connection_shut_down(struct connection *connection)
{
	lmtp_shut_down(&connection->lmtp);
	proceed(connection);
}

void connection_drop(struct connection *connection)
{
	if (connection->lmtp.phase != LMTP_PHASE_DELIVERING) {
		lose(connection, "lmtpd has to end");
	}
}

struct connection *connection_next(struct connection *connection)
{
	return LIST_NEXT(connection, entry);
}
