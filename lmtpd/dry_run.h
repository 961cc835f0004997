/* SPDX-License-Identifier: MIT
 * lmtpd --check ADDRESS: the daemon's own code, writing and sending nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Shows what would become of mail for each address. Returns 0, or the exit code of the worst. */
int dry_run(const char *config_file, bool is_json, char *const *addresses, size_t n);
