/* SPDX-License-Identifier: MIT
 * What a script can ask of the server (RFC 5183). Private to sieve. */
#pragma once

#include "sieve/run.h"

/* Of a name with a namespace in front: "env.vnd.dovecot.username". "" where there is none. */
struct span environment_variable(struct sieve_run *run, struct span name);
