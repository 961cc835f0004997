/* SPDX-License-Identifier: MIT
 * Dovecot's auth client protocol 1.x, server side, as Postfix and others speak it
 * (https://doc.dovecot.org, "Authentication Protocol"): lines in, lines out, no I/O. What it puts out
 * does not depend on how its input was cut.
 *
 * Requests of one connection are independent: bad input of one fails that one, never the others. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "protocol/line.h"
#include "protocol/output.h"
#include "protocol/sasl.h"

enum {
	DOVECOT_LINE_MAX = 16384, /* LF included; a longer line fails its request */
	/* Of one connection at a time; one more drops the oldest that waits for its client, or waits. */
	DOVECOT_REQUESTS_MAX = 64,
	DOVECOT_ABANDONED_SECONDS = 150, /* a challenge without response is forgotten after that */
	DOVECOT_RIP_MAX = 45,
	DOVECOT_SERVICE_MAX = 31,
};

struct dovecot_settings {
	bool mechanisms[SASL_MECHANISMS];
	unsigned long pid, connection; /* SPID, CUID: numbers that nobody uses */
	char cookie[33];
};

/* One AUTH. Owned by the protocol until its outcome. */
struct dovecot_request {
	STAILQ_ENTRY(dovecot_request) next;
	uint32_t id;
	uint64_t time; /* of its last line, in the caller's milliseconds */
	bool is_out;   /* its credentials are being verified */
	bool is_cancelled;
	struct sasl sasl;
	/* Of the client's client; each is "" if it is unknown, or too long to be one. */
	char rip[DOVECOT_RIP_MAX + 1], service[DOVECOT_SERVICE_MAX + 1];
};
STAILQ_HEAD(dovecot_requests, dovecot_request);

/* What the machine wants next; see enum lmtp_want, its sister. */
enum dovecot_want {
	DOVECOT_NOTHING, /* within the machine only: it can go on by itself */
	DOVECOT_INPUT,   /* all input is used up: feed more */
	DOVECOT_FLUSH, /* send the output before feeding more: the client does not read its replies */
	DOVECOT_FULL, /* as many requests as may be are being verified: feed more after an outcome */
	DOVECOT_VERIFY, /* verify step.request->sasl, then dovecot_ok() or dovecot_fail() */
	/* step.request was answered with FAIL (for the log); it is gone after the next call. */
	DOVECOT_REFUSED,
	DOVECOT_CLOSE, /* the client speaks something else, or memory is short: close */
};

struct dovecot_step {
	enum dovecot_want want;
	struct dovecot_request *request;
	const char *reason; /* of DOVECOT_REFUSED and DOVECOT_CLOSE, for the log */
};

struct dovecot {
	struct output output; /* the edge sends it */

	/* The rest is the machine's own. */
	const struct dovecot_settings *settings;
	struct dovecot_requests requests;
	size_t n_requests;
	struct dovecot_request *told; /* the last one that was refused */
	struct line line;             /* the one that is coming in */
	unsigned minor;               /* of the client's version */
	const char *closed;           /* why; NULL: it is not */
};

/* Puts the whole handshake out: Postfix waits for it without a word. settings must outlive it. */
void dovecot_init(struct dovecot *dovecot, const struct dovecot_settings *settings);
void dovecot_deinit(struct dovecot *dovecot);

/* Feeds in[0..n), @now in milliseconds of any clock that does not go back, and returns how much of it
 * was taken; feed the rest again after the step is dealt with, until it is DOVECOT_INPUT,
 * DOVECOT_FULL or DOVECOT_CLOSE. Secrets have passed through the input: wipe it. */
size_t dovecot_feed(
    struct dovecot *dovecot, const char *in, size_t n, uint64_t now, struct dovecot_step *step_r);

/* The outcome of DOVECOT_VERIFY; the request is gone then. @user is the name as stored. */
void dovecot_ok(struct dovecot *dovecot, struct dovecot_request *request, const char *user);
void dovecot_fail(struct dovecot *dovecot, struct dovecot_request *request);
