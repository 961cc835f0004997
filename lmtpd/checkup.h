/* SPDX-License-Identifier: MIT
 * lmtpd --check: what the doctor is told of lmtpd, and in which order it looks. Nothing is written or sent. */
#pragma once

#include <stdbool.h>

/* Examines the set-up and prints one line a check. Returns an exit code of sysexits. */
int lmtpd_checkup(const char *config_file, bool is_json);
