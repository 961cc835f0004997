/* SPDX-License-Identifier: MIT
 * What --check says of the way that logins take from Postfix to lmtpd-auth. */
#pragma once

#include <stdbool.h>

#include "doctor/postconf.h"
#include "doctor/report.h"
#include "doctor/sockets.h"

/* Each service of master.cf that offers logins: does it ask us? Says nothing without a Postfix. Returns
 * whether one of them does. */
bool logins_check(
    const struct sockets *sockets, const struct postconf *postfix, struct report *report);

/* A socket_is_ours, by the handshake of Dovecot's protocol, which ends with the line DONE. */
bool logins_is_ours(const char *said, char *who_r, size_t n_who);
