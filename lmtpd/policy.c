/* SPDX-License-Identifier: MIT
 * The edge of the policy machine: owner of it and of the peer that asks. Whatever keeps a look-up from being
 * done, DUNNO is the answer: Postfix takes the message then, and lmtpd can still refuse it. Loop's thread. */
#include "lmtpd/policy.h"

#include <stdio.h>
#include <stdlib.h>

#include "lmtpd/lookup.h"
#include "protocol/policy.h"
#include "runtime/log.h"

struct asker {
	struct peer peer; /* first: its callbacks get back to the whole */
	struct lmtpd_server *server;
	struct service *service;
	struct policy policy;
	struct lookups lookups; /* out on the lane: one at most */
};

/* One line for each refusal. Postfix took nothing, so it is no problem of ours, whatever it says. */
static void log_refusal(const struct asker *asker, enum reply action)
{
	const struct policy_request *request = &asker->policy.request;
	const struct recipient *recipient = request->recipient;
	const char *note = recipient->resolution.note;
	char text[REPLY_LINE_MAX];
	struct log_line line;

	text[reply_format(text, action, NULL, NULL) - 2] = '\0'; /* in the place of the CRLF */
	log_begin(&line, LOG_LEVEL_INFO, "policy");
	log_address(&line, "to", recipient->text);
	log_text(&line, "client", request->client);
	log_quoted(&line, "action", text);
	log_quoted(&line, "reason", note[0] != '\0' ? note : reply_text(action));
	log_end(&line);
}

static void answer(struct asker *asker, enum reply reply)
{
	struct lmtpd_status *status = &asker->server->status;
	enum reply action = policy_done(&asker->policy, reply);

	if (action == REPLY_NONE) {
		return;
	}
	if (action == REPLY_FULL_NOW) {
		status->policy.n_full++;
	} else {
		status->policy.n_disabled++;
	}
	log_refusal(asker, action);
}

static void on_looked_up(struct lookup *lookup)
{
	struct asker *asker = lookup->owner;

	status_looked_up(&asker->server->status, lookup);
	LIST_REMOVE(lookup, entry);
	lookup->recipient->resolution = lookup->resolution; /* for its note */
	lookup->resolution = (struct resolution){ .mailboxes = NULL };
	answer(asker, lookup->reply);
	lookup_free(lookup);
	peer_work_done(&asker->peer);
}

static void on_late(struct lookup *lookup)
{
	struct asker *asker = lookup->owner;

	lookup_abandon(lookup);
	vitals_asked(&asker->server->status.vitals, "the database has not answered in time");
	answer(asker, REPLY_NO_DATABASE);
	peer_work_done(&asker->peer);
}

static void look_up(struct asker *asker)
{
	const struct policy_request *request = &asker->policy.request;
	struct lookup *lookup = lookup_start(
	    asker->service, request->recipient, request->size, on_looked_up, on_late, asker);

	if (lookup == NULL) {
		answer(asker, REPLY_NO_MEMORY);
		return;
	}
	lookup->room_patience = ROOM_HASTE;
	asker->peer.n_out++;
	LIST_INSERT_HEAD(&asker->lookups, lookup, entry);
}

static void flush(struct asker *asker)
{
	size_t n;
	const char *output = output_unsent(&asker->policy.output, &n);

	if (n > 0 && peer_write(&asker->peer, output, n)) {
		output_sent(&asker->policy.output, n);
	}
}

static size_t on_input(struct peer *peer, const char *data, size_t n)
{
	struct asker *asker = (struct asker *)peer;
	size_t at = 0;

	while (!peer->is_closed && !peer->is_ending && !peer->is_writing) {
		size_t n_taken;
		enum policy_want want = policy_feed(&asker->policy, data + at, n - at, &n_taken);

		at += n_taken;
		switch (want) {
		case POLICY_NOTHING:
		case POLICY_INPUT:
		case POLICY_WAIT:
			return at;
		case POLICY_FLUSH:
			flush(asker);
			break;
		case POLICY_LOOK_UP:
			look_up(asker);
			break;
		case POLICY_CLOSE:
			log_event(LOG_LEVEL_WARNING, "policy", "closed a connection: %s",
			    asker->policy.closed);
			peer_end(peer); /* what was asked before is answered */
			break;
		}
	}
	return at;
}

/* Between requests it moves to the configuration that is in force, as sessions do between transactions. */
static void on_renew(struct peer *peer)
{
	struct asker *asker = (struct asker *)peer;

	if (peer->n_out == 0 && service_renew(&asker->service)) {
		asker->policy.settings = &lmtpd_config_of(asker->service)->lmtp;
	}
}

static void on_turn(struct peer *peer)
{
	struct asker *asker = (struct asker *)peer;

	flush(asker);
	asker->server->status.policy.n_questions += asker->policy.n_answered;
	asker->policy.n_answered = 0;
	on_renew(peer);
	peer_set_patience(peer, (uint64_t)lmtpd_config_of(asker->service)->idle_timeout * 1000);
}

static void on_silent(struct peer *peer)
{
	peer_close(peer, NULL);
}

static void on_closing(struct peer *peer, const char *why)
{
	struct asker *asker = (struct asker *)peer;

	for (; !LIST_EMPTY(&asker->lookups); peer->n_out--) {
		lookup_abandon(LIST_FIRST(&asker->lookups)); /* nobody asks any more */
	}
}

static void on_closed(struct peer *peer)
{
	struct asker *asker = (struct asker *)peer;

	daemon_closed(&asker->server->daemon, peer);
	policy_deinit(&asker->policy);
	service_unref(asker->service);
	free(asker);
}

/* At once but for the question that is out: smtpd asks anew on another connection, or does without. */
static void on_stop(struct peer *peer)
{
	if (peer->is_writing) {
		peer_close(peer, NULL); /* who does not read his answers is not waited for */
		return;
	}
	peer_end(peer);
	peer_proceed(peer);
}

static void on_drop(struct peer *peer)
{
	peer_close(peer, NULL);
}

struct peer *policy_open(struct daemon *daemon)
{
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
	struct asker *asker = calloc(1, sizeof(*asker));

	if (asker == NULL) {
		return NULL;
	}
	asker->peer.callbacks = &callbacks;
	asker->server = (struct lmtpd_server *)daemon;
	LIST_INIT(&asker->lookups);
	asker->service = service_ref(daemon->service);
	policy_init(&asker->policy, &lmtpd_config_of(asker->service)->lmtp);
	return &asker->peer;
}
