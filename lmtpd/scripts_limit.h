/* SPDX-License-Identifier: MIT
 * Scripts that take too long again and again are left alone for a while. The times are the caller's, in seconds of any
 * clock that goes on, and so is the lock. Pure. */
#pragma once

#include "lmtpd/scripts_cache.h"

enum {
	SCRIPT_LIMIT_TIMES = 3,   /* that it may be exhausted */
	SCRIPT_LIMIT_SPAN = 3600, /* seconds, within which; and for so long it is off then */
	SCRIPT_LIMIT_MAX = 256,   /* scripts that are remembered */
};

struct script_limit {
	size_t n; /* of the list; as a rule none, and each message is asked for */
	struct {
		struct script_key key;
		unsigned n;   /* times */
		time_t since; /* the first of them, or when it was switched off */
	} list[SCRIPT_LIMIT_MAX];
};

bool script_limit_is_off(
    const struct script_limit *limit, const struct script_key *key, time_t now);

/* It was exhausted. True: it is off from now on. */
bool script_limit_count(struct script_limit *limit, const struct script_key *key, time_t now);
