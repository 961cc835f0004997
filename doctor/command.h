/* SPDX-License-Identifier: MIT
 * Asking another program, for --check alone: a daemon starts none.
 *
 * No shell, no search in the caller's PATH, nothing on its standard input, and of the environment
 * only what is named. What it says is kept up to a limit; it and what it has started are killed when
 * its time is over. Blocking. */
#pragma once

#include <stddef.h>

#include "base/error.h"

enum {
	COMMAND_OUTPUT_MAX = 256 * 1024, /* bytes of what it says; one that says more is ended */
	COMMAND_SECONDS = 5,
};

enum command_outcome {
	COMMAND_OK = 0,  /* it ended with 0 */
	COMMAND_ABSENT,  /* there is no such program in the places where the system's are */
	COMMAND_FAILED,  /* it ended otherwise, or its output is too long: see error */
	COMMAND_TIMEOUT, /* it was killed */
};

/* Runs argv[0], a name without a slash, with the arguments behind it; NULL ends them. variable, or NULL: one
 * of the environment that is handed on if it is set. Returns a command_outcome or a negative errno. output_r,
 * for COMMAND_OK alone: what it said on standard output, to be freed. error: else what went wrong, in one line;
 * its standard error if there is any. */
int command_run(
    const char *const *argv, const char *variable, char **output_r, struct error *error);
