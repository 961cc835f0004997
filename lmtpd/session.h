/* SPDX-License-Identifier: MIT
 * One session: its machine's wishes, and who fulfils them. */
#pragma once

#include "lmtpd/server.h"

struct session;

/* Accepts a client that waits on a listener; false when out of memory. */
bool session_accept(struct server *server, uv_stream_t *listener);

/* A session on stdin and stdout. Returns 0 or a negative errno. */
int session_open_stdio(struct server *server);

/* A new configuration is in force: the session follows it between two transactions. */
void session_renew(struct session *session);

/* No more transactions; the one that is under way is finished. */
void session_shut_down(struct session *session);

/* Ends the session now, unless its message is past the last dot: that is finished and answered. */
void session_drop(struct session *session);

/* Has the client said LHLO? Is an envelope or a message on its way? */
bool session_has_begun(const struct session *session);
bool session_is_in_transaction(const struct session *session);

struct session *session_next(struct session *session);
