/* SPDX-License-Identifier: MIT
 * Dates of messages (RFC 5322 3.3, 4.3), and their parts (RFC 5260 4). */
#pragma once

#include "base/arena.h"

struct moment {
	int64_t time; /* seconds since 1970, UTC */
	int zone;     /* seconds east */
};

/* Reads a date, as it stands in Date or behind the last semicolon of Received; comments and white space are passed over.
 * False: it is none. */
bool calendar_parse(struct span text, struct moment *moment_r);

/* ±HHMM, in seconds. False: it is none. */
bool calendar_zone(struct span text, int *seconds_r);

enum {
	CALENDAR_TEXT_MAX = 48,
};

enum calendar_part {
	CALENDAR_YEAR,
	CALENDAR_MONTH,
	CALENDAR_DAY,
	CALENDAR_DATE,
	CALENDAR_JULIAN,
	CALENDAR_HOUR,
	CALENDAR_MINUTE,
	CALENDAR_SECOND,
	CALENDAR_TIME,
	CALENDAR_ISO8601,
	CALENDAR_STD11,
	CALENDAR_ZONE,
	CALENDAR_WEEKDAY,
};

/* -1: it is none. Letters in either case. */
int calendar_part_find(struct span name);

/* The part in moment.zone, into text[CALENDAR_TEXT_MAX]. Returns its length. */
size_t calendar_write(const struct moment *moment, enum calendar_part part, char *text);
