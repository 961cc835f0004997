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

/* Has the client said LHLO? Is an envelope or a message on its way? */
bool connection_has_begun(struct connection *connection);
bool connection_is_in_transaction(const struct connection *connection);

struct connection *connection_next(struct connection *connection);
