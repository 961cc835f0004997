/* SPDX-License-Identifier: MIT
 * lmtpd --maildirs: what the doctor is told of lmtpd. Nothing is written. */
#pragma once

#include <stdbool.h>

/* Lists Maildirs without a row, and rows without a Maildir. Returns an exit code of sysexits. */
int maildirs_list(const char *config_file, bool is_json);
