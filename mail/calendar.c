/* SPDX-License-Identifier: MIT
 * Dates, by arithmetic of our own: no zone of the machine's, and no year that it does not know. Pure: any thread. */
#include "mail/calendar.h"

#include <string.h>
#include <strings.h>

#include "mail/fields.h"

enum {
	DAY = 86400,
	DAYS_OF_400_YEARS = 146097,
	JULIAN_1970 = 40587, /* the modified Julian day of 1970-01-01 */
	YEAR_MIN = 1900,
	YEAR_MAX = 9999,
};

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char weekdays[] = "SunMonTueWedThuFriSat";

struct civil {
	int64_t year;
	int month, day; /* from 1 */
};

/* Days since 1970-01-01. A year is taken to begin in March, so that the odd day is its last. */
static int64_t days_of(const struct civil *civil)
{
	int64_t year = civil->year - (civil->month <= 2);
	int64_t era = year / 400, of_era = year % 400;
	int64_t month = (civil->month + 9) % 12;
	int64_t day = (153 * month + 2) / 5 + civil->day - 1;

	return era * DAYS_OF_400_YEARS + of_era * 365 + of_era / 4 - of_era / 100 + day - 719468;
}

/* The other way round, for days of the years that are known. */
static struct civil civil_of(int64_t days)
{
	int64_t shifted = days + 719468;
	int64_t era = shifted / DAYS_OF_400_YEARS, of_era = shifted % DAYS_OF_400_YEARS;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t day = of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * day + 2) / 153;

	return (struct civil){
		.year = era * 400 + year + (month >= 10),
		.month = (int)(month < 10 ? month + 3 : month - 9),
		.day = (int)(day - (153 * month + 2) / 5 + 1),
	};
}

static int days_in(int64_t year, int month)
{
	static const char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && is_leap);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static void skip(struct span *text, size_t n)
{
	text->p += n;
	text->n -= n;
}

static void skip_blanks(struct span *text)
{
	skip(text, field_skip(*text, 0));
}

static bool take_char(struct span *text, char c)
{
	bool is_there;

	skip_blanks(text);
	is_there = text->n > 0 && text->p[0] == c;
	skip(text, is_there);
	return is_there;
}

/* From min to max digits, and no more. */
static bool take_number(struct span *text, size_t min, size_t max, int *number_r)
{
	size_t n = 0;

	skip_blanks(text);
	*number_r = 0;
	for (; n < text->n && n < max && text_is_digit(text->p[n]); n++) {
		*number_r = *number_r * 10 + (text->p[n] - '0');
	}
	if (n < min || (n < text->n && text_is_digit(text->p[n]))) {
		return false;
	}
	skip(text, n);
	return true;
}

static struct span take_word(struct span *text)
{
	struct span word;

	skip_blanks(text);
	word = (struct span){ text->p, 0 };
	while (text->n > 0 && text_is_letter(text->p[0])) {
		word.n++;
		skip(text, 1);
	}
	return word;
}

/* From 1; 0: it is none. */
static int month_of(struct span word)
{
	for (int i = 0; word.n == 3 && months[i] != '\0'; i += 3) {
		if (strncasecmp(word.p, months + i, 3) == 0) {
			return i / 3 + 1;
		}
	}
	return 0;
}

bool calendar_zone(struct span text, int *seconds_r)
{
	int sign, number;
	struct span digits;

	if (text.n != 5 || (text.p[0] != '+' && text.p[0] != '-')) {
		return false;
	}
	sign = text.p[0] == '-' ? -1 : 1;
	digits = (struct span){ text.p + 1, 4 };
	if (!text_is_digit(digits.p[0]) || !take_number(&digits, 4, 4, &number) ||
	    number % 100 > 59 || number / 100 > 23) {
		return false;
	}
	*seconds_r = sign * (number / 100 * 3600 + number % 100 * 60);
	return true;
}

/* ±HHMM, or one of the obsolete names; what is unknown is taken for UTC (RFC 5322 4.3), and so is none at all. */
static bool take_zone(struct span *text, int *seconds_r)
{
	static const struct {
		const char *name;
		int hours;
	} zones[] = { { "EST", -5 }, { "EDT", -4 }, { "CST", -6 }, { "CDT", -5 }, { "MST", -7 },
		{ "MDT", -6 }, { "PST", -8 }, { "PDT", -7 } };
	struct span word;

	*seconds_r = 0;
	skip_blanks(text);
	if (text->n > 0 && (text->p[0] == '+' || text->p[0] == '-')) {
		return calendar_zone(
			   (struct span){ text->p, text->n < 5 ? text->n : 5 }, seconds_r) &&
		       (text->n == 5 || !text_is_digit(text->p[5]));
	}
	word = take_word(text);
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
		if (span_is(word, zones[i].name)) {
			*seconds_r = zones[i].hours * 3600;
		}
	}
	return true;
}

/* With two or three digits as RFC 5322 4.3 has it. */
static bool take_year(struct span *text, int64_t *year_r)
{
	size_t before;
	int year;

	skip_blanks(text);
	before = text->n;
	if (!take_number(text, 2, 4, &year)) {
		return false;
	}
	if (before - text->n < 4) {
		year += year < 50 && before - text->n == 2 ? 2000 : 1900;
	}
	*year_r = year;
	return year >= YEAR_MIN && year <= YEAR_MAX;
}

bool calendar_parse(struct span text, struct moment *moment_r)
{
	struct span left = { text.n > 0 ? text.p : "", text.n };
	struct civil civil;
	int hour, minute, second = 0, of_day;

	if (take_word(&left).n > 0) { /* the day of the week: whoever is right, it is not needed */
		take_char(&left, ',');
	}
	if (!take_number(&left, 1, 2, &civil.day) ||
	    (civil.month = month_of(take_word(&left))) == 0 || !take_year(&left, &civil.year) ||
	    civil.day < 1 || civil.day > days_in(civil.year, civil.month)) {
		return false;
	}
	if (!take_number(&left, 1, 2, &hour) || !take_char(&left, ':') ||
	    !take_number(&left, 1, 2, &minute) ||
	    (take_char(&left, ':') && !take_number(&left, 1, 2, &second)) || hour > 23 ||
	    minute > 59 || second > 60 || !take_zone(&left, &moment_r->zone)) {
		return false;
	}
	of_day = hour * 3600 + minute * 60 + second;
	moment_r->time = days_of(&civil) * DAY + of_day - moment_r->zone;
	return true;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static const struct {
	const char *name, *pattern;
} parts[] = {
	[CALENDAR_YEAR] = { "year", "Y" },
	[CALENDAR_MONTH] = { "month", "m" },
	[CALENDAR_DAY] = { "day", "d" },
	[CALENDAR_DATE] = { "date", "Y-m-d" },
	[CALENDAR_JULIAN] = { "julian", "j" },
	[CALENDAR_HOUR] = { "hour", "H" },
	[CALENDAR_MINUTE] = { "minute", "M" },
	[CALENDAR_SECOND] = { "second", "S" },
	[CALENDAR_TIME] = { "time", "H:M:S" },
	[CALENDAR_ISO8601] = { "iso8601", "Y-m-dTH:M:SZ" },
	[CALENDAR_STD11] = { "std11", "a, d b Y H:M:S z" },
	[CALENDAR_ZONE] = { "zone", "z" },
	[CALENDAR_WEEKDAY] = { "weekday", "w" },
};

int calendar_part_find(struct span name)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (span_is(name, parts[i].name)) {
			return (int)i;
		}
	}
	return -1;
}

/* What the letters of a pattern stand for. */
struct written {
	struct civil civil;
	int64_t days;
	int second; /* of the day */
	int zone;   /* minutes */
};

static size_t put_name(char *out, const char *names, int64_t index)
{
	memcpy(out, names + 3 * index, 3);
	return 3;
}

static size_t put_zone(char *out, int minutes, const char *colon)
{
	unsigned size = (unsigned)(minutes < 0 ? -minutes : minutes);
	size_t n = 0;

	out[n++] = minutes < 0 ? '-' : '+';
	n += text_write(out + n, size / 60, 2);
	for (; *colon != '\0'; colon++) {
		out[n++] = *colon;
	}
	return n + text_write(out + n, size % 60, 2);
}

static size_t put(char *out, const struct written *written, char letter)
{
	int64_t weekday = (written->days % 7 + 11) % 7; /* 1970-01-01 was a Thursday */

	switch (letter) {
	case 'Y':
		return text_write(out, (uint64_t)written->civil.year, 4);
	case 'm':
		return text_write(out, (uint64_t)written->civil.month, 2);
	case 'd':
		return text_write(out, (uint64_t)written->civil.day, 2);
	case 'H':
		return text_write(out, (uint64_t)(written->second / 3600), 2);
	case 'M':
		return text_write(out, (uint64_t)(written->second / 60 % 60), 2);
	case 'S':
		return text_write(out, (uint64_t)(written->second % 60), 2);
	case 'j':
		/* 1900 comes before day 15079, never below 0. */
		return text_write(out, (uint64_t)(written->days + JULIAN_1970), 1);
	case 'w':
		return text_write(out, (uint64_t)weekday, 1);
	case 'a':
		return put_name(out, weekdays, weekday);
	case 'b':
		return put_name(out, months, written->civil.month - 1);
	case 'z':
		return put_zone(out, written->zone, "");
	case 'Z':
		out[0] = 'Z';
		return written->zone == 0 ? 1 : put_zone(out, written->zone, ":");
	default:
		out[0] = letter;
		return 1;
	}
}

size_t calendar_write(const struct moment *moment, enum calendar_part part, char *text)
{
	static const struct civil first = { YEAR_MIN, 1, 1 }, last = { YEAR_MAX, 12, 31 };
	int64_t min = days_of(&first) * DAY, max = days_of(&last) * DAY + DAY - 1;
	int64_t time = moment->time < min ? min : moment->time > max ? max : moment->time;
	struct written written = { .zone = moment->zone / 60 };
	size_t n = 0;

	time += moment->zone;
	time = time < min ? min : time > max ? max : time;
	/* Rounded down, also before 1970. */
	written.days = (time - min) / DAY + min / DAY;
	written.second = (int)((time - min) % DAY);
	written.civil = civil_of(written.days);
	for (const char *letter = parts[part].pattern; *letter != '\0'; letter++) {
		n += put(text + n, &written, *letter);
	}
	return n;
}
