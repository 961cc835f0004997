/* SPDX-License-Identifier: MIT
 * Postfix's policy delegation protocol, server side (SMTPD_POLICY_README): before Postfix takes a message it
 * asks what it should say to RCPT. A request is lines of name=value and an empty line, an answer
 * "action=..." and an empty line. What it puts out does not depend on how its input was cut.
 *
 * Only a mailbox that is known to take no mail is a reason to refuse; on any doubt the answer is DUNNO, which
 * leaves the decision to whatever Postfix asks next. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/envelope.h"
#include "protocol/line.h"
#include "protocol/lmtp.h"
#include "protocol/output.h"
#include "protocol/reply.h"

enum {
	POLICY_LINE_MAX = 4096, /* LF included; Postfix has addresses of up to 2048 bytes */
	POLICY_LINES_MAX = 100, /* of a request; Postfix 3.7 sends 31 */
	POLICY_CLIENT_MAX = 45, /* bytes of an address of IPv6 */
};

/* What is known of a request; of an attribute that comes twice the last counts. */
struct policy_request {
	struct recipient *recipient; /* NULL: nobody was named */
	uint64_t size;               /* that the client says the message has; 0: it has not */
	char client[POLICY_CLIENT_MAX + 1]; /* its address; "" if unknown */

	/* The machine's own. */
	unsigned n_lines;
	bool is_of_smtpd, is_rcpt;
	bool is_odd; /* one of its lines is no attribute */
};

/* What the machine wants next; see enum lmtp_want, its sister. */
enum policy_want {
	POLICY_NOTHING, /* within the machine only: it can go on by itself */
	POLICY_INPUT,   /* all input is used up: feed more */
	POLICY_FLUSH, /* send the output before feeding more: the client does not read its answers */
	POLICY_LOOK_UP, /* look up the recipient of policy->request, then policy_done() */
	POLICY_WAIT,    /* nothing can go on before that outcome */
	POLICY_CLOSE,   /* the client speaks something else, or memory is short: close */
};

struct policy {
	/* It outlives the machine; the edge may put another here while no look-up is out. */
	const struct lmtp_settings *settings;
	struct output output;          /* the edge sends it */
	struct policy_request request; /* to be read from POLICY_LOOK_UP until the next feed */
	uint64_t n_answered;           /* requests so far */
	const char *closed;            /* why, in words; NULL: it is not */

	/* The rest is the machine's own. */
	struct line line; /* the one that is coming in */
	bool is_out;      /* a look-up is */
	bool is_answered; /* the request is, and makes room for the next one */
};

void policy_init(struct policy *policy, const struct lmtp_settings *settings);
void policy_deinit(struct policy *policy);

/* Feeds in[0..n), returns what the machine wants, and how much of it was taken in n_taken_r; feed the rest
 * again after that is dealt with, until it is POLICY_INPUT, POLICY_WAIT or POLICY_CLOSE. */
enum policy_want policy_feed(struct policy *policy, const char *in, size_t n, size_t *n_taken_r);

/* The outcome of POLICY_LOOK_UP, which is answered with it. Returns the reply that Postfix is to give, or
 * REPLY_NONE for DUNNO. */
enum reply policy_done(struct policy *policy, enum reply reply);
