/* SPDX-License-Identifier: MIT
 * The login daemon: a table for runtime/program.h, and what it has of its own: who failed lately,
 * and what it counts. Loop's thread. */
#pragma once

#include "auth/config.h"
#include "auth/failures.h"
#include "auth/password.h"
#include "auth/status.h"
#include "protocol/dovecot.h"
#include "runtime/daemon.h"

struct auth_server {
	struct daemon daemon; /* first: its program's functions get back to the server */
	struct failures failures;
	struct auth_status status;
	/* A hash of the method that users have, of nobody's account: an unknown user costs as much. */
	char dummy[PASSWORD_HASH_MAX];
};
