/* SPDX-License-Identifier: MIT
 * Whether the installed Dovecot is configured to serve our sockets, as doveconf(1) says. For --check
 * alone. */
#pragma once

#include "doctor/report.h"
#include "doctor/sockets.h"

/* Reports each of the sockets that Dovecot's service of the section's name is configured for too.
 * doveconf is asked as the caller; that there is none is nothing to report. */
void doveconf_check(const struct sockets *sockets, struct report *report);
