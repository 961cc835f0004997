/* SPDX-License-Identifier: MIT
 * What Postfix's main.cf and its maps say, as configurations of ours. */
#pragma once

#include "adopt/side.h"
#include "doctor/postconf.h"

/* Reads the maps that main.cf names, as the caller. */
void postfix_adopt(const struct postconf *postfix, struct side *mail, struct side *logins);
