/* SPDX-License-Identifier: MIT
 * Passwords from people. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Reads a password: from the terminal without echo, twice if is_new, or the first line of stdin.
 * Returns 0, or -1 with a message in error. */
int terminal_read_password(char *password_r, size_t n, bool is_new, struct error *error);
