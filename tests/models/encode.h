/* SPDX-License-Identifier: MIT
 * Base64 for tests, made by the letter of RFC 4648: bit by bit, nothing shared with what is tested. */
#pragma once

#include <stddef.h>

/* Writes the text of bytes[0..n) and a NUL; out has room for (n + 2) / 3 * 4 + 1. Returns its
 * length. */
size_t encode(char *out, const void *bytes, size_t n);
