/* SPDX-License-Identifier: MIT
 * The installed Dovecot: is it configured to serve our sockets? As doveconf(1) says. For --check
 * alone. */
#pragma once

#include <stdbool.h>

#include "doctor/report.h"
#include "doctor/sockets.h"

/* What doveconf prints with this argument, to be freed; asked as the caller. -N, unlike -n, has also what is set
 * to its default: an empty mail_inbox_path is another place than none. NULL if there is no Dovecot, which is
 * nothing to report, or after it was reported that it cannot be asked. */
char *doveconf_ask(const char *what, struct report *report);

/* Reports each of the sockets that Dovecot's service of the section's name is configured for too. Returns
 * whether there is a Dovecot that can be asked. */
bool doveconf_check(const struct sockets *sockets, struct report *report);
