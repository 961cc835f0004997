/* SPDX-License-Identifier: MIT
 * The reference encoder. */
#include "tests/models/encode.h"

static int bit_at(const unsigned char *bytes, size_t n, size_t bit)
{
	return bit / 8 < n ? bytes[bit / 8] >> (7 - bit % 8) & 1 : 0;
}

size_t encode(char *out, const void *bytes, size_t n)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz"
				       "0123456789+/";
	size_t length = (n + 2) / 3 * 4;

	for (size_t i = 0; i < length; i++) {
		unsigned value = 0;

		for (size_t j = 0; j < 6; j++) {
			value = value << 1 | (unsigned)bit_at(bytes, n, 6 * i + j);
		}
		out[i] = 6 * i < 8 * n ? alphabet[value] : '=';
	}
	out[length] = '\0';
	return length;
}
