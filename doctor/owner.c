/* SPDX-License-Identifier: MIT
 * A daemon binds its sockets as root and is somebody else for the rest of its life. What root may see of
 * a machine says little about what that somebody may, so the checks change sides in the middle. */
#include "doctor/owner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "runtime/privilege.h"

void owner_check_file(const struct owner *owner, const char *file,
    const struct directory_settings *settings, struct report *report)
{
	bool is_apart = settings->password_file[0] != '\0';
	bool has_password = is_apart || settings->password[0] != '\0';
	const char *holder = is_apart ? settings->password_file : file;
	struct stat status;

	if (has_password && stat(holder, &status) == 0 && (status.st_mode & S_IROTH) != 0) {
		report_warn(report, "configuration",
		    report_remedy(report, "chgrp %s %s && chmod o-r %s%s", owner->settings->group,
			holder, holder,
			is_apart ? "" : "; or put the password into a password_file"),
		    "%s holds the database password, and everybody can read it", holder);
		return;
	}
	report_ok(report, "configuration", "%s", file);
}

void owner_become(const struct owner *owner, struct report *report)
{
	const char *user = owner->settings->user, *group = owner->settings->group;
	struct error error;
	uid_t uid;
	gid_t gid;

	if (privilege_find(user, group, &uid, &gid, &error) != 0) {
		report_fail(report, EX_CONFIG, owner->what, owner->remedy_absent, "%s", error.text);
	} else if (privilege_become(uid, gid, &error) != 0) {
		/* Not root, and not the user: what follows is what the caller may see. */
		report_warn(report, owner->what, "run --check as root to see what the daemon would",
		    "%s", error.text);
	} else if (uid == 0) {
		report_warn(report, owner->what, owner->remedy_root, "%s:%s (%u:%u)", user, group,
		    uid, gid);
	} else {
		report_ok(report, owner->what, "%s:%s (%u:%u)", user, group, uid, gid);
	}
}

void owner_check_reload(const struct owner *owner, const char *file, struct report *report)
{
	if (access(file, R_OK) != 0) {
		const char *why = strerror(errno);

		report_warn(report, "reload",
		    report_remedy(report,
			"SIGHUP reads the configuration as the %s: chgrp it to %s.group, mode 0640",
			owner->what, owner->section),
		    "%s: %s", file, why);
	}
}
