/* SPDX-License-Identifier: MIT
 * The table of lmtpd.conf's keys, and what goes beyond single keys. */
#include "lmtpd/config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "status/control.h"
#include "runtime/listener.h"

static bool is_placeholder(const char *p)
{
	return p[0] == '%' && p[1] != '\0' && strchr("dnu", p[1]) != NULL;
}

static int check_host_name(const char *value, struct error *error)
{
	for (const char *p = value; *p != '\0'; p++) {
		if (*p <= ' ' || *p >= 0x7f || strchr("()<>;\"\\", *p) != NULL || p - value > 254) {
			return error_set(error, "\"%s\" is no host name", value);
		}
	}
	return 0;
}

static int check_delimiter(const char *value, struct error *error)
{
	for (const char *p = value; *p != '\0'; p++) {
		if (*p <= ' ' || *p >= 0x7f || *p == '@' || *p == '/') {
			return error_set(error,
			    "\"%s\": allowed is a set of printable characters without @ and /",
			    value);
		}
	}
	return 0;
}

static int check_home(const char *value, struct error *error)
{
	bool tells_apart = false;

	for (const char *p = value; *p != '\0'; p++) {
		if (*p == '%') {
			if (p[1] != '%' && !is_placeholder(p)) {
				return error_set(error,
				    "\"%s\": placeholders are %%d, %%n and %%u; %%%% is a "
				    "percent sign",
				    value);
			}
			tells_apart = tells_apart || p[1] == 'n' || p[1] == 'u';
			p++;
		}
	}
	if (value[0] != '/' || !tells_apart) {
		return error_set(error,
		    "\"%s\": needs an absolute path that tells users apart by %%n or "
		    "%%u",
		    value);
	}
	return 0;
}

static int check_path(const char *value, struct error *error)
{
	if (value[0] == '/' || strchr(value, '%') != NULL || strstr(value, "..") != NULL ||
	    strlen(value) > 128) {
		return error_set(
		    error, "\"%s\": needs a relative path without .. and placeholders", value);
	}
	return 0;
}

static const struct settings_key keys[] = {
	{ "", "hostname", SETTINGS_TEXT, "", 0, 0, check_host_name },
	{ "lmtp", "listen", SETTINGS_LIST, "{\"unix:/var/spool/postfix/private/dovecot-lmtp\"}", 0,
	    0, listener_check },
	{ "lmtp", "socket_mode", SETTINGS_MODE, "0600", 0, 0777, NULL },
	{ "lmtp", "socket_user", SETTINGS_TEXT, "postfix", 0, 0, NULL },
	{ "lmtp", "socket_group", SETTINGS_TEXT, "postfix", 0, 0, NULL },
	{ "lmtp", "control", SETTINGS_TEXT, "/run/lmtpd/control", 0, 0, control_check },
	{ "lmtp", "recipient_delimiter", SETTINGS_TEXT, "+", 0, 0, check_delimiter },
	{ "lmtp", "message_size_limit", SETTINGS_NUMBER, "0", 0, 1L << 50, NULL },
	{ "lmtp", "recipient_limit", SETTINGS_NUMBER, "1000", 1, 10000, NULL },
	{ "lmtp", "idle_timeout", SETTINGS_NUMBER, "300", 1, 86400, NULL },
	{ "maildir", "home", SETTINGS_TEXT, "/var/mail/vhosts/%d/%n", 0, 0, check_home },
	{ "maildir", "path", SETTINGS_TEXT, "Maildir", 0, 0, check_path },
	{ "maildir", "user", SETTINGS_TEXT, "vmail", 0, 0, NULL },
	{ "maildir", "group", SETTINGS_TEXT, "vmail", 0, 0, NULL },
	{ "maildir", "writers", SETTINGS_NUMBER, "64", 1, 512, NULL },
	{ "mysql", "user_query", SETTINGS_TEXT,
	    "SELECT email FROM virtual_users WHERE email = '%u'", 0, 0, NULL },
	/* The second column lets lmtpd see that the row is the one that was asked for. */
	{ "mysql", "alias_query", SETTINGS_TEXT,
	    "SELECT destination, source FROM virtual_aliases WHERE source = '%u'", 0, 0, NULL },
	{ "mysql", "domain_query", SETTINGS_TEXT,
	    "SELECT name FROM virtual_domains WHERE name = '%d'", 0, 0, NULL },
	/* These three are for --check alone. In this order equal aliases stand side by side. */
	{ "mysql", "users_query", SETTINGS_TEXT, "SELECT email FROM virtual_users", 0, 0, NULL },
	{ "mysql", "aliases_query", SETTINGS_TEXT,
	    "SELECT source, destination FROM virtual_aliases ORDER BY source, destination", 0, 0,
	    NULL },
	{ "mysql", "domains_query", SETTINGS_TEXT, "SELECT name FROM virtual_domains", 0, 0, NULL },
};

/* "/var/mail/vhosts/%d/%n": "/var/mail/vhosts" and "%d/%n". */
static int split_home(struct config *config, const char *home)
{
	const char *percent = home, *slash;
	size_t n = 0;

	while (*percent != '\0' && !is_placeholder(percent)) {
		percent += percent[0] == '%' && percent[1] == '%' ? 2 : 1;
	}
	slash = memrchr(home, '/', (size_t)(percent - home));
	config->base = malloc((size_t)(slash - home) + 2);
	if (config->base == NULL) {
		return -1;
	}
	for (const char *p = home; p < slash; p++) {
		config->base[n++] = *p;
		p += p[0] == '%'; /* %% is one percent sign */
	}
	if (n == 0) {
		config->base[n++] = '/';
	}
	config->base[n] = '\0';
	config->home_rest = slash + 1;
	return 0;
}

static int load_mysql(struct config *config, struct error *error)
{
	const struct settings *settings = config->settings;
	const struct mysql_settings *mysql = &config->mysql;

	if (mysql_settings_load(&config->mysql, settings, error) != 0) {
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
			[DIRECTORY_MAILBOX] = settings_text(settings, "mysql", "user_query"),
			[DIRECTORY_ALIAS] = settings_text(settings, "mysql", "alias_query"),
			[DIRECTORY_DOMAIN] = settings_text(settings, "mysql", "domain_query"),
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
	const char *hostname = settings_text(settings, "", "hostname");

	if (hostname[0] == '\0') {
		if (gethostname(config->hostname, sizeof(config->hostname) - 1) != 0 ||
		    check_host_name(config->hostname, error) != 0 || config->hostname[0] == '\0') {
			return error_set(
			    error, "hostname is \"\" and the machine has no usable name; set it");
		}
	} else {
		snprintf(config->hostname, sizeof(config->hostname), "%s", hostname);
	}
	config->daemon.specs = settings_list(settings, "lmtp", "listen", &config->daemon.n_specs);
	config->daemon.mode = (mode_t)settings_number(settings, "lmtp", "socket_mode");
	config->daemon.socket_user = settings_text(settings, "lmtp", "socket_user");
	config->daemon.socket_group = settings_text(settings, "lmtp", "socket_group");
	config->daemon.control = settings_text(settings, "lmtp", "control");
	config->idle_timeout = (unsigned)settings_number(settings, "lmtp", "idle_timeout");
	config->lmtp = (struct lmtp_settings){
		.hostname = config->hostname,
		.recipient_delimiter = settings_text(settings, "lmtp", "recipient_delimiter"),
		.message_size_limit =
		    (uint64_t)settings_number(settings, "lmtp", "message_size_limit"),
		.recipient_limit = (size_t)settings_number(settings, "lmtp", "recipient_limit"),
	};
	config->path = settings_text(settings, "maildir", "path");
	config->daemon.user = settings_text(settings, "maildir", "user");
	config->daemon.group = settings_text(settings, "maildir", "group");
	config->writers = (unsigned)settings_number(settings, "maildir", "writers");
	if (config->daemon.specs == NULL ||
	    split_home(config, settings_text(settings, "maildir", "home")) != 0) {
		return error_set(error, "out of memory");
	}
	if (config->daemon.n_specs == 0) {
		return error_set(error, "lmtp.listen is empty: no socket to serve");
	}
	if (config->daemon.user[0] == '\0' || config->daemon.group[0] == '\0') {
		return error_set(
		    error, "maildir.user and maildir.group must name who owns the mail");
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
	snprintf(path_r, n_path, "%s", settings_text(settings, "lmtp", "control"));
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
	free(config->base);
	settings_free(config->settings);
	*config = (struct config){ .settings = NULL };
}

/* Appends n bytes; false when they do not fit. */
static bool put(char *out, size_t cap, size_t *at, const char *s, size_t n)
{
	if (*at + n >= cap) {
		return false;
	}
	memcpy(out + *at, s, n);
	*at += n;
	out[*at] = '\0';
	return true;
}

int config_mailbox_path(
    const struct config *config, const struct address *row, char *path_r, size_t n_path)
{
	const char *domain = address_domain(row);
	size_t at = 0;
	bool fits = true;

	for (const char *p = config->home_rest; *p != '\0' && fits; p++) {
		if (*p != '%') {
			fits = put(path_r, n_path, &at, p, 1);
			continue;
		}
		switch (*++p) {
		case 'd':
			fits = put(path_r, n_path, &at, domain, strlen(domain));
			break;
		case 'n':
			fits = put(path_r, n_path, &at, row->text, row->n_local);
			break;
		case 'u':
			fits = put(path_r, n_path, &at, row->text, strlen(row->text));
			break;
		default:
			fits = put(path_r, n_path, &at, p, 1);
		}
	}
	while (at > 0 && path_r[at - 1] == '/') {
		path_r[--at] = '\0';
	}
	if (fits && config->path[0] != '\0') {
		fits = put(path_r, n_path, &at, "/", 1) &&
		       put(path_r, n_path, &at, config->path, strlen(config->path));
	}
	return fits ? 0 : -1;
}

void *lmtpd_load(const char *file, struct error *error)
{
	struct config *config = malloc(sizeof(*config));

	if (config == NULL) {
		error_set(error, "out of memory");
	} else if (config_load(config, file, error) != 0) {
		free(config);
		config = NULL;
	} else {
		config->lmtp.hostname = config->hostname;
		maildir_root_init(&config->root, config->base, config->hostname);
	}
	return config;
}

void lmtpd_unload(void *data)
{
	struct config *config = data;

	config_free(config);
	free(config);
}

const struct daemon_settings *lmtpd_settings(const void *data)
{
	const struct config *config = data;

	return &config->daemon;
}
