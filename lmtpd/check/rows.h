/* SPDX-License-Identifier: MIT
 * What the parts that look at every row share. Rows are read as they come, by a connection of their
 * own, and judged by what the daemon would make of them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "lmtpd/check/check.h"
#include "mail/resolver.h"
#include "schema/directory.h"

enum {
	ROWS_MAX = 100000,     /* of one query */
	ROWS_SECONDS_MAX = 10, /* for all of them */
	ROWS_SHOWN = 10,       /* of one kind of finding */
	ROWS_DOMAINS = 256,    /* that are remembered */
	ROW_TEXT_MAX = 256,    /* of a value that is shown */
};

/* One kind of finding: shown up to a limit, and counted. */
struct finding {
	const char *what, *summary;
	unsigned n;
};

/* What a domain was found to be. */
struct row_domain {
	char name[ADDRESS_PART_MAX + 1];
	bool is_ours, has_catch_all;
};

struct rows {
	struct check *check;
	struct directory *directory; /* that is asked about a row */
	bool asks_aliases_first;     /* Postfix, with no map before that of the aliases */
	struct timespec deadline;
	int accident; /* of a question about a row; ends it all */

	/* of the query that is being read */
	const char *what;
	unsigned long n;
	struct row_domain domains[ROWS_DOMAINS];
};

/* Reports a finding, or just counts it. */
void rows_warn(struct rows *rows, struct finding *finding, const char *remedy, const char *format,
    ...) __attribute__((format(printf, 4, 5)));

/* "and 7 more ..." */
void rows_end(struct rows *rows, const struct finding *finding);

/* A value as it is shown, and whether it may stand within quotes in a command that is typed. */
bool rows_show(const char *value, size_t n, char *text_r);

/* mariadb DBNAME -e "STATEMENT", or words where the values cannot stand in a statement. */
void rows_remedy(const struct rows *rows, bool is_plain, const char *words, char *remedy_r,
    size_t n_remedy, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* What a domain is: remembered, or asked. NULL after an accident. */
const struct row_domain *rows_domain(struct rows *rows, const char *domain);

struct resolver rows_resolver(const struct rows *rows);

/* Is there a row for a key? */
bool rows_has(struct rows *rows, enum directory_query query, const char *key);

/* Before each row: 0 to go on. */
int rows_count(struct rows *rows);

enum {
	ROWS_STOP = 1, /* what a row_handler says when no more are wanted */
};

row_handler users_on_row, aliases_on_row, domains_on_row;

struct domains {
	struct rows *rows;
	struct finding unseen;
};

struct users {
	struct rows *rows;
	struct finding bad, homeless, hidden, eaten;
};
void users_begin(struct users *users, struct rows *rows);
void users_end(struct users *users);

struct aliases {
	struct rows *rows;
	struct finding bad, unseen, twice, loop, missing, itself;
	unsigned n_foreign, n_catch_alls;
	char source[ROW_TEXT_MAX], destination[ROW_TEXT_MAX]; /* of the row before */
};
void aliases_begin(struct aliases *aliases, struct rows *rows);
void aliases_end(struct aliases *aliases);
