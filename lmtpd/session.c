/* SPDX-License-Identifier: MIT
 * A session: owner of its machine, of the peer that talks to it, and of the delivery of its transaction.
 * It feeds the machine with the peer's bytes and does what it wishes: look-ups and deliveries go to
 * lanes and come back here. While look-ups are out the client's next commands are read; while a part of a
 * message is being written nothing is. Loop's thread. */
#include "lmtpd/session.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lmtpd/delivery_log.h"
#include "runtime/log.h"

enum {
	LAST_SILENCE = 1000 /* ms that a client may be silent between transactions at the end */
};

/* A message past its last dot is delivered, whatever becomes of its client. */
static bool session_is_delivering(const struct session *session)
{
	return session->delivery != NULL && session->delivery->is_out && session->delivery->is_last;
}

/* What nobody is left to take counts as sent: else the machine would ask for it to be flushed for ever. */
static void session_flush(struct session *session)
{
	struct peer *peer = &session->peer;
	size_t n;
	const char *output = output_unsent(&session->lmtp.output, &n);

	if (n > 0 && (peer->is_closed || peer_write(peer, output, n))) {
		output_sent(&session->lmtp.output, n);
	}
}

/* A RCPT, or a message for its size, that was refused. */
static void session_refused(struct session *session, const struct recipient *recipient)
{
	session->server->status.recipients[recipient->reply]++;
	delivery_log_refusal(&session->lmtp.envelope, recipient);
}

/* What an admin should know of a recipient that was accepted. */
static void session_log_notes(const struct recipient *recipient, bool is_of_quota)
{
	const struct resolution *resolution = &recipient->resolution;

	if (resolution->note[0] != '\0') {
		log_event(LOG_LEVEL_WARNING, is_of_quota ? "quota" : "alias", "%s: %s",
		    recipient->text, resolution->note);
	}
	for (size_t i = 0; i < resolution->n_mailboxes; i++) {
		const struct mailbox *mailbox = &resolution->mailboxes[i];

		if (mailbox->doubt != NULL) {
			log_event(LOG_LEVEL_WARNING, "quota", "the row of %s: %s",
			    mailbox->address.text, mailbox->doubt);
		}
	}
}

static void on_looked_up(struct lookup *lookup)
{
	struct session *session = lookup->owner;
	struct recipient *recipient = lookup->recipient;
	struct resolution *resolution = &recipient->resolution;

	status_looked_up(&session->server->status, lookup);
	LIST_REMOVE(lookup, entry);
	*resolution = lookup->resolution; /* its mailboxes are the recipient's now */
	lookup->resolution = (struct resolution){ .mailboxes = NULL };
	if (lookup->reply == REPLY_RECIPIENT_OK) {
		session_log_notes(recipient, lookup->n_doubts > 0);
		if (resolution->n_mailboxes > 1 &&
		    session->lmtp.envelope.n_mailboxes + resolution->n_mailboxes >
			DELIVERY_MAILBOXES_MAX) {
			lookup->reply = REPLY_TOO_MANY_RECIPIENTS; /* in another transaction */
		}
	}
	lmtp_recipient_done(&session->lmtp, recipient, lookup->reply);
	lookup_free(lookup);
	peer_work_done(&session->peer);
}

/* The thread may be within the database's library for long; the client is not kept waiting for it. */
static void on_late(struct lookup *lookup)
{
	struct session *session = lookup->owner;
	struct recipient *recipient = lookup->recipient;
	char *note = recipient->resolution.note;

	lookup_abandon(lookup);
	snprintf(note, sizeof(recipient->resolution.note), "the database has not answered in time");
	vitals_asked(&session->server->status.vitals, note);
	lmtp_recipient_done(&session->lmtp, recipient, REPLY_NO_DATABASE);
	peer_work_done(&session->peer);
}

static void session_look_up(struct session *session, struct recipient *recipient)
{
	struct lookup *lookup =
	    lookup_start(session->service, recipient, 0, on_looked_up, on_late, session);

	if (lookup == NULL) {
		lmtp_recipient_done(&session->lmtp, recipient, REPLY_NO_MEMORY);
		return;
	}
	session->peer.n_out++;
	LIST_INSERT_HEAD(&session->lookups, lookup, entry);
}

/* What it is to a recipient that his mailbox is full, while a site is moved as well. */
static enum reply session_refusal(const struct session *session, enum reply reply)
{
	const struct lmtpd_config *config = lmtpd_config_of(session->service);

	if (reply == REPLY_FULL && strcmp(config->full, "refuse") != 0) {
		return REPLY_FULL_NOW;
	}
	return config->lmtp.soft_bounce ? reply_soften(reply) : reply;
}

/* Who rejects a message tells why; without memory the reply's own text does. */
static void session_let_say(struct recipient *recipient, const struct places *places)
{
	enum reply reply = (enum reply)recipient->reply;

	if (reply == REPLY_REJECTED || reply == reply_soften(REPLY_REJECTED)) {
		recipient->said = strdup(places_rejection(places, recipient));
	}
}

/* Everybody's reply, from the results of the delivery. Without results there was no memory for it, or the
 * disk stood still; delivery may be NULL then. */
static void session_answer(struct session *session, struct delivery *delivery)
{
	struct envelope *envelope = &session->lmtp.envelope;
	bool has_results = delivery != NULL && !session->is_stalled;
	struct recipient *recipient;

	STAILQ_FOREACH (recipient, &envelope->recipients, next) {
		char reason[1024] = "out of memory";

		recipient->reply = REPLY_NO_MEMORY;
		if (session->is_stalled) {
			recipient->reply = REPLY_DISK_STALLED;
			snprintf(reason, sizeof(reason),
			    "the disk has not taken the message within %d s", DELIVERY_PATIENCE);
		} else if (has_results) {
			recipient->reply = session_refusal(session,
			    places_outcome(&delivery->places, recipient, reason, sizeof(reason)));
			session_let_say(recipient, &delivery->places);
		}
		delivery_log(envelope, recipient, delivery, reason);
	}
	if (has_results) {
		notices_send(&delivery->notices, delivery->service);
		delivery_log_notes(delivery);
		session->server->status.n_untold += tally_log(&delivery->tally, &delivery->places);
	}
	status_delivered(&session->server->status, envelope, has_results ? delivery : NULL);
	session->is_stalled = false;
	lmtp_delivered(&session->lmtp);
}

static void on_written(struct delivery *delivery)
{
	struct session *session = delivery->owner;

	if (delivery->is_last) {
		session_answer(session, delivery);
		session->delivery = NULL;
		delivery_free(delivery);
	}
	session->peer.is_full = false;
	peer_work_done(&session->peer);
}

/* The client keeps the message. What is still to come of it is taken and dropped. */
static void on_stalled(struct delivery *delivery)
{
	struct session *session = delivery->owner;

	session->delivery = NULL;
	session->is_stalled = true;
	session->server->status.n_stalled++;
	if (delivery->is_last) {
		session_answer(session, delivery);
	}
	session->peer.is_full = false;
	peer_work_done(&session->peer);
}

/* While a part of a message is out, the next one would have to be kept: it is not read. Behind the last
 * one come commands. */
static void session_write(struct session *session, bool is_last)
{
	session->peer.is_full = !is_last;
	session->peer.n_out++;
	delivery_write(session->delivery, is_last, on_written, on_stalled, session);
}

static void session_begin(struct session *session)
{
	assert(session->delivery == NULL);
	/* Without memory the body is taken and dropped, and answered with 451. */
	session->delivery = delivery_new(session->service, &session->lmtp.envelope);
}

static void session_deliver(struct session *session)
{
	if (session->delivery == NULL) {
		session_answer(session, NULL);
		return;
	}
	session_write(session, true);
}

static void session_abandon(struct session *session)
{
	session->is_stalled = false;
	if (session->delivery != NULL) {
		delivery_abandon(session->delivery);
		session->delivery = NULL;
	}
}

/* Does what the machine asks for; false when it can go no further now. */
static bool session_step(struct session *session, const struct lmtp_step *step)
{
	switch (step->want) {
	case LMTP_NOTHING:
	case LMTP_INPUT:
	case LMTP_WAIT:
		return false;
	case LMTP_FLUSH:
		session_flush(session);
		break;
	case LMTP_RECIPIENT:
		session_look_up(session, step->recipient);
		break;
	case LMTP_REFUSED:
		session_refused(session, step->recipient);
		break;
	case LMTP_BEGIN:
		session_begin(session);
		break;
	case LMTP_BODY:
		break;
	case LMTP_DELIVER:
		session_deliver(session);
		break;
	case LMTP_ABANDON:
		session_abandon(session);
		break;
	case LMTP_CLOSE:
		peer_end(&session->peer);
		return false;
	}
	return true;
}

/* Of a client that is gone nothing is taken; there may be refusals that nobody has logged. */
static size_t on_input(struct peer *peer, const char *data, size_t n)
{
	struct session *session = (struct session *)peer;
	size_t taken = 0;

	for (;;) {
		struct delivery *delivery = session->delivery;
		char scrap[256]; /* for a message that has no delivery */
		char *body = scrap;
		size_t body_cap = sizeof(scrap);
		struct lmtp_step step;

		if (peer->is_writing || (peer->is_closed && delivery != NULL)) {
			return taken;
		}
		if (delivery != NULL) {
			if (delivery->is_out) {
				return taken;
			}
			if (!delivery_make_room(delivery)) {
				session_write(session, false);
				return taken;
			}
			body = delivery->buffer + delivery->n;
			body_cap = delivery->cap - delivery->n;
		}
		taken += lmtp_feed(&session->lmtp, data + taken, peer->is_closed ? 0 : n - taken,
		    body, body_cap, &step);
		if (delivery != NULL) {
			delivery->n += step.n_body;
		}
		if (!session_step(session, &step)) {
			return taken;
		}
	}
}

/* How long the client may be silent. */
static void session_set_patience(struct session *session)
{
	bool is_last = session->lmtp.is_shutting_down && !lmtp_is_in_transaction(&session->lmtp);

	peer_set_patience(&session->peer,
	    is_last ? LAST_SILENCE
		    : (uint64_t)lmtpd_config_of(session->service)->idle_timeout * 1000);
}

/* Between transactions a session moves to the configuration that is in force, so that the old one, its
 * threads and its connections to the database do not live as long as a client that stays. */
static void on_renew(struct peer *peer)
{
	struct session *session = (struct session *)peer;

	if (peer->n_out == 0 && session->delivery == NULL &&
	    !lmtp_is_in_transaction(&session->lmtp) && service_renew(&session->service)) {
		session->lmtp.settings = &lmtpd_config_of(session->service)->lmtp;
	}
}

static void on_turn(struct peer *peer)
{
	struct session *session = (struct session *)peer;

	/* While look-ups are out more will come: one write for all. */
	if (peer->n_out == 0 || session->delivery != NULL) {
		session_flush(session);
	}
	on_renew(peer);
	session_set_patience(session);
}

static void on_silent(struct peer *peer)
{
	struct session *session = (struct session *)peer;

	lmtp_time_out(&session->lmtp);
	session_flush(session);
	peer_close(peer, "the client was silent for too long");
}

/* Postfix closes idle connections without QUIT: no reason for a word, but in the middle of a message. */
static void on_closing(struct peer *peer, const char *why)
{
	struct session *session = (struct session *)peer;

	for (; !LIST_EMPTY(&session->lookups); peer->n_out--) {
		lookup_abandon(LIST_FIRST(&session->lookups)); /* nobody asks any more */
	}
	if (why != NULL && session->lmtp.is_in_body) {
		log_event(LOG_LEVEL_WARNING, "lost",
		    "session %s: %s in the middle of a message, %s", session->id, why,
		    session_is_delivering(session) ? "which is delivered all the same"
						   : "which is dropped; the client still has it");
	}
}

static void on_closed(struct peer *peer)
{
	struct session *session = (struct session *)peer;
	struct lmtpd_server *server = session->server;

	session_abandon(session);
	daemon_closed(&server->daemon, peer);
	server->status.n_sessions += (session->lmtp.envelope.client != NULL);
	lmtp_deinit(&session->lmtp);
	service_unref(session->service);
	free(session);
}

/* No more transactions; the one that is under way is finished. */
static void on_stop(struct peer *peer)
{
	struct session *session = (struct session *)peer;

	session->lmtp.is_shutting_down = true;
	session_set_patience(session);
}

/* A message past the last dot is finished and answered. */
static void on_drop(struct peer *peer)
{
	if (!session_is_delivering((struct session *)peer)) {
		peer_close(peer, "lmtpd has to end");
	}
}

static const struct peer_callbacks callbacks = {
	.input = on_input,
	.turn = on_turn,
	.silent = on_silent,
	.closing = on_closing,
	.closed = on_closed,
	.renew = on_renew,
	.stop = on_stop,
	.drop = on_drop,
};

const struct session *session_of(const struct peer *peer)
{
	return peer->callbacks == &callbacks ? (const struct session *)peer : NULL;
}

struct peer *session_open(struct daemon *daemon)
{
	struct lmtpd_server *server = (struct lmtpd_server *)daemon;
	struct session *session = calloc(1, sizeof(*session));

	if (session == NULL) {
		return NULL;
	}
	session->peer.callbacks = &callbacks;
	session->server = server;
	LIST_INIT(&session->lookups);
	session->service = service_ref(daemon->service);
	snprintf(session->id, sizeof(session->id), "%s%" PRIx64, server->id_prefix,
	    daemon->n_accepted + 1);
	lmtp_init(&session->lmtp, &lmtpd_config_of(session->service)->lmtp, session->id);
	return &session->peer;
}
