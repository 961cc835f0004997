/* SPDX-License-Identifier: MIT
 * A table may be large, and its values anything: it is read up to a limit of rows and time, findings are
 * shown up to a limit, and values stand in a remedy only if a shell and SQL take them as they are. */
#include "doctor/rows.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "doctor/database.h"
#include "schema/inspection.h"

/* What a finding is about, and how many more of it are summed up. */
static const struct {
	enum report_status status;
	const char *what, *summary;
} findings[N_FINDINGS] = {
	[DOMAIN_UNSEEN] = { REPORT_WARN, "domain", "that are not found when they are looked up" },
	[USER_BAD] = { REPORT_WARN, "user", "that can be no mailbox" },
	[USER_HOMELESS] = { REPORT_WARN, "user", "whose domain is not in the table of domains" },
	[USER_HIDDEN] = { REPORT_WARN, "user", "whose row is not found by their address" },
	[USER_EATEN] = { REPORT_WARN, "user", "whose mail goes to a catch-all" },
	[USER_SHARED] = { REPORT_FAIL, "user", "whose mailbox is that of somebody else" },
	[USER_ASTRAY] = { REPORT_FAIL, "user", "whose row cannot be used" },
	[USER_LIMIT] = { REPORT_FAIL, "user", "whose limit is no whole number" },
	[USER_SCRIPT] = { REPORT_WARN, "script", "that do not run" },
	[ALIAS_BAD] = { REPORT_WARN, "alias", "that lead to what is no mail address" },
	[ALIAS_UNSEEN] = { REPORT_WARN, "alias", "that are never looked up or found" },
	[ALIAS_TWICE] = { REPORT_WARN, "alias", "that stand there twice" },
	[ALIAS_LOOP] = { REPORT_WARN, "alias", "that loop" },
	[ALIAS_MISSING] = { REPORT_WARN, "alias", "that lead to missing mailboxes" },
	[ALIAS_ITSELF] = { REPORT_WARN, "alias", "that lead to themselves and are no mailbox" },
};

void rows_begin(struct rows *rows)
{
	clock_gettime(CLOCK_MONOTONIC, &rows->deadline);
	rows->deadline.tv_sec += ROWS_SECONDS_MAX;
}

/* A table with one mistake in each row would bury the rest. */
void rows_say(struct rows *rows, enum finding finding, const char *remedy, const char *format, ...)
{
	va_list arguments;

	if (++rows->n_found[finding] > ROWS_SHOWN) {
		return;
	}
	va_start(arguments, format);
	report_check(rows->report, findings[finding].status, EX_CONFIG, findings[finding].what,
	    remedy, format, arguments);
	va_end(arguments);
}

/* "and 7 more ...", of each kind of the list that was read. The next list begins with none. */
static void say_more(struct rows *rows)
{
	for (size_t i = 0; i < N_FINDINGS; i++) {
		if (rows->n_found[i] > ROWS_SHOWN) {
			report_warn(rows->report, findings[i].what, "as with those before",
			    "and %u more %s", rows->n_found[i] - ROWS_SHOWN, findings[i].summary);
		}
		rows->n_found[i] = 0;
	}
}

bool rows_show(const struct column *value, char text_r[ROW_TEXT_MAX])
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "@.-_+=";
	size_t n = value->n < ROW_TEXT_MAX ? value->n : ROW_TEXT_MAX - 1;

	if (value->text == NULL) {
		snprintf(text_r, ROW_TEXT_MAX, "NULL");
		return false;
	}
	memcpy(text_r, value->text, n);
	text_r[n] = '\0';
	return n == value->n && n > 0 && strspn(text_r, plain) == n;
}

/* A value from the database must not become part of what somebody types as root. */
const char *rows_remedy(
    const struct rows *rows, bool is_plain, const char *words, const char *format, ...)
{
	char statement[REPORT_TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(statement, sizeof(statement), format, arguments);
	va_end(arguments);
	return is_plain && rows->is_guide
		   ? report_remedy(rows->report, "%s %s -e \"%s\"",
			 inspection_client(rows->directory), rows->settings->dbname, statement)
		   : words;
}

static int on_any_row(void *data, const struct row *row)
{
	*(bool *)data = true;
	return 0;
}

bool rows_has(struct rows *rows, enum resolver_table table, const char *key)
{
	bool has_row = false;
	int result = rows->resolver.ask(rows->resolver.source, table, key, on_any_row, &has_row);

	rows->accident = result != 0 ? result : rows->accident;
	return has_row;
}

/* The rows of a domain often stand side by side, so a small table saves most questions; a domain that falls
 * into the place of another takes it. */
const struct row_domain *rows_domain(struct rows *rows, const char *domain)
{
	char catch_all[ADDRESS_PART_MAX + 2];
	unsigned hash = 5381;
	struct row_domain *known;

	for (const char *p = domain; *p != '\0'; p++) {
		hash = hash * 33 + (unsigned char)*p;
	}
	known = &rows->domains[hash % ROWS_DOMAINS];
	if (strcmp(known->name, domain) == 0) {
		return known;
	}
	*known = (struct row_domain){ .is_ours = false };
	rows->accident = resolver_owns(&rows->resolver, domain, &known->is_ours);
	if (rows->accident == 0 && rows->asks_aliases_first) {
		snprintf(catch_all, sizeof(catch_all), "@%s", domain);
		known->has_catch_all = rows_has(rows, RESOLVER_ALIAS, catch_all);
	}
	if (rows->accident != 0) {
		return NULL;
	}
	snprintf(known->name, sizeof(known->name), "%s", domain);
	return known;
}

/* One list that is being read. */
struct reading {
	struct rows *rows;
	const char *what;
	rows_judge *judge;
	void *data;
	unsigned long n;
};

enum {
	READING_STOP = 1, /* what a row_handler says when no more are wanted */
};

static bool is_over(const struct timespec *deadline)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > deadline->tv_sec ||
	       (now.tv_sec == deadline->tv_sec && now.tv_nsec > deadline->tv_nsec);
}

static int reading_on_row(void *data, const struct row *row)
{
	struct reading *reading = data;
	struct rows *rows = reading->rows;

	if (reading->n == ROWS_MAX || is_over(&rows->deadline)) {
		report_ok(rows->report, reading->what,
		    "the first %lu rows were looked at, and no more: at most %d rows and "
		    "%d seconds",
		    reading->n, ROWS_MAX, ROWS_SECONDS_MAX);
		return READING_STOP;
	}
	reading->n++;
	reading->judge(rows, reading->data, row);
	return rows->accident != 0 ? READING_STOP : 0;
}

/* The query is the admin's, and not looked at before: it may be none. */
static int reading_run(
    struct reading *reading, enum directory_query query, const char *text, struct error *error)
{
	struct directory_settings alone;
	struct directory *directory =
	    database_open_alone(reading->rows->settings, query, text, &alone);
	int result = -1;

	if (directory_check_settings(&alone, error) != 0) {
		/* Said. */
	} else if (directory == NULL) {
		error_set(error, "out of memory");
	} else {
		result = directory_ask(directory, query, "", reading_on_row, reading);
		error_set(error, "%s", directory_error(directory));
	}
	directory_free(directory);
	return result;
}

unsigned long rows_read(
    struct rows *rows, enum directory_query query, const char *text, rows_judge *judge, void *data)
{
	const char *what = directory_query_name(query);
	struct reading reading = { rows, what, judge, data, 0 };
	struct error error;
	int result;

	if (text[0] == '\0' || rows->accident != 0) {
		return 0;
	}
	result = reading_run(&reading, query, text, &error);
	if (rows->accident != 0) {
		report_warn(rows->report, what, "run --check again when the database answers",
		    "stopped at row %lu: %s", reading.n,
		    rows->accident < 0 ? directory_error(rows->directory)
				       : "a query returns what can be no answer to it");
	} else if (result < 0) {
		report_warn(rows->report, what,
		    report_remedy(rows->report,
			"set mysql.%s to what lists yours, or to \"\" to leave it out; --check "
			"alone uses it",
			what),
		    "%s", error.text);
	} else if (result == 0) {
		report_ok(rows->report, what, "%lu rows looked at", reading.n);
	}
	say_more(rows);
	return reading.n;
}
