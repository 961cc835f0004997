/* SPDX-License-Identifier: MIT
 * What work may still be done. Whoever looks at bytes that a stranger has sent takes fuel for each, inside of his
 * loop, so that no single step can take long. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	FUEL_NODE = 20, /* a command or a test; a byte that is looked at is 1 */
};

struct fuel {
	uint64_t left;
	bool is_empty; /* somebody wanted more than there was */
};

/* False: there is not as much left, and the caller gives up. */
static inline bool fuel_take(struct fuel *fuel, uint64_t n)
{
	if (n > fuel->left) {
		fuel->left = 0;
		fuel->is_empty = true;
		return false;
	}
	fuel->left -= n;
	return true;
}
