/* SPDX-License-Identifier: MIT
 * Strings. Pure: any thread. */
#include "base/text.h"

#include <string.h>
#include <strings.h>

bool text_is(const char *s, size_t n, const char *name)
{
	return n == strlen(name) && strncasecmp(s, name, n) == 0;
}

bool text_is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

bool text_has_control(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && !text_is_control(s[i])) {
		i++;
	}
	return i < n;
}
