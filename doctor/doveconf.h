/* SPDX-License-Identifier: MIT
 * The installed Dovecot: is it configured to serve our sockets? As doveconf(1) says. For --check
 * alone. */
#pragma once

#include <stdbool.h>

#include "doctor/report.h"
#include "doctor/sockets.h"

/* What doveconf prints with this argument, to be freed; asked as the caller. NULL if there is none, which is
 * nothing to report, or after it was reported that it cannot be asked. */
char *doveconf_ask(const char *what, struct report *report);

/* Reports each of the sockets that Dovecot's service of the section's name is configured for too. Returns
 * whether there is a Dovecot that can be asked. */
bool doveconf_check(const struct sockets *sockets, struct report *report);
