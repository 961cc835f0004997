/* SPDX-License-Identifier: MIT
 * A limit is reached when as much is used: what is full takes nothing more, and the grace is for the last message
 * alone. Messages have no grace. */
#include "mail/quota.h"

#include <string.h>

#include "base/text.h"

enum {
	PERCENT_MAX = 999
};

bool quota_is_limited(const struct quota *limit)
{
	return limit->bytes > 0 || limit->messages > 0;
}

/* Shifts of 2 to the power of ten; -1: no unit. */
static int unit_shift(char unit)
{
	static const char units[] = "KMGT";
	const char *found = strchr(units, unit >= 'a' && unit <= 'z' ? unit - 'a' + 'A' : unit);

	return found == NULL ? -1 : 10 * (int)(found - units + 1);
}

bool quota_grace_read(const char *text, struct quota_grace *grace_r)
{
	size_t n = strspn(text, "0123456789");
	const char *unit = text + n;
	int shift;

	grace_r->is_percent = strcmp(unit, "%") == 0;
	if (!text_number(text, n, &grace_r->n)) {
		return false;
	}
	if (unit[0] == '\0' || grace_r->is_percent) {
		return !grace_r->is_percent || grace_r->n <= PERCENT_MAX;
	}
	shift = unit[1] == '\0' ? unit_shift(unit[0]) : -1;
	if (shift < 0 || grace_r->n > UINT64_MAX >> shift) {
		return false;
	}
	grace_r->n <<= shift;
	return true;
}

bool quota_is_full(const struct quota *limit, const struct quota *used)
{
	return (limit->bytes > 0 && used->bytes >= limit->bytes) ||
	       (limit->messages > 0 && used->messages >= limit->messages);
}

static uint64_t grace_bytes(const struct quota_grace *grace, uint64_t limit)
{
	if (!grace->is_percent) {
		return grace->n;
	}
	/* Whole percents of what is too large to be multiplied. */
	return limit <= UINT64_MAX / PERCENT_MAX ? limit * grace->n / 100 : limit / 100 * grace->n;
}

bool quota_fits(const struct quota *limit, const struct quota_grace *grace,
    const struct quota *used, uint64_t size)
{
	uint64_t room;

	if (quota_is_full(limit, used)) {
		return false;
	}
	room = limit->bytes - used->bytes;
	return limit->bytes == 0 || size <= room || size - room <= grace_bytes(grace, limit->bytes);
}

static unsigned percent(uint64_t limit, uint64_t used)
{
	if (limit == 0) {
		return 0;
	}
	if (used / 10 >= limit) {
		return PERCENT_MAX;
	}
	return (unsigned)(limit <= UINT64_MAX / 1000 ? used * 100 / limit : used / (limit / 100));
}

unsigned quota_percent(const struct quota *limit, const struct quota *used)
{
	unsigned bytes = percent(limit->bytes, used->bytes);
	unsigned messages = percent(limit->messages, used->messages);

	return bytes > messages ? bytes : messages;
}
