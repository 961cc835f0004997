/* SPDX-License-Identifier: MIT
 * The keys that say where the database is. */
#include "runtime/mysql_settings.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct settings_key keys[] = {
	{ "mysql", "hosts", SETTINGS_LIST, "{\"127.0.0.1\"}", 0, 0, NULL },
	{ "mysql", "user", SETTINGS_TEXT, "mailuser", 0, 0, NULL },
	{ "mysql", "password", SETTINGS_TEXT, "", 0, 0, NULL },
	{ "mysql", "password_file", SETTINGS_TEXT, "", 0, 0, NULL },
	{ "mysql", "dbname", SETTINGS_TEXT, "mailserver", 0, 0, NULL },
	{ "mysql", "option_file", SETTINGS_TEXT, "", 0, 0, NULL },
	{ "mysql", "connections", SETTINGS_NUMBER, "4", 1, 256, NULL },
	{ "mysql", "timeout", SETTINGS_NUMBER, "5", 1, 60, NULL },
};

const struct settings_table mysql_settings_table = { keys, sizeof(keys) / sizeof(keys[0]) };

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

int mysql_settings_load(
    struct mysql_settings *mysql, const struct settings *settings, struct error *error)
{
	const char *file = settings_text(settings, "mysql", "password_file");
	const char *password = settings_text(settings, "mysql", "password");

	*mysql = (struct mysql_settings){
		.user = settings_text(settings, "mysql", "user"),
		.dbname = settings_text(settings, "mysql", "dbname"),
		.option_file = settings_text(settings, "mysql", "option_file"),
		.connections = (unsigned)settings_number(settings, "mysql", "connections"),
		.timeout = (unsigned)settings_number(settings, "mysql", "timeout"),
	};
	mysql->hosts = settings_list(settings, "mysql", "hosts", &mysql->n_hosts);
	if (mysql->hosts == NULL || mysql->n_hosts == 0) {
		return error_set(error, "mysql.hosts is empty: no database to ask");
	}
	if (file[0] != '\0' && password[0] != '\0') {
		return error_set(
		    error, "mysql: both password and password_file are set; leave one out");
	}
	mysql->password = file[0] != '\0' ? read_password(file, error) : strdup(password);
	return mysql->password == NULL ? -1 : 0;
}

void mysql_settings_free(struct mysql_settings *mysql)
{
	if (mysql->password != NULL) {
		explicit_bzero(mysql->password, strlen(mysql->password));
	}
	free(mysql->password);
	free(mysql->hosts);
	*mysql = (struct mysql_settings){ .hosts = NULL };
}
