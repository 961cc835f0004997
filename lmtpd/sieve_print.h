/* SPDX-License-Identifier: MIT
 * What a script would do, in words on standard output. */
#pragma once

#include "sieve/sieve.h"

/* Bytes of others, with what a terminal would take for more than text as "?". */
void sieve_print_text(struct span text);

/* Errors and warnings, one a line: FILE:LINE:COLUMN: error: TEXT. */
void sieve_print_errors(const char *path, const struct sieve_errors *errors);

/* Notes, then an action a line, then headers that the script has changed, and the messages that it sends by itself. */
void sieve_print_plan(const struct sieve_facts *facts, const struct sieve_plan *plan);
