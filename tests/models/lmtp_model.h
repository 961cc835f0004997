/* SPDX-License-Identifier: MIT
 * What a session of LMTP must answer and deliver, worked out from the whole of its input at once:
 * lines, ends and chunks are searched for where the machine steps from byte to byte. Only the grammar
 * of one command and the text of one reply are the machine's own; they have tests for themselves. */
#pragma once

#include "tests/models/edge.h"

enum {
	MODEL_RECIPIENTS_MAX = 100,
};

enum lmtp_event {
	LMTP_EVENT_NONE,
	LMTP_EVENT_SHUT_DOWN, /* the daemon ends */
	LMTP_EVENT_TIME_OUT,  /* the client was silent */
	LMTP_EVENTS
};

/* All that happens to a session: input, and one event when event_at bytes of it have come and
 * everything was answered. */
struct lmtp_session {
	const struct lmtp_settings *settings; /* recipient_limit is MODEL_RECIPIENTS_MAX at most */
	const char *in;
	size_t n;
	enum lmtp_event event;
	size_t event_at;
};

/* Writes down every byte that must be sent, and what must be stored, as in struct edge. */
void lmtp_model(
    const struct lmtp_session *session, struct buffer *output_r, struct buffer *stored_r);
