/* SPDX-License-Identifier: MIT
 * The table of lmtpd.conf's keys, and what goes beyond single keys. */
#include "lmtpd/config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "lmtpd/homes.h"
#include "status/control.h"
#include "runtime/endpoint.h"
#include "runtime/prefix.h"
#include "runtime/privilege.h"

enum {
	DAY = 86400,
	VACATION_MIN = 60, /* seconds */
};

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
	char tidy[MAILDIR_PATH_MAX];
	bool tells_apart = false;

	for (const char *p = value; *p != '\0'; p++) {
		if (*p == '%') {
			if (p[1] != '%' && !homes_is_placeholder(p)) {
				return error_set(error,
				    "\"%s\": placeholders are %%d, %%n and %%u; %%%% is a "
				    "percent sign",
				    value);
			}
			tells_apart = tells_apart || p[1] == 'n' || p[1] == 'u';
			p++;
		}
	}
	if (value[0] != '/' || !tells_apart || homes_tidy_path(value, tidy) != 0) {
		return error_set(error,
		    "\"%s\": needs an absolute path without .. that tells users apart by "
		    "%%n or %%u",
		    value);
	}
	return 0;
}

static int check_path(const char *value, struct error *error)
{
	char tidy[MAILDIR_PATH_MAX];

	if (value[0] == '/' || strchr(value, '%') != NULL || strlen(value) > 128 ||
	    homes_tidy_path(value, tidy) != 0) {
		return error_set(
		    error, "\"%s\": needs a relative path without .. and placeholders", value);
	}
	return 0;
}

static int check_either(const char *value, const char *a, const char *b, struct error *error)
{
	return strcmp(value, a) == 0 || strcmp(value, b) == 0
		   ? 0
		   : error_set(error, "\"%s\": allowed are %s and %s", value, a, b);
}

static int check_commit(const char *value, struct error *error)
{
	return check_either(value, "auto", "strict", error);
}

static int check_marker(const char *value, struct error *error)
{
	if (value[0] != '\0' && (strchr(value, '/') != NULL || !maildir_path_is_plain(value) ||
				    strlen(value) > MAILDIR_NAME_MAX)) {
		return error_set(error, "\"%s\": needs the name of a file, without a slash", value);
	}
	return 0;
}

static int check_policy(const char *value, struct error *error)
{
	return value[0] == '\0' ? 0 : endpoint_check(value, error);
}

static int check_node(const char *value, struct error *error)
{
	if (strcasecmp(value, "moving") == 0 || text_has_control(value, strlen(value))) {
		return error_set(error, "\"%s\" is no name of a node", value);
	}
	return 0;
}

/* What becomes of a message whose mailbox is known and does not take it. */
static int check_refusal(const char *value, struct error *error)
{
	return check_either(value, "refuse", "defer", error);
}

static int check_grace(const char *value, struct error *error)
{
	struct quota_grace grace;

	if (!quota_grace_read(value, &grace)) {
		return error_set(error,
		    "\"%s\": needs percents, such as 10%%, or bytes, such as 10M or 0", value);
	}
	return 0;
}

static int check_count(const char *value, struct error *error)
{
	return check_either(value, "virtual", "disk", error);
}

static int check_detail(const char *value, struct error *error)
{
	if (strcmp(value, "ignore") != 0 && strcmp(value, "existing") != 0 &&
	    strcmp(value, "create") != 0) {
		return error_set(error, "\"%s\": allowed are ignore, existing and create", value);
	}
	return 0;
}

static int check_separator(const char *value, struct error *error)
{
	return check_either(value, ".", "/", error);
}

/* RFC 6154 has the uses. */
static int check_special_use(const char *value, struct error *error)
{
	static const char *const uses[] = { "\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Junk",
		"\\Sent", "\\Trash", "\\Important" };
	size_t n = strcspn(value, "=");

	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		if (text_is(value, n, uses[i]) && value[n] == '=' && value[n + 1] != '\0') {
			return 0;
		}
	}
	return error_set(error, "\"%s\": needs a use and a folder, such as \\Junk=Junk", value);
}

static int check_root(const char *value, struct error *error)
{
	char tidy[MAILDIR_PATH_MAX];

	if (value[0] != '/' || homes_tidy_path(value, tidy) != 0 ||
	    strlen(value) >= MAILDIR_PATH_MAX) {
		return error_set(error, "\"%s\": needs an absolute path without ..", value);
	}
	return 0;
}

/* A file or directory of the user: one that is written for all of them. */
static int check_own(const char *value, struct error *error)
{
	if (strncmp(value, "~/", 2) != 0 || value[2] == '\0' || !maildir_path_is_plain(value + 2) ||
	    strlen(value) > 128) {
		return error_set(
		    error, "\"%s\": needs a path below the home, such as ~/sieve", value);
	}
	return 0;
}

/* One of the admin's. */
static int check_script(const char *value, struct error *error)
{
	return value[0] == '\0' ? 0 : check_root(value, error);
}

/* Digits, and a fraction maybe. */
static int check_score(const char *value, struct error *error)
{
	size_t n = strspn(value, "0123456789");

	if (n > 0 && value[n] == '.') {
		n += 1 + strspn(value + n + 1, "0123456789");
	}
	return value[n] == '\0' && (n == 0 || strpbrk(value, "123456789") != NULL)
		   ? 0
		   : error_set(error, "\"%s\": needs a number above 0", value);
}

static int check_vacation_from(const char *value, struct error *error)
{
	return check_either(value, "null", "recipient", error);
}

/* Who redirected mail is from: the envelope's sender, the mailbox' address, or one address for all. */
static int check_redirect_from(const char *value, struct error *error)
{
	struct address address;

	if (strcmp(value, "sender") == 0 || strcmp(value, "recipient") == 0 ||
	    (strpbrk(value, " <>()\"\\,;:") == NULL &&
		address_from_text(&address, value, strlen(value)) == ADDRESS_OK)) {
		return 0;
	}
	return error_set(
	    error, "\"%s\": needs sender, recipient or an address such as srs@example.com", value);
}

#define AT(member) offsetof(struct lmtpd_config, member)

static const struct settings_key keys[] = {
	{ "", "hostname", SETTINGS_TEXT, "", AT(hostname), 0, 0, check_host_name },
	{ "lmtp", "listen", SETTINGS_LIST, "{\"unix:/var/spool/postfix/private/dovecot-lmtp\"}",
	    AT(daemon.listen), 0, 0, endpoint_check },
	{ "lmtp", "socket_mode", SETTINGS_MODE, "0600", AT(daemon.socket_mode), 0, 0777, NULL },
	{ "lmtp", "socket_user", SETTINGS_TEXT, "postfix", AT(daemon.socket_user), 0, 0, NULL },
	{ "lmtp", "socket_group", SETTINGS_TEXT, "postfix", AT(daemon.socket_group), 0, 0, NULL },
	{ "lmtp", "allow", SETTINGS_LIST, "{}", AT(daemon.allow), 0, 0, prefix_check },
	{ "lmtp", "policy", SETTINGS_TEXT, "", AT(daemon.second), 0, 0, check_policy },
	{ "lmtp", "control", SETTINGS_TEXT, "/run/lmtpd/control", AT(daemon.control), 0, 0,
	    control_check },
	{ "lmtp", "recipient_delimiter", SETTINGS_TEXT, "+", AT(lmtp.recipient_delimiter), 0, 0,
	    check_delimiter },
	{ "lmtp", "message_size_limit", SETTINGS_NUMBER, "0", AT(message_size_limit), 0, 1L << 50,
	    NULL },
	{ "lmtp", "recipient_limit", SETTINGS_NUMBER, "1000", AT(recipient_limit), 1, 10000, NULL },
	{ "lmtp", "idle_timeout", SETTINGS_NUMBER, "300", AT(idle_timeout), 1, 86400, NULL },
	{ "lmtp", "node", SETTINGS_TEXT, "", AT(node), 0, 0, check_node },
	{ "lmtp", "disabled", SETTINGS_TEXT, "refuse", AT(disabled), 0, 0, check_refusal },
	{ "lmtp", "soft_bounce", SETTINGS_SWITCH, "no", AT(lmtp.soft_bounce), 0, 0, NULL },
	{ "maildir", "home", SETTINGS_TEXT, "/var/mail/vhosts/%d/%n", AT(home), 0, 0, check_home },
	{ "maildir", "path", SETTINGS_TEXT, "Maildir", AT(path), 0, 0, check_path },
	{ "maildir", "detail", SETTINGS_TEXT, "ignore", AT(detail), 0, 0, check_detail },
	{ "maildir", "folders_max", SETTINGS_NUMBER, "100", AT(folders_max), 1, 10000, NULL },
	{ "maildir", "separator", SETTINGS_TEXT, ".", AT(separator), 0, 0, check_separator },
	{ "maildir", "prefix", SETTINGS_TEXT, "", AT(prefix), 0, 0, NULL },
	{ "maildir", "auto", SETTINGS_LIST, "{}", AT(auto_folders), 0, 0, NULL },
	{ "maildir", "special_use", SETTINGS_LIST,
	    "{\"\\\\Junk=Junk\", \"\\\\Trash=Trash\", \"\\\\Sent=Sent\", "
	    "\"\\\\Drafts=Drafts\", \"\\\\Archive=Archive\"}",
	    AT(special_use), 0, 0, check_special_use },
	{ "maildir", "roots", SETTINGS_LIST, "{}", AT(more_roots), 0, 0, check_root },
	{ "maildir", "marker", SETTINGS_TEXT, "", AT(marker), 0, 0, check_marker },
	{ "maildir", "user", SETTINGS_TEXT, "vmail", AT(daemon.user), 0, 0, NULL },
	{ "maildir", "group", SETTINGS_TEXT, "vmail", AT(daemon.group), 0, 0, NULL },
	{ "maildir", "commit", SETTINGS_TEXT, "auto", AT(commit), 0, 0, check_commit },
	{ "maildir", "writers", SETTINGS_NUMBER, "64", AT(writers), 1, 512, NULL },
	{ "quota", "full", SETTINGS_TEXT, "refuse", AT(full), 0, 0, check_refusal },
	{ "quota", "grace", SETTINGS_TEXT, "10%", AT(grace), 0, 0, check_grace },
	{ "quota", "count", SETTINGS_TEXT, "virtual", AT(count), 0, 0, check_count },
	{ "quota", "ignore", SETTINGS_LIST, "{}", AT(ignored_folders), 0, 0, NULL },
	{ "sieve", "enabled", SETTINGS_SWITCH, "no", AT(sieve.is_enabled), 0, 0, NULL },
	{ "sieve", "storage", SETTINGS_TEXT, "~/sieve", AT(sieve.storage), 0, 0, check_own },
	{ "sieve", "active", SETTINGS_TEXT, "~/.dovecot.sieve", AT(sieve.active), 0, 0, check_own },
	{ "sieve", "before", SETTINGS_LIST, "{}", AT(sieve.before), 0, 0, check_root },
	{ "sieve", "after", SETTINGS_LIST, "{}", AT(sieve.after), 0, 0, check_root },
	{ "sieve", "default", SETTINGS_TEXT, "", AT(sieve.fallback), 0, 0, check_script },
	{ "sieve", "global", SETTINGS_TEXT, "", AT(sieve.global), 0, 0, check_script },
	{ "sieve", "autocreate", SETTINGS_SWITCH, "no", AT(sieve.creates_folders), 0, 0, NULL },
	{ "sieve", "autosubscribe", SETTINGS_SWITCH, "no", AT(sieve.subscribes_folders), 0, 0,
	    NULL },
	{ "sieve", "submission", SETTINGS_TEXT, "inet:127.0.0.1:25", AT(sieve.submission), 0, 0,
	    endpoint_check },
	{ "sieve", "redirect_from", SETTINGS_TEXT, "sender", AT(sieve.redirect_from), 0, 0,
	    check_redirect_from },
	{ "sieve", "redirects_max", SETTINGS_NUMBER, "10", AT(sieve.redirects_max), 0, 64, NULL },
	{ "sieve", "vacation_from", SETTINGS_TEXT, "null", AT(sieve.vacation_from), 0, 0,
	    check_vacation_from },
	{ "sieve", "vacation_check_recipient", SETTINGS_SWITCH, "yes",
	    AT(sieve.vacation_checks_recipient), 0, 0, NULL },
	{ "sieve", "vacation_days_default", SETTINGS_NUMBER, "7", AT(sieve.vacation_default), 1,
	    3650, NULL },
	{ "sieve", "vacation_days_min", SETTINGS_NUMBER, "1", AT(sieve.vacation_min), 0, 3650,
	    NULL },
	{ "sieve", "vacation_days_max", SETTINGS_NUMBER, "60", AT(sieve.vacation_max), 0, 3650,
	    NULL },
	{ "sieve", "spamtest_header", SETTINGS_TEXT, "", AT(sieve.spam_header), 0, 0,
	    sieve_score_check_header },
	{ "sieve", "spamtest_max", SETTINGS_TEXT, "", AT(sieve.spam_max), 0, 0, check_score },
	{ "mysql", "user_query", SETTINGS_TEXT,
	    "SELECT email FROM virtual_users WHERE email = '%u'",
	    AT(directory.queries[DIRECTORY_MAILBOX]), 0, 0, NULL },
	/* The second column lets lmtpd see that the row is the one that was asked for. */
	{ "mysql", "alias_query", SETTINGS_TEXT,
	    "SELECT destination, source FROM virtual_aliases WHERE source = '%u'",
	    AT(directory.queries[DIRECTORY_ALIAS]), 0, 0, NULL },
	{ "mysql", "domain_query", SETTINGS_TEXT,
	    "SELECT name FROM virtual_domains WHERE name = '%d'",
	    AT(directory.queries[DIRECTORY_DOMAIN]), 0, 0, NULL },
	/* These three are for --check, --maildirs and --quota alone. In this order equal aliases stand side by side. */
	{ "mysql", "users_query", SETTINGS_TEXT, "SELECT email FROM virtual_users", AT(users_query),
	    0, 0, NULL },
	{ "mysql", "aliases_query", SETTINGS_TEXT,
	    "SELECT source, destination FROM virtual_aliases ORDER BY source, destination",
	    AT(aliases_query), 0, 0, NULL },
	{ "mysql", "domains_query", SETTINGS_TEXT, "SELECT name FROM virtual_domains",
	    AT(domains_query), 0, 0, NULL },
};

static int find_host_name(struct lmtpd_config *config, struct error *error)
{
	char *name = config->machine_name;

	if (config->hostname[0] != '\0') {
		return 0;
	}
	if (gethostname(name, sizeof(config->machine_name) - 1) != 0 || name[0] == '\0' ||
	    check_host_name(name, error) != 0) {
		return error_set(
		    error, "hostname is \"\" and the machine has no usable name; set it");
	}
	config->hostname = name;
	return 0;
}

void lmtpd_config_init_sieve(struct lmtpd_config *config)
{
	struct sieve_config *sieve = &config->sieve;

	sieve->settings = sieve_defaults;
	sieve->settings.spam.header = sieve->spam_header;
	sieve->settings.spam.max = sieve->spam_max;
	sieve->submitter = (struct submitter_settings){ .endpoint = sieve->submission,
		.hostname = config->hostname,
		.connect = SUBMITTER_CONNECT_MS,
		.reply = SUBMITTER_REPLY_MS,
		.content = SUBMITTER_CONTENT_MS };
	snprintf(sieve->postmaster, sizeof(sieve->postmaster), "postmaster@%s", config->hostname);
	sieve->settings.postmaster = sieve->postmaster;
	sieve->settings.redirect_from = sieve->redirect_from;
	sieve->settings.redirects_max = (unsigned)sieve->redirects_max;
	sieve->settings.vacation_sends_from_recipient =
	    strcmp(sieve->vacation_from, "recipient") == 0;
	sieve->settings.vacation_checks_recipient = sieve->vacation_checks_recipient;
	sieve->settings.vacation_default = (unsigned)sieve->vacation_default * DAY;
	/* vacation-seconds (RFC 6131) may go below a day where the admin lets it, but not to a storm. */
	sieve->settings.vacation_min =
	    sieve->vacation_min > 0 ? (unsigned)sieve->vacation_min * DAY : VACATION_MIN;
	sieve->settings.vacation_max = (unsigned)sieve->vacation_max * DAY;
}

static int lmtpd_config_check(void *values, struct error *error)
{
	struct lmtpd_config *config = values;

	if (find_host_name(config, error) != 0) {
		return -1;
	}
	config->lmtp.hostname = config->hostname;
	config->lmtp.message_size_limit = (uint64_t)config->message_size_limit;
	config->lmtp.recipient_limit = (size_t)config->recipient_limit;
	if (config->node[0] == '\0') {
		config->node = config->hostname;
	}
	config->directory.mailbox_columns = mailbox_columns;
	lmtpd_config_init_sieve(config);
	if (config->sieve.spam_header[0] != '\0' && config->sieve.spam_max[0] == '\0') {
		return error_set(error, "sieve.spamtest_header needs sieve.spamtest_max, the "
					"score that counts as certain spam");
	}
	if (config->sieve.vacation_max > 0 &&
	    config->sieve.vacation_max < config->sieve.vacation_min) {
		return error_set(
		    error, "sieve.vacation_days_max is less than sieve.vacation_days_min");
	}
	if (homes_init(config, error) != 0) {
		return -1;
	}
	if (daemon_settings_check(&config->daemon, "lmtp", "maildir", "owns the mail", error) !=
	    0) {
		return -1;
	}
	return directory_settings_open(&config->directory, error);
}

static void lmtpd_config_clear(void *values)
{
	struct lmtpd_config *config = values;

	directory_settings_close(&config->directory);
}

static const struct settings_table tables[] = {
	{ keys, sizeof(keys) / sizeof(keys[0]), 0 },
	{ directory_settings_keys, DIRECTORY_SETTINGS_KEYS, AT(directory) },
};

const struct settings_form lmtpd_config_form = {
	.size = sizeof(struct lmtpd_config),
	.tables = tables,
	.n_tables = sizeof(tables) / sizeof(tables[0]),
	.check = lmtpd_config_check,
	.clear = lmtpd_config_clear,
};

struct lmtpd_config *lmtpd_config_load_as_owner(const char *config_file, struct error *error)
{
	struct lmtpd_config *config = settings_load(&lmtpd_config_form, config_file, error);

	if (config != NULL &&
	    privilege_leave_root(config->daemon.user, config->daemon.group, error) != 0) {
		error_prefix(error, "maildir.user: ");
		settings_free(config);
		return NULL;
	}
	return config;
}

int lmtpd_config_check_root(const void *values, struct error *error)
{
	const struct lmtpd_config *config = values;
	struct stat status;
	int result = stat(config->base, &status) == 0 ? 0 : -errno;

	/* What else may be wrong with it need not stay so. */
	if (result == -ENOENT || result == -ENOTDIR || (result == 0 && !S_ISDIR(status.st_mode))) {
		return error_set(error,
		    "maildir.home: there is no directory %s: mount it, or make it and give it to "
		    "the user and group of section maildir",
		    config->base);
	}
	return 0;
}
