/* SPDX-License-Identifier: MIT
 * The commands of lmtpd-auth that are not serving. Each returns an exit code of sysexits. */
#pragma once

#include <stdbool.h>

/* Checks the set-up and prints one line a check. */
int check_setup(const char *config_file, bool is_json);

/* Verifies the password from the terminal or stdin, as a login would. */
int check_password(const char *config_file, const char *user);

/* Prints the hash of a password from the terminal or stdin. */
int check_hash(const char *method);
