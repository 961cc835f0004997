/* SPDX-License-Identifier: MIT
 * One connection of Postfix's smtpd: bytes between its socket and the protocol machine. Its functions are
 * those of a connection in runtime/program.h. */
#pragma once

#include "auth/server.h"

struct peer *client_open(struct daemon *daemon);

/* Ends the connection, once what is being verified has been answered. */
void client_stop(struct peer *peer);

/* Ends the connection now. */
void client_drop(struct peer *peer);
