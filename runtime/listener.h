/* SPDX-License-Identifier: MIT
 * Listening sockets. */
#pragma once

#include <sys/types.h>

#include "base/error.h"
#include "runtime/endpoint.h"

struct listener_settings {
	mode_t mode; /* of unix sockets, as are the next two; -1 leaves owner or group */
	uid_t uid;
	gid_t gid;
};

/* Binds and listens with the largest backlog. A stale unix socket is replaced; one that somebody
 * listens on is not. Returns a non-blocking descriptor, or -1 with a message in error. */
int listener_open(
    const struct endpoint *endpoint, const struct listener_settings *settings, struct error *error);
