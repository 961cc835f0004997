/* SPDX-License-Identifier: MIT
 * One client: bytes between its socket and the session machine, and the machine's wishes. */
#pragma once

#include "lmtpd/server.h"

/* Accepts a client that waits on a listener; false when out of memory. */
bool connection_accept(struct server *server, uv_stream_t *listener);

/* A session on stdin and stdout. Returns 0 or a negative errno. */
int connection_open_stdio(struct server *server);

/* No more transactions; the one that is under way is finished. */
void connection_shut_down(struct connection *connection);

/* Ends the session now, unless its message is past the last dot: that is finished and answered. */
void connection_drop(struct connection *connection);

const struct lmtp *connection_lmtp(const struct connection *connection);

struct connection *connection_next(struct connection *connection);
