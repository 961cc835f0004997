/* SPDX-License-Identifier: MIT
 * Chunks in a list, the newest first; its rest is given out. One thread at a time. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum {
	ALIGNMENT = alignof(max_align_t),
	CHUNK = 16384 - 64, /* with malloc's own bytes in whole pages */
};

struct arena_chunk {
	struct arena_chunk *next;
	size_t n;
	alignas(ALIGNMENT) char bytes[];
};

void arena_init(struct arena *arena, size_t max)
{
	*arena = (struct arena){ .max = max, .chunk = CHUNK };
}

static bool add_chunk(struct arena *arena, size_t n)
{
	struct arena_chunk *chunk;

	if (n < arena->chunk) {
		n = arena->chunk;
	}
	if (n > arena->max - arena->used) {
		arena->is_full = true;
		return false;
	}
	chunk = malloc(sizeof(*chunk) + n);
	if (chunk == NULL) {
		return false;
	}
	*chunk = (struct arena_chunk){ arena->chunks, n };
	arena->chunks = chunk;
	arena->used += n;
	arena->left = n;
	return true;
}

void *arena_alloc(struct arena *arena, size_t n)
{
	char *p;

	if (n > arena->max) {
		arena->is_full = arena->is_out = true;
		return NULL;
	}
	n = (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if ((arena->chunks == NULL || n > arena->left) && !add_chunk(arena, n)) {
		arena->is_out = true;
		return NULL;
	}
	p = arena->chunks->bytes + (arena->chunks->n - arena->left);
	arena->left -= n;
	return memset(p, 0, n);
}

struct span arena_copy(struct arena *arena, struct span bytes)
{
	char *p = arena_alloc(arena, bytes.n + 1);

	if (p != NULL && bytes.n > 0) {
		memcpy(p, bytes.p, bytes.n);
	}
	return (struct span){ p, bytes.n };
}

void *arena_grow(struct arena *arena, void *list, size_t n, size_t size)
{
	char *p;

	if (n > 0 && (n < 4 || (n & (n - 1)) != 0)) {
		return list;
	}
	p = arena_alloc(arena, (n == 0 ? 4 : 2 * n) * size);
	return p != NULL && n > 0 ? memcpy(p, list, n * size) : p;
}

void *arena_copy_list(struct arena *arena, const void *list, size_t n, size_t size)
{
	size_t room = 4;
	char *p;

	while (room <= n) {
		room *= 2;
	}
	p = arena_alloc(arena, room * size);
	return p != NULL && n > 0 ? memcpy(p, list, n * size) : p;
}

static void free_behind(struct arena *arena, struct arena_chunk *kept)
{
	struct arena_chunk *chunk = kept != NULL ? kept->next : arena->chunks;

	while (chunk != NULL) {
		struct arena_chunk *next = chunk->next;

		arena->used -= chunk->n;
		free(chunk);
		chunk = next;
	}
	if (kept != NULL) {
		kept->next = NULL;
	}
}

void arena_reset(struct arena *arena)
{
	struct arena_chunk *kept = arena->chunks;

	arena->is_out = false;
	/* A large one is not worth keeping. */
	if (kept != NULL && kept->n == arena->chunk) {
		free_behind(arena, kept);
		arena->left = kept->n;
	} else {
		arena_deinit(arena);
	}
}

void arena_deinit(struct arena *arena)
{
	free_behind(arena, NULL);
	arena->chunks = NULL;
	arena->left = 0;
}
