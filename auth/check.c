/* SPDX-License-Identifier: MIT
 * --check, --verify and --hash: the daemon's own code, for people. As root --check and --verify
 * become the daemon's user first. */
#include "auth/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "auth/check_logins.h"
#include "auth/config.h"
#include "auth/credentials.h"
#include "auth/terminal.h"
#include "runtime/privilege.h"
#include "doctor/report.h"
#include "schema/inspection.h"

enum {
	EX_WRONG_PASSWORD = EX_NOPERM,
};

struct check {
	struct report report;
	struct config config;
};

static void check_user(struct check *check)
{
	const char *const user = check->config.user, *const group = check->config.group;
	struct error error;
	uid_t uid;
	gid_t gid;

	if (privilege_find(user, group, &uid, &gid, &error) != 0) {
		report_fail(&check->report, EX_CONFIG, "daemon's user",
		    "adduser --system --group --no-create-home lmtpd-auth", "%s", error.text);
	} else if (privilege_become(uid, gid, &error) != 0) {
		report_warn(&check->report, "daemon's user",
		    "run --check as root to see what the daemon would", "%s", error.text);
	} else if (uid == 0) {
		report_warn(&check->report, "daemon's user",
		    "it needs no rights at all: give it a user of its own", "%s:%s (%u:%u)", user,
		    group, uid, gid);
	} else {
		report_ok(&check->report, "daemon's user", "%s:%s (%u:%u)", user, group, uid, gid);
	}
}

/* What the stored hashes are made with. */
struct census {
	struct {
		const char *method;
		bool is_weak;
		unsigned long n;
	} methods[24];
	size_t n_methods;
	unsigned long n_users, n_unknown;
};

static int count_row(void *data, const struct row *row)
{
	const struct column *stored = &row->columns[1];
	struct census *census = data;
	char hash[PASSWORD_HASH_MAX];
	const char *method = NULL;
	bool is_weak = true;
	size_t i = 0;

	census->n_users++;
	if (stored->text != NULL && stored->n < sizeof(hash)) {
		memcpy(hash, stored->text, stored->n);
		hash[stored->n] = '\0';
		method = password_method(hash, &is_weak);
		explicit_bzero(hash, sizeof(hash));
	}
	if (method == NULL) {
		census->n_unknown++;
		return 0;
	}
	while (i < census->n_methods && strcmp(census->methods[i].method, method) != 0) {
		i++;
	}
	if (i == census->n_methods) {
		if (i == sizeof(census->methods) / sizeof(census->methods[0])) {
			return 0;
		}
		census->methods[census->n_methods++].method = method;
	}
	census->methods[i].is_weak = census->methods[i].is_weak || is_weak;
	census->methods[i].n++;
	return 0;
}

static void say_census(struct check *check, const struct census *census)
{
	for (size_t i = 0; i < census->n_methods; i++) {
		bool is_weak = census->methods[i].is_weak;
		char detail[256];

		snprintf(detail, sizeof(detail), "%lu of %lu users: %s", census->methods[i].n,
		    census->n_users, census->methods[i].method);
		report_check(&check->report, is_weak ? REPORT_WARN : REPORT_OK, 0, "hashes", detail,
		    is_weak ? "easily broken when stolen: have these users set new passwords"
			    : NULL);
	}
	if (census->n_unknown > 0) {
		report_fail(&check->report, EX_CONFIG, "hashes",
		    "libcrypt does not know their method, or they were cut; their owners cannot "
		    "log in until they have new ones (lmtpd-auth --hash)",
		    "%lu of %lu users: cannot be checked here", census->n_unknown, census->n_users);
	}
}

static void check_hashes(struct check *check)
{
	struct directory_settings settings = check->config.directory;
	struct census census = { .n_users = 0 };
	struct directory *directory;

	settings.queries[DIRECTORY_USERS] =
	    settings_text(check->config.settings, "mysql", "users_query");
	directory = directory_new(&settings);
	if (directory == NULL ||
	    directory_ask(directory, DIRECTORY_USERS, "", count_row, &census) != 0) {
		report_warn(&check->report, "users_query",
		    "correct mysql.users_query; it is used by --check alone", "%s",
		    directory == NULL ? "cannot be read" : directory_error(directory));
	} else {
		say_census(check, &census);
	}
	directory_free(directory);
}

static int ignore_row(void *data, const struct row *row)
{
	return 0;
}

static void check_query(struct check *check, struct directory *directory)
{
	struct inspection_scan scan;

	if (directory_ask(directory, DIRECTORY_PASSWORD, "nobody@lmtpd-check.invalid", ignore_row,
		NULL) != 0) {
		report_fail(&check->report, EX_CONFIG, "password_query",
		    "correct the query in section mysql", "%s", directory_error(directory));
		return;
	}
	report_ok(&check->report, "password_query", "%s",
	    check->config.directory.queries[DIRECTORY_PASSWORD]);
	if (inspection_plan(directory, DIRECTORY_PASSWORD, &scan) == 0 && scan.is_full) {
		report_warn(&check->report, "index",
		    "make an index of what mysql.password_query compares",
		    "password_query reads every row of %s (about %s), for each login", scan.table,
		    scan.rows);
	}
}

static void check_database(struct check *check)
{
	struct directory *directory = directory_new(&check->config.directory);
	int result = directory == NULL ? -ENOMEM : directory_connect(directory);
	const char *error = directory == NULL ? "out of memory" : directory_error(directory);
	struct report_grants grants = { .report = &check->report };

	if (result == DIRECTORY_BAD_QUERY) {
		report_fail(&check->report, EX_CONFIG, "database",
		    "correct the query in section mysql, or grant the account what it reads", "%s",
		    error);
	} else if (result != 0) {
		report_fail(&check->report, EX_UNAVAILABLE, "database",
		    "see that it runs, and that hosts, user, password and dbname are right", "%s",
		    error);
	} else {
		report_ok(&check->report, "database", "%s", directory_host(directory));
		check_query(check, directory);
		inspection_grants(directory, report_grant, &grants);
		check_hashes(check);
	}
	directory_free(directory);
}

int check_setup(const char *config_file, bool is_json)
{
	struct check check = { .report = { .is_json = is_json } };
	struct error error;

	report_begin(&check.report, "checks");
	if (config_load(&check.config, config_file, &error) != 0) {
		report_fail(&check.report, EX_CONFIG, "configuration", "correct it there", "%s",
		    error.text);
	} else {
		report_ok(&check.report, "configuration", "%s", config_file);
		check_logins(&check.config, &check.report);
		check_user(&check);
		check_database(&check);
		config_free(&check.config);
	}
	report_end(&check.report, check.report.exit_code);
	return check.report.exit_code;
}

static int complain(int exit_code, const char *message)
{
	fprintf(stderr, "lmtpd-auth: %s\n", message);
	return exit_code;
}

static int verify(struct directory *directory, const char *user, const char *password)
{
	struct credentials credentials;
	int exit_code = EX_TEMPFAIL, result;

	switch (credentials_find(directory, user, &credentials)) {
	case CREDENTIALS_FOUND:
		break;
	case CREDENTIALS_NONE:
		return complain(EX_NOUSER, "no such user");
	case CREDENTIALS_UNUSABLE:
		return complain(EX_TEMPFAIL, "the user has more than one row, or no hash");
	default:
		return complain(EX_UNAVAILABLE, directory_error(directory));
	}
	result = password_check(password, credentials.hash);
	if (result == PASSWORD_RIGHT) {
		printf("%s: right\n", credentials.user);
		exit_code = EX_OK;
	} else if (result == PASSWORD_WRONG) {
		exit_code = complain(EX_WRONG_PASSWORD, "wrong password");
	} else {
		complain(EX_TEMPFAIL, "the stored hash cannot be checked here");
	}
	explicit_bzero(&credentials, sizeof(credentials));
	return exit_code;
}

int check_password(const char *config_file, const char *user)
{
	struct error error;
	char password[SASL_PASSWORD_MAX + 1];
	struct directory *directory;
	struct config config;
	int exit_code;
	uid_t uid;
	gid_t gid;

	if (config_load(&config, config_file, &error) != 0) {
		return complain(EX_CONFIG, error.text);
	}
	if (geteuid() == 0 && (privilege_find(config.user, config.group, &uid, &gid, &error) != 0 ||
				  privilege_become(uid, gid, &error) != 0)) {
		config_free(&config);
		return complain(EX_CONFIG, error.text);
	}
	if (terminal_read_password(password, sizeof(password), false, &error) != 0) {
		config_free(&config);
		return complain(EX_USAGE, error.text);
	}
	directory = directory_new(&config.directory);
	exit_code = directory == NULL ? complain(EX_OSERR, "out of memory")
				      : verify(directory, user, password);
	explicit_bzero(password, sizeof(password));
	directory_free(directory);
	config_free(&config);
	return exit_code;
}

int check_hash(const char *method)
{
	struct error error;
	char password[SASL_PASSWORD_MAX + 1], hash[PASSWORD_HASH_MAX];
	int result;

	if (strcmp(method, "sha512crypt") != 0 && strcmp(method, "yescrypt") != 0 &&
	    strcmp(method, "bcrypt") != 0) {
		return complain(EX_USAGE, "methods are sha512crypt, yescrypt and bcrypt");
	}
	if (terminal_read_password(password, sizeof(password), true, &error) != 0) {
		return complain(EX_USAGE, error.text);
	}
	result = password_hash(hash, password, method);
	explicit_bzero(password, sizeof(password));
	if (result < 0) {
		return complain(
		    EX_USAGE, result == -ERANGE ? "the password is too long" : strerror(-result));
	}
	puts(hash);
	return EX_OK;
}
