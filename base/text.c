/* SPDX-License-Identifier: MIT
 * Strings. Pure: any thread. */
#include "base/text.h"

#include <string.h>
#include <strings.h>

struct span span_of(const char *s)
{
	return (struct span){ s, s != NULL ? strlen(s) : 0 };
}

bool span_equals(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool span_is_same(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

bool text_is(const char *s, size_t n, const char *name)
{
	return n == strlen(name) && strncasecmp(s, name, n) == 0;
}

bool span_is(struct span s, const char *name)
{
	return text_is(s.p, s.n, name);
}

bool span_begins(struct span s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.n >= n && text_is(s.p, n, prefix);
}

int span_find(struct span s, const char *const *names)
{
	for (int i = 0; names[i] != NULL; i++) {
		if (span_is(s, names[i])) {
			return i;
		}
	}
	return -1;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span span_trim(struct span s)
{
	while (s.n > 0 && is_space(s.p[s.n - 1])) {
		s.n--;
	}
	while (s.n > 0 && is_space(s.p[0])) {
		s = span_from(s, 1);
	}
	return s;
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

bool text_is_ascii(const char *s)
{
	while (*s != '\0' && (unsigned char)*s < 0x80) {
		s++;
	}
	return *s == '\0';
}

bool text_is_below(const char *path, const char *directory)
{
	size_t n = strlen(directory);

	while (n > 0 && directory[n - 1] == '/') {
		n--;
	}
	return strncmp(path, directory, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

uint64_t text_hash(uint64_t start, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	uint64_t hash = start;

	for (size_t i = 0; i < n; i++) {
		hash = (hash ^ p[i]) * 1099511628211U;
	}
	return hash;
}

bool text_number(const char *s, size_t n, uint64_t *number_r)
{
	*number_r = 0;
	for (size_t i = 0; i < n; i++) {
		unsigned digit = (unsigned)(s[i] - '0');

		if (s[i] < '0' || s[i] > '9') {
			return false;
		}
		if (*number_r > (UINT64_MAX - digit) / 10) {
			*number_r = UINT64_MAX;
		} else {
			*number_r = *number_r * 10 + digit;
		}
	}
	return n > 0;
}

size_t text_write(char *out, uint64_t number, size_t n_min)
{
	char digits[TEXT_NUMBER_MAX];
	size_t n = 0;

	for (; number > 0 || n < n_min; number /= 10) {
		digits[n++] = (char)('0' + number % 10);
	}
	for (size_t i = 0; i < n; i++) {
		out[i] = digits[n - 1 - i];
	}
	return n;
}
