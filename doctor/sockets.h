/* SPDX-License-Identifier: MIT
 * What --check of both daemons says of the sockets that they are to serve: can Postfix reach them,
 * and who serves them now? Nothing is sent to anybody. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "doctor/postconf.h"
#include "doctor/report.h"
#include "runtime/daemon.h"

enum socket_server {
	SOCKET_OTHER = 0, /* another program */
	SOCKET_OURS,
	SOCKET_UNKNOWN, /* it may be either */
};

/* Says of what somebody on a socket said first whether that is the daemon itself; who_r: in words, who it is.
 * holder: the process that made the socket listen, 0 for one in another container. */
typedef enum socket_server socket_judge(const char *said, pid_t holder, char *who_r, size_t n_who);

struct sockets {
	const char *daemon; /* "lmtpd" */
	const char
	    *section; /* of the configuration, and Dovecot's service that is its rival: "lmtp" */
	const struct daemon_settings *settings;
	socket_judge *judge;
	const char *silence; /* who it may be that says nothing; "" for whoever */
	const char *end;     /* with which what somebody says first is over */
	const char *remedy;  /* if somebody else serves it */
};

/* Reports on each socket, and on their owner and mode. postfix: the one that is to connect to them, NULL
 * if none is known to: then it is their owner. */
void sockets_check(
    const struct sockets *sockets, const struct postconf *postfix, struct report *report);
