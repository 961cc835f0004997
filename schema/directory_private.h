/* SPDX-License-Identifier: MIT
 * What directory.c, expect.c and inspection.c share. Private to schema. */
#pragma once

#include <stdbool.h>
#include <time.h>

#include "schema/directory.h"
#include "schema/driver.h"
#include "schema/query.h"

enum {
	EXPECTED_TEXT_MAX = 512, /* bytes of a row that is kept */
	EXPECTED_SIZES = 4,      /* statements for 2, 4, 8 and 16 keys */
};

struct statement {
	struct query query;
	struct driver_statement *prepared; /* NULL: not connected, or not used */
};

/* What user_query found for a key before it was asked for. */
struct expected {
	bool is_kept;   /* there is one row or none; others are asked for again */
	struct row row; /* no columns: there is none */
	struct column columns[DIRECTORY_COLUMNS_MAX];
	char text[EXPECTED_TEXT_MAX]; /* theirs, one after the other */
};

struct expectation {
	struct driver_statement *statements[EXPECTED_SIZES]; /* prepared when first used */
	bool is_refused; /* by this server: user_query cannot be repeated in one statement */
	const char *keys[DIRECTORY_TOGETHER_MAX];
	struct expected answers[DIRECTORY_TOGETHER_MAX];
	unsigned n; /* keys that were answered, the first ones */
};

struct directory {
	const struct directory_settings *settings;
	struct driver *driver;              /* NULL: not connected */
	size_t host;                        /* the last that was tried */
	bool is_mysql;                      /* the last that let us in; or it is MariaDB */
	time_t failed[DIRECTORY_HOSTS_MAX]; /* when each last did, CLOCK_MONOTONIC; 0: not so far */
	struct driver_failure failure;
	struct statement statements[DIRECTORY_QUERIES];
	struct expectation expectation;
};

/* Drops the connection and all that hangs on it, kept rows among it. */
void directory_disconnect(struct directory *directory);

/* The answer to user_query, NULL if it is not known. */
const struct expected *expectation_find(const struct expectation *expectation, const char *key);

/* At the end of a connection: its statements, and rows whose columns they name. */
void expectation_clear(struct expectation *expectation);
