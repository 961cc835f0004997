/* SPDX-License-Identifier: MIT
 * What a script can ask of the server (RFC 5183). Private to sieve. */
#pragma once

#include "sieve/run.h"

/* Of a name that begins with "env.", as in "env.vnd.dovecot.username". p is NULL: there is none. */
struct span environment_variable(struct sieve_run *run, struct span name);
