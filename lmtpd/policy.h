/* SPDX-License-Identifier: MIT
 * One connection of Postfix's smtpd that asks before it takes mail: a peer, its machine's wishes, and the one
 * look-up that is out for it. */
#pragma once

#include "lmtpd/server.h"

struct peer *policy_open(struct daemon *daemon);
