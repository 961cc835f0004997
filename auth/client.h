/* SPDX-License-Identifier: MIT
 * One connection of Postfix's smtpd: bytes between its socket and the protocol machine. */
#pragma once

#include "auth/server.h"

struct peer *client_open(struct daemon *daemon);
