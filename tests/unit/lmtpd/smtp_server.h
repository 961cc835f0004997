/* SPDX-License-Identifier: MIT
 * A server of SMTP that does what it is told, on a Unix socket and a thread of its own. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/unit.h"

enum smtp_act {
	SMTP_SAY = 0,
	SMTP_CLOSE, /* says it, then closes */
	SMTP_HANG,  /* says it, then reads no more until the client is gone */
};

/* When it has read this (since the turn before; "" = at once), it says that. */
struct smtp_turn {
	const char *read, *say;
	enum smtp_act act;
};

enum {
	SMTP_CONNECTIONS_MAX = 4,
	SMTP_TURNS_MAX = 16,
	SMTP_SAID_MAX = 1 << 18,
};

struct smtp_server {
	/* Of each connection, up to one whose turns begin without read. Behind its last turn a connection reads on until the client
	 * is gone. */
	struct smtp_turn turns[SMTP_CONNECTIONS_MAX][SMTP_TURNS_MAX];
	char endpoint[250];
	char *said[SMTP_CONNECTIONS_MAX]; /* by the client */
	unsigned n_connections;
	atomic_uint n_silent; /* connections that have said all that they will say */

	char directory[200];
	int fd;
	pthread_t thread;
};

void smtp_server_start(struct smtp_server *server);

/* No connection comes any more; waits until those that came are over. smtp_server_free() is due. */
void smtp_server_end(struct smtp_server *server);
void smtp_server_free(struct smtp_server *server);
