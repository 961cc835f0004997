/* SPDX-License-Identifier: MIT
 * Allocations that fail, for tests that are linked with --wrap of malloc and its sisters. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct memory {
	bool is_inside;   /* the machine runs; what the test itself allocates never fails */
	bool is_for_good; /* memory stays away; else one allocation fails */
	size_t n_until;   /* allocations that succeed first */
	size_t n_failed;
};
extern struct memory memory;

/* Around the machine's calls. */
void memory_enter(void);
void memory_leave(void);
