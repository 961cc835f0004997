/* SPDX-License-Identifier: MIT
 * The database: that it answers each query, by an index, and that the account may do no more than
 * lmtpd needs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "lmtpd/check/check.h"
#include "schema/inspection.h"

/* What of the guide's tables each query reads. */
static const struct {
	enum directory_query query;
	const char *table, *columns, *compared, *index;
} needs[] = {
	{ DIRECTORY_MAILBOX, "virtual_users", "email", "email", "CREATE UNIQUE INDEX" },
	{ DIRECTORY_ALIAS, "virtual_aliases", "source, destination", "source", "CREATE INDEX" },
	{ DIRECTORY_DOMAIN, "virtual_domains", "name", "name", "CREATE INDEX" },
};

enum {
	N_NEEDS = sizeof(needs) / sizeof(needs[0])
};

/* A directory of these settings with one query, or none at all. */
static struct directory *open_alone(struct directory_settings *settings, int query)
{
	for (int i = 0; i < DIRECTORY_QUERIES; i++) {
		if (i != query) {
			settings->queries[i] = NULL;
		}
	}
	return directory_new(settings);
}

static void get_account(const struct check *check, char *account_r, size_t n)
{
	struct directory_settings settings = check->config.directory;
	struct directory *directory = open_alone(&settings, -1);

	if (directory == NULL || inspection_account(directory, account_r, n) != 0) {
		snprintf(account_r, n, "'%s'@'localhost'", settings.user);
	}
	directory_free(directory);
}

static void write_remedy(
    const struct check *check, size_t which, enum inspection_fault fault, char *remedy_r, size_t n)
{
	const char *dbname = check->config.directory.dbname;
	const char *name = directory_query_name(needs[which].query);
	char account[INSPECTION_ACCOUNT_MAX];

	switch (fault) {
	case INSPECTION_NO_TABLE:
		snprintf(remedy_r, n,
		    "make the tables: mariadb %s </usr/share/doc/lmtpd/examples/schema.sql; or let "
		    "mysql.%s ask yours",
		    dbname, name);
		break;
	case INSPECTION_NO_COLUMN:
		snprintf(remedy_r, n,
		    "see what it has: mariadb %s -e \"DESCRIBE %s\"; then let mysql.%s ask "
		    "for that",
		    dbname, needs[which].table, name);
		break;
	case INSPECTION_NO_GRANT:
		get_account(check, account, sizeof(account));
		snprintf(remedy_r, n, "mariadb -e \"GRANT SELECT (%s) ON %s.%s TO %s\"",
		    needs[which].columns, dbname, needs[which].table, account);
		break;
	default:
		snprintf(remedy_r, n, "correct mysql.%s, or grant the account what it reads", name);
	}
}

/* The first query that the server refuses hides the others: ask for each alone. */
static void check_each_alone(struct check *check, const char *error)
{
	bool is_found = false;
	char remedy[REPORT_TEXT_MAX];

	for (size_t i = 0; i < N_NEEDS; i++) {
		struct directory_settings settings = check->config.directory;
		struct directory *directory = open_alone(&settings, needs[i].query);

		if (directory != NULL && directory_connect(directory) == DIRECTORY_BAD_QUERY) {
			write_remedy(check, i, inspection_fault(directory), remedy, sizeof(remedy));
			report_fail(&check->report, EX_CONFIG, directory_query_name(needs[i].query),
			    remedy, "%s", directory_error(directory));
			is_found = true;
		}
		directory_free(directory);
	}
	if (!is_found) {
		report_fail(
		    &check->report, EX_CONFIG, "database", "correct the query", "%s", error);
	}
}

static int ignore_row(void *data, const struct row *row)
{
	return 0;
}

static void check_plan(struct check *check, struct directory *directory, size_t which)
{
	const char *name = directory_query_name(needs[which].query);
	char remedy[REPORT_TEXT_MAX];
	struct inspection_scan scan;

	if (inspection_plan(directory, needs[which].query, &scan) != 0 || !scan.is_full) {
		return;
	}
	if (strcmp(scan.table, needs[which].table) == 0) {
		snprintf(remedy, sizeof(remedy), "mariadb %s -e \"%s %s ON %s (%s)\"",
		    check->config.directory.dbname, needs[which].index, needs[which].compared,
		    needs[which].table, needs[which].compared);
	} else {
		snprintf(remedy, sizeof(remedy), "make an index of what mysql.%s compares", name);
	}
	report_warn(&check->report, "index", remedy,
	    "%s reads every row of %s (about %s), for each recipient", name, scan.table, scan.rows);
}

static void check_query(struct check *check, struct directory *directory, size_t which)
{
	const char *name = directory_query_name(needs[which].query);
	char remedy[REPORT_TEXT_MAX];

	/* Reserved names, RFC 2606: nobody can have this address. */
	if (directory_ask(directory, needs[which].query, "nobody@lmtpd-check.invalid", ignore_row,
		NULL) != 0) {
		write_remedy(check, which, inspection_fault(directory), remedy, sizeof(remedy));
		report_fail(
		    &check->report, EX_CONFIG, name, remedy, "%s", directory_error(directory));
		return;
	}
	report_ok(&check->report, name, "%s", check->config.directory.queries[needs[which].query]);
	check_plan(check, directory, which);
}

static void check_passwords(struct check *check, struct directory *directory)
{
	const char *dbname = check->config.directory.dbname;
	char account[INSPECTION_ACCOUNT_MAX], remedy[REPORT_TEXT_MAX];

	if (inspection_may(directory, "SELECT password FROM virtual_users LIMIT 0") !=
	    INSPECTION_YES) {
		return;
	}
	inspection_account(directory, account, sizeof(account));
	snprintf(remedy, sizeof(remedy),
	    "give lmtpd-auth and Dovecot an account of their own, as in grants.sql and move.md; "
	    "then mariadb -e \"REVOKE ALL PRIVILEGES, GRANT OPTION FROM %s; "
	    "GRANT SELECT (name) ON %s.virtual_domains TO %s; "
	    "GRANT SELECT (email) ON %s.virtual_users TO %s; "
	    "GRANT SELECT (source, destination) ON %s.virtual_aliases TO %s\"",
	    account, dbname, account, dbname, account, dbname, account);
	report_warn(&check->report, "account", remedy,
	    "%s can read password hashes; with one account for all that is so, but lmtpd "
	    "needs none",
	    account);
}

static void check_account(struct check *check, struct directory *directory)
{
	struct report_grants grants = { .report = &check->report };

	inspection_grants(directory, report_grant, &grants);
	check_passwords(check, directory);
}

struct directory *check_tables(struct check *check)
{
	struct directory *directory = directory_new(&check->config.directory);
	int result = directory == NULL ? -ENOMEM : directory_connect(directory);

	if (result == DIRECTORY_BAD_QUERY) {
		check_each_alone(check, directory_error(directory));
	} else if (result != 0) {
		report_fail(&check->report, EX_UNAVAILABLE, "database",
		    "see that it runs, and that hosts, user, password and dbname are right", "%s",
		    directory == NULL ? "out of memory" : directory_error(directory));
	} else {
		report_ok(&check->report, "database", "%s", directory_host(directory));
		for (size_t i = 0; i < N_NEEDS; i++) {
			check_query(check, directory, i);
		}
		check_account(check, directory);
		return directory;
	}
	directory_free(directory);
	return NULL;
}
