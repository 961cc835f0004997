/* SPDX-License-Identifier: MIT
 * Encoded words of header fields (RFC 2047). */
#pragma once

#include "base/arena.h"

enum {
	ENCODED_ROOM = 16, /* what encoded_decode() adds to three bytes for each one */
};

/* Makes UTF-8 of a value that is unfolded: encoded words are decoded, wherever they stand; what only looks like one stays;
 * other bytes that are no UTF-8 become U+FFFD. What was encoded may hold any byte, line ends too. At most three times as
 * long. p is NULL: no memory. */
struct span encoded_decode(struct span value, struct arena *arena);
