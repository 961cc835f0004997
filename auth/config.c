/* SPDX-License-Identifier: MIT
 * The table of auth.conf's keys, and what goes beyond single keys. */
#include "auth/config.h"

#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "status/control.h"
#include "runtime/listener.h"

static int check_mechanism(const char *value, struct error *error)
{
	if (sasl_find(value, strlen(value)) == SASL_MECHANISMS) {
		return error_set(error, "\"%s\": mechanisms are PLAIN and LOGIN", value);
	}
	return 0;
}

static const struct settings_key keys[] = {
	{ "auth", "listen", SETTINGS_LIST, "{\"unix:/var/spool/postfix/private/auth\"}", 0, 0,
	    listener_check },
	{ "auth", "socket_mode", SETTINGS_MODE, "0660", 0, 0777, NULL },
	{ "auth", "socket_user", SETTINGS_TEXT, "postfix", 0, 0, NULL },
	{ "auth", "socket_group", SETTINGS_TEXT, "postfix", 0, 0, NULL },
	{ "auth", "control", SETTINGS_TEXT, "/run/lmtpd-auth/control", 0, 0, control_check },
	{ "auth", "user", SETTINGS_TEXT, "lmtpd-auth", 0, 0, NULL },
	{ "auth", "group", SETTINGS_TEXT, "lmtpd-auth", 0, 0, NULL },
	{ "auth", "mechanisms", SETTINGS_LIST, "{\"PLAIN\", \"LOGIN\"}", 0, 0, check_mechanism },
	/* With everything on top it stays below 5 s; Postfix gives up at 10. */
	{ "auth", "failure_delay", SETTINGS_NUMBER, "2", 0, 4, NULL },
	{ "mysql", "password_query", SETTINGS_TEXT,
	    "SELECT email, password FROM virtual_users WHERE email = '%u'", 0, 0, NULL },
	{ "mysql", "users_query", SETTINGS_TEXT, "SELECT email, password FROM virtual_users", 0, 0,
	    NULL },
};

static int load_mysql(struct config *config, struct error *error)
{
	const struct mysql_settings *mysql = &config->mysql;

	if (mysql_settings_load(&config->mysql, config->settings, error) != 0) {
		return -1;
	}
	config->directory = (struct directory_settings){
		.hosts = mysql->hosts,
		.n_hosts = mysql->n_hosts,
		.user = mysql->user,
		.password = mysql->password,
		.dbname = mysql->dbname,
		.option_file = mysql->option_file,
		.timeout = mysql->timeout,
		.queries = {
			[DIRECTORY_PASSWORD] =
			    settings_text(config->settings, "mysql", "password_query"),
		},
	};
	if (directory_check_settings(&config->directory, error) != 0) {
		return error_prefix(error, "mysql.");
	}
	return 0;
}

static int load_values(struct config *config, struct error *error)
{
	const struct settings *settings = config->settings;
	size_t n_mechanisms;
	const char **mechanisms = settings_list(settings, "auth", "mechanisms", &n_mechanisms);

	config->daemon.specs = settings_list(settings, "auth", "listen", &config->daemon.n_specs);
	config->daemon.mode = (mode_t)settings_number(settings, "auth", "socket_mode");
	config->daemon.socket_user = settings_text(settings, "auth", "socket_user");
	config->daemon.socket_group = settings_text(settings, "auth", "socket_group");
	config->daemon.control = settings_text(settings, "auth", "control");
	config->daemon.user = settings_text(settings, "auth", "user");
	config->daemon.group = settings_text(settings, "auth", "group");
	config->failure_delay = (unsigned)settings_number(settings, "auth", "failure_delay");
	for (size_t i = 0; mechanisms != NULL && i < n_mechanisms; i++) {
		config->mechanisms[sasl_find(mechanisms[i], strlen(mechanisms[i]))] = true;
	}
	free(mechanisms);
	if (n_mechanisms == 0) {
		/* Postfix's smtpd ends itself when it is offered none. */
		return error_set(error, "auth.mechanisms is empty; allowed are PLAIN and LOGIN");
	}
	if (config->daemon.n_specs == 0) {
		return error_set(error, "auth.listen is empty: no socket to serve");
	}
	if (config->daemon.user[0] == '\0' || config->daemon.group[0] == '\0') {
		return error_set(
		    error, "auth.user and auth.group must name who the daemon runs as");
	}
	return load_mysql(config, error);
}

static int load(struct settings **settings_r, const char *file, struct error *error)
{
	const struct settings_table tables[] = {
		{ keys, sizeof(keys) / sizeof(keys[0]) },
		mysql_settings_table,
	};

	return settings_load(settings_r, file, tables, 2, error);
}

int config_load_control(char *path_r, size_t n_path, const char *file, struct error *error)
{
	struct settings *settings;

	if (load(&settings, file, error) != 0) {
		return -1;
	}
	snprintf(path_r, n_path, "%s", settings_text(settings, "auth", "control"));
	settings_free(settings);
	return 0;
}

int config_load(struct config *config, const char *file, struct error *error)
{

	*config = (struct config){ .settings = NULL };
	if (load(&config->settings, file, error) != 0) {
		return -1;
	}
	if (load_values(config, error) != 0) {
		error_prefix(error, "%s: ", file);
		config_free(config);
		return -1;
	}
	return 0;
}

void config_free(struct config *config)
{
	mysql_settings_free(&config->mysql);
	free((void *)(uintptr_t)config->daemon.specs);
	settings_free(config->settings);
	*config = (struct config){ .settings = NULL };
}

void *auth_load(const char *file, struct error *error)
{
	struct config *config = malloc(sizeof(*config));

	if (config == NULL) {
		error_set(error, "out of memory");
	} else if (config_load(config, file, error) != 0) {
		free(config);
		config = NULL;
	}
	return config;
}

void auth_unload(void *data)
{
	struct config *config = data;

	config_free(config);
	free(config);
}

const struct daemon_settings *auth_settings(const void *data)
{
	const struct config *config = data;

	return &config->daemon;
}
