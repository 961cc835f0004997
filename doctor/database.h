/* SPDX-License-Identifier: MIT
 * What --check of both daemons says of the database: that it answers each query, by an index, and that the
 * account may do no more than the daemon needs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "doctor/report.h"
#include "schema/directory.h"

/* A query that a daemon asks, and what of the guide's tables it reads. */
struct database_need {
	enum directory_query query;
	const char *occasion;           /* when it is asked: "for each recipient" */
	const char *table;              /* of the guide; NULL: no query is asked for alone */
	const char *columns, *compared; /* that it reads; the one that is compared with the key */
	const char *index;              /* "CREATE INDEX", for that one */
	bool is_guide; /* the query asks that table: remedies may name it and its columns */
};

/* Asks the servers, each by itself where there are several. Returns a directory that answers, to be freed before
 * settings; NULL after it has said why not. */
struct directory *database_check(const struct directory_settings *settings,
    const struct database_need *needs, size_t n_needs, struct report *report);

/* For a daemon that needs no passwords: may it read them, in the table that its user_query names? */
void database_check_passwords(struct directory *directory,
    const struct directory_settings *settings, bool is_guide, struct report *report);

/* A directory of the same settings with one query alone; or with none, if text is NULL. settings_r must
 * live as long. NULL when out of memory, or if the query is none. */
struct directory *database_open_alone(const struct directory_settings *settings,
    enum directory_query query, const char *text, struct directory_settings *settings_r);

/* For commands that list: calls on_row, which returns 0 or -ENOMEM, for each row of users_query, by a connection of
 * its own. Returns an exit code of sysexits; what any but 0 means is said in error. */
int database_read_users(const struct directory_settings *settings, const char *users_query,
    row_handler *on_row, void *data, struct error *error);
