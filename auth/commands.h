/* SPDX-License-Identifier: MIT
 * The daemon's own code, for people who have a password at hand. Each returns an exit code of sysexits. */
#pragma once

#include "runtime/program.h"

/* Verifies the password from the terminal or stdin, as a login would. */
int commands_verify(const struct program_call *call);

/* Prints the hash of a password from the terminal or stdin. */
int commands_hash(const struct program_call *call);
