/* SPDX-License-Identifier: MIT
 * A small edge for the policy machine: it keeps unread input, answers look-ups from the names of the
 * addresses, and writes down what it was asked for.
 *
 * The local part of an address begins with what a look-up finds:
 *   full, fullish   REPLY_FULL, REPLY_FULL_NOW
 *   off, offish     REPLY_DISABLED, REPLY_DISABLED_NOW
 *   down, nobody    REPLY_NO_DATABASE, REPLY_NO_MAILBOX
 *   anything else   REPLY_RECIPIENT_OK */
#pragma once

#include "protocol/policy.h"
#include "tests/models/edge.h"

struct policy_edge {
	struct policy policy;
	struct lmtp_settings settings;
	bool answers_late; /* only when it settles */
	bool reads_late;   /* takes the output only when it must */

	struct buffer input;  /* not taken by the machine yet */
	struct buffer output; /* everything sent */
	/* One line each: "ask ADDRESS detail SIZE CLIENT", and "closed". */
	struct buffer events;
	bool is_out, is_closed;
};

void policy_edge_init(struct policy_edge *edge, const struct lmtp_settings *settings);

/* Input from the client. What cannot be taken now is kept. */
void policy_edge_feed(struct policy_edge *edge, const char *in, size_t n);

/* Answers every look-up until nothing moves, and takes all output. */
void policy_edge_settle(struct policy_edge *edge);

void policy_edge_deinit(struct policy_edge *edge);

/* What a look-up of the address finds. */
enum reply policy_edge_reply(const char *address);
