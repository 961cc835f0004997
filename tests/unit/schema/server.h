/* SPDX-License-Identifier: MIT
 * A driver without a database: servers made of a table, which fail when they are told to. */
#pragma once

#include "schema/driver.h"

enum {
	SERVER_HOSTS_MAX = 2,
	SERVER_LOG_MAX = 4096,
};

/* A row of user_query, found by its key alone. */
struct server_row {
	const char *key;
	const char *value; /* NULL: SQL's NULL */
};

struct server_host {
	const char *name;
	bool is_away; /* connecting fails, by this: */
	enum directory_fault why;
};

/* What all directories of a test talk to. */
struct server {
	struct server_host hosts[SERVER_HOSTS_MAX];
	const struct server_row *rows;
	size_t n_rows;
	unsigned n_columns; /* of user_query; 0 for 1 */
	const char *column; /* the name of those behind the first; NULL: the server tells none */

	bool is_mysql;

	/* What fails: so many executions, one fetch behind so many rows, or every statement for several
	 * keys when it is prepared. */
	unsigned n_executions_fail;
	bool fetch_fails;
	unsigned n_rows_before;
	bool has_no_union;
	enum directory_fault why;
	long seconds; /* that an execution takes that fails */

	/* Each connect, and the number of keys of each execution: "connect a; 1; 4; 1; ". */
	char log[SERVER_LOG_MAX];
	unsigned n_open;   /* connections and statements */
	unsigned patience; /* seconds, of the last connect */
	long now;          /* what clock_gettime() says, which tests wrap */
};
extern struct server server;
