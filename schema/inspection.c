/* SPDX-License-Identifier: MIT
 * Questions about the server itself. No text of a stranger is part of any of them. */
#include "schema/inspection.h"

#include <errno.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/directory_private.h"
#include "schema/grants.h"

enum {
	PLAN_COLUMNS_MAX = 16,
	PLAN_VALUE_MAX = 256,
};

static const char nobody[] = "nobody@lmtpd-check.invalid"; /* RFC 2606 */

enum inspection_fault inspection_fault(const struct directory *directory)
{
	switch (directory->error_code) {
	case ER_NO_SUCH_TABLE:
		return INSPECTION_NO_TABLE;
	case ER_BAD_FIELD_ERROR:
		return INSPECTION_NO_COLUMN;
	case ER_TABLEACCESS_DENIED_ERROR:
	case ER_COLUMNACCESS_DENIED_ERROR:
		return INSPECTION_NO_GRANT;
	default:
		return INSPECTION_OTHER_FAULT;
	}
}

static int fail(struct directory *directory, const char *what, const char *why, unsigned code)
{
	snprintf(directory->error, sizeof(directory->error), "mysql %s: %s: %s (%u)",
	    directory->host, what, why, code);
	return -EIO;
}

/* directory_ask() takes a refusal for an accident too. */
static int connect_to(struct directory *directory)
{
	int result = directory_connect(directory);

	return result > 0 ? -EIO : result;
}

int inspection_may(struct directory *directory, const char *sql)
{
	int result = connect_to(directory);
	MYSQL_STMT *handle;

	if (result != 0) {
		return result;
	}
	handle = mysql_stmt_init(directory->mysql);
	if (handle == NULL) {
		return -ENOMEM;
	}
	result = INSPECTION_YES;
	if (mysql_stmt_prepare(handle, sql, strlen(sql)) != 0) {
		unsigned code = mysql_stmt_errno(handle);

		fail(directory, sql, mysql_stmt_error(handle), code);
		result =
		    code == ER_TABLEACCESS_DENIED_ERROR || code == ER_COLUMNACCESS_DENIED_ERROR ||
			    code == ER_DBACCESS_DENIED_ERROR
			? INSPECTION_NO
		    : code == ER_NO_SUCH_TABLE || code == ER_BAD_FIELD_ERROR ? INSPECTION_ABSENT
									     : -EIO;
	}
	mysql_stmt_close(handle);
	return result;
}

/* Calls on_row with the first column of each row. */
static int each_row(struct directory *directory, const char *sql,
    void (*on_row)(void *data, const char *value), void *data)
{
	int result = connect_to(directory);
	MYSQL_RES *rows;
	MYSQL_ROW row;

	if (result != 0) {
		return result;
	}
	if (mysql_query(directory->mysql, sql) != 0 ||
	    (rows = mysql_store_result(directory->mysql)) == NULL) {
		return fail(
		    directory, sql, mysql_error(directory->mysql), mysql_errno(directory->mysql));
	}
	while ((row = mysql_fetch_row(rows)) != NULL) {
		if (row[0] != NULL) {
			on_row(data, row[0]);
		}
	}
	mysql_free_result(rows);
	return 0;
}

struct account {
	char *text;
	size_t n;
};

static void on_account(void *data, const char *value)
{
	const struct account *account = data;
	const char *at = strrchr(value, '@');

	if (at != NULL) {
		snprintf(
		    account->text, account->n, "'%.*s'@'%s'", (int)(at - value), value, at + 1);
	}
}

int inspection_account(struct directory *directory, char *account_r, size_t n_account)
{
	struct account account = { account_r, n_account };

	snprintf(account_r, n_account, "this account");
	return each_row(directory, "SELECT CURRENT_USER()", on_account, &account);
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

static void on_line(void *data, const char *value)
{
	const struct grants *grants = data;
	char privileges[INSPECTION_TEXT_MAX], object[INSPECTION_TEXT_MAX];
	char revoke[2 * INSPECTION_TEXT_MAX + INSPECTION_ACCOUNT_MAX + 32];

	if (grant_is_more_than_reading(
		value, privileges, sizeof(privileges), object, sizeof(object))) {
		snprintf(revoke, sizeof(revoke), "REVOKE %s ON %s FROM %s", privileges, object,
		    grants->account);
		grants->on_grant(grants->data, privileges, object,
		    is_plain(object, grants->account) ? revoke : NULL);
	}
}

int inspection_grants(struct directory *directory, inspection_grant *on_grant, void *data)
{
	struct grants grants = { .on_grant = on_grant, .data = data };
	int result = inspection_account(directory, grants.account, sizeof(grants.account));

	return result == 0 ? each_row(directory, "SHOW GRANTS", on_line, &grants) : result;
}

/* One row of EXPLAIN, by the columns' names. */
struct plan {
	MYSQL_BIND binds[PLAN_COLUMNS_MAX];
	char values[PLAN_COLUMNS_MAX][PLAN_VALUE_MAX];
	unsigned long lengths[PLAN_COLUMNS_MAX];
	mysql_flag nulls[PLAN_COLUMNS_MAX];
	const char *names[PLAN_COLUMNS_MAX];
	unsigned n;
};

static const char *plan_get(struct plan *plan, const char *name)
{
	for (unsigned i = 0; i < plan->n; i++) {
		if (strcmp(plan->names[i], name) == 0 && !plan->nulls[i]) {
			plan->values[i][plan->lengths[i] < PLAN_VALUE_MAX ? plan->lengths[i]
									  : PLAN_VALUE_MAX - 1] =
			    '\0';
			return plan->values[i];
		}
	}
	return "";
}

static void bind_plan(struct plan *plan, MYSQL_RES *columns)
{
	const MYSQL_FIELD *fields = mysql_fetch_fields(columns);

	plan->n = mysql_num_fields(columns);
	for (unsigned i = 0; i < plan->n; i++) {
		plan->names[i] = fields[i].name;
		plan->binds[i] = (MYSQL_BIND){
			.buffer_type = MYSQL_TYPE_STRING,
			.buffer = plan->values[i],
			.buffer_length = PLAN_VALUE_MAX,
			.length = &plan->lengths[i],
			.is_null = &plan->nulls[i],
		};
	}
}

static int read_plan(MYSQL_STMT *handle, struct inspection_scan *scan_r)
{
	MYSQL_RES *columns = mysql_stmt_result_metadata(handle);
	struct plan plan = { .n = 0 };
	int fetched = 1;

	if (columns == NULL || mysql_num_fields(columns) > PLAN_COLUMNS_MAX) {
		mysql_free_result(columns);
		return -EIO;
	}
	bind_plan(&plan, columns);
	if (mysql_stmt_bind_result(handle, plan.binds) == 0) {
		while (
		    (fetched = mysql_stmt_fetch(handle)) == 0 || fetched == MYSQL_DATA_TRUNCATED) {
			const char *type = plan_get(&plan, "type");

			if ((strcmp(type, "ALL") == 0 || strcmp(type, "index") == 0) &&
			    plan_get(&plan, "possible_keys")[0] == '\0' && !scan_r->is_full) {
				scan_r->is_full = true;
				snprintf(scan_r->table, sizeof(scan_r->table), "%.*s",
				    (int)sizeof(scan_r->table) - 1, plan_get(&plan, "table"));
				snprintf(scan_r->rows, sizeof(scan_r->rows), "%.*s",
				    (int)sizeof(scan_r->rows) - 1, plan_get(&plan, "rows"));
			}
		}
	}
	mysql_free_result(columns);
	return fetched == MYSQL_NO_DATA ? 0 : -EIO;
}

int inspection_plan(
    struct directory *directory, enum directory_query query, struct inspection_scan *scan_r)
{
	const struct query *asked = &directory->statements[query].query;
	MYSQL_BIND binds[QUERY_PARAMETERS_MAX];
	unsigned long lengths[QUERY_PARAMETERS_MAX];
	MYSQL_STMT *handle;
	char *sql;
	int result = connect_to(directory);

	*scan_r = (struct inspection_scan){ .is_full = false };
	if (result != 0) {
		return result;
	}
	handle = mysql_stmt_init(directory->mysql);
	if (handle == NULL || asprintf(&sql, "EXPLAIN %s", asked->sql) < 0) {
		if (handle != NULL) {
			mysql_stmt_close(handle);
		}
		return -ENOMEM;
	}
	directory_bind(asked, nobody, binds, lengths);
	result = -EIO;
	if (mysql_stmt_prepare(handle, sql, strlen(sql)) == 0 &&
	    mysql_stmt_bind_param(handle, binds) == 0 && mysql_stmt_execute(handle) == 0) {
		result = read_plan(handle, scan_r);
	}
	if (result != 0) {
		fail(directory, "explain", mysql_stmt_error(handle), mysql_stmt_errno(handle));
	}
	mysql_stmt_close(handle);
	free(sql);
	return result;
}
