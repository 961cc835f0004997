/* SPDX-License-Identifier: MIT
 * Query templates: "... WHERE email = '%u'" becomes a statement with bound parameters, so that no
 * string of a stranger is ever part of SQL. Private to schema. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum {
	QUERY_PARAMETERS_MAX = 16
};

struct query {
	char *sql;                             /* with ? in the place of placeholders */
	char parameters[QUERY_PARAMETERS_MAX]; /* 'u', 'n' or 'd' of each ? */
	size_t n_parameters;
};

/* %u: the whole address, %n: its local part, %d: its domain; each alone, or alone between quotes.
 * %% is a percent sign. With needs_key a query without placeholder is wrong. Returns 0, or -1 with what
 * is wrong in error. */
int query_init(struct query *query, const char *text, bool needs_key, struct error *error);
void query_deinit(struct query *query);

bool key_is_ascii(const char *key);

/* What parameter i stands for in a key, which has it; *n_r: its bytes. A key without @ is its own local
 * part and its own domain. */
const char *query_value(const struct query *query, size_t i, const char *key, size_t *n_r);
