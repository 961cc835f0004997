/* SPDX-License-Identifier: MIT
 * The mail daemon: a table for runtime/program.h, and what it has of its own: its sessions, and what it
 * counts. Loop's thread. */
#pragma once

#include <sys/queue.h>

#include "lmtpd/config.h"
#include "lmtpd/status.h"
#include "runtime/daemon.h"
#include "status/control.h"

struct session;
LIST_HEAD(sessions, session);

struct server {
	struct daemon daemon; /* first: its program's functions get back to the server */
	struct sessions sessions;
	struct status status;
	struct control control;
	unsigned n_sessions; /* so far, for their ids */
	char id_prefix[40];
};
