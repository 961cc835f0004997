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

/* What a query is told. */
enum query_use {
	QUERY_OF_ALL,   /* nothing: it lists everything */
	QUERY_OF_KEY,   /* an address; without a placeholder for it the query is wrong */
	QUERY_OF_LOGIN, /* and who wants to log in with it, and where */
};

struct query {
	char *sql;                             /* with ? in the place of placeholders */
	char parameters[QUERY_PARAMETERS_MAX]; /* the letter of each ? */
	size_t n_parameters;
	/* What %s and %r stand for when it is run next. */
	const char *service, *client;
};

/* %u: the whole address, %n: its local part, %d: its domain; of a login %s: the service, %r: the client's
 * address; each alone, or alone between quotes. %% is a percent sign. Returns 0, or -1 with what is wrong
 * in error. */
int query_init(struct query *query, const char *text, enum query_use use, struct error *error);
void query_deinit(struct query *query);

bool key_is_ascii(const char *key);

/* What parameter i stands for, in a key or in the query, which has it; *n_r: its bytes. A key without @ is its
 * own local part and its own domain. */
const char *query_value(const struct query *query, size_t i, const char *key, size_t *n_r);
