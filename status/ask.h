/* SPDX-License-Identifier: MIT
 * --status: asks a running daemon over its control socket and prints what it answers. Blocking. */
#pragma once

#include "runtime/program.h"

/* The command --status: once, with --quiet for the exit code alone (75: the store cannot be written to), or with --watch again and again until SIGINT or SIGTERM. Returns an exit
 * code of sysexits: 69 if nobody answers, 77 if this user may not ask, 78 if there is no socket or the
 * configuration is wrong. */
int ask_run(const struct program_call *call);
