/* SPDX-License-Identifier: MIT
 * The session machine of LMTP (RFC 2033): fed with bytes, it asks for work and is given outcomes.
 * It knows no socket, clock, thread or database, and what it puts out does not depend on how its
 * input was cut. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "mail/envelope.h"
#include "protocol/body.h"
#include "protocol/line.h"
#include "protocol/output.h"
#include "protocol/reply.h"

enum {
	/* RFC 5321 4.5.3.1.4 asks for 512 and more with extensions; Postfix sends up to 2048. */
	LMTP_LINE_MAX = 4096, /* CRLF included */
	/* Recipients that are looked up at the same time in one session. */
	LMTP_LOOKUP_MAX = 64,
	/* Refused commands in a row after which a session is closed. */
	LMTP_ERROR_MAX = 20,
};

struct lmtp_settings {
	const char *hostname;
	const char *recipient_delimiter;
	uint64_t message_size_limit; /* bytes as sent, 0 = none */
	size_t recipient_limit;
	bool soft_bounce; /* every 5xx is a 4xx, see reply_soften() */
};

/* What the machine wants next. */
enum lmtp_want {
	LMTP_NOTHING, /* within the machine only: it can go on by itself */
	LMTP_INPUT,   /* all input is used up: feed more */
	LMTP_FLUSH, /* send the output before feeding more: the client does not read its replies */
	/* Look up step.recipient and feed on at once. The outcome goes into its resolution, then
	 * lmtp_recipient_done(). */
	LMTP_RECIPIENT,
	LMTP_WAIT, /* nothing can go on before an outcome that is still owed */
	/* step.recipient was answered with a reply that refuses it, at RCPT or for its data (for the
	 * log); it is gone after the next call. */
	LMTP_REFUSED,
	LMTP_BEGIN, /* the recipients are final, the body comes next */
	LMTP_BODY,  /* step.n_body bytes of the message lie in the body buffer */
	LMTP_DELIVER, /* the body is complete (step.n_body more bytes lie in the buffer): set the reply
	                 * of every accepted recipient, then call lmtp_delivered() */
	LMTP_ABANDON, /* a transaction that had begun its body ends without delivery: drop it */
	LMTP_CLOSE,   /* send the output, then close */
};

struct lmtp_step {
	enum lmtp_want want;
	struct recipient *recipient;
	size_t n_body;
};

enum lmtp_phase {
	LMTP_PHASE_COMMAND,
	LMTP_PHASE_BODY,    /* DATA, or within a BDAT chunk */
	LMTP_PHASE_DISCARD, /* within a BDAT chunk that was refused */
	LMTP_PHASE_DELIVERING,
	LMTP_PHASE_TOO_BIG, /* the message was refused to all of its recipients */
	LMTP_PHASE_CLOSED,
};

struct lmtp {
	/* They outlive the machine. Between transactions the edge may put others here. */
	const struct lmtp_settings *settings;
	/* Set by the edge: from now on the session ends between transactions (421), with the end of
	 * the one under way, or of one that begins yet, or with any other command. */
	bool is_shutting_down;
	/* Of the transaction that is under way, or of none; its client is NULL before LHLO. The edge may
	 * change its recipients' replies between LMTP_DELIVER and lmtp_delivered(). */
	struct envelope envelope;
	bool is_in_body; /* a message is on its way, from DATA to its replies: to be read only */
	struct output output; /* the edge sends it */

	/* The rest is the machine's own. */
	enum lmtp_phase phase;
	struct line line; /* the command that is coming in */
	unsigned n_errors;

	/* the transaction: from MAIL to the replies after the data. A recipient is on one list, of these
	 * and the envelope's. */
	const char *id; /* of the session */
	unsigned n_transactions;
	struct recipients attempts; /* RCPTs whose reply has not been put out, in order */
	size_t n_attempts;
	struct recipients refused; /* those that the edge has not heard of */
	struct recipient *told;    /* the last one that it has */

	/* its body */
	struct body body;
	bool is_chunked, is_last_chunk;
	bool is_too_big;
	uint64_t n_chunk; /* bytes that the chunk still has */
};

/* Puts the greeting out. @id names the session and must outlive the machine; its transactions are ID.1,
 * ID.2, ... */
void lmtp_init(struct lmtp *lmtp, const struct lmtp_settings *settings, const char *id);
void lmtp_deinit(struct lmtp *lmtp);

/* Feeds in[0..n) and returns how much of it was taken; feed the rest again after the step is dealt
 * with (also with n = 0, until the step is LMTP_INPUT, LMTP_WAIT or LMTP_CLOSE).
 * body[0..body_cap), 2 bytes at least, takes the decoded message. */
size_t lmtp_feed(struct lmtp *lmtp, const char *in, size_t n, char *body, size_t body_cap,
    struct lmtp_step *step_r);

/* The outcome of a look-up: REPLY_RECIPIENT_OK or a reply that refuses. Feed on then. */
void lmtp_recipient_done(struct lmtp *lmtp, struct recipient *recipient, enum reply reply);

/* All replies of the data are set; a recipient whose reply was forgotten is answered with 451. */
void lmtp_delivered(struct lmtp *lmtp);

/* What RCPT for a path is answered without a look-up: REPLY_NONE when it needs one. n_detail_r: see
 * struct recipient. */
enum reply lmtp_check_path(const struct lmtp_settings *settings, const struct path *path,
    struct address *address_r, size_t *n_detail_r);

/* The client was silent for too long, or for a moment after is_shutting_down was set. */
void lmtp_time_out(struct lmtp *lmtp);

/* Is an envelope or a message on its way? */
bool lmtp_is_in_transaction(const struct lmtp *lmtp);
