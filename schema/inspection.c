/* SPDX-License-Identifier: MIT
 * Questions about the server itself. No text of a stranger is part of any of them. */
#include "schema/inspection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "schema/directory_private.h"
#include "schema/grants.h"

/* Whom queries are tried with: nobody can have this address (RFC 2606). */
static const char *const nobody = "nobody@lmtpd-check.invalid";
static const struct query no_parameters;

static int ignore_row(void *data, const struct row *row)
{
	return 0;
}

void inspection_transport(
    const struct directory *directory, struct directory_transport *transport_r)
{
	*transport_r = (struct directory_transport){ .tls = "" };
	if (directory->driver != NULL) {
		driver_transport(directory->driver, transport_r);
	}
}

const char *inspection_client(const struct directory *directory)
{
	return directory->is_mysql ? "mysql" : "mariadb";
}

int inspection_try(struct directory *directory, enum directory_query query)
{
	return directory_ask(directory, query, nobody, ignore_row, NULL);
}

int inspection_ask_nobody(void *directory, struct error *error)
{
	const struct directory *asked = directory;
	enum directory_query query = DIRECTORY_MAILBOX;

	if (directory == NULL) {
		return error_set(error, "out of memory");
	}
	if (asked->settings->queries[query] == NULL) {
		query = DIRECTORY_PASSWORD;
	}
	return inspection_try(directory, query) == 0
		   ? 0
		   : error_set(error, "%s", directory_error(directory));
}

bool inspection_may(struct directory *directory, const char *sql)
{
	struct driver_statement *statement;

	if (directory_connect(directory) != 0) {
		return false;
	}
	statement = driver_prepare(directory->driver, sql, sql);
	driver_close(statement);
	return statement != NULL;
}

/* Asks something that is not among the directory's queries, with query's parameters. */
static int inspection_ask(struct directory *directory, const char *sql, const struct query *query,
    row_handler *on_row, void *data)
{
	struct driver_statement *statement;
	int result;

	if (directory_connect(directory) != 0) {
		return -EIO;
	}
	statement = driver_prepare(directory->driver, sql, sql);
	if (statement == NULL) {
		return -EIO;
	}
	result = driver_execute(statement, query, &nobody, 1);
	if (result == 0) {
		result = driver_fetch(statement, on_row, data);
	}
	if (result != 0) {
		directory_disconnect(directory);
	}
	driver_close(statement);
	return result;
}

/* A value as a string, cut to fit; "" for none. */
static void column_print(const struct column *column, char *text_r, size_t n)
{
	snprintf(text_r, n, "%.*s", column == NULL ? 0 : (int)column->n,
	    column == NULL || column->text == NULL ? "" : column->text);
}

struct account {
	char *text;
	size_t n;
};

static int on_account_row(void *data, const struct row *row)
{
	const struct account *account = data;
	char value[INSPECTION_ACCOUNT_MAX];
	const char *at;

	column_print(&row->columns[0], value, sizeof(value));
	at = strrchr(value, '@');
	if (at != NULL) {
		snprintf(
		    account->text, account->n, "'%.*s'@'%s'", (int)(at - value), value, at + 1);
	}
	return 0;
}

int inspection_account(struct directory *directory, char *account_r, size_t n_account)
{
	struct account account = { account_r, n_account };

	snprintf(account_r, n_account, "this account");
	return inspection_ask(
	    directory, "SELECT CURRENT_USER()", &no_parameters, on_account_row, &account);
}

/* A number, or a word of newer servers. */
static int on_read_only_row(void *data, const struct row *row)
{
	char value[16];

	column_print(&row->columns[0], value, sizeof(value));
	*(bool *)data = strcmp(value, "0") != 0 && strcmp(value, "OFF") != 0;
	return 0;
}

int inspection_read_only(struct directory *directory, bool *is_read_only_r)
{
	*is_read_only_r = false;
	return inspection_ask(directory, "SELECT @@global.read_only", &no_parameters,
	    on_read_only_row, is_read_only_r);
}

struct grants {
	inspection_grant *on_grant;
	void *data;
	char account[INSPECTION_ACCOUNT_MAX];
};

/* Names that need no quotes, neither in SQL nor in a shell. */
static bool is_plain(const char *object, const char *account)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_.*";

	return object[strspn(object, plain)] == '\0' && strpbrk(account, "\"$`\\!") == NULL;
}

/* It may be all that lets the account read. */
static bool has_reading(const char *privileges)
{
	return strncasecmp(privileges, "SELECT", 6) == 0 || strncasecmp(privileges, "ALL", 3) == 0;
}

static int on_grant_row(void *data, const struct row *row)
{
	const struct grants *grants = data;
	const struct column *column = &row->columns[0];
	/* As long as it is: a right to columns names them all. */
	char *line = strndup(column->text == NULL ? "" : column->text, column->n);
	char privileges[INSPECTION_TEXT_MAX], object[INSPECTION_TEXT_MAX];
	char revoke[2 * INSPECTION_TEXT_MAX + INSPECTION_ACCOUNT_MAX + 32];

	if (line == NULL) {
		return -ENOMEM;
	}
	if (grant_is_more_than_needed(
		line, privileges, sizeof(privileges), object, sizeof(object))) {
		snprintf(revoke, sizeof(revoke), "REVOKE %s ON %s FROM %s", privileges, object,
		    grants->account);
		grants->on_grant(grants->data, privileges, object,
		    is_plain(object, grants->account) && !has_reading(privileges) ? revoke : NULL);
	}
	free(line);
	return 0;
}

int inspection_grants(struct directory *directory, inspection_grant *on_grant, void *data)
{
	struct grants grants = { .on_grant = on_grant, .data = data };
	int result = inspection_account(directory, grants.account, sizeof(grants.account));

	return result != 0 ? result
			   : inspection_ask(
				 directory, "SHOW GRANTS", &no_parameters, on_grant_row, &grants);
}

/* A row of EXPLAIN. Its columns differ from server to server, but for these names. What the server makes of
 * other rows, "<union1,2>", has no index and needs none: where its rows come from is a row of its own. */
static int on_plan_row(void *data, const struct row *row)
{
	struct inspection_scan *scan = data;
	const struct column *keys = row_find(row, "possible_keys");
	const struct column *kind = row_find(row, "type");
	char type[16], table[sizeof(scan->table)];

	scan->is_unknown = scan->is_unknown || kind == NULL;
	column_print(kind, type, sizeof(type));
	column_print(row_find(row, "table"), table, sizeof(table));
	if (!scan->is_full && table[0] != '<' &&
	    (strcmp(type, "ALL") == 0 || strcmp(type, "index") == 0) &&
	    (keys == NULL || keys->n == 0)) {
		scan->is_full = true;
		snprintf(scan->table, sizeof(scan->table), "%s", table);
		column_print(row_find(row, "rows"), scan->rows, sizeof(scan->rows));
	}
	return 0;
}

int inspection_plan(
    struct directory *directory, enum directory_query query, struct inspection_scan *scan_r)
{
	const struct query *asked = &directory->statements[query].query;
	char *sql;
	int result;

	*scan_r = (struct inspection_scan){ .is_full = false };
	/* As a table: newer servers of MySQL print a tree. */
	if (asprintf(&sql, "EXPLAIN FORMAT=TRADITIONAL %s", asked->sql) < 0) {
		return -ENOMEM;
	}
	result = inspection_ask(directory, sql, asked, on_plan_row, scan_r);
	free(sql);
	return result;
}
