/* SPDX-License-Identifier: MIT
 * The facts for the doctor are lmtpd-auth's configuration. As root, --check becomes the daemon's user in the
 * middle; what only root may see comes before. */
#include "auth/checkup.h"

#include "auth/config.h"
#include "auth/password.h"
#include "doctor/checkup.h"
#include "doctor/database.h"
#include "doctor/doveconf.h"
#include "doctor/hashes.h"
#include "doctor/logins.h"
#include "doctor/owner.h"
#include "doctor/postconf.h"
#include "doctor/sandbox.h"
#include "doctor/sockets.h"
#include "version.h"

static void check_database(const struct auth_config *config, struct report *report)
{
	static const struct database_need needs[] = {
		{ .query = DIRECTORY_PASSWORD, .occasion = "for each login" },
	};
	static const struct hashes_judge judge = {
		.is_locked = password_is_locked,
		.method = password_method,
	};
	struct directory *directory = database_check(&config->directory, needs, 1, report);

	if (directory != NULL) {
		hashes_check(&config->directory, config->users_query, &judge, report);
	}
	directory_free(directory);
}

static void examine(const void *data, const char *file, struct report *report)
{
	const struct auth_config *config = data;
	const struct owner owner = {
		.what = "daemon's user",
		.section = "auth",
		.settings = &config->daemon,
		.remedy_absent = "adduser --system --group --no-create-home lmtpd-auth",
		.remedy_root = "it needs no rights at all: give it a user of its own",
	};
	const struct sockets sockets = {
		.daemon = "lmtpd-auth",
		.section = "auth",
		.settings = &config->daemon,
		.judge = logins_judge,
		.silence = "; Dovecot 2.4 waits for its client to speak first",
		.end = "\nDONE\n",
		.remedy = "before lmtpd-auth starts, take it from that program: from Dovecot, the "
			  "listener in its service auth",
	};
	const struct sandbox_facts service = {
		.daemon = "lmtpd-auth",
		.file = file,
		.initial = LMTPD_SYSCONFDIR "/auth.conf",
		.hosts = &config->directory.hosts,
		.listen = &config->daemon.listen,
	};
	struct postconf postfix;
	bool is_asked;

	owner_check_file(&owner, file, &config->directory, report);
	postconf_load(&postfix, report);
	is_asked = logins_check(&sockets, &postfix, report);
	sockets_check(&sockets, is_asked ? &postfix : NULL, report);
	sandbox_check(&service, report);
	doveconf_check(&sockets, report);
	owner_become(&owner, report);
	owner_check_reload(&owner, file, report);
	check_database(config, report);
	postconf_free(&postfix);
}

int auth_checkup(const char *config_file, bool is_json)
{
	return checkup_run(&auth_config_form, config_file, is_json, examine);
}
