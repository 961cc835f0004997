/* SPDX-License-Identifier: MIT
 * Section mysql of a daemon's configuration: where the database is and who asks it. The queries are
 * keys of each daemon. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/directory.h"
#include "schema/tls.h"

#define AT(member) offsetof(struct directory_settings, member)

const struct settings_key directory_settings_keys[DIRECTORY_SETTINGS_KEYS] = {
	{ "mysql", "hosts", SETTINGS_LIST, "{\"127.0.0.1\"}", AT(hosts), 0, 0, NULL },
	{ "mysql", "user", SETTINGS_TEXT, "mailuser", AT(user), 0, 0, NULL },
	{ "mysql", "password", SETTINGS_TEXT, "", AT(password), 0, 0, NULL },
	{ "mysql", "password_file", SETTINGS_TEXT, "", AT(password_file), 0, 0, NULL },
	{ "mysql", "dbname", SETTINGS_TEXT, "mailserver", AT(dbname), 0, 0, NULL },
	{ "mysql", "option_file", SETTINGS_TEXT, "", AT(option_file), 0, 0, NULL },
	{ "mysql", "tls", SETTINGS_TEXT, "", AT(tls), 0, 0, tls_check },
	{ "mysql", "tls_ca", SETTINGS_TEXT, "", AT(tls_ca), 0, 0, NULL },
	{ "mysql", "connections", SETTINGS_NUMBER, "4", AT(connections), 1, 256, NULL },
	{ "mysql", "timeout", SETTINGS_NUMBER, "5", AT(timeout), 1, 60, NULL },
};

/* The first line of a file. Without a text in it somebody forgot to write the password there. */
static char *read_password(const char *path, struct error *error)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	bool has_line = file != NULL && getline(&line, &cap, file) > 0;

	if (has_line) {
		line[strcspn(line, "\r\n")] = '\0';
	}
	if (!has_line || line[0] == '\0') {
		error_set(error, "mysql.password_file: %s: %s", path,
		    file != NULL && !ferror(file) ? "it is empty; the password belongs there"
						  : strerror(errno));
		free(line);
		line = NULL;
	}
	if (file != NULL) {
		fclose(file);
	}
	return line;
}

int directory_settings_open(struct directory_settings *settings, struct error *error)
{
	if (settings->hosts.n == 0) {
		return error_set(error, "mysql.hosts is empty: no database to ask");
	}
	/* Elsewhere it would verify nobody, and look as if it did. */
	if (settings->tls_ca[0] != '\0' && strcmp(settings->tls, "required") != 0) {
		return error_set(
		    error, "mysql.tls_ca verifies with mysql.tls = required alone; set that too");
	}
	if (settings->password_file[0] != '\0') {
		if (settings->password[0] != '\0') {
			return error_set(
			    error, "mysql: both password and password_file are set; leave one out");
		}
		settings->file_password = read_password(settings->password_file, error);
		if (settings->file_password == NULL) {
			return -1;
		}
		settings->password = settings->file_password;
	}
	if (directory_check_settings(settings, error) != 0) {
		return error_prefix(error, "mysql.");
	}
	return 0;
}

void directory_settings_close(struct directory_settings *settings)
{
	if (settings->file_password != NULL) {
		explicit_bzero(settings->file_password, strlen(settings->file_password));
	}
	free(settings->file_password);
}
