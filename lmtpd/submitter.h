/* SPDX-License-Identifier: MIT
 * Hands messages in to a server of SMTP nearby, and says what became of each recipient. It blocks, for a bounded time, so it belongs
 * to a thread of a lane (lane.h), of which it is the context: start, stop and on_idle are called by it.
 *
 * The connection is kept for the next message. If it has died meanwhile, as when Postfix was restarted, a message of which the
 * server has heard nothing yet goes over a new one, once. */
#pragma once

#include "lmtpd/outgoing.h"
#include "protocol/submission.h"
#include "runtime/prefix.h"

enum {
	SUBMITTER_CONNECT_MS = 5000,
	SUBMITTER_REPLY_MS = 30000,
	SUBMITTER_CONTENT_MS = 30000, /* for the reply to the content */
	SUBMITTER_IDLE_MS = 30000,    /* that a connection is kept: the lane's */
};

/* The same for all messages of a submitter, and they outlive it: those of a lane are of its service. */
struct submitter_settings {
	const char *endpoint; /* endpoint.h */
	const char *hostname; /* for EHLO */
	/* Milliseconds that may go by without a word or a byte taken, see above. */
	unsigned connect, reply, content;
};

struct submission_message {
	const char *sender; /* as in submission.h */
	const char *const *recipients;
	size_t n_recipients;
	bool is_utf8;
	struct outgoing_message content;
};

struct submitter;

/* A struct submitter; NULL when out of memory, which submitter_submit() bears. */
void *submitter_start(void *unused);

/* Says QUIT if there is a connection, and closes it. on_idle keeps the context for the next message. */
void submitter_on_idle(void *context);
void submitter_stop(void *context);

/* What the server says of itself in answer to EHLO, and whom it sees. */
struct submitter_offer {
	bool has_8bitmime, has_chunking, has_smtputf8;
	uint64_t size_max;             /* 0: no limit is known */
	char client[PREFIX_TEXT_SIZE]; /* our address; "": the server is on this machine, or none */
};

/* Asks whether the server would take a message without a sender, and sends none: outcomes as below. Returns whether it has said what
 * it offers. */
bool submitter_ask(struct submitter *submitter, const struct submitter_settings *settings,
    const char *const *recipients, size_t n_recipients, uint64_t deadline,
    struct submission_outcome *outcomes, struct submitter_offer *offer_r);

/* Sets outcomes[n_recipients]. After the deadline, in milliseconds of uv_hrtime(), all that is open is "for a while". */
void submitter_submit(struct submitter *submitter, const struct submitter_settings *settings,
    const struct submission_message *message, uint64_t deadline,
    struct submission_outcome *outcomes);
