/* SPDX-License-Identifier: MIT
 * UTF-8. Pure: any thread. */
#include "base/utf8.h"

#include <string.h>

size_t utf8_length(const char *s, size_t n)
{
	/* The rows of the grammar: ranges of the first byte and of the second; those behind it are
	 * 80 to BF in every form. */
	static const struct {
		unsigned char first, last, low, high;
		size_t n;
	} forms[] = {
		{ 0x00, 0x7f, 0, 0, 1 },
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	const unsigned char *p = (const unsigned char *)s;
	size_t form = 0;

	while (n > 0 && form < sizeof(forms) / sizeof(forms[0]) &&
	       (p[0] < forms[form].first || p[0] > forms[form].last)) {
		form++;
	}
	if (n == 0 || form == sizeof(forms) / sizeof(forms[0]) || forms[form].n > n) {
		return 0;
	}
	for (size_t i = 1; i < forms[form].n; i++) {
		unsigned char low = i == 1 ? forms[form].low : 0x80;
		unsigned char high = i == 1 ? forms[form].high : 0xbf;

		if (p[i] < low || p[i] > high) {
			return 0;
		}
	}
	return forms[form].n;
}

/* How many bytes in front are ASCII, which most are: in eights, which is fast, or fewer than eight. */
static size_t ascii_length(const char *s, size_t n)
{
	const uint64_t high = UINT64_C(0x8080808080808080);
	uint64_t eight;
	size_t length = 0;

	while (n - length >= sizeof(eight)) {
		memcpy(&eight, s + length, sizeof(eight));
		if ((eight & high) != 0) {
			break;
		}
		length += sizeof(eight);
	}
	return length;
}

bool utf8_is_valid(const char *s, size_t n)
{
	while (n > 0) {
		size_t length = ascii_length(s, n);

		if (length == 0) {
			length = utf8_length(s, n);
		}

		if (length == 0) {
			return false;
		}
		s += length;
		n -= length;
	}
	return true;
}

size_t utf8_write(char *out, uint32_t c)
{
	static const unsigned char marks[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n; i-- > 1; c >>= 6) {
		out[i] = (char)(0x80 | (c & 0x3f));
	}
	out[0] = (char)(marks[n] | c);
	return n;
}
