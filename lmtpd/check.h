/* SPDX-License-Identifier: MIT
 * The dry run: the daemon's own code, writing and sending nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Checks the set-up and prints one line a check. Returns an exit code of sysexits. */
int check_setup(const char *config_file, bool is_json);

/* Shows what would become of mail for each address. Returns 0, or the exit code of the worst. */
int check_addresses(const char *config_file, bool is_json, char *const *addresses, size_t n);
