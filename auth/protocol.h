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

#include "auth/sasl.h"

enum {
	PROTOCOL_LINE_MAX = 16384, /* LF included; a longer line fails its request */
	PROTOCOL_REQUESTS_MAX =
	    64, /* of one connection at a time; one more drops the oldest that waits
	                             * for its client, or fails */
	PROTOCOL_ABANDONED_SECONDS = 150, /* a challenge without response is forgotten after that */
	PROTOCOL_RIP_MAX = 45,
};

struct protocol_settings {
	bool mechanisms[SASL_MECHANISMS];
	unsigned long pid, connection; /* SPID, CUID: numbers that nobody uses */
	char cookie[33];
};

/* One AUTH. Owned by the protocol until its outcome. */
struct protocol_request {
	STAILQ_ENTRY(protocol_request) next;
	uint32_t id;
	uint64_t time; /* of its last line, in the caller's milliseconds */
	bool is_out;   /* its credentials are being verified */
	bool is_cancelled;
	struct sasl sasl;
	char rip[PROTOCOL_RIP_MAX + 1]; /* of the client's client; "" if unknown */
};
STAILQ_HEAD(protocol_requests, protocol_request);

enum protocol_want {
	PROTOCOL_INPUT,  /* all input is used up */
	PROTOCOL_VERIFY, /* verify step.request->sasl, then protocol_ok() or protocol_fail() */
	PROTOCOL_REFUSED, /* step.request was answered with FAIL (for the log); it is gone after the next
	                   * call */
	PROTOCOL_FLUSH, /* send the output first: the client does not read its replies */
	PROTOCOL_CLOSE, /* the client speaks something else, or memory is short: close */
};

struct protocol_step {
	enum protocol_want want;
	struct protocol_request *request;
	const char *reason; /* of PROTOCOL_REFUSED and PROTOCOL_CLOSE, for the log */
};

struct protocol {
	const struct protocol_settings *settings;
	struct protocol_requests requests;
	size_t n_requests;
	struct protocol_request *refused;
	char *line; /* the start of a line that has not come whole yet */
	size_t n_line;
	bool is_line_long;
	char *output;
	size_t n_output, output_cap;
	unsigned minor; /* of the client's version */
	bool is_closed;
};

/* Puts the whole handshake out: Postfix waits for it without a word. settings must outlive it. */
void protocol_init(struct protocol *protocol, const struct protocol_settings *settings);
void protocol_deinit(struct protocol *protocol);

/* Feeds in[0..n), @now in milliseconds of any clock that does not go back. Returns what was taken;
 * call again with the rest after the step was dealt with, until it is PROTOCOL_INPUT. */
size_t protocol_feed(struct protocol *protocol, const char *in, size_t n, uint64_t now,
    struct protocol_step *step_r);

/* The outcome of PROTOCOL_VERIFY; the request is gone then. @user is the name as stored. */
void protocol_ok(struct protocol *protocol, struct protocol_request *request, const char *user);
void protocol_fail(struct protocol *protocol, struct protocol_request *request);

const char *protocol_output(const struct protocol *protocol, size_t *n_r);
void protocol_sent(struct protocol *protocol, size_t n);
