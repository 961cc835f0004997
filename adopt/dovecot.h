/* SPDX-License-Identifier: MIT
 * What Dovecot's configuration says, of version 2.3 or 2.4, as configurations of ours. */
#pragma once

#include "adopt/side.h"

/* said: what doveconf -NP printed. Reads the file of sql that it names, as the caller. */
void dovecot_adopt(const char *said, struct side *mail, struct side *logins);
