/* SPDX-License-Identifier: MIT
 * Listening sockets: "unix:/path" and "inet:host:port" ("inet:[::1]:24"). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

struct listener_settings {
	mode_t mode; /* of unix sockets, as are the next two; -1 leaves owner or group */
	uid_t uid;
	gid_t gid;
};

/* Is spec well-formed? Returns 0, or -1 with what is wrong in error. */
int listener_check(const char *spec, struct error *error);

/* Binds and listens with the largest backlog. A stale unix socket is replaced; one that somebody
 * listens on is not. Returns a non-blocking descriptor, or -1 with a message in error. */
int listener_open(const char *spec, const struct listener_settings *settings, struct error *error);

/* Removes the file of a unix socket that listener_open() made. */
void listener_remove(const char *spec);
