/* SPDX-License-Identifier: MIT
 * Memory that is given out piece by piece and taken back at once. What belongs together comes from
 * one, so that a limit holds for all of it and nothing can be freed too early. */
#pragma once

#include "base/text.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks;
	size_t left;      /* of the first chunk */
	size_t chunk;     /* bytes that are taken at once; may be set after arena_init() */
	size_t used, max; /* bytes of all chunks */
	bool is_full;     /* somebody wanted more than max */
	bool is_out;      /* somebody got none, for that reason or another */
};

/* max: bytes that it may come to. Nothing is allocated yet. */
void arena_init(struct arena *arena, size_t max);

/* Zeroed, aligned for any type. NULL: no memory, or the limit is reached. n may be 0. */
void *arena_alloc(struct arena *arena, size_t n);

/* A copy of some bytes with a NUL behind them. p is NULL: as above. */
struct span arena_copy(struct arena *arena, struct span bytes);

/* Room in a list of n for one more of that size: it has room for the next power of two, which is 4 at least. The list, or a copy of it.
 * NULL: as above. */
void *arena_grow(struct arena *arena, void *list, size_t n, size_t size);

/* A copy of a list that arena_grow() can go on with. NULL: as above. */
void *arena_copy_list(struct arena *arena, const void *list, size_t n, size_t size);

/* Takes all back but one chunk for the next; who got none is forgotten. */
void arena_reset(struct arena *arena);

void arena_deinit(struct arena *arena);
