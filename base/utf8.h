/* SPDX-License-Identifier: MIT
 * UTF-8 as RFC 3629 section 4 has it: no surrogates, no over-long forms, nothing above U+10FFFF. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the character that s[0..n) starts with, 1 to 4 bytes; 0 if it is none. */
size_t utf8_length(const char *s, size_t n);

bool utf8_is_valid(const char *s, size_t n);

/* Writes a character of Unicode. Returns how many bytes it has, 1 to 4. */
size_t utf8_write(char *out, uint32_t c);
