/* SPDX-License-Identifier: MIT
 * One session: its machine's wishes, and who fulfils them. Its functions are those of a connection in
 * runtime/program.h. */
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

/* The session follows a new configuration between two transactions. */
void session_renew(struct peer *peer);

/* No more transactions; the one that is under way is finished. */
void session_stop(struct peer *peer);

/* Ends the session now, unless its message is past the last dot: that is finished and answered. */
void session_drop(struct peer *peer);
