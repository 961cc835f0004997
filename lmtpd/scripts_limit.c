/* SPDX-License-Identifier: MIT
 * A changed script is another one, so it runs at once. */
#include "lmtpd/scripts_limit.h"

bool script_limit_is_off(const struct script_limit *limit, const struct script_key *key, time_t now)
{
	for (size_t i = 0; i < limit->n; i++) {
		if (limit->list[i].n >= SCRIPT_LIMIT_TIMES &&
		    script_key_equals(&limit->list[i].key, key)) {
			return now - limit->list[i].since < SCRIPT_LIMIT_SPAN;
		}
	}
	return false;
}

/* The place of a script, or the one whose turn it is: a new one, or the longest there. */
static size_t find_place(struct script_limit *limit, const struct script_key *key)
{
	size_t oldest = 0;

	for (size_t i = 0; i < limit->n; i++) {
		if (script_key_equals(&limit->list[i].key, key)) {
			return i;
		}
		if (limit->list[i].since < limit->list[oldest].since) {
			oldest = i;
		}
	}
	return limit->n < SCRIPT_LIMIT_MAX ? limit->n++ : oldest;
}

bool script_limit_count(struct script_limit *limit, const struct script_key *key, time_t now)
{
	size_t at = find_place(limit, key);

	if (limit->list[at].n == 0 || !script_key_equals(&limit->list[at].key, key) ||
	    now - limit->list[at].since >= SCRIPT_LIMIT_SPAN) {
		limit->list[at].key = *key;
		limit->list[at].n = 0;
		limit->list[at].since = now;
	}
	if (++limit->list[at].n == SCRIPT_LIMIT_TIMES) {
		limit->list[at].since = now;
		return true;
	}
	return false;
}
