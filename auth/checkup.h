/* SPDX-License-Identifier: MIT
 * lmtpd-auth --check: what the doctor is told of lmtpd-auth, and in which order it looks. Nothing is written
 * or sent. */
#pragma once

#include <stdbool.h>

/* Examines the set-up and prints one line a check. Returns an exit code of sysexits. */
int auth_checkup(const char *config_file, bool is_json);
