/* SPDX-License-Identifier: MIT
 * Whether the installed Dovecot is configured to serve our sockets, as doveconf(1) says. For --check
 * alone. */
#pragma once

#include <stddef.h>

#include "doctor/report.h"

/* Reports each of the sockets that a service of Dovecot ("lmtp" or "auth") is configured for too.
 * doveconf is asked as the caller; that there is none is nothing to report. */
void doveconf_check(
    struct report *report, const char *service, const char *const *listen, size_t n_listen);
