/* SPDX-License-Identifier: MIT
 * The server is asked, not guessed at: a statement that it prepares is one that the account may run, and
 * EXPLAIN tells whether there is an index. */
#include "doctor/database.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "doctor/connection.h"
#include "doctor/denied.h"
#include "doctor/hosts.h"
#include "schema/inspection.h"

enum {
	GRANTS_SHOWN = 5,
};

/* What all parts of the examination need. */
struct examination {
	const struct directory_settings *settings;
	struct directory *directory;
	struct report *report;
};

struct directory *database_open_alone(const struct directory_settings *settings,
    enum directory_query query, const char *text, struct directory_settings *settings_r)
{
	*settings_r = *settings;
	memset(settings_r->queries, 0, sizeof(settings_r->queries));
	settings_r->queries[query] = text;
	return directory_new(settings_r);
}

/* By a connection that prepares nothing: the account may be refused all queries. */
static void get_account(const struct directory_settings *settings, char *account_r, size_t n)
{
	struct directory_settings bare;
	struct directory *directory = database_open_alone(settings, DIRECTORY_MAILBOX, NULL, &bare);

	if (directory == NULL || inspection_account(directory, account_r, n) != 0) {
		snprintf(account_r, n, "'%s'@'localhost'", settings->user);
	}
	directory_free(directory);
}

/* What the account lacks, as the server puts it: it says the same of what is not there at all, and does not name the
 * database. */
static const char *make_grant(
    const struct examination *examination, const char *name, const struct directory *asked)
{
	struct report *report = examination->report;
	const char *dbname = examination->settings->dbname;
	char account[INSPECTION_ACCOUNT_MAX];
	struct denied denied;

	if (!denied_read(directory_error(asked), &denied)) {
		return report_remedy(
		    report, "correct mysql.%s, or grant the account what it reads", name);
	}
	get_account(examination->settings, account, sizeof(account));
	if (denied.column[0] == '\0') {
		return report_remedy(report,
		    "if there is a table %s.%s, grant %s the columns that mysql.%s reads", dbname,
		    denied.table, account, name);
	}
	return report_remedy(report,
	    "%s -e \"GRANT SELECT (%s) ON %s.%s TO %s\"; if there is no such column, correct "
	    "mysql.%s",
	    inspection_client(asked), denied.column, dbname, denied.table, account, name);
}

/* Of tables that are not known here. */
static const char *make_words(
    const struct examination *examination, const char *name, const struct directory *asked)
{
	struct report *report = examination->report;

	switch (directory_fault(asked)) {
	case DIRECTORY_NO_TABLE:
		return report_remedy(report, "let mysql.%s ask a table that is there", name);
	case DIRECTORY_NO_COLUMN:
		return report_remedy(
		    report, "let mysql.%s ask for columns that its table has", name);
	default:
		return make_grant(examination, name, asked);
	}
}

static const char *make_remedy(const struct examination *examination,
    const struct database_need *need, const struct directory *asked)
{
	struct report *report = examination->report;
	const char *dbname = examination->settings->dbname;
	const char *name = directory_query_name(need->query);
	char account[INSPECTION_ACCOUNT_MAX];

	if (need->table == NULL) {
		return "correct the query in section mysql";
	}
	if (!need->is_guide) {
		return make_words(examination, name, asked);
	}
	switch (directory_fault(asked)) {
	case DIRECTORY_NO_TABLE:
		return report_remedy(report,
		    "make the tables: %s %s </usr/share/doc/lmtpd/examples/schema.sql; or let "
		    "mysql.%s ask yours",
		    inspection_client(asked), dbname, name);
	case DIRECTORY_NO_COLUMN:
		return report_remedy(report,
		    "see what it has: %s %s -e \"DESCRIBE %s\"; then let mysql.%s ask "
		    "for that",
		    inspection_client(asked), dbname, need->table, name);
	case DIRECTORY_NO_GRANT:
		get_account(examination->settings, account, sizeof(account));
		return report_remedy(report, "%s -e \"GRANT SELECT (%s) ON %s.%s TO %s\"",
		    inspection_client(asked), need->columns, dbname, need->table, account);
	default:
		return report_remedy(
		    report, "correct mysql.%s, or grant the account what it reads", name);
	}
}

/* Reports that the server refuses a query, in the words of the directory that asked. */
static void fail_query(const struct examination *examination, const struct database_need *need,
    const struct directory *asked)
{
	report_fail(examination->report, EX_CONFIG, directory_query_name(need->query),
	    make_remedy(examination, need, asked), "%s", directory_error(asked));
}

/* The first query that the server refuses hides the others: ask for each alone. Without a table's name
 * there is no more to say of a query than of all. */
static void check_each_alone(
    const struct examination *examination, const struct database_need *needs, size_t n_needs)
{
	const struct directory_settings *settings = examination->settings;
	bool is_found = false;

	for (size_t i = 0; i < n_needs; i++) {
		struct directory_settings alone;
		struct directory *directory = database_open_alone(
		    settings, needs[i].query, settings->queries[needs[i].query], &alone);

		if (needs[i].table != NULL && directory != NULL &&
		    directory_connect(directory) == DIRECTORY_BAD_QUERY) {
			fail_query(examination, &needs[i], directory);
			is_found = true;
		}
		directory_free(directory);
	}
	if (!is_found) {
		report_fail(examination->report, EX_CONFIG, "database",
		    "correct the query in section mysql, or grant the account what it reads", "%s",
		    directory_error(examination->directory));
	}
}

/* A full scan is right for a table of ten rows, and what it costs shows when there are a million. */
static void check_plan(const struct examination *examination, const struct database_need *need)
{
	const char *name = directory_query_name(need->query);
	struct report *report = examination->report;
	struct inspection_scan scan;
	const char *remedy;

	if (inspection_plan(examination->directory, need->query, &scan) != 0) {
		return;
	}
	if (scan.is_unknown) {
		report_warn(report, "index", "see by EXPLAIN whether it reads every row of a table",
		    "%s: not looked at: the server explains queries in a form that is not known "
		    "here",
		    name);
		return;
	}
	if (!scan.is_full) {
		return;
	}
	if (need->is_guide && strcmp(scan.table, need->table) == 0) {
		remedy = report_remedy(report, "%s %s -e \"%s %s ON %s (%s)\"",
		    inspection_client(examination->directory), examination->settings->dbname,
		    need->index, need->compared, need->table, need->compared);
	} else {
		remedy = report_remedy(report, "make an index of what mysql.%s compares", name);
	}
	report_warn(report, "index", remedy, "%s reads every row of %s (about %s), %s", name,
	    scan.table, scan.rows, need->occasion);
}

static void check_query(const struct examination *examination, const struct database_need *need)
{
	if (inspection_try(examination->directory, need->query) != 0) {
		fail_query(examination, need, examination->directory);
		return;
	}
	report_ok(examination->report, directory_query_name(need->query), "%s",
	    examination->settings->queries[need->query]);
	check_plan(examination, need);
}

/* What the account may do beyond reading; the first few are shown. */
struct surplus {
	const struct directory *directory;
	struct report *report;
	unsigned n;
};

static void on_grant(void *data, const char *privileges, const char *object, const char *revoke)
{
	struct surplus *surplus = data;

	if (++surplus->n <= GRANTS_SHOWN) {
		report_warn(surplus->report, "account",
		    revoke == NULL ? "grant it what grants.sql does, and revoke this"
				   : report_remedy(surplus->report, "%s -e \"%s\"",
					 inspection_client(surplus->directory), revoke),
		    "it may do more than it needs: %s on %s", privileges, object);
	}
}

struct directory *database_check(const struct directory_settings *settings,
    const struct database_need *needs, size_t n_needs, struct report *report)
{
	const struct examination examination = { settings, directory_new(settings), report };
	struct directory *directory = examination.directory;
	struct surplus surplus = { .directory = directory, .report = report };
	int result = directory == NULL ? -ENOMEM : directory_connect(directory);

	if (result == 0) {
		if (settings->hosts.n == 1) {
			connection_report(directory, settings, report);
		} else {
			hosts_check(settings, needs[0].query, report);
		}
		for (size_t i = 0; i < n_needs; i++) {
			check_query(&examination, &needs[i]);
		}
		inspection_grants(directory, on_grant, &surplus);
		return directory;
	}
	if (result == DIRECTORY_BAD_QUERY) {
		check_each_alone(&examination, needs, n_needs);
	} else {
		report_fail(report, EX_UNAVAILABLE, "database",
		    directory != NULL && directory_fault(directory) == DIRECTORY_NO_TLS
			? connection_tls_remedy
			: "see that it runs, and that hosts, user, password and dbname are right",
		    "%s", directory == NULL ? "out of memory" : directory_error(directory));
		if (settings->hosts.n > 1) {
			hosts_check(settings, needs[0].query, report);
		}
	}
	directory_free(directory);
	return NULL;
}

/* The table of "SELECT x FROM table WHERE ...". False if there is none that is as plain as that. */
static bool find_table(const char *query, char *table_r, size_t n_table)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_.`";
	const char *from = strcasestr(query, " FROM ");
	size_t n;

	if (from == NULL) {
		return false;
	}
	from += 6;
	from += strspn(from, " ");
	n = strspn(from, plain);
	snprintf(table_r, n_table, "%.*s", (int)n, from);
	return n > 0 && n < n_table && (from[n] == ' ' || from[n] == '\0');
}

static bool may_read_hashes(struct directory *directory, const struct directory_settings *settings)
{
	static const char *const columns[] = { "password", "passwd", "crypt", "hash" };
	char table[256], sql[384];

	if (!find_table(settings->queries[DIRECTORY_MAILBOX], table, sizeof(table))) {
		return false;
	}
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		snprintf(sql, sizeof(sql), "SELECT %s FROM %s LIMIT 0", columns[i], table);
		if (inspection_may(directory, sql)) {
			return true;
		}
	}
	return false;
}

void database_check_passwords(struct directory *directory,
    const struct directory_settings *settings, bool is_guide, struct report *report)
{
	const char *dbname = settings->dbname;
	char account[INSPECTION_ACCOUNT_MAX];

	if (!may_read_hashes(directory, settings)) {
		return;
	}
	inspection_account(directory, account, sizeof(account));
	report_warn(report, "account",
	    !is_guide
		? "give lmtpd-auth and Dovecot an account of their own, and grant this one "
		  "the columns that lmtpd's queries read, and no more"
		: report_remedy(report,
		      "give lmtpd-auth and Dovecot an account of their own, as in grants.sql and "
		      "move.md; "
		      "then %s -e \"REVOKE ALL PRIVILEGES, GRANT OPTION FROM %s; "
		      "GRANT SELECT (name) ON %s.virtual_domains TO %s; "
		      "GRANT SELECT (email) ON %s.virtual_users TO %s; "
		      "GRANT SELECT (source, destination) ON %s.virtual_aliases TO %s\"",
		      inspection_client(directory), account, dbname, account, dbname, account,
		      dbname, account),
	    "%s can read password hashes; with one account for all that is so, but lmtpd "
	    "needs none",
	    account);
}

static int read_users(
    struct directory *directory, row_handler *on_row, void *data, struct error *error)
{
	int result = directory_connect(directory);

	if (result == 0) {
		result = directory_ask(directory, DIRECTORY_MAILBOXES, "", on_row, data);
	}
	error_set(error, "%s", result == -ENOMEM ? "out of memory" : directory_error(directory));
	return result == 0                     ? EX_OK
	       : result == -ENOMEM             ? EX_OSERR
	       : result == DIRECTORY_BAD_QUERY ? EX_CONFIG
					       : EX_UNAVAILABLE;
}

int database_read_users(const struct directory_settings *settings, const char *users_query,
    row_handler *on_row, void *data, struct error *error)
{
	struct directory_settings alone;
	struct directory *directory;
	int exit_code = EX_OSERR;

	if (users_query[0] == '\0') {
		error_set(error,
		    "mysql.users_query is \"\": without it nobody knows which mailboxes there are");
		return EX_CONFIG;
	}
	directory = database_open_alone(settings, DIRECTORY_MAILBOXES, users_query, &alone);
	if (directory_check_settings(&alone, error) != 0) {
		exit_code = EX_CONFIG;
	} else if (directory == NULL) {
		error_set(error, "out of memory");
	} else {
		exit_code = read_users(directory, on_row, data, error);
		if (exit_code == EX_OK) {
			error->text[0] = '\0';
		}
	}
	directory_free(directory);
	return exit_code;
}
