/* SPDX-License-Identifier: MIT
 * What --check of both daemons says of the sockets that they are to serve: can Postfix reach them,
 * and who serves them now? Nothing is sent to anybody. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "doctor/report.h"

/* Says of what somebody on a socket said first, and of the process that holds it, whether that is
 * the daemon itself; who_r: in words, who it is. */
typedef bool socket_is_ours(const char *said, char *who_r, size_t n_who);

struct socket_check {
	const char *section; /* of the configuration: "lmtp" */
	const char *daemon;  /* "lmtpd" */
	const char *const *listen;
	size_t n_listen;
	mode_t mode;
	const char *user, *group; /* that own the sockets; "" for whoever makes them */
	const char *client;       /* whom Postfix runs as, NULL if none connects to these sockets */
	const char *inside;       /* the directory that it starts out from, NULL for / */
	socket_is_ours *is_ours;
	const char *end;    /* with which what somebody says first is over */
	const char *remedy; /* if somebody else serves it */
};

/* Reports on each socket, and on their owner and mode. */
void socket_check_run(const struct socket_check *check, struct report *report);
