/* SPDX-License-Identifier: MIT
 * Regular expressions: extended ones of POSIX (IEEE 1003.1 9.4) without back-references, run as a set of states (Thompson, Pike),
 * so that a byte costs no more than the states that are alive. */
#pragma once

#include "match/match.h"

enum {
	REGEX_INSTRUCTIONS_MAX = 2000,
	REGEX_GROUPS_MAX = 31, /* that are remembered; more is an error */
	REGEX_REPEAT_MAX = 255,
	REGEX_DEPTH_MAX = 32, /* of parentheses */
};

/* Compiles one. ignores_case: as i;ascii-casemap. Returns 0; 1: it is none, *error_r says why in a few words;
 * -ENOMEM: no memory in the arena. */
int regex_compile(struct arena *arena, struct span text, bool ignores_case,
    const struct regex **regex_r, const char **error_r);

/* Looks for the leftmost match, of those the longest. */
enum match_outcome regex_search(const struct regex *regex, struct span value, struct arena *arena,
    struct fuel *fuel, struct captures *captures_r);

/* Is there a match in what comes in pieces? */
struct regex_scan;
struct regex_scan *regex_scan_new(
    const struct regex *regex, struct arena *arena, struct fuel *fuel);
enum match_outcome regex_scan_feed(struct regex_scan *scan, struct span bytes, bool is_end);
void regex_scan_restart(struct regex_scan *scan);
