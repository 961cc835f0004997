/* SPDX-License-Identifier: MIT
 * One connection of Postfix's smtpd: bytes between its socket and the protocol machine. */
#pragma once

#include "auth/server.h"

/* Accepts a client that waits on a listener; false when out of memory. */
bool client_accept(struct server *server, uv_stream_t *listener);

/* Ends the connection, once what is being verified has been answered. */
void client_shut_down(struct client *client);

/* Ends the connection now. */
void client_drop(struct client *client);

struct client *client_next(struct client *client);
