/* SPDX-License-Identifier: MIT
 * Who a process may be when it serves: every way in which it could still be somebody else is refused. The
 * kernel is one of our own, so that no test needs to be root. */
#include "runtime/privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/unit.h"

enum {
	UID = 5001,
	GID = 5002,
	DUMPABLE_BY_DEFAULT = 1, /* fs.suid_dumpable */
};

/* The process, and what goes wrong with it. */
static struct process {
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;
	gid_t groups[4];
	int n_groups;
	unsigned permitted, effective; /* capabilities, of either half */
	int dumpable;
	bool has_new_privileges;
	bool keeps_capabilities, keeps_saved, keeps_groups, cannot_change;
	bool cannot_tell_groups, cannot_tell_capabilities;
} process;

/* Of the linker's --wrap. */
uid_t __wrap_geteuid(void);
int __wrap_getresuid(uid_t *ruid, uid_t *euid, uid_t *suid);
int __wrap_getresgid(gid_t *rgid, gid_t *egid, gid_t *sgid);
int __wrap_getgroups(int n, gid_t *groups);
int __wrap_setgroups(size_t n, const gid_t *groups);
int __wrap_setresgid(gid_t rgid, gid_t egid, gid_t sgid);
int __wrap_setresuid(uid_t ruid, uid_t euid, uid_t suid);
int __wrap_setuid(uid_t uid);
int __wrap_seteuid(uid_t uid);
long __wrap_syscall(long number, ...);
int __wrap_prctl(int option, ...);

static int refuse(void)
{
	errno = EPERM;
	return -1;
}

uid_t __wrap_geteuid(void)
{
	return process.euid;
}

int __wrap_getresuid(uid_t *ruid, uid_t *euid, uid_t *suid)
{
	*ruid = process.ruid;
	*euid = process.euid;
	*suid = process.suid;
	return 0;
}

int __wrap_getresgid(gid_t *rgid, gid_t *egid, gid_t *sgid)
{
	*rgid = process.rgid;
	*egid = process.egid;
	*sgid = process.sgid;
	return 0;
}

int __wrap_getgroups(int n, gid_t *groups)
{
	if (process.cannot_tell_groups) {
		return refuse();
	}
	for (int i = 0; i < process.n_groups && i < n; i++) {
		groups[i] = process.groups[i];
	}
	return process.n_groups;
}

int __wrap_setgroups(size_t n, const gid_t *groups)
{
	if (process.euid != 0) {
		return refuse();
	}
	if (!process.keeps_groups) {
		process.n_groups = (int)n;
		memcpy(process.groups, groups, n * sizeof(*groups));
	}
	return 0;
}

int __wrap_setresgid(gid_t rgid, gid_t egid, gid_t sgid)
{
	process.rgid = rgid;
	process.egid = egid;
	process.sgid = sgid;
	return 0;
}

int __wrap_setresuid(uid_t ruid, uid_t euid, uid_t suid)
{
	if (process.euid != 0 || process.cannot_change) {
		return refuse();
	}
	process.ruid = ruid;
	process.euid = euid;
	process.suid = process.keeps_saved ? process.suid : suid;
	if (euid != 0 && !process.keeps_capabilities) {
		process.permitted = process.effective = 0;
	}
	process.dumpable = DUMPABLE_BY_DEFAULT;
	return 0;
}

int __wrap_setuid(uid_t uid)
{
	return process.suid == uid ? 0 : refuse();
}

int __wrap_seteuid(uid_t uid)
{
	return process.suid == uid ? 0 : refuse();
}

long __wrap_syscall(long number, ...)
{
	struct __user_cap_data_struct *data;
	va_list arguments;

	assert_int_equal(number, SYS_capget);
	va_start(arguments, number);
	(void)va_arg(arguments, void *);
	data = va_arg(arguments, struct __user_cap_data_struct *);
	va_end(arguments);
	if (process.cannot_tell_capabilities) {
		return refuse();
	}
	data[0].permitted = process.permitted;
	data[1].effective = process.effective;
	return 0;
}

int __wrap_prctl(int option, ...)
{
	va_list arguments;
	int value;

	va_start(arguments, option);
	value = option == PR_GET_DUMPABLE ? 0 : va_arg(arguments, int);
	va_end(arguments);
	switch (option) {
	case PR_GET_DUMPABLE:
		return process.dumpable;
	case PR_SET_DUMPABLE:
		process.dumpable = value;
		return 0;
	default:
		assert_int_equal(option, PR_SET_NO_NEW_PRIVS);
		process.has_new_privileges = false;
		return 0;
	}
}

static const struct process root = {
	.groups = { 0, 4, 27 },
	.n_groups = 3,
	.permitted = ~0u,
	.effective = ~0u,
	.has_new_privileges = true,
};

/* As systemd's User= makes it, with SupplementaryGroups=. */
static const struct process user = {
	.ruid = UID,
	.euid = UID,
	.suid = UID,
	.rgid = GID,
	.egid = GID,
	.sgid = GID,
	.groups = { GID, 27 },
	.n_groups = 2,
	.has_new_privileges = true,
};

static void expect_refusal(const char *name, const char *said)
{
	struct error error = { "" };

	if (privilege_become(UID, GID, &error) == 0 || strstr(error.text, said) == NULL) {
		fail_msg("%s: \"%s\"", name, error.text);
	}
}

static void expect_fine(uid_t uid, gid_t gid)
{
	struct error error = { "" };

	if (privilege_become(uid, gid, &error) != 0) {
		fail_msg("refused: %s", error.text);
	}
	assert_false(process.has_new_privileges);
}

static void test_root(void **state)
{
	process = root;
	expect_fine(UID, GID);
	assert_int_equal(process.ruid, UID);
	assert_int_equal(process.suid, UID);
	assert_int_equal(process.sgid, GID);
	assert_int_equal(process.n_groups, 1);
	assert_int_equal(process.groups[0], GID);
	process = root;
	process.rgid = process.ruid = 77; /* whatever it was besides */
	expect_fine(UID, GID);
}

static void test_root_that_stays(void **state)
{
	process = root;
	expect_fine(0, 0);
	process = root;
	expect_fine(UID, 0);
}

static void test_root_that_is_not_given_up(void **state)
{
	process = root;
	process.cannot_change = true;
	expect_refusal("setresuid fails", "cannot become uid 5001 gid 5002");
	process = root;
	process.keeps_saved = true;
	expect_refusal("saved uid", "still within reach");
	process = root;
	process.keeps_groups = true;
	expect_refusal("groups", "still within reach");
	process = root;
	process.keeps_capabilities = true;
	expect_refusal("SECBIT_NO_SETUID_FIXUP", "has capabilities");
}

static void test_user(void **state)
{
	process = user;
	expect_fine(UID, GID);
	assert_int_equal(process.n_groups, 2);
	process.n_groups = 0;
	expect_fine(UID, GID);
	/* As containers without users of their own do it. */
	process.rgid = process.egid = process.sgid = process.groups[0] = 0;
	process.n_groups = 1;
	expect_fine(UID, 0);
}

static void test_user_who_is_more(void **state)
{
	static const struct {
		const char *name;
		struct process process;
		const char *said;
	} rows[] = {
		{ "another", { .euid = 7 }, "neither root nor uid 5001" },
		{ "real uid", { .ruid = 0, .euid = UID, .suid = UID }, "uid are 0, 5001 and 5001" },
		{ "saved uid", { .ruid = UID, .euid = UID, .suid = 0 },
		    "uid are 5001, 5001 and 0" },
		{ "real gid", { .rgid = 0, .egid = GID, .sgid = GID }, "gid are 0, 5002 and 5002" },
		{ "effective gid", { .rgid = GID, .egid = 0, .sgid = GID }, "all be 5002" },
		{ "saved gid", { .rgid = GID, .egid = GID, .sgid = 0 },
		    "gid are 5002, 5002 and 0" },
		{ "another group", { .rgid = 8, .egid = 8, .sgid = 8 }, "gid are 8, 8 and 8" },
		{ "group of root", { .groups = { GID, 27, 0 }, .n_groups = 3 }, "root's group" },
		{ "groups unknown", { .cannot_tell_groups = true }, "root's group" },
		{ "ambient", { .permitted = 1u << CAP_SETUID }, "has capabilities" },
		{ "of the upper half", { .effective = 1 }, "has capabilities" },
		{ "capabilities unknown", { .cannot_tell_capabilities = true },
		    "has capabilities" },
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		const struct process *row = &rows[i].process;

		process = user;
		if (row->ruid + row->euid + row->suid > 0) {
			process.ruid = row->ruid;
			process.euid = row->euid;
			process.suid = row->suid;
		}
		if (row->rgid + row->egid + row->sgid > 0) {
			process.rgid = row->rgid;
			process.egid = row->egid;
			process.sgid = row->sgid;
		}
		if (row->n_groups > 0) {
			memcpy(process.groups, row->groups, sizeof(process.groups));
			process.n_groups = row->n_groups;
		}
		process.permitted = row->permitted;
		process.effective = row->effective;
		process.cannot_tell_groups = row->cannot_tell_groups;
		process.cannot_tell_capabilities = row->cannot_tell_capabilities;
		expect_refusal(rows[i].name, rows[i].said);
	}
}

/* Another uid makes a process dumpable again, where the machine is set so. */
static void test_secret(void **state)
{
	for (int dumpable = 0; dumpable < 2; dumpable++) {
		process = root;
		process.dumpable = dumpable;
		expect_fine(UID, GID);
		assert_int_equal(process.dumpable, dumpable);
		process = user;
		process.dumpable = dumpable;
		expect_fine(UID, GID);
		assert_int_equal(process.dumpable, dumpable);
	}
}

static void test_find(void **state)
{
	struct error error;
	uid_t uid;
	gid_t gid;

	assert_int_equal(privilege_find("root", "root", &uid, &gid, &error), 0);
	assert_int_equal(uid + gid, 0);
	assert_int_equal(privilege_find("5001", "", &uid, &gid, &error), 0);
	assert_int_equal(uid, UID);
	assert_int_equal(gid, (gid_t)-1);
	assert_int_equal(privilege_find("no-such-user", "", &uid, &gid, &error), -1);
	assert_non_null(strstr(error.text, "no-such-user"));
	assert_int_equal(privilege_find("", "4294967295", &uid, &gid, &error), -1);
}

/* A command that anybody may give stays whoever gave it, but for root. */
static void test_leave_root(void **state)
{
	struct error error;

	process = root;
	assert_int_equal(privilege_leave_root("5001", "5002", &error), 0);
	assert_int_equal(process.suid, UID);
	process = user;
	process.permitted = 1;
	assert_int_equal(privilege_leave_root("7", "no-such-group", &error), 0);
	assert_int_equal(process.suid, UID);
	process = root;
	assert_int_equal(privilege_leave_root("7", "no-such-group", &error), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_root_that_stays),
		cmocka_unit_test(test_root_that_is_not_given_up),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_user_who_is_more),
		cmocka_unit_test(test_secret),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_leave_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
