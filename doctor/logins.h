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

/* A socket_judge, by the handshake of Dovecot's protocol, which ends with the line DONE. */
enum socket_server logins_judge(const char *said, pid_t holder, char *who_r, size_t n_who);
