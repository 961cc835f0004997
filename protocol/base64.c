/* SPDX-License-Identifier: MIT
 * Pure. */
#include "protocol/base64.h"

#include <string.h>

/* The six bits that a character stands for, -1 if it is of another alphabet. */
static int value_of(char c)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *found = memchr(alphabet, c, 64);

	return found == NULL ? -1 : (int)(found - alphabet);
}

ssize_t base64_decode(unsigned char *out, const char *text, size_t n)
{
	size_t n_out = 0, n_padding = 0;

	if (n % 4 != 0) {
		return -1;
	}
	if (n > 0 && text[n - 1] == '=') {
		n_padding = text[n - 2] == '=' ? 2 : 1;
	}
	for (size_t i = 0; i < n; i += 4) {
		size_t n_chars = i + 4 == n ? 4 - n_padding : 4;
		unsigned bits = 0;

		for (size_t j = 0; j < 4; j++) {
			int value = j < n_chars ? value_of(text[i + j]) : 0;

			if (value < 0) {
				return -1;
			}
			bits = bits << 6 | (unsigned)value;
		}
		/* RFC 4648 3.5: pad bits must be zero. */
		if ((n_chars == 2 && (bits & 0xffff) != 0) ||
		    (n_chars == 3 && (bits & 0xff) != 0)) {
			return -1;
		}
		for (size_t j = 0; j + 1 < n_chars; j++) {
			out[n_out++] = (unsigned char)(bits >> (16 - 8 * j));
		}
	}
	return (ssize_t)n_out;
}
