/* SPDX-License-Identifier: MIT
 * Giving up root. Every call is checked, and then that none of it can be undone; and whoever is not root
 * when he starts is looked at as closely. */
#include "runtime/privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
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
	if (setgroups(1, &gid) != 0 || setresgid(gid, gid, gid) != 0 ||
	    setresuid(uid, uid, uid) != 0) {
		return error_set(
		    error, "cannot become uid %u gid %u: %s", uid, gid, strerror(errno));
	}
	if (getgroups(0, NULL) != 1 || (uid != 0 && (setuid(0) == 0 || seteuid(0) == 0))) {
		return error_set(
		    error, "became uid %u gid %u, but root is still within reach", uid, gid);
	}
	return 0;
}

/* Is root's group one of the supplementary ones? If that cannot be known it is. */
static bool has_group_of_root(void)
{
	int n = getgroups(0, NULL);
	gid_t *groups = calloc(n > 0 ? (size_t)n : 1, sizeof(*groups));
	bool has_it = groups == NULL || n < 0 || getgroups(n, groups) != n;

	for (int i = 0; i < n && !has_it; i++) {
		has_it = groups[i] == 0;
	}
	free(groups);
	return has_it;
}

/* Is any left that the process may use? */
static bool has_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	if (syscall(SYS_capget, &header, data) != 0) {
		return true;
	}
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		if ((data[i].effective | data[i].permitted) != 0) {
			return true;
		}
	}
	return false;
}

/* Is the process nobody else than uid and gid, without a way to be? Other groups than root's are the
 * wish of who starts it. */
static int verify(uid_t uid, gid_t gid, struct error *error)
{
	uid_t ruid = 0, euid = 0, suid = 0;
	gid_t rgid = 0, egid = 0, sgid = 0;

	if (getresuid(&ruid, &euid, &suid) != 0 || ruid != uid || euid != uid || suid != uid) {
		return error_set(error,
		    "real, effective and saved uid are %u, %u and %u, but must all be %u", ruid,
		    euid, suid, uid);
	}
	if (getresgid(&rgid, &egid, &sgid) != 0 || rgid != gid || egid != gid || sgid != gid) {
		return error_set(error,
		    "real, effective and saved gid are %u, %u and %u, but must all be %u", rgid,
		    egid, sgid, gid);
	}
	if (gid != 0 && has_group_of_root()) {
		return error_set(error, "uid %u has root's group, 0, among its groups", uid);
	}
	if (uid != 0 && has_capabilities()) {
		return error_set(error,
		    "uid %u has capabilities, see CapPrm in /proc/self/status: it must have none",
		    uid);
	}
	return 0;
}

int privilege_become(uid_t uid, gid_t gid, struct error *error)
{
	bool is_secret = prctl(PR_GET_DUMPABLE) == 0;

	if (geteuid() == 0) {
		if (drop(uid, gid, error) != 0) {
			return -1;
		}
	} else if (geteuid() != uid) {
		return error_set(
		    error, "started as uid %u, which is neither root nor uid %u", geteuid(), uid);
	}
	if (verify(uid, gid, error) != 0) {
		return -1;
	}
	/* Another uid makes it what fs.suid_dumpable says. */
	if (is_secret && prctl(PR_SET_DUMPABLE, 0) != 0) {
		return error_set(error, "prctl(PR_SET_DUMPABLE): %s", strerror(errno));
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
