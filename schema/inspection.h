/* SPDX-License-Identifier: MIT
 * What the server says of the tables and of our account; for --check alone. Each connects if need be,
 * returns accidents like directory_ask(), and leaves the reason in directory_error(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "schema/directory.h"

enum {
	INSPECTION_TEXT_MAX = 512,
	INSPECTION_ACCOUNT_MAX = 384, /* a user of 80 characters, a host of 255 */
};

/* What its connection goes over, if there is one. */
void inspection_transport(
    const struct directory *directory, struct directory_transport *transport_r);

/* The client that an admin of this server types: mariadb, mysql. Of the last server that let us in. */
const char *inspection_client(const struct directory *directory);

/* Asks the query for whom nobody can be. */
int inspection_try(struct directory *directory, enum directory_query query);

/* The same with the first query that the directory has, which is each recipient's or each login's. It may be NULL
 * for want of memory. Returns 0, or -1 with the reason in error. */
int inspection_ask_nobody(void *directory, struct error *error);

/* May the account run a statement that reads? It is prepared and not run; an accident is a no. */
bool inspection_may(struct directory *directory, const char *sql);

/* The account that the server takes us for, quoted as in SQL: 'mailuser'@'localhost'. */
int inspection_account(struct directory *directory, char *account_r, size_t n_account);

/* Something that the account may do beyond reading its database. revoke: what takes it away and leaves that, in
 * SQL that may stand between double quotes in a shell; NULL if there is none such. It must not ask the directory. */
typedef void inspection_grant(
    void *data, const char *privileges, const char *object, const char *revoke);
int inspection_grants(struct directory *directory, inspection_grant *on_grant, void *data);

/* Does the server refuse changes to accounts like ours, as replicas do? */
int inspection_read_only(struct directory *directory, bool *is_read_only_r);

struct inspection_scan {
	bool is_unknown; /* the server explains in a form that is not read here */
	bool is_full;    /* every row of a table is read, since no index helps */
	char table[128]; /* of that table, or the query's name for it */
	char rows[32];   /* about how many it has */
};

/* How the server finds the rows of a query of directory_settings. */
int inspection_plan(
    struct directory *directory, enum directory_query query, struct inspection_scan *scan_r);
