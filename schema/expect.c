/* SPDX-License-Identifier: MIT
 * Many keys in one statement: the user_query of each, put together by UNION ALL, so that look-ups
 * that wait side by side cost one round trip and one turn of the server's thread.
 *
 * It is a short cut and nothing else. Whatever goes wrong with it leaves keys without an answer, and
 * they are asked for one by one, where errors are told apart. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/directory_private.h"

/* "SELECT 'a', q.* FROM (...) AS q UNION ALL SELECT 'b', ...": the letter says whose row it is. NULL
 * when out of memory. */
static char *compose(const struct query *query, unsigned n)
{
	static const char part[] = " UNION ALL SELECT '%c', q.* FROM (%s) AS q";
	static const size_t n_union = sizeof(" UNION ALL");
	size_t cap = n * (sizeof(part) + strlen(query->sql)) + 1, at = 0;
	char *sql = malloc(cap);

	for (unsigned i = 0; i < n && sql != NULL; i++) {
		at += (size_t)snprintf(
		    sql + at, cap - at, i == 0 ? part + n_union : part, (int)('a' + i), query->sql);
	}
	return sql;
}

/* Makes the statement for n keys. That this query cannot be used like this is no failure. */
static bool expect_prepare(
    struct directory *directory, struct driver_statement **prepared_r, unsigned n)
{
	const struct statement *alone = &directory->statements[DIRECTORY_MAILBOX];
	struct driver_failure before = directory->failure;
	char *sql = compose(&alone->query, n);
	struct driver_statement *prepared =
	    sql == NULL
		? NULL
		: driver_prepare(directory->driver, directory_query_name(DIRECTORY_MAILBOX), sql);

	free(sql);
	if (prepared != NULL &&
	    driver_count_parameters(prepared) == n * alone->query.n_parameters &&
	    driver_count_columns(prepared) == 1 + driver_count_columns(alone->prepared)) {
		*prepared_r = prepared;
		return true;
	}
	driver_close(prepared);
	directory->expectation.is_refused = true;
	directory->failure = before;
	return false;
}

/* A row of the statement for the keys behind those that were answered already. */
static int on_expected_row(void *data, const struct row *row)
{
	struct expectation *expectation = data;
	const struct column *letter = &row->columns[0];
	size_t which = expectation->n;
	struct expected *answer;
	size_t used = 0;

	which += letter->n == 1 ? (size_t)(letter->text[0] - 'a') : DIRECTORY_TOGETHER_MAX;
	if (which >= DIRECTORY_TOGETHER_MAX) {
		return -EPROTO;
	}
	answer = &expectation->answers[which];
	if (answer->row.n_columns > 0) {
		answer->is_kept = false; /* several: it depends on who asks which one counts */
		return 0;
	}
	answer->row = (struct row){ answer->columns, row->n_columns - 1 };
	for (unsigned i = 0; i < answer->row.n_columns; i++) {
		struct column *column = &answer->columns[i];

		*column = row->columns[i + 1];
		if (column->n > sizeof(answer->text) - used) {
			answer->is_kept = false;
			return 0;
		}
		if (column->text != NULL) {
			column->text = memcpy(answer->text + used, column->text, column->n);
			used += column->n;
		}
	}
	return 0;
}

/* Asks for the next n keys. */
static bool expect_ask(struct directory *directory, struct driver_statement **prepared, unsigned n)
{
	struct expectation *expectation = &directory->expectation;

	if (*prepared == NULL && !expect_prepare(directory, prepared, n)) {
		return false;
	}
	if (driver_execute(*prepared, &directory->statements[DIRECTORY_MAILBOX].query,
		&expectation->keys[expectation->n], n) != 0 ||
	    driver_fetch(*prepared, on_expected_row, expectation) != 0) {
		directory_disconnect(directory);
		return false;
	}
	expectation->n += n;
	return true;
}

void directory_expect(struct directory *directory, const char *const *keys, unsigned n)
{
	struct expectation *expectation = &directory->expectation;
	unsigned n_keys = 0;
	bool is_answered = true;

	directory_forget(directory);
	for (unsigned i = 0; i < n && n_keys < DIRECTORY_TOGETHER_MAX; i++) {
		/* A character that the column's charset lacks would fail them all. */
		if (key_is_ascii(keys[i])) {
			expectation->answers[n_keys].is_kept = true;
			expectation->answers[n_keys].row.n_columns = 0;
			expectation->keys[n_keys++] = keys[i];
		}
	}
	if (n_keys < 2 || directory_connect(directory) != 0) {
		return;
	}
	/* Powers of two, so that four statements do for any number. */
	for (unsigned i = EXPECTED_SIZES; i-- > 0 && is_answered && !expectation->is_refused;) {
		if (n_keys - expectation->n >= 2u << i) {
			is_answered = expect_ask(directory, &expectation->statements[i], 2u << i);
		}
	}
}

void directory_forget(struct directory *directory)
{
	directory->expectation.n = 0;
}

const struct expected *expectation_find(const struct expectation *expectation, const char *key)
{
	for (unsigned i = 0; i < expectation->n; i++) {
		if (expectation->answers[i].is_kept && strcmp(expectation->keys[i], key) == 0) {
			return &expectation->answers[i];
		}
	}
	return NULL;
}

void expectation_clear(struct expectation *expectation)
{
	for (unsigned i = 0; i < EXPECTED_SIZES; i++) {
		driver_close(expectation->statements[i]);
		expectation->statements[i] = NULL;
	}
	expectation->is_refused = false;
	expectation->n = 0;
}
