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

#include "protocol/sasl.h"

enum {
	DOVECOT_LINE_MAX = 16384, /* LF included; a longer line fails its request */
	DOVECOT_REQUESTS_MAX =
	    64, /* of one connection at a time; one more drops the oldest that waits
	                             * for its client, or fails */
	DOVECOT_ABANDONED_SECONDS = 150, /* a challenge without response is forgotten after that */
	DOVECOT_RIP_MAX = 45,
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
	char rip[DOVECOT_RIP_MAX + 1]; /* of the client's client; "" if unknown */
};
STAILQ_HEAD(dovecot_requests, dovecot_request);

enum dovecot_want {
	DOVECOT_INPUT,  /* all input is used up */
	DOVECOT_VERIFY, /* verify step.request->sasl, then dovecot_ok() or dovecot_fail() */
	DOVECOT_REFUSED, /* step.request was answered with FAIL (for the log); it is gone after the next
	                   * call */
	DOVECOT_FLUSH, /* send the output first: the client does not read its replies */
	DOVECOT_CLOSE, /* the client speaks something else, or memory is short: close */
};

struct dovecot_step {
	enum dovecot_want want;
	struct dovecot_request *request;
	const char *reason; /* of DOVECOT_REFUSED and DOVECOT_CLOSE, for the log */
};

struct dovecot {
	const struct dovecot_settings *settings;
	struct dovecot_requests requests;
	size_t n_requests;
	struct dovecot_request *refused;
	char *line; /* the start of a line that has not come whole yet */
	size_t n_line;
	bool is_line_long;
	char *output;
	size_t n_output, output_cap;
	unsigned minor; /* of the client's version */
	bool is_closed;
};

/* Puts the whole handshake out: Postfix waits for it without a word. settings must outlive it. */
void dovecot_init(struct dovecot *protocol, const struct dovecot_settings *settings);
void dovecot_deinit(struct dovecot *protocol);

/* Feeds in[0..n), @now in milliseconds of any clock that does not go back. Returns what was taken;
 * call again with the rest after the step was dealt with, until it is DOVECOT_INPUT. */
size_t dovecot_feed(
    struct dovecot *protocol, const char *in, size_t n, uint64_t now, struct dovecot_step *step_r);

/* The outcome of DOVECOT_VERIFY; the request is gone then. @user is the name as stored. */
void dovecot_ok(struct dovecot *protocol, struct dovecot_request *request, const char *user);
void dovecot_fail(struct dovecot *protocol, struct dovecot_request *request);

const char *dovecot_output(const struct dovecot *protocol, size_t *n_r);
void dovecot_sent(struct dovecot *protocol, size_t n);
