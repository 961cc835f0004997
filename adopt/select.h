/* SPDX-License-Identifier: MIT
 * Queries of the one form that nearly all sites have, SELECT ... FROM ... WHERE column = '%u' AND ..., with
 * the columns that lmtpd wants. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum {
	SELECT_TOKENS_MAX = 512,
	SELECT_NAMES_MAX = 256, /* bytes of a list of names; a longer one is cut */
};

enum select_use {
	SELECT_USER,   /* the column that is compared is the address */
	SELECT_ALIAS,  /* the first column leads somewhere: then the one that is compared */
	SELECT_DOMAIN, /* as a user's */
	/* columns `user`, `password` and, where it is there, `label` by their names */
	SELECT_PASSWORD,
	SELECT_LABELLED, /* as SELECT_PASSWORD, where it is not there: with one that is NULL */
};

/* A query whose placeholders are lmtpd's, with the columns that lmtpd wants, to be freed. NULL with the reason
 * in error: its form is another one. */
char *select_adopt(const char *text, enum select_use use, struct error *error);

/* The same for all rows, without conditions on what is asked for; of an alias the address comes first, in
 * order. NULL: that cannot be told. */
char *select_all(const char *text, enum select_use use, struct error *error);

/* Does it lead every address that it finds to itself? */
bool select_is_identity(const char *alias_query);

/* What the list of columns says under that name, or its last part ("password" for u.password): an expression, to
 * be freed. NULL: there is none. Placeholders may be anybody's. */
char *select_column(const char *text, const char *name);

/* The names of its columns that a login makes no use of, and that may mean something: "allow_nets, nologin". */
void select_list_others(const char *text, char names_r[SELECT_NAMES_MAX]);

/* What must be granted, "SELECT (a, b) ON db.table" a line: by column where there is one table, else by
 * table. To be freed; "" if that cannot be told. */
char *select_grants(const char *text, const char *dbname, const char *account);
