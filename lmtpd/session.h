/* SPDX-License-Identifier: MIT
 * One session: its machine's wishes, and who fulfils them. */
#pragma once

#include "lmtpd/delivery.h"
#include "lmtpd/lookup.h"
#include "lmtpd/server.h"
#include "protocol/lmtp.h"
#include "runtime/peer.h"

struct session {
	struct peer peer; /* first: its callbacks get back to the session */
	struct lmtpd_server *server;
	struct service *service;
	struct lmtp lmtp;
	char id[64];
	struct lookups lookups;    /* out on the lane */
	struct delivery *delivery; /* from LMTP_BEGIN to its end */
	bool is_stalled;           /* its message was given up, the rest of it is dropped */
};

struct peer *session_open(struct daemon *daemon);

/* NULL: the peer is of another kind. */
const struct session *session_of(const struct peer *peer);
