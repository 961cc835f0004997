/* SPDX-License-Identifier: MIT
 * What an account must be allowed for a query. Of one table every name that is no function's is a column; of
 * several it is not worth while to find out whose it is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adopt/select.h"
#include "adopt/tokens.h"
#include "base/text.h"

enum {
	TABLES_MAX = 16,
	COLUMNS_MAX = 32,
};

struct names {
	struct span list[COLUMNS_MAX];
	size_t n, max;
};

/* Returns false when there are too many. */
static bool add_name(struct names *names, const char *p, size_t n)
{
	for (size_t i = 0; i < names->n; i++) {
		if (names->list[i].n == n && memcmp(names->list[i].p, p, n) == 0) {
			return true;
		}
	}
	if (names->n == names->max) {
		return false;
	}
	names->list[names->n].p = p;
	names->list[names->n++].n = n;
	return true;
}

/* Behind FROM, JOIN and, in a list of tables, a comma. FROM within TRIM() and its like names columns: those who
 * grant them see that there is no such table. */
static bool find_tables(const struct tokens *tokens, struct names *tables)
{
	bool is_list = false;
	unsigned depth = 0;

	for (size_t i = 0; i + 1 < tokens->n; i++) {
		const struct token *token = &tokens->list[i];

		if (token_is(token, "FROM") || token_is(token, "JOIN")) {
			is_list = true;
			depth = token->depth;
		} else if (token_is(token, "WHERE") || token_is(token, "SELECT") ||
			   token_is(token, "ORDER")) {
			is_list = false;
		}
		if (is_list && token->depth == depth &&
		    (token_is(token, "FROM") || token_is(token, "JOIN") || token_is(token, ",")) &&
		    token_is_name(token + 1) && !add_name(tables, token[1].p, token[1].n)) {
			return false;
		}
	}
	return tables->n > 0;
}

/* All names but the table's, those that are given with AS, and those of functions; without what stands before a dot. */
static bool find_columns(
    const struct tokens *tokens, const struct names *tables, struct names *columns)
{
	for (size_t i = 0; i < tokens->n; i++) {
		const struct token *token = &tokens->list[i];
		const char *p = token->p, *end = token->p + token->n, *dot;
		bool is_given =
		    i > 0 && (token[-1].p == tables->list[0].p || token_is(&token[-1], "AS"));

		if (!token_is_name(token) || p == tables->list[0].p || is_given ||
		    (i + 1 < tokens->n && token_is(token + 1, "("))) {
			continue;
		}
		while ((dot = memchr(p, '.', (size_t)(end - p))) != NULL) {
			p = dot + 1;
		}
		if (!add_name(columns, p, (size_t)(end - p))) {
			return false;
		}
	}
	return columns->n > 0;
}

static void put_grant(FILE *out, const struct tokens *tokens, const struct names *tables, size_t i,
    const char *dbname, const char *account)
{
	struct names columns = { .max = COLUMNS_MAX };
	bool is_qualified = memchr(tables->list[i].p, '.', tables->list[i].n) != NULL;

	fputs("GRANT SELECT ", out);
	if (tables->n == 1 && find_columns(tokens, tables, &columns)) {
		for (size_t k = 0; k < columns.n; k++) {
			fprintf(out, "%s%.*s", k == 0 ? "(" : ", ", (int)columns.list[k].n,
			    columns.list[k].p);
		}
		fputs(") ", out);
	}
	fprintf(out, "ON %s%s%.*s TO %s;\n", is_qualified ? "" : dbname, is_qualified ? "" : ".",
	    (int)tables->list[i].n, tables->list[i].p, account);
}

char *select_grants(const char *text, const char *dbname, const char *account)
{
	struct names tables = { .max = TABLES_MAX };
	struct tokens tokens;
	struct error ignored;
	char *grants = NULL;
	size_t n;
	FILE *out = open_memstream(&grants, &n);

	if (out == NULL) {
		return NULL;
	}
	if (tokens_read(&tokens, text, &ignored) == 0 && find_tables(&tokens, &tables)) {
		for (size_t i = 0; i < tables.n; i++) {
			put_grant(out, &tokens, &tables, i, dbname, account);
		}
	}
	if (fclose(out) != 0) {
		free(grants);
		return NULL;
	}
	return grants;
}
