/* SPDX-License-Identifier: MIT
 * A regular expression looked for in a value, all at once and in pieces. */
#pragma once

#include "match/regex.h"

enum {
	PIECES_FUEL = 1 << 24, /* enough for what the tests look for */
};

enum match_outcome search_whole(
    const struct regex *regex, struct span value, struct arena *arena, struct captures *captures_r);

/* Fails unless the pieces, cut at each place, say that. */
void expect_pieces(
    const struct regex *regex, struct span value, struct arena *arena, enum match_outcome want);
