/* SPDX-License-Identifier: MIT
 * Giving up root. Every call is checked, and then that none of it can be undone. */
#include "runtime/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static bool parse_id(const char *text, unsigned *id_r)
{
	char *end;
	unsigned long id;

	if (text[0] < '0' || text[0] > '9') {
		return false;
	}
	errno = 0;
	id = strtoul(text, &end, 10);
	*id_r = (unsigned)id;
	return errno == 0 && *end == '\0' && id < (unsigned)-1;
}

int privilege_find(
    const char *user, const char *group, uid_t *uid_r, gid_t *gid_r, struct error *error)
{
	struct passwd *passwd;
	struct group *entry;

	*uid_r = (uid_t)-1;
	*gid_r = (gid_t)-1;
	if (user[0] != '\0' && !parse_id(user, uid_r)) {
		passwd = getpwnam(user);
		if (passwd == NULL) {
			return error_set(error, "no user named \"%s\" on this machine", user);
		}
		*uid_r = passwd->pw_uid;
	}
	if (group[0] != '\0' && !parse_id(group, gid_r)) {
		entry = getgrnam(group);
		if (entry == NULL) {
			return error_set(error, "no group named \"%s\" on this machine", group);
		}
		*gid_r = entry->gr_gid;
	}
	return 0;
}

static int drop(uid_t uid, gid_t gid, struct error *error)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (setgroups(1, &gid) != 0 || setresgid(gid, gid, gid) != 0 ||
	    setresuid(uid, uid, uid) != 0) {
		return error_set(
		    error, "cannot become uid %u gid %u: %s", uid, gid, strerror(errno));
	}
	if (getresuid(&ruid, &euid, &suid) != 0 || getresgid(&rgid, &egid, &sgid) != 0 ||
	    ruid != uid || euid != uid || suid != uid || rgid != gid || egid != gid ||
	    sgid != gid || getgroups(0, NULL) != 1 ||
	    (uid != 0 && (setuid(0) == 0 || seteuid(0) == 0))) {
		return error_set(
		    error, "became uid %u gid %u, but root is still within reach", uid, gid);
	}
	return 0;
}

int privilege_become(uid_t uid, gid_t gid, struct error *error)
{
	if (geteuid() == 0) {
		if (drop(uid, gid, error) != 0) {
			return -1;
		}
	} else if (geteuid() != uid) {
		return error_set(
		    error, "started as uid %u, which is neither root nor uid %u", geteuid(), uid);
	}
	/* No set-uid program could give it back either. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		return error_set(error, "prctl(PR_SET_NO_NEW_PRIVS): %s", strerror(errno));
	}
	return 0;
}

int privilege_leave_root(const char *user, const char *group, struct error *error)
{
	uid_t uid;
	gid_t gid;

	return geteuid() != 0 || (privilege_find(user, group, &uid, &gid, error) == 0 &&
				     privilege_become(uid, gid, error) == 0)
		   ? 0
		   : -1;
}
