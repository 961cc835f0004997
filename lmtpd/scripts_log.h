/* SPDX-License-Identifier: MIT
 * The log that users read to see what is wrong with their scripts, in the place and the form that Pigeonhole writes it.
 * Any thread. */
#pragma once

#include <stddef.h>

enum {
	SCRIPTS_LOG_MAX = 10 * 1024, /* bytes; one that has them is renamed to NAME.0 */
};

/* Puts lines behind those that are there, below a line with the time. path: below the home. Returns 0 or a negative
 * errno, which nobody need care for. */
int scripts_log_write(int home_fd, const char *path, const char *lines, size_t n);
