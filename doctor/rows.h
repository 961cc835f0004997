/* SPDX-License-Identifier: MIT
 * Reading all rows of a list, and saying what is found in them, in bounded memory, time and output. Rows
 * are read as they come, by a connection of their own, and judged by what the daemon would make of them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "doctor/report.h"
#include "mail/resolver.h"
#include "schema/directory.h"

enum {
	ROWS_MAX = 100000,     /* of one query */
	ROWS_SECONDS_MAX = 10, /* for all of them */
	ROWS_SHOWN = 10,       /* of one kind of finding */
	ROWS_DOMAINS = 256,    /* that are remembered */
	ROW_TEXT_MAX = 256,    /* of a value that is shown */
};

/* What may be wrong with a row; a kind belongs to one list. rows.c has what is said of each. */
enum finding {
	DOMAIN_UNSEEN,
	USER_BAD,
	USER_HOMELESS,
	USER_HIDDEN,
	USER_EATEN,  /* the mail: a catch-all gets it */
	USER_SHARED, /* a mailbox: no mail should be delivered like that */
	USER_ASTRAY, /* a home below no root, or a column that cannot be used */
	USER_LIMIT,  /* of a mailbox, that is none */
	USER_SCRIPT, /* that does not run */
	ALIAS_BAD,
	ALIAS_UNSEEN,
	ALIAS_TWICE,
	ALIAS_LOOP,
	ALIAS_MISSING,
	ALIAS_ITSELF,
	N_FINDINGS,
};

/* What a domain was found to be. */
struct row_domain {
	char name[ADDRESS_PART_MAX + 1];
	bool is_ours, has_catch_all;
};

struct rows {
	const struct directory_settings *settings;
	bool is_guide;               /* the tables are those of the guide */
	struct resolver resolver;    /* the daemon's, asked about a row */
	struct directory *directory; /* that answers it, and says why it cannot */
	bool asks_aliases_first;     /* Postfix, with no map before that of the aliases */
	struct report *report;

	/* private */
	struct timespec deadline;
	int accident; /* of a question about a row; ends it all */
	unsigned n_found[N_FINDINGS];
	struct row_domain domains[ROWS_DOMAINS];
};

/* Starts the time for all lists. The facts must be set, the rest zero. */
void rows_begin(struct rows *rows);

/* Looks at one row. A question about it that failed is in rows->accident then, and no more rows follow. */
typedef void rows_judge(struct rows *rows, void *data, const struct row *row);

/* Runs a query that lists all rows, "" for none, and calls judge for each. Reports how many they were, or why
 * they are not all, and how many more there are of each finding than were shown. Returns how many were looked at. */
unsigned long rows_read(
    struct rows *rows, enum directory_query query, const char *text, rows_judge *judge, void *data);

/* Reports a finding, or just counts it if enough of its kind were shown. */
void rows_say(struct rows *rows, enum finding finding, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A value as it is shown, and whether it may stand within quotes in a command that is typed. */
bool rows_show(const struct column *value, char text_r[ROW_TEXT_MAX]);

/* mariadb DBNAME -e "STATEMENT", or words where the values cannot stand in a statement, or the tables are
 * others than it names. It takes nothing away: a row may be right, and its table wrong. Good until the next
 * remedy. */
const char *rows_remedy(const struct rows *rows, bool is_plain, const char *words,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* What a domain is: remembered, or asked. NULL after an accident. */
const struct row_domain *rows_domain(struct rows *rows, const char *domain);

/* Is there a row for a key? */
bool rows_has(struct rows *rows, enum resolver_table table, const char *key);
