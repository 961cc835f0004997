/* SPDX-License-Identifier: MIT
 * What directory.c and together.c share. Private to schema, the only room that includes mysql.h. */
#pragma once

#include <mysql.h>
#include <stdbool.h>

#include "schema/directory.h"
#include "schema/query.h"

enum {
	TOGETHER_SIZES = 4, /* statements for 2, 4, 8 and 16 keys */
};

/* my_bool in MariaDB and MySQL 5, bool in MySQL 8. */
typedef __typeof__(*((MYSQL_BIND *)0)->is_null) mysql_flag;

struct statement {
	struct query query;
	MYSQL_STMT *handle;
	MYSQL_RES *columns; /* their names; asked for with the first row */
	unsigned n_columns;
};

struct directory {
	const struct directory_settings *settings;
	MYSQL *mysql; /* NULL: not connected */
	const char *host;
	struct statement statements[DIRECTORY_QUERIES];
	MYSQL_STMT *together[TOGETHER_SIZES]; /* prepared when first used */
	bool is_alone; /* user_query cannot be asked for several keys at once */
	char error[512];
	unsigned error_code; /* the server's, 0 if it is not */
};

/* Binds the placeholders of a query to what they stand for in key; binds[] and lengths[] have room
 * for n_parameters, and are read until the statement is executed. */
void directory_bind(
    const struct query *query, const char *key, MYSQL_BIND *binds, unsigned long *lengths);

void directory_disconnect(struct directory *directory);

void together_close(struct directory *directory);
