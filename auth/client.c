/* SPDX-License-Identifier: MIT
 * A client connection. Postfix turns every FAIL into a permanent 535, whatever it carries; a
 * connection that closes is the one thing it answers with 454, "try again later". So whatever keeps
 * us from telling a right password from a wrong one closes the connection. Loop's thread. */
#include "auth/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "auth/verification.h"
#include "runtime/log.h"
#include "runtime/stream.h"

struct client {
	LIST_ENTRY(client) entry;
	struct server *server;
	struct stream stream;
	struct dovecot_settings settings;
	struct dovecot dovecot;
	char *input; /* that the machine could not take yet: the client does not read */
	size_t n_input;
	struct verifications verifications; /* on the lanes, or waiting to be answered */
	bool is_closing;                    /* once nothing is being verified */
	bool is_closed;
};

static void finish(struct client *client);

static void free_input(struct client *client)
{
	if (client->input != NULL) {
		explicit_bzero(client->input, client->n_input);
		free(client->input);
		client->input = NULL;
	}
	client->n_input = 0;
}

static void on_stream_closed(void *owner)
{
	struct client *client = owner;
	struct server *server = client->server;

	LIST_REMOVE(client, entry);
	dovecot_deinit(&client->dovecot);
	free_input(client);
	free(client);
	daemon_closed(&server->daemon);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct verification *verification = handle->data;
	struct client *client = verification->owner;

	if (client != NULL) {
		dovecot_fail(&client->dovecot, verification->request);
		LIST_REMOVE(verification, entry);
		finish(client);
	}
	verification_free(verification);
}

static void close_client(struct client *client)
{
	struct verification *verification;

	if (client->is_closed) {
		return;
	}
	client->is_closed = true;
	while ((verification = LIST_FIRST(&client->verifications)) != NULL) {
		bool is_delayed = verification->is_delayed;

		verification_abandon(verification);
		if (is_delayed && !uv_is_closing((uv_handle_t *)&verification->timer)) {
			uv_close((uv_handle_t *)&verification->timer, on_timer_closed);
		}
	}
	stream_close(&client->stream);
}

/* Counts and logs it. */
static void tell_result(struct server *server, enum log_level level, enum status_result result,
    enum sasl_mechanism mechanism, const char *user, const char *rip, const char *reason)
{
	struct log_line line;

	status_login(&server->status, mechanism, result);
	log_begin(&line, level, "auth");
	if (result == STATUS_FAIL) {
		log_routine(&line); /* somebody's wrong password */
	}
	log_text(&line, "user", user != NULL ? user : "");
	log_text(&line, "mech", sasl_name(mechanism));
	log_text(&line, "rip", rip);
	log_text(&line, "result", status_name(result));
	log_quoted(&line, "reason", reason);
	log_end(&line);
}

static void tell_verdict(const struct verification *verification, enum log_level level,
    enum status_result result, const char *reason)
{
	tell_result((struct server *)verification->service->daemon, level, result,
	    verification->mechanism, verification->user, verification->rip, reason);
}

static void flush(struct client *client)
{
	size_t n;
	const char *output = dovecot_output(&client->dovecot, &n);
	int result;

	if (client->is_closed || client->stream.is_writing || n == 0) {
		return;
	}
	result = stream_write(&client->stream, output, n);
	dovecot_sent(&client->dovecot, n);
	if (result < 0) {
		close_client(client);
	}
}

static void on_delayed(uv_timer_t *timer)
{
	uv_close((uv_handle_t *)timer, on_timer_closed);
}

/* Counts a failure, and tells the client after a while: longer for who fails often, counted from the
 * request, so that the delay also hides how long the work took. */
static void fail_later(struct server *server, struct verification *verification)
{
	uv_loop_t *loop = &server->daemon.loop;
	uint64_t now, wait,
	    delay = (uint64_t)config_of(verification->service)->failure_delay * 1000;
	uint64_t age = verification_age(verification);

	/* A timer counts from the loop's time, which lags where there is much to do. */
	uv_update_time(loop);
	now = uv_now(loop);
	wait = failures_add(&server->failures, verification->rip, now, delay);
	if (verification->owner == NULL) {
		verification_free(verification);
		return;
	}
	uv_timer_init(loop, &verification->timer);
	verification->timer.data = verification;
	verification->is_delayed = true;
	uv_timer_start(&verification->timer, on_delayed, age < wait ? wait - age : 0, 0);
}

static void on_right(struct client *client, struct verification *verification)
{
	tell_verdict(verification, LOG_LEVEL_INFO, STATUS_OK, "");
	if (client != NULL) {
		dovecot_ok(&client->dovecot, verification->request, verification->credentials.user);
		LIST_REMOVE(verification, entry);
		finish(client);
	}
	verification_free(verification);
}

/* Of a client that has left nothing is left but what its login came to. */
static void on_verified(struct verification *verification)
{
	struct server *server = (struct server *)verification->service->daemon;
	struct client *client = verification->owner;

	status_verified(&server->status, verification);
	switch (verification->result) {
	case VERIFICATION_RIGHT:
		on_right(client, verification);
		break;
	case VERIFICATION_WRONG:
		tell_verdict(verification, LOG_LEVEL_WARNING, STATUS_FAIL, verification->reason);
		fail_later(server, verification);
		break;
	case VERIFICATION_ERROR:
		tell_verdict(verification, client == NULL ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
		    STATUS_ERROR, verification->reason);
		if (client != NULL) {
			close_client(client);
		}
		verification_free(verification);
		break;
	}
}

/* The thread may be within the database's library for long; nobody waits for it. */
static void on_late(struct verification *verification)
{
	struct client *client = verification->owner;
	static const char reason[] = "the database has not answered in time";

	vitals_unanswered(&client->server->status.vitals, reason);
	tell_verdict(verification, LOG_LEVEL_ERROR, STATUS_ERROR, reason);
	close_client(client);
}

static void verify(struct client *client, struct dovecot_request *request)
{
	struct verification *verification = verification_start(
	    client->server->daemon.service, request, on_verified, on_late, client);

	if (verification == NULL) {
		tell_result(client->server, LOG_LEVEL_ERROR, STATUS_ERROR, request->sasl.mechanism,
		    request->sasl.user, request->rip, "out of memory");
		close_client(client);
		return;
	}
	LIST_INSERT_HEAD(&client->verifications, verification, entry);
}

static size_t feed(struct client *client, const char *data, size_t n)
{
	size_t taken = 0;

	while (!client->is_closed && !client->stream.is_writing) {
		struct dovecot_step step;

		taken += dovecot_feed(&client->dovecot, data + taken, n - taken,
		    uv_now(&client->server->daemon.loop), &step);
		switch (step.want) {
		case DOVECOT_NOTHING:
		case DOVECOT_INPUT:
			return taken;
		case DOVECOT_VERIFY:
			verify(client, step.request);
			break;
		case DOVECOT_REFUSED:
			tell_result(client->server, LOG_LEVEL_WARNING, STATUS_FAIL,
			    step.request->sasl.mechanism, step.request->sasl.user,
			    step.request->rip, step.reason);
			break;
		case DOVECOT_FLUSH:
			flush(client);
			break;
		case DOVECOT_CLOSE:
			log_event(LOG_LEVEL_ERROR, "client", "closed: %s", step.reason);
			close_client(client);
			break;
		}
	}
	return taken;
}

static void keep_input(struct client *client, const char *data, size_t n)
{
	if (n == 0 || client->is_closed) {
		return;
	}
	client->input = malloc(n);
	if (client->input == NULL) {
		close_client(client);
		return;
	}
	memcpy(client->input, data, n);
	client->n_input = n;
}

/* After each turn: sends the answers, reads on or closes. */
static void finish(struct client *client)
{
	flush(client);
	if (client->is_closed) {
		return;
	}
	if (client->is_closing && LIST_EMPTY(&client->verifications) &&
	    !client->stream.is_writing) {
		close_client(client);
		return;
	}
	if (stream_read(&client->stream, !client->stream.is_writing && !client->is_closing) != 0) {
		close_client(client);
	}
}

static void on_read(void *owner, const char *data, ssize_t n)
{
	struct client *client = owner;
	size_t taken;

	if (n < 0) {
		close_client(client);
		return;
	}
	taken = feed(client, data, (size_t)n);
	keep_input(client, data + taken, (size_t)n - taken);
	/* Passwords have passed through it. */
	explicit_bzero(client->server->daemon.read_buffer, (size_t)n);
	finish(client);
}

static void on_written(void *owner, int status)
{
	struct client *client = owner;
	char *input = client->input;
	size_t n = client->n_input, taken;

	if (status < 0) {
		close_client(client);
	}
	if (input != NULL && !client->is_closed) {
		client->input = NULL;
		client->n_input = 0;
		taken = feed(client, input, n);
		keep_input(client, input + taken, n - taken);
		explicit_bzero(input, n);
		free(input);
	}
	finish(client);
}

bool client_accept(struct server *server, uv_stream_t *listener)
{
	struct client *client = calloc(1, sizeof(*client));
	unsigned char random[16];

	if (client == NULL) {
		return false;
	}
	client->server = server;
	LIST_INIT(&client->verifications);
	client->stream = (struct stream){
		.owner = client,
		.on_read = on_read,
		.on_written = on_written,
		.on_closed = on_stream_closed,
		.read_buffer = server->daemon.read_buffer,
		.n_read_buffer = sizeof(server->daemon.read_buffer),
	};
	memcpy(client->settings.mechanisms, config_of(server->daemon.service)->mechanisms,
	    sizeof(client->settings.mechanisms));
	client->settings.pid = (unsigned long)getpid();
	client->settings.connection = ++server->n_clients;
	if (getrandom(random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random)) {
		memset(random, 0, sizeof(random)); /* a number that nobody uses */
	}
	for (size_t i = 0; i < sizeof(random); i++) {
		snprintf(client->settings.cookie + 2 * i, 3, "%02x", random[i]);
	}
	dovecot_init(&client->dovecot, &client->settings);
	LIST_INSERT_HEAD(&server->clients, client, entry);
	daemon_opened(&server->daemon);
	if (stream_accept(&client->stream, listener) != 0) {
		close_client(client);
	} else {
		finish(client); /* sends the handshake */
	}
	return true;
}

void client_shut_down(struct client *client)
{
	client->is_closing = true;
	finish(client);
}

void client_drop(struct client *client)
{
	close_client(client);
}

struct client *client_next(struct client *client)
{
	return LIST_NEXT(client, entry);
}
