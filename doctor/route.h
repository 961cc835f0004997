/* SPDX-License-Identifier: MIT
 * What --check says of the way that mail takes from Postfix to lmtpd, and that it does not come back. */
#pragma once

#include <stdbool.h>

#include "doctor/postconf.h"
#include "doctor/report.h"
#include "doctor/sockets.h"
#include "mail/resolver.h"
#include "protocol/lmtp.h"

/* Where Postfix hands mail over, what it lets in, and how much. Says nothing without a Postfix. Returns
 * whether this Postfix hands mail to one of the sockets. */
bool route_check(const struct sockets *sockets, const struct lmtp_settings *lmtp,
    const struct postconf *postfix, struct report *report);

/* The socket that virtual_transport hands mail to, as lmtp.listen has it. False: it hands mail to nobody by LMTP. */
bool route_find_socket(const struct postconf *postfix, char *socket_r, size_t n);

/* Domains that Postfix keeps to itself although the table of domains has them. */
void route_check_domains(
    const struct resolver *resolver, const struct postconf *postfix, struct report *report);

/* A socket_judge, by lmtpd's greeting, which ends with its first line. */
enum socket_server route_judge(const char *said, pid_t holder, char *who_r, size_t n_who);
