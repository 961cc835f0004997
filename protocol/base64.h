/* SPDX-License-Identifier: MIT
 * Base64 (RFC 4648 4), strict: what another reader might read differently is refused. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Decodes text[0..n) into out, which has room for n / 4 * 3 bytes. Returns the number of bytes, or
 * -1 if text is not canonical: bytes of another alphabet, missing or misplaced padding, bits set that
 * no byte takes. */
ssize_t base64_decode(unsigned char *out, const char *text, size_t n);
