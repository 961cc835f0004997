/* SPDX-License-Identifier: MIT
 * The facts for the doctor are lmtpd's configuration. As root, --check becomes the mail's owner in the
 * middle, as the daemon does, so that it meets the same permissions; what only root may see comes before. */
#include "lmtpd/checkup.h"

#include <string.h>

#include "doctor/checkup.h"
#include "doctor/database.h"
#include "doctor/doveconf.h"
#include "doctor/layout.h"
#include "doctor/lists.h"
#include "doctor/location.h"
#include "doctor/owner.h"
#include "doctor/postconf.h"
#include "doctor/quotas.h"
#include "doctor/route.h"
#include "doctor/sandbox.h"
#include "doctor/sockets.h"
#include "doctor/storage.h"
#include "lmtpd/config.h"
#include "lmtpd/homes.h"
#include "lmtpd/lookup.h"
#include "lmtpd/scripts_check.h"
#include "version.h"

enum {
	N_NEEDS = 3,
};

/* What of the guide's tables each query reads; of others nothing is known. */
static const struct database_need guide_needs[N_NEEDS] = {
	{ DIRECTORY_MAILBOX, "for each recipient", "virtual_users", "email", "email",
	    "CREATE UNIQUE INDEX", true },
	{ DIRECTORY_ALIAS, "for each recipient", "virtual_aliases", "source, destination", "source",
	    "CREATE INDEX", true },
	{ DIRECTORY_DOMAIN, "for each recipient", "virtual_domains", "name", "name", "CREATE INDEX",
	    true },
};

/* Is the query the one that asks the guide's tables, or left out? */
static bool is_initial(const char *query, const char *name)
{
	for (size_t i = 0; i < lmtpd_config_form.n_tables; i++) {
		const struct settings_table *table = &lmtpd_config_form.tables[i];

		for (size_t n = 0; n < table->n_keys; n++) {
			if (strcmp(table->keys[n].name, name) == 0) {
				return query[0] == '\0' ||
				       strcmp(query, table->keys[n].initial) == 0;
			}
		}
	}
	return false;
}

/* Are all of them? */
static bool asks_guide(const struct lmtpd_config *config, struct database_need needs[N_NEEDS])
{
	bool is_guide = is_initial(config->users_query, "users_query") &&
			is_initial(config->aliases_query, "aliases_query") &&
			is_initial(config->domains_query, "domains_query");

	for (size_t i = 0; i < N_NEEDS; i++) {
		needs[i] = guide_needs[i];
		needs[i].is_guide = is_initial(config->directory.queries[needs[i].query],
		    directory_query_name(needs[i].query));
		is_guide = is_guide && needs[i].is_guide;
	}
	return is_guide;
}

/* Can the database be worked with, and does mail reach those who are in it? scripts: NULL if none run. */
static void check_rows(const struct lmtpd_config *config, struct scripts_check *scripts,
    const struct postconf *postfix, struct report *report)
{
	struct database_need needs[N_NEEDS];
	bool is_guide = asks_guide(config, needs);
	struct directory *directory = database_check(&config->directory, needs, N_NEEDS, report);
	const struct lists lists = {
		.settings = &config->directory,
		.domains_query = config->domains_query,
		.users_query = config->users_query,
		.aliases_query = config->aliases_query,
		.is_guide = is_guide,
		.resolver = {
			.ask = lookup_ask,
			.source = directory,
			.delimiters = config->lmtp.recipient_delimiter,
			.node = config->node,
		},
		.directory = directory,
		.path_of = homes_write_path,
		.config = config,
		.judge = scripts == NULL ? NULL : scripts_check_user,
		.data = scripts,
	};

	if (directory != NULL) {
		database_check_passwords(directory, &config->directory, is_guide, report);
		route_check_domains(&lists.resolver, postfix, report);
		lists_check(&lists, postfix, report);
	}
	directory_free(directory);
}

static void check_rows_and_scripts(
    const struct lmtpd_config *config, const struct postconf *postfix, struct report *report)
{
	struct scripts *scripts = config->sieve.is_enabled ? scripts_new() : NULL;
	struct scripts_check check;

	if (scripts != NULL) {
		scripts_check_admin(scripts, config, report);
		scripts_check_init(&check, scripts, config);
	}
	check_rows(config, scripts != NULL ? &check : NULL, postfix, report);
	scripts_free(scripts);
}

static void check_folders(const struct lmtpd_config *config, struct report *report)
{
	const struct layout_facts facts = {
		.is_used = strcmp(config->detail, "ignore") != 0 || config->sieve.is_enabled,
		.separator = config->separator,
		.prefix = config->prefix,
		.creation = config->auto_folders,
		.special_use = config->special_use,
	};

	layout_check(&facts, report);
}

static void check_quotas(const struct lmtpd_config *config, struct report *report)
{
	const char *query = config->directory.queries[DIRECTORY_MAILBOX];
	const struct quotas_facts facts = {
		.is_used = strcasestr(query, "quota_bytes") != NULL ||
			   strcasestr(query, "quota_messages") != NULL,
		.style = config->rules.style,
		.grace = config->rules.grace,
		.grace_text = config->grace,
		.folders = config->folder_style,
	};

	quotas_check(&facts, report);
}

static void examine(const void *data, const char *file, struct report *report)
{
	const struct lmtpd_config *config = data;
	const char *bases[LMTPD_ROOTS_MAX + 2];
	const struct owner owner = {
		.what = "mail owner",
		.section = "maildir",
		.settings = &config->daemon,
		.remedy_absent =
		    "groupadd -g 5000 vmail; useradd -g vmail -u 5000 vmail -d /var/mail",
		.remedy_root = "mail should belong to a user of its own, not to root",
	};
	const struct sockets sockets = {
		.daemon = "lmtpd",
		.section = "lmtp",
		.settings = &config->daemon,
		.judge = route_judge,
		.silence = "",
		.end = "\n",
		.remedy =
		    "before lmtpd starts, take it from that program: from Dovecot, its service "
		    "lmtp",
	};
	const struct sandbox_facts service = {
		.daemon = "lmtpd",
		.file = file,
		.initial = LMTPD_SYSCONFDIR "/lmtpd.conf",
		.bases = bases,
		.hosts = &config->directory.hosts,
		.listen = &config->daemon.listen,
		.submission = config->sieve.is_enabled ? config->sieve.submission : NULL,
	};
	struct postconf postfix;
	bool is_fed;

	homes_list_roots(config, bases);
	owner_check_file(&owner, file, &config->directory, report);
	report_ok(report, "hostname", "%s", config->hostname);
	if (config->lmtp.soft_bounce) {
		report_warn(report, "soft_bounce",
		    "set lmtp.soft_bounce = no when the move is over",
		    "every 5xx is said as 4xx: what nobody will ever take waits in Postfix's "
		    "queue");
	}
	postconf_load(&postfix, report);
	is_fed = route_check(&sockets, &config->lmtp, &postfix, report);
	sockets_check(&sockets, is_fed ? &postfix : NULL, report);
	sandbox_check(&service, report);
	if (doveconf_check(&sockets, report)) {
		location_check(config->home, config->path, report);
		check_folders(config, report);
		check_quotas(config, report);
		scripts_check_dovecot(config, report);
	}
	owner_become(&owner, report);
	owner_check_reload(&owner, file, report);
	for (size_t i = 0; i < config->n_roots; i++) {
		storage_check(&config->roots[i], i == 0 ? config->home_rest : NULL, report);
	}
	scripts_check_submission(config, report);
	check_rows_and_scripts(config, &postfix, report);
	postconf_free(&postfix);
}

int lmtpd_checkup(const char *config_file, bool is_json)
{
	return checkup_run(&lmtpd_config_form, config_file, is_json, examine);
}
