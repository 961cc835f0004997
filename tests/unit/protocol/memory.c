/* SPDX-License-Identifier: MIT
 * Allocations that fail. */
#include "tests/unit/protocol/memory.h"

#include <stdlib.h>

/* Of the linker's --wrap. */
void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *old, size_t n);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *old, size_t n);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t n);

struct memory memory;

static bool fails(void)
{
	if (!memory.is_inside) {
		return false;
	}
	if (memory.n_until > 0) {
		memory.n_until--;
		return false;
	}
	if (memory.n_failed > 0 && !memory.is_for_good) {
		return false;
	}
	memory.n_failed++;
	return true;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t count, size_t n)
{
	return fails() ? NULL : __real_calloc(count, n);
}

void *__wrap_realloc(void *old, size_t n)
{
	return fails() ? NULL : __real_realloc(old, n);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t n)
{
	return fails() ? NULL : __real_strndup(text, n);
}

void memory_enter(void)
{
	memory.is_inside = true;
}

void memory_leave(void)
{
	memory.is_inside = false;
}
