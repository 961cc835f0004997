/* SPDX-License-Identifier: MIT
 * The tests date and currentdate (RFC 5260 4, 5). */
#include "mail/calendar.h"
#include "sieve/compare.h"
#include "sieve/select.h"

static const struct tag zone_tags[] = {
	{ ":zone", SLOT_ZONE, TYPE_STRING },
	{ NULL },
};

static const struct tag date_zone_tags[] = {
	{ ":zone", SLOT_ZONE, TYPE_STRING },
	{ ":originalzone", SLOT_ZONE, .value = 1 },
	{ NULL },
};

/* Of both tests: the zone, the part, the keys. */
static void check(struct compiler *compiler, struct node *node, enum slot part_slot)
{
	const struct argument *zone = node_argument(node, SLOT_ZONE);
	const struct argument *part = node_argument(node, part_slot);
	int seconds;

	if (zone != NULL && zone->value == 0 && zone->strings[0].n_pieces == 0 &&
	    !calendar_zone(zone->strings[0].text, &seconds)) {
		compile_error(compiler, zone->at,
		    "\"%.*s\" is no time zone; write +0100 for an hour east of UTC",
		    SPAN(zone->strings[0].text));
	}
	if (part->strings[0].n_pieces == 0 && calendar_part_find(part->strings[0].text) < 0) {
		compile_error(compiler, part->at,
		    "\"%.*s\" is no part of a date; there are year, month, day, date, julian, "
		    "hour, "
		    "minute, second, time, iso8601, std11, zone and weekday",
		    SPAN(part->strings[0].text));
	}
	compare_check(compiler, node);
}

static void check_date(struct compiler *compiler, struct node *node)
{
	select_check(compiler, node);
	check(compiler, node, SLOT_SECOND);
}

static void check_currentdate(struct compiler *compiler, struct node *node)
{
	check(compiler, node, SLOT_FIRST);
}

/* Moves it to the zone that the test wants: one that is given, its own, or the server's at that time. */
static void find_zone(struct sieve_run *run, const struct node *node, struct moment *moment)
{
	const struct argument *argument = node_argument(node, SLOT_ZONE);
	struct span zone;

	if (argument == NULL) {
		moment->zone = run->facts->zone(moment->time);
	} else if (argument->value == 0) {
		run_text(run, node, SLOT_ZONE, &zone);
		if (!calendar_zone(zone, &moment->zone)) {
			run_fail(run, node, "\"%.*s\" is no time zone", SPAN(zone));
		}
	}
}

static bool compare_moment(struct compare *compare, struct moment *moment, enum slot part_slot)
{
	struct sieve_run *run = compare->run;
	char text[CALENDAR_TEXT_MAX] = "";
	struct span name;
	int part;

	find_zone(run, compare->node, moment);
	run_text(run, compare->node, part_slot, &name);
	part = calendar_part_find(name);
	if (part < 0) {
		run_fail(run, compare->node, "\"%.*s\" is no part of a date", SPAN(name));
		return false;
	}
	return compare_value(
	    compare, (struct span){ text, calendar_write(moment, (enum calendar_part)part, text) });
}

static enum answer run_currentdate(struct sieve_run *run, const struct node *node)
{
	struct moment now = { .time = run->facts->now };
	struct compare compare = compare_begin(run, node);

	return compare_end(&compare, compare_moment(&compare, &now, SLOT_FIRST));
}

/* A date stands behind the last semicolon, if there is one, as in Received. */
static struct span date_in(struct span value)
{
	for (size_t i = value.n; i > 0; i--) {
		if (value.p[i - 1] == ';') {
			return (struct span){ value.p + i, value.n - i };
		}
	}
	return value;
}

static enum answer run_date(struct sieve_run *run, const struct node *node)
{
	struct selection fields;
	struct compare compare;
	struct span name;
	bool is_found = false;
	enum answer answer;

	run_text(run, node, SLOT_FIRST, &name);
	answer = select_fields(run, node, name, &fields);
	if (answer != ANSWER_YES) {
		return answer;
	}
	compare = compare_begin(run, node);
	for (size_t i = 0; !is_found && i < fields.n; i++) {
		struct span value = field_value(fields.list[i], &run->scratch, &run->fuel);
		struct moment moment;

		if (calendar_parse(date_in(value), &moment)) {
			is_found = compare_moment(&compare, &moment, SLOT_SECOND);
		}
		/* Without :index the test is about the first one. */
		if (node_argument(node, SLOT_INDEX) == NULL) {
			break;
		}
	}
	return compare_end(&compare, is_found);
}

const struct word words_date[] = {
	{ "date", WORD_TEST, EXTENSION_DATE,
	    .tags = { compare_tags, date_zone_tags, select_index_tags, select_mime_tags },
	    .parameters = { TYPE_STRING, TYPE_STRING, TYPE_STRINGS }, .check = check_date,
	    .run = run_date },
	{ "currentdate", WORD_TEST, EXTENSION_DATE, .tags = { compare_tags, zone_tags },
	    .parameters = { TYPE_STRING, TYPE_STRINGS }, .check = check_currentdate,
	    .run = run_currentdate },
	{ NULL },
};
