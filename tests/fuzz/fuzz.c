/* SPDX-License-Identifier: MIT
 * What the fuzz targets have in common. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fuzz_end_broken(const char *what)
{
	fprintf(stderr, "fuzz: broken: %s\n", what);
	abort();
}

void fuzz_require(bool is_so, const char *what)
{
	if (!is_so) {
		fuzz_end_broken(what);
	}
}

void *fuzz_room(size_t n)
{
	void *room = malloc(n + (n == 0));

	if (room == NULL) {
		fuzz_end_broken("memory");
	}
	return room;
}

void *fuzz_copy(const void *bytes, size_t n)
{
	void *copy = fuzz_room(n);

	if (n > 0) {
		memcpy(copy, bytes, n);
	}
	return copy;
}

char *fuzz_string(const void *bytes, size_t n)
{
	char *copy = strndup(bytes, n);

	if (copy == NULL) {
		fuzz_end_broken("memory");
	}
	return copy;
}
