/* SPDX-License-Identifier: MIT
 * A connection: owner of its session machine, of the input that the machine could not take yet, and
 * of the delivery of its transaction. Everything here runs on the loop's thread.
 *
 * While the client does not read, or work is out and more than a little input waits for it, nothing
 * is read: what a session holds in memory stays bounded, and a fast sender waits in his own buffers. A
 * connection is freed when its handles are closed and no work is out. */
#include "lmtpd/connection.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lmtpd/delivery.h"
#include "lmtpd/delivery_log.h"
#include "lmtpd/lookup.h"
#include "protocol/lmtp.h"
#include "runtime/stream.h"
#include "runtime/log.h"

enum {
	INPUT_MAX = 4096,   /* bytes that wait; who sends more waits himself */
	LAST_SILENCE = 1000 /* ms that a client may be silent between transactions at the end */
};

struct connection {
	LIST_ENTRY(connection) entry;
	struct server *server;
	struct service *service;
	struct stream stream;
	uv_timer_t timer;
	bool is_timer_closed, is_stream_closed;

	struct lmtp lmtp;
	char id[64];
	struct delivery *delivery; /* from LMTP_BEGIN to its end */

	char *input; /* that the machine could not take yet */
	size_t n_input, input_at;
	unsigned n_lookups; /* out on the lane */
	bool is_at_end;     /* the client has closed its side */
	bool is_closing;    /* close once the output is sent */
	bool is_closed;
	uint64_t active; /* uv_now() of the last sign of life */
};

static void proceed(struct connection *connection);
static void finish(struct connection *connection);

/* A RCPT, or a message for its size, that was refused. */
static void on_refused(struct connection *connection, const struct recipient *recipient)
{
	status_refused(&connection->server->status, recipient->reply);
	delivery_log_refusal(lmtp_envelope(&connection->lmtp), recipient);
}

static bool has_work_out(const struct connection *connection)
{
	return connection->n_lookups > 0 ||
	       (connection->delivery != NULL && connection->delivery->is_out);
}

static void free_if_done(struct connection *connection)
{
	struct server *server = connection->server;

	if (!connection->is_timer_closed || !connection->is_stream_closed ||
	    has_work_out(connection)) {
		return;
	}
	if (connection->delivery != NULL) {
		delivery_abandon(connection->delivery);
	}
	LIST_REMOVE(connection, entry);
	server->status.n_sessions += connection_has_begun(connection);
	lmtp_deinit(&connection->lmtp);
	service_unref(connection->service);
	free(connection->input);
	free(connection);
	daemon_closed(&server->daemon);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct connection *connection = handle->data;

	connection->is_timer_closed = true;
	free_if_done(connection);
}

static void on_stream_closed(void *owner)
{
	struct connection *connection = owner;

	connection->is_stream_closed = true;
	free_if_done(connection);
}

/* Closes the socket at once. A message past its last dot goes on to its end without it. */
static void close_connection(struct connection *connection)
{
	if (!connection->is_closed) {
		connection->is_closed = true;
		uv_close((uv_handle_t *)&connection->timer, on_timer_closed);
		stream_close(&connection->stream);
	}
}

/* The client is gone, or to be gone, while its transaction is under way. */
static void lose(struct connection *connection, const char *why)
{
	if (!connection->is_closed && lmtp_is_in_body(&connection->lmtp)) {
		bool is_delivering = connection->lmtp.phase == LMTP_PHASE_DELIVERING;

		log_event(LOG_LEVEL_WARNING, "lost",
		    "session %s: %s in the middle of a message, %s", connection->id, why,
		    is_delivering ? "which is delivered all the same"
				  : "which is dropped; the client still has it");
	}
	close_connection(connection);
}

static void on_written(void *owner, int status)
{
	struct connection *connection = owner;

	if (status < 0) {
		lose(connection, "the client does not take its replies");
	}
	connection->active = uv_now(&connection->server->daemon.loop);
	proceed(connection);
}

/* Sends what the machine has put out. */
static void flush(struct connection *connection)
{
	size_t n;
	const char *output = lmtp_output(&connection->lmtp, &n);
	int result;

	if (connection->is_closed || connection->stream.is_writing || n == 0) {
		return;
	}
	result = stream_write(&connection->stream, output, n);
	lmtp_sent(&connection->lmtp, n);
	if (result < 0) {
		lose(connection, "the client does not take its replies");
	}
}

static void on_looked_up(struct lookup *lookup)
{
	struct connection *connection = lookup->owner;
	struct recipient *recipient = lookup->recipient;
	struct resolution *resolution = &recipient->resolution;

	status_looked_up(&connection->server->status, lookup);
	connection->n_lookups--;
	connection->active = uv_now(&connection->server->daemon.loop);
	*resolution = lookup->resolution; /* its mailboxes are the recipient's now */
	lookup->resolution = (struct resolution){ .mailboxes = NULL };
	if (lookup->reply == REPLY_RECIPIENT_OK) {
		if (resolution->note[0] != '\0') {
			log_event(LOG_LEVEL_WARNING, "alias", "%s: %s", recipient->text,
			    resolution->note);
		}
		if (resolution->n_mailboxes > 1 &&
		    delivery_is_too_wide(lmtp_envelope(&connection->lmtp), resolution)) {
			lookup->reply = REPLY_TOO_MANY_RECIPIENTS; /* in another transaction */
		}
	}
	lmtp_recipient_done(&connection->lmtp, recipient, lookup->reply);
	lookup_free(lookup);
	proceed(connection);
}

static void look_up(struct connection *connection, struct recipient *recipient)
{
	if (lookup_start(connection->service, recipient, on_looked_up, connection) == NULL) {
		lmtp_recipient_done(&connection->lmtp, recipient, REPLY_NO_MEMORY);
		return;
	}
	connection->n_lookups++;
}

/* Everybody's reply, from the results of the delivery; NULL: there was no memory for it. */
static void answer_recipients(struct connection *connection, const struct delivery *delivery)
{
	struct envelope *envelope = lmtp_envelope(&connection->lmtp);
	struct recipient *recipient;

	STAILQ_FOREACH (recipient, &envelope->recipients, next) {
		char reason[1024] = "out of memory";

		recipient->reply = delivery == NULL ? REPLY_NO_MEMORY
						    : delivery_outcome(delivery, recipient, reason,
							  sizeof(reason));
		delivery_log(envelope, recipient, delivery, reason);
	}
	status_delivered(&connection->server->status, envelope, delivery);
	lmtp_delivered(&connection->lmtp);
}

static void on_delivered(struct delivery *delivery)
{
	struct connection *connection = delivery->owner;

	connection->active = uv_now(&connection->server->daemon.loop);
	if (delivery->is_last) {
		answer_recipients(connection, delivery);
		connection->delivery = NULL;
		delivery_free(delivery);
	}
	proceed(connection);
}

static void begin(struct connection *connection)
{
	assert(connection->delivery == NULL);
	/* Without memory the body is taken and dropped, and answered with 451. */
	connection->delivery = delivery_new(connection->service, lmtp_envelope(&connection->lmtp));
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

/* Feeds the machine and does what it asks for. Returns the bytes taken. */
static size_t feed(struct connection *connection, const char *data, size_t n)
{
	size_t taken = 0;

	for (;;) {
		struct delivery *delivery = connection->delivery;
		char scrap[256];
		struct lmtp_step step;
		char *body = scrap;
		size_t body_cap = sizeof(scrap);

		if (connection->is_closed) {
			n = taken; /* of a client that is gone there are refusals to log, no more */
		}
		if (connection->stream.is_writing || (connection->is_closed && delivery != NULL)) {
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
		taken +=
		    lmtp_feed(&connection->lmtp, data + taken, n - taken, body, body_cap, &step);
		if (delivery != NULL) {
			delivery->n += step.n_body;
		}
		switch (step.want) {
		case LMTP_NOTHING:
		case LMTP_INPUT:
		case LMTP_WAIT:
			return taken;
		case LMTP_REFUSED:
			on_refused(connection, step.recipient);
			break;
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

/* Puts bytes behind those that are kept. What was taken of them goes. */
static void keep_input(struct connection *connection, const char *data, size_t n)
{
	size_t n_kept = connection->n_input - connection->input_at;
	char *input;

	if (n == 0 || connection->is_closing || connection->is_closed) {
		return;
	}
	input = malloc(n_kept + n);
	if (input == NULL) {
		lose(connection, "no memory for its input");
		return;
	}
	if (n_kept > 0) {
		memcpy(input, connection->input + connection->input_at, n_kept);
	}
	memcpy(input + n_kept, data, n);
	free(connection->input);
	connection->input = input;
	connection->n_input = n_kept + n;
	connection->input_at = 0;
}

static void on_read(void *owner, const char *data, ssize_t n)
{
	struct connection *connection = owner;
	size_t taken;

	if (n < 0) {
		connection->is_at_end = true;
		finish(connection);
		return;
	}
	connection->active = uv_now(&connection->server->daemon.loop);
	taken = connection->n_input > 0 ? 0 : feed(connection, data, (size_t)n);
	keep_input(connection, data + taken, (size_t)n - taken);
	finish(connection);
}

/* Is there a reason not to read? While work is out there is none, unless the client sends much, or
 * the rest of a message that would have to be kept. */
static bool is_full(const struct connection *connection)
{
	const struct delivery *delivery = connection->delivery;

	return connection->n_input > INPUT_MAX || connection->stream.is_writing ||
	       (delivery != NULL && delivery->is_out && !delivery->is_last);
}

static bool is_waiting(const struct connection *connection)
{
	return connection->n_input > 0 || connection->stream.is_writing || has_work_out(connection);
}

/* After each turn: sends the replies, then reads on, waits or closes. */
static void finish(struct connection *connection)
{
	/* While look-ups are out more will come: one write for all. */
	if (connection->n_lookups == 0 || connection->is_closing) {
		flush(connection);
	}
	if (connection->is_closed) {
		free_if_done(connection);
	} else if (connection->is_closing) {
		stream_read(&connection->stream, false);
		if (!connection->stream.is_writing) {
			close_connection(connection);
		}
	} else if (!connection->is_at_end) {
		if (stream_read(&connection->stream, !is_full(connection)) != 0) {
			close_connection(connection);
		}
	} else if (is_waiting(connection)) {
		/* Who has closed his side while work is out is told the outcome all the same. */
		stream_read(&connection->stream, false);
	} else {
		/* Postfix closes idle connections without QUIT: no reason for a word. */
		lose(connection, "the client closed the connection");
	}
}

/* An outcome has come, or the output has gone: takes up the input that was kept. */
static void proceed(struct connection *connection)
{
	const char *input = connection->n_input > 0 ? connection->input : "";

	connection->input_at += feed(
	    connection, input + connection->input_at, connection->n_input - connection->input_at);
	if (connection->input_at == connection->n_input) {
		free(connection->input);
		connection->input = NULL;
		connection->n_input = connection->input_at = 0;
	}
	finish(connection);
}

/* Milliseconds that the client may be silent. */
static uint64_t silence_max(const struct connection *connection)
{
	return connection->lmtp.is_shutting_down && !lmtp_is_in_transaction(&connection->lmtp)
		   ? LAST_SILENCE
		   : (uint64_t)config_of(connection->service)->idle_timeout * 1000;
}

/* The timer is not moved with each byte; it looks at the last sign of life when it fires. */
static void on_timer(uv_timer_t *timer)
{
	struct connection *connection = timer->data;
	uint64_t limit = silence_max(connection);
	uint64_t idle = uv_now(&connection->server->daemon.loop) - connection->active;

	if (has_work_out(connection) || idle < limit) {
		uint64_t rest = has_work_out(connection) ? limit : limit - idle;

		if (connection->lmtp.is_shutting_down && rest > LAST_SILENCE) {
			rest = LAST_SILENCE; /* the transaction may be over by then */
		}
		uv_timer_start(timer, on_timer, rest, 0);
		return;
	}
	if (connection->stream.is_writing) {
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
	connection->service = service_ref(server->daemon.service);
	connection->active = uv_now(&server->daemon.loop);
	snprintf(connection->id, sizeof(connection->id), "%s%x", server->id_prefix,
	    ++server->n_sessions);
	lmtp_init(&connection->lmtp, &config_of(connection->service)->lmtp, connection->id);
	connection->stream = (struct stream){
		.owner = connection,
		.on_read = on_read,
		.on_written = on_written,
		.on_closed = on_stream_closed,
		.read_buffer = server->daemon.read_buffer,
		.n_read_buffer = sizeof(server->daemon.read_buffer),
	};
	uv_timer_init(&server->daemon.loop, &connection->timer);
	connection->timer.data = connection;
	uv_timer_start(&connection->timer, on_timer,
	    (uint64_t)config_of(connection->service)->idle_timeout * 1000, 0);
	LIST_INSERT_HEAD(&server->connections, connection, entry);
	daemon_opened(&server->daemon);
	return connection;
}

static int start(struct connection *connection, int result)
{
	if (result != 0) {
		close_connection(connection);
	} else {
		finish(connection); /* sends the greeting */
	}
	return result;
}

bool connection_accept(struct server *server, uv_stream_t *listener)
{
	struct connection *connection = new_connection(server);

	if (connection == NULL) {
		return false;
	}
	start(connection, stream_accept(&connection->stream, listener));
	return true;
}

int connection_open_stdio(struct server *server)
{
	struct connection *connection = new_connection(server);

	if (connection == NULL) {
		return -ENOMEM;
	}
	return start(connection, stream_open_stdio(&connection->stream, &server->daemon.loop));
}

void connection_shut_down(struct connection *connection)
{
	lmtp_shut_down(&connection->lmtp);
	if (!connection->is_closed) {
		on_timer(&connection->timer);
	}
}

void connection_drop(struct connection *connection)
{
	if (connection->lmtp.phase != LMTP_PHASE_DELIVERING) {
		lose(connection, "lmtpd has to end");
	}
}

bool connection_has_begun(struct connection *connection)
{
	return lmtp_envelope(&connection->lmtp)->client != NULL;
}

bool connection_is_in_transaction(const struct connection *connection)
{
	return lmtp_is_in_transaction(&connection->lmtp);
}

struct connection *connection_next(struct connection *connection)
{
	return LIST_NEXT(connection, entry);
}
