/* SPDX-License-Identifier: MIT
 * What may be answered to each line of a client. */
#pragma once

#include <stddef.h>

/* Runs an input line by line and aborts if an answer is missing, is one too many, is malformed, or is
 * not the one that belongs there. */
void auth_run_beside_model(unsigned char flags, const char *in, size_t n);
