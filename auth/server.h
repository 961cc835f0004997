/* SPDX-License-Identifier: MIT
 * The auth daemon: its service, its clients, and how both are renewed and ended. */
#pragma once

#include <sys/queue.h>

#include "auth/failures.h"
#include "protocol/dovecot.h"
#include "auth/service.h"
#include "auth/status.h"
#include "status/control.h"
#include "runtime/daemon.h"

struct client;
LIST_HEAD(clients, client);

struct server {
	struct daemon daemon; /* first: its callbacks get back to the server */
	const char *config_file;
	struct service *service;
	struct clients clients;
	struct failures failures;
	struct status status;
	struct control control;
	unsigned long n_clients; /* so far */
};

/* Serves until SIGTERM or SIGINT, on the sockets of daemon_listen(). Takes over config. Returns an
 * exit code of sysexits. */
int server_run(struct server *server, const char *config_file, struct config *config);
