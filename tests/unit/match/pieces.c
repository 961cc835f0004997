/* SPDX-License-Identifier: MIT
 * What stays in an arena is its owner's to reset. */
#include "tests/unit/match/pieces.h"

#include "tests/unit/unit.h"

enum match_outcome search_whole(
    const struct regex *regex, struct span value, struct arena *arena, struct captures *captures_r)
{
	struct fuel fuel = { .left = PIECES_FUEL };

	return regex_search(regex, value, arena, &fuel, captures_r);
}

void expect_pieces(
    const struct regex *regex, struct span value, struct arena *arena, enum match_outcome want)
{
	struct fuel fuel = { .left = PIECES_FUEL };
	struct regex_scan *scan = regex_scan_new(regex, arena, &fuel);

	for (size_t i = 0; i <= value.n; i++) {
		enum match_outcome got = regex_scan_feed(scan, (struct span){ value.p, i }, false);

		if (got == MATCH_NO) {
			got =
			    regex_scan_feed(scan, (struct span){ value.p + i, value.n - i }, false);
		}
		if (got == MATCH_NO) {
			got = regex_scan_feed(scan, span_of(""), true);
		}
		assert_int_equal(got, want);
		regex_scan_restart(scan);
	}
}
