/* SPDX-License-Identifier: MIT
 * The table of auth.conf's keys, and what goes beyond single keys. */
#include "auth/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "status/control.h"
#include "runtime/endpoint.h"
#include "runtime/prefix.h"

static int check_mechanism(const char *value, struct error *error)
{
	if (sasl_find(value, strlen(value)) == SASL_MECHANISMS) {
		return error_set(error, "\"%s\": mechanisms are PLAIN and LOGIN", value);
	}
	return 0;
}

const char *const auth_config_columns[] = { "label", NULL };

#define AT(member) offsetof(struct auth_config, member)

static const struct settings_key keys[] = {
	{ "auth", "listen", SETTINGS_LIST, "{\"unix:/var/spool/postfix/private/auth\"}",
	    AT(daemon.listen), 0, 0, endpoint_check },
	{ "auth", "socket_mode", SETTINGS_MODE, "0660", AT(daemon.socket_mode), 0, 0777, NULL },
	{ "auth", "socket_user", SETTINGS_TEXT, "postfix", AT(daemon.socket_user), 0, 0, NULL },
	{ "auth", "socket_group", SETTINGS_TEXT, "postfix", AT(daemon.socket_group), 0, 0, NULL },
	{ "auth", "control", SETTINGS_TEXT, "/run/lmtpd-auth/control", AT(daemon.control), 0, 0,
	    control_check },
	{ "auth", "user", SETTINGS_TEXT, "lmtpd-auth", AT(daemon.user), 0, 0, NULL },
	{ "auth", "group", SETTINGS_TEXT, "lmtpd-auth", AT(daemon.group), 0, 0, NULL },
	{ "auth", "mechanisms", SETTINGS_LIST, "{\"PLAIN\", \"LOGIN\"}", AT(mechanism_names), 0, 0,
	    check_mechanism },
	/* With everything on top it stays below 5 s; Postfix gives up at 10. */
	{ "auth", "failure_delay", SETTINGS_NUMBER, "2", AT(failure_delay), 0, 4, NULL },
	{ "auth", "allow", SETTINGS_LIST, "{}", AT(daemon.allow), 0, 0, prefix_check },
	{ "auth", "trusted", SETTINGS_LIST, "{}", AT(trusted), 0, 0, prefix_check },
	{ "mysql", "password_query", SETTINGS_TEXT,
	    "SELECT email, password FROM virtual_users WHERE email = '%u'",
	    AT(directory.queries[DIRECTORY_PASSWORD]), 0, 0, NULL },
	{ "mysql", "users_query", SETTINGS_TEXT, "SELECT email, password FROM virtual_users",
	    AT(users_query), 0, 0, NULL },
};

bool auth_config_trusts(const struct auth_config *config, const char *rip)
{
	const struct settings_list *trusted = &config->trusted;
	struct prefix_address address;

	return prefix_parse_address(&address, rip) &&
	       (prefix_is_loopback(&address) ||
		   prefix_any_has(trusted->texts, trusted->n, &address));
}

static int auth_config_check(void *values, struct error *error)
{
	struct auth_config *config = values;
	const struct settings_list *names = &config->mechanism_names;

	if (names->n == 0) {
		/* Postfix's smtpd ends itself when it is offered none. */
		return error_set(error, "auth.mechanisms is empty; allowed are PLAIN and LOGIN");
	}
	for (size_t i = 0; i < names->n; i++) {
		config->mechanisms[sasl_find(names->texts[i], strlen(names->texts[i]))] = true;
	}
	if (daemon_settings_check(&config->daemon, "auth", "auth", "the daemon runs as", error) !=
	    0) {
		return -1;
	}
	config->directory.password_columns = auth_config_columns;
	return directory_settings_open(&config->directory, error);
}

static void auth_config_clear(void *values)
{
	directory_settings_close(&((struct auth_config *)values)->directory);
}

static const struct settings_table tables[] = {
	{ keys, sizeof(keys) / sizeof(keys[0]), 0 },
	{ directory_settings_keys, DIRECTORY_SETTINGS_KEYS, AT(directory) },
};

const struct settings_form auth_config_form = {
	.size = sizeof(struct auth_config),
	.tables = tables,
	.n_tables = sizeof(tables) / sizeof(tables[0]),
	.check = auth_config_check,
	.clear = auth_config_clear,
};
