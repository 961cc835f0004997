/* SPDX-License-Identifier: MIT
 * A client connection. Postfix turns every FAIL into a permanent 535, whatever it carries; a
 * connection that closes is the one thing it answers with 454, "try again later". So whatever keeps
 * us from telling a right password from a wrong one closes the connection, when the other logins that
 * are under way on it have been answered. Loop's thread. */
#include "auth/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "auth/verification.h"
#include "runtime/log.h"
#include "runtime/peer.h"

struct client {
	struct peer peer; /* first: its callbacks get back to the client */
	struct auth_server *server;
	struct dovecot_settings settings;
	struct dovecot dovecot;
	struct verifications verifications; /* on the lanes, or waiting to be answered */
};

/* Its request was answered, or never will be. */
static void end_verification(struct client *client, struct verification *verification)
{
	LIST_REMOVE(verification, entry);
	peer_work_done(&client->peer);
}

/* Tells the client, if there is one, what its login came to. Without a verdict its connection ends. */
static void answer(struct verification *verification)
{
	struct client *client = verification->owner;

	if (client == NULL) {
		return;
	}
	switch (verification->result) {
	case STATUS_OK:
		dovecot_ok(&client->dovecot, verification->request, verification->checked->user);
		break;
	case STATUS_FAIL:
		dovecot_fail(&client->dovecot, verification->request);
		break;
	default:
		peer_end(&client->peer);
	}
	end_verification(client, verification);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct verification *verification = handle->data;

	answer(verification);
	verification_free(verification);
}

/* What is being verified for a client that leaves is given up. */
static void on_closing(struct peer *peer, const char *why)
{
	struct client *client = (struct client *)peer;
	struct verification *verification;

	while ((verification = LIST_FIRST(&client->verifications)) != NULL) {
		bool is_delayed = verification->is_delayed;

		verification_abandon(verification);
		peer->n_out--;
		if (is_delayed && !uv_is_closing((uv_handle_t *)&verification->timer)) {
			uv_close((uv_handle_t *)&verification->timer, on_timer_closed);
		}
	}
}

/* Counts and logs it. */
static void tell_result(struct auth_server *server, enum log_level level, enum status_result result,
    const struct sasl *sasl, const char *rip, const char *label, const char *reason)
{
	struct log_line line;

	server->status.logins[sasl->mechanism][result]++;
	log_begin(&line, level, "auth");
	if (result == STATUS_FAIL) {
		line.is_routine = true; /* somebody's wrong password */
	}
	log_text(&line, "user", sasl->user != NULL ? sasl->user : "");
	log_text(&line, "mech", sasl_name(sasl->mechanism));
	log_text(&line, "rip", rip);
	log_text(&line, "result", status_name(result));
	if (label[0] != '\0') {
		log_text(&line, "label", label);
	}
	log_quoted(&line, "reason", reason);
	log_end(&line);
}

/* Nobody has lost anything when there is no verdict for a client that has left. */
static void tell_verdict(const struct verification *verification, enum status_result result,
    enum status_error error, const char *reason)
{
	static const enum log_level levels[] = {
		[STATUS_OK] = LOG_LEVEL_INFO,
		[STATUS_FAIL] = LOG_LEVEL_WARNING,
		[STATUS_ERROR] = LOG_LEVEL_ERROR,
	};
	struct auth_server *server = (struct auth_server *)verification->service->daemon;
	bool is_lost = result == STATUS_ERROR && verification->owner == NULL;

	server->status.errors[error] += result == STATUS_ERROR;
	tell_result(server, is_lost ? LOG_LEVEL_INFO : levels[result], result, &verification->sasl,
	    verification->rip, result == STATUS_OK ? verification->checked->label : "", reason);
}

static void client_flush(struct client *client)
{
	size_t n;
	const char *output = output_unsent(&client->dovecot.output, &n);

	if (n > 0 && peer_write(&client->peer, output, n)) {
		output_sent(&client->dovecot.output, n);
	}
}

static void on_delayed(uv_timer_t *timer)
{
	uv_close((uv_handle_t *)timer, on_timer_closed);
}

/* Counts a failure. Returns for how long it has to wait, counted from its request: also for as long as if its
 * hashing had taken what that of the slowest login of late did. */
static uint64_t count_failure(const struct verification *verification)
{
	struct auth_server *server = (struct auth_server *)verification->service->daemon;
	uint64_t delay = (uint64_t)auth_config_of(verification->service)->failure_delay * 1000;
	uint64_t now = uv_now(&server->daemon.loop), hashed = verification->hashing_took / 1000000;
	uint64_t age = verification_age(verification),
		 slowest = failures_slowest(&server->failures, now);

	return failures_add(&server->failures, &verification->login, now, delay,
	    slowest > hashed ? age + slowest - hashed : age);
}

/* Since the wait counts from the request, it also hides how long the work took. */
static void answer_later(struct verification *verification, uint64_t wait)
{
	uv_loop_t *loop = &verification->service->daemon->loop;
	uint64_t age = verification_age(verification);

	/* A timer counts from the loop's time, which lags where there is much to do. */
	uv_update_time(loop);
	uv_timer_init(loop, &verification->timer);
	verification->timer.data = verification;
	verification->is_delayed = true;
	uv_timer_start(&verification->timer, on_delayed, age < wait ? wait - age : 0, 0);
}

/* Of a client that has left nothing is left but what its login came to. A hash that cannot be checked is
 * a failure too: whoever guesses must not learn of it, nor guess faster there. What was given up was part
 * of a flood. */
static void on_verified(struct verification *verification)
{
	struct auth_server *server = (struct auth_server *)verification->service->daemon;
	bool is_failure = verification->is_hashed && verification->result != STATUS_OK;
	uint64_t wait = 0;

	status_verified(&server->status, verification);
	if (verification->is_hashed) {
		failures_hashed(&server->failures, uv_now(&server->daemon.loop),
		    verification->hashing_took / 1000000);
	}
	tell_verdict(verification, verification->result, verification->error, verification->reason);
	if (is_failure) {
		wait = count_failure(verification);
	} else if (verification->is_given_up) {
		failures_add_overload(
		    &server->failures, &verification->login, uv_now(&server->daemon.loop));
	}
	if (is_failure && verification->owner != NULL) {
		answer_later(verification, wait);
		return;
	}
	answer(verification);
	verification_free(verification);
}

/* The thread may be within the database's library for long; nobody waits for it. */
static void on_late(struct verification *verification, bool was_begun)
{
	struct client *client = verification->owner;
	const char *reason = was_begun ? "the database has not answered in time"
				       : "its look-up waited too long behind others";

	if (was_begun) {
		vitals_asked(&client->server->status.vitals, reason);
	}
	tell_verdict(
	    verification, STATUS_ERROR, was_begun ? STATUS_DATABASE : STATUS_OVERLOAD, reason);
	verification->owner = NULL;
	peer_end(&client->peer);
	end_verification(client, verification);
}

static void client_verify(struct client *client, struct dovecot_request *request)
{
	struct verification *verification = verification_start(
	    client->server->daemon.service, request, on_verified, on_late, client);

	if (verification == NULL) {
		client->server->status.errors[STATUS_MEMORY]++;
		tell_result(client->server, LOG_LEVEL_ERROR, STATUS_ERROR, &request->sasl,
		    request->rip, "", "out of memory");
		peer_end(&client->peer);
		return;
	}
	client->peer.n_out++;
	LIST_INSERT_HEAD(&client->verifications, verification, entry);
}

static size_t on_input(struct peer *peer, const char *data, size_t n)
{
	struct client *client = (struct client *)peer;
	size_t taken = 0;

	while (!peer->is_closed && !peer->is_ending && !peer->is_writing) {
		struct dovecot_step step;

		taken += dovecot_feed(&client->dovecot, data + taken, n - taken,
		    uv_now(&client->server->daemon.loop), &step);
		switch (step.want) {
		case DOVECOT_NOTHING:
		case DOVECOT_INPUT:
		case DOVECOT_FULL:
			return taken;
		case DOVECOT_VERIFY:
			client_verify(client, step.request);
			break;
		case DOVECOT_REFUSED:
			tell_result(client->server, LOG_LEVEL_WARNING, STATUS_FAIL,
			    &step.request->sasl, step.request->rip, "", step.reason);
			break;
		case DOVECOT_FLUSH:
			client_flush(client);
			break;
		case DOVECOT_CLOSE:
			log_event(LOG_LEVEL_ERROR, "client", "closed: %s", step.reason);
			peer_close(&client->peer, NULL);
			break;
		}
	}
	return taken;
}

/* Nobody is left to be told what comes of a login when the client has closed its side. */
static void on_turn(struct peer *peer)
{
	if (peer->is_at_end) {
		peer_close(peer, NULL);
	}
	client_flush((struct client *)peer);
}

static void on_closed(struct peer *peer)
{
	struct client *client = (struct client *)peer;

	daemon_closed(&client->server->daemon, peer);
	dovecot_deinit(&client->dovecot);
	free(client);
}

/* Ends the connection, once what is being verified has been answered. */
static void on_stop(struct peer *peer)
{
	peer_end(peer);
	peer_proceed(peer);
}

static void on_drop(struct peer *peer)
{
	peer_close(peer, NULL);
}

struct peer *client_open(struct daemon *daemon)
{
	static const struct peer_callbacks callbacks = {
		.input = on_input,
		.turn = on_turn,
		.closing = on_closing,
		.closed = on_closed,
		/* Without .renew: the next login is verified by the new configuration, also on the
		 * connections that stand: Postfix keeps them for long. What they were offered at their
		 * beginning they keep. */
		.stop = on_stop,
		.drop = on_drop,
	};
	struct client *client = calloc(1, sizeof(*client));
	unsigned char random[16];

	if (client == NULL) {
		return NULL;
	}
	client->server = (struct auth_server *)daemon;
	LIST_INIT(&client->verifications);
	client->peer.callbacks = &callbacks;
	client->peer.has_secrets = true;
	memcpy(client->settings.mechanisms, auth_config_of(daemon->service)->mechanisms,
	    sizeof(client->settings.mechanisms));
	client->settings.pid = (unsigned long)getpid();
	client->settings.connection = (unsigned long)daemon->n_accepted + 1;
	if (getrandom(random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random)) {
		memset(random, 0, sizeof(random)); /* a number that nobody uses */
	}
	for (size_t i = 0; i < sizeof(random); i++) {
		snprintf(client->settings.cookie + 2 * i, 3, "%02x", random[i]);
	}
	dovecot_init(&client->dovecot, &client->settings);
	return &client->peer;
}
