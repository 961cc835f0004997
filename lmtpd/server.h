/* SPDX-License-Identifier: MIT
 * The LMTP daemon: its service, its sessions, and how both are renewed and ended. */
#pragma once

#include <sys/queue.h>

#include "lmtpd/service.h"
#include "lmtpd/status.h"
#include "status/control.h"
#include "runtime/daemon.h"

struct connection;
LIST_HEAD(connections, connection);

struct server {
	struct daemon daemon; /* first: its callbacks get back to the server */
	const char *config_file;
	struct service *service;
	struct connections connections;
	struct status status;
	struct control control;
	unsigned n_sessions; /* so far, for their ids */
	char id_prefix[40];
};

/* Serves until SIGTERM or SIGINT, or one session on stdin and stdout if daemon_listen() was not
 * called. Takes over config. Returns an exit code of sysexits. */
int server_run(struct server *server, const char *config_file, struct config *config);
