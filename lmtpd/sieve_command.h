/* SPDX-License-Identifier: MIT
 * lmtpd --sieve-check and --sieve-test: what is wrong with a script, and what it would do with a message. */
#pragma once

#include <stddef.h>

/* Compiles a script and prints what is wrong, as compilers do. Returns an exit code of sysexits. */
int sieve_check(const char *path);

/* Runs a script over the message on standard input and prints what it would do. arguments: the script, and maybe the
 * sender ("" is the null sender) and the recipient. Returns an exit code of sysexits. */
int sieve_test(const char *config_file, char *const *arguments, size_t n);
