/* SPDX-License-Identifier: MIT
 * Many keys in one statement: the user_query of each, put together by UNION ALL, so that look-ups
 * that wait side by side cost one round trip and one turn of the server's thread.
 *
 * It is a short cut and nothing else. Whatever goes wrong with it leaves keys without an answer, and
 * they are asked for one by one, where errors are told apart. */
#include "schema/directory_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void together_close(struct directory *directory)
{
	for (size_t i = 0; i < TOGETHER_SIZES; i++) {
		if (directory->together[i] != NULL) {
			mysql_stmt_close(directory->together[i]);
			directory->together[i] = NULL;
		}
	}
}

/* "SELECT 0, q.* FROM (...) AS q UNION ALL SELECT 1, ..."; NULL when out of memory. */
static char *compose(const struct query *query, unsigned n)
{
	static const char part[] = " UNION ALL SELECT %u, q.* FROM (%s) AS q";
	static const size_t n_union = sizeof(" UNION ALL");
	size_t cap = n * (sizeof(part) + 10 + strlen(query->sql)) + 1, at = 0;
	char *sql = malloc(cap);

	for (unsigned i = 0; i < n && sql != NULL; i++) {
		at += (size_t)snprintf(
		    sql + at, cap - at, i == 0 ? part + n_union : part, i, query->sql);
	}
	return sql;
}

/* The statement for n keys. NULL: the query cannot be used like this. */
static MYSQL_STMT *prepared(struct directory *directory, unsigned size, unsigned n)
{
	const struct query *query = &directory->statements[DIRECTORY_MAILBOX].query;
	MYSQL_STMT *handle = directory->together[size];
	char *sql;

	if (handle != NULL || (sql = compose(query, n)) == NULL) {
		return handle;
	}
	handle = mysql_stmt_init(directory->mysql);
	if (handle != NULL && mysql_stmt_prepare(handle, sql, strlen(sql)) == 0 &&
	    mysql_stmt_param_count(handle) == n * query->n_parameters &&
	    mysql_stmt_field_count(handle) == 2) {
		directory->together[size] = handle;
	} else {
		directory->is_alone = true;
		if (handle != NULL) {
			mysql_stmt_close(handle);
			handle = NULL;
		}
	}
	free(sql);
	return handle;
}

static bool execute(
    struct directory *directory, MYSQL_STMT *handle, const char *const *keys, unsigned n)
{
	const struct query *query = &directory->statements[DIRECTORY_MAILBOX].query;
	MYSQL_BIND binds[DIRECTORY_TOGETHER_MAX * QUERY_PARAMETERS_MAX];
	unsigned long lengths[DIRECTORY_TOGETHER_MAX * QUERY_PARAMETERS_MAX];

	for (unsigned i = 0; i < n; i++) {
		size_t at = i * query->n_parameters;

		directory_bind(query, keys[i], binds + at, lengths + at);
	}
	return mysql_stmt_bind_param(handle, binds) == 0 && mysql_stmt_execute(handle) == 0;
}

/* All rows; false if one of them does not fit, or the connection is lost. */
static bool fetch(MYSQL_STMT *handle, unsigned n, directory_together_row *on_row, void *data)
{
	char value[DIRECTORY_TOGETHER_VALUE_MAX];
	unsigned long n_value = 0;
	int key = 0, status;
	mysql_flag is_null = 0;
	MYSQL_BIND binds[2] = {
		{ .buffer_type = MYSQL_TYPE_LONG, .buffer = &key },
		{ .buffer_type = MYSQL_TYPE_STRING,
		    .buffer = value,
		    .buffer_length = sizeof(value),
		    .length = &n_value,
		    .is_null = &is_null },
	};

	if (mysql_stmt_bind_result(handle, binds) != 0) {
		return false;
	}
	while ((status = mysql_stmt_fetch(handle)) == 0) {
		if (key < 0 || (unsigned)key >= n || n_value > sizeof(value)) {
			return false;
		}
		on_row(data, (unsigned)key, is_null ? NULL : value, n_value);
	}
	return status == MYSQL_NO_DATA;
}

unsigned directory_ask_together(struct directory *directory, const char *const *keys, unsigned n,
    directory_together_row *on_row, void *data)
{
	unsigned size = TOGETHER_SIZES - 1, n_keys = DIRECTORY_TOGETHER_MAX;
	MYSQL_STMT *handle;

	while (n_keys > n) {
		n_keys /= 2;
		size--;
	}
	if (n_keys < 2 || directory->is_alone || directory_connect(directory) != 0 ||
	    (handle = prepared(directory, size, n_keys)) == NULL) {
		return 0;
	}
	if (!execute(directory, handle, keys, n_keys) || !fetch(handle, n_keys, on_row, data)) {
		directory_disconnect(directory);
		return 0;
	}
	mysql_stmt_free_result(handle);
	return n_keys;
}
