/* SPDX-License-Identifier: MIT
 * --check of the set-up, in its order. As root it becomes the mail's owner in the middle, as the
 * daemon does, so that it meets the same permissions; what only root may see comes before. */
#include "lmtpd/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "lmtpd/check/check.h"
#include "runtime/privilege.h"

static void check_config_file(struct check *check, const char *file)
{
	char remedy[1024];
	struct stat status;

	if (stat(file, &status) == 0 && (status.st_mode & S_IROTH) != 0 &&
	    settings_text(check->config.settings, "mysql", "password")[0] != '\0') {
		snprintf(remedy, sizeof(remedy),
		    "chgrp %s %s && chmod o-r %s; or put the password into a password_file",
		    check->config.group, file, file);
		report_warn(&check->report, "configuration", remedy,
		    "%s holds the database password, and everybody can read it", file);
		return;
	}
	report_ok(&check->report, "configuration", "%s", file);
}

/* From here on the checks see the machine with the eyes of the mail's owner. */
static void check_owner(struct check *check)
{
	const char *const user = check->config.user, *const group = check->config.group;
	struct error error;
	uid_t uid;
	gid_t gid;

	if (privilege_find(user, group, &uid, &gid, &error) != 0) {
		report_fail(&check->report, EX_CONFIG, "mail owner",
		    "groupadd -g 5000 vmail; useradd -g vmail -u 5000 vmail -d /var/mail", "%s",
		    error.text);
	} else if (privilege_become(uid, gid, &error) != 0) {
		report_warn(&check->report, "mail owner",
		    "run --check as root to see what the daemon would", "%s", error.text);
	} else if (uid == 0) {
		report_warn(&check->report, "mail owner",
		    "mail should belong to a user of its own, not to root", "%s:%s (%u:%u)", user,
		    group, uid, gid);
	} else {
		report_ok(&check->report, "mail owner", "%s:%s (%u:%u)", user, group, uid, gid);
	}
}

/* The password lies in the file, so root owns it; but a reload reads it as the owner of the mail. */
static void check_reload(struct check *check, const char *file)
{
	if (access(file, R_OK) != 0) {
		report_warn(&check->report, "reload",
		    "SIGHUP reads the configuration as the mail owner: chgrp it to maildir.group, "
		    "mode 0640",
		    "%s: %s", file, strerror(errno));
	}
}

static void check_all(struct check *check, const char *config_file)
{
	struct directory *directory;

	check_config_file(check, config_file);
	report_ok(&check->report, "hostname", "%s", check->config.hostname);
	check_postfix(check);
	check_sockets(check);
	check_owner(check);
	check_reload(check, config_file);
	check_storage(check);
	directory = check_tables(check);
	if (directory != NULL) {
		check_postfix_domains(check, directory);
		check_rows(check, directory);
	}
	directory_free(directory);
	postconf_free(&check->postfix);
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
		check_all(&check, config_file);
		config_free(&check.config);
	}
	report_end(&check.report, check.report.exit_code);
	return check.report.exit_code;
}
