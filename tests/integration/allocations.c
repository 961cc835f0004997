/* SPDX-License-Identifier: MIT
 * Loaded into lmtpd by a test: counts how often memory is asked for, in the file that ALLOCATIONS
 * names, eight bytes long. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* The C library's own, by the names that it gives to those who replace them. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

static atomic_ulong unseen, *count = &unseen;

__attribute__((constructor)) static void begin(void)
{
	const char *file = getenv("ALLOCATIONS");
	int fd = file == NULL ? -1 : open(file, O_RDWR | O_CLOEXEC);
	void *map = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED) {
		abort();
	}
	close(fd);
	count = map;
}

void *malloc(size_t n)
{
	atomic_fetch_add(count, 1);
	return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	atomic_fetch_add(count, 1);
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	atomic_fetch_add(count, 1);
	return __libc_realloc(p, n);
}
