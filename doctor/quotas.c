/* SPDX-License-Identifier: MIT
 * Version 2.3 has its quotas in the block of plugins, the driver in front of the name; version 2.4 has blocks of their
 * own, and count where they name no driver. */
#include "doctor/quotas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/doveconf.h"
#include "doctor/dovecot.h"

enum {
	MOVE_FIXED = 5, /* the first 2.4.x that adds what it moves */
};

enum block {
	BLOCK_TOP = DOVECOT_TOP,
	BLOCK_OTHER = DOVECOT_OTHER,
	BLOCK_PLUGIN,
	BLOCK_PLUGINS, /* mail_plugins of 2.4 */
	BLOCK_QUOTA,
	BLOCK_IMAP,
	BLOCK_NAMESPACE,
	BLOCK_MAILBOX,
};

struct reading {
	const struct quotas_facts *facts;
	struct quotas *found;
	const char *mailbox; /* that is being read */
	bool has_driver;     /* the quota that is being read */

	int patch;                                 /* the last part of its version, -1: not known */
	bool has_quota, has_imap_quota, has_clone; /* plugins */
	bool has_vsizes;
	bool has_count, has_maildir, has_dict; /* drivers */
	const char *grace;
};

/* Where a plugin is loaded for IMAP: for all, or for that protocol. */
static bool loads_plugins(int block)
{
	return block == BLOCK_TOP || block == BLOCK_IMAP;
}

static enum block kind_of(struct reading *reading, int outer, char *line)
{
	const char *name;

	if (outer == BLOCK_NAMESPACE && (name = dovecot_block_name(line, "mailbox")) != NULL) {
		reading->mailbox = name;
		return BLOCK_MAILBOX;
	}
	if (loads_plugins(outer) && strcmp(line, "mail_plugins") == 0) {
		return BLOCK_PLUGINS;
	}
	if (outer != BLOCK_TOP) {
		return BLOCK_OTHER;
	}
	if (strcmp(line, "plugin") == 0) {
		return BLOCK_PLUGIN;
	}
	if ((name = dovecot_block_name(line, "protocol")) != NULL) {
		return strcmp(name, "imap") == 0 ? BLOCK_IMAP : BLOCK_OTHER;
	}
	return dovecot_block_name(line, "namespace") != NULL ? BLOCK_NAMESPACE
	       : dovecot_block_name(line, "quota") != NULL   ? BLOCK_QUOTA
							     : BLOCK_OTHER;
}

/* driver[0..n) */
static void add_driver(struct reading *reading, const char *driver, size_t n)
{
	char *first = reading->found->driver;

	if (first[0] == '\0') {
		snprintf(first, sizeof(reading->found->driver), "%.*s", (int)n, driver);
	}
	reading->has_driver = true;
	reading->has_count |= strncmp(driver, "count", n) == 0;
	reading->has_maildir |= strncmp(driver, "maildir", n) == 0;
	reading->has_dict |= strncmp(driver, "dict", n) == 0;
}

static int on_begin(void *data, int outer, char *line)
{
	struct reading *reading = data;

	reading->has_driver = false;
	return kind_of(reading, outer, line);
}

static void on_end(void *data, int block)
{
	struct reading *reading = data;

	if (block == BLOCK_QUOTA && !reading->has_driver) {
		add_driver(reading, "count", strlen("count"));
	}
}

static void add_plugin(struct reading *reading, const char *name)
{
	reading->has_quota |= strcmp(name, "quota") == 0;
	reading->has_imap_quota |= strcmp(name, "imap_quota") == 0;
	reading->has_clone |= strcmp(name, "quota_clone") == 0;
}

static void add_plugins(struct reading *reading, char *names)
{
	char *rest = NULL;

	for (char *name = strtok_r(names, " ", &rest); name != NULL;
	     name = strtok_r(NULL, " ", &rest)) {
		add_plugin(reading, name);
	}
}

/* A folder that does not count: does it in lmtpd? */
static void add_ignored(struct reading *reading, const char *name, size_t n)
{
	const struct quotas_facts *facts = reading->facts;
	char *list = reading->found->theirs[QUOTAS_FOLDERS];
	char directory[FOLDER_DIRECTORY_MAX + 1];
	size_t n_list = strlen(list);

	if (folder_to_directory(&facts->folders, name, n, directory) != FOLDER_FINE ||
	    !usage_counts_folder(&facts->style, directory)) {
		return;
	}
	reading->found->differs[QUOTAS_FOLDERS] = true;
	snprintf(list + n_list, QUOTAS_TEXT_MAX - n_list, "%s\"%.*s\"", n_list > 0 ? ", " : "",
	    (int)n, name);
}

/* Is it "quota", "quota2", and so on? */
static bool is_root(const char *key)
{
	static const char word[] = "quota";

	if (strncmp(key, word, strlen(word)) != 0) {
		return false;
	}
	key += strlen(word);
	while (*key >= '0' && *key <= '9') {
		key++;
	}
	return *key == '\0';
}

/* Of 2.3: "quota = count:User quota", "quota_rule2 = Trash:ignore". */
static void read_plugin(struct reading *reading, const char *key, const char *value)
{
	static const char ignore[] = ":ignore";
	size_t n = strlen(value), n_ignore = strlen(ignore);

	if (is_root(key)) {
		if (n > 0) {
			add_driver(reading, value, strcspn(value, ": "));
		}
	} else if (strcmp(key, "quota_vsizes") == 0) {
		reading->has_vsizes = strcmp(value, "yes") == 0;
	} else if (strcmp(key, "quota_grace") == 0) {
		reading->grace = value;
	} else if (strncmp(key, "quota", 5) == 0 && strstr(key, "_rule") != NULL && n > n_ignore &&
		   strcmp(value + n - n_ignore, ignore) == 0) {
		add_ignored(reading, value, n - n_ignore);
	}
}

static void read_top(struct reading *reading, const char *key, char *value)
{
	if (strcmp(key, "dovecot_config_version") == 0) {
		reading->found->is_24 = true;
	} else if (strcmp(key, "quota_storage_grace") == 0) {
		reading->grace = value;
	} else if (strcmp(key, "mail_plugins") == 0) {
		add_plugins(reading, value);
	}
}

static void on_value(void *data, int block, const char *key, char *value)
{
	struct reading *reading = data;
	bool is_yes = strcmp(value, "yes") == 0;

	switch (block) {
	case BLOCK_TOP:
		read_top(reading, key, value);
		break;
	case BLOCK_IMAP:
		if (strcmp(key, "mail_plugins") == 0) {
			add_plugins(reading, value);
		}
		break;
	case BLOCK_PLUGINS:
		if (is_yes) {
			add_plugin(reading, key);
		}
		break;
	case BLOCK_PLUGIN:
		read_plugin(reading, key, value);
		break;
	case BLOCK_QUOTA:
		if (strcmp(key, "driver") == 0 || strcmp(key, "quota_driver") == 0) {
			add_driver(reading, value, strlen(value));
		} else if (strcmp(key, "storage_grace") == 0 ||
			   strcmp(key, "quota_storage_grace") == 0) {
			reading->grace = value;
		}
		break;
	case BLOCK_MAILBOX:
		if (strcmp(key, "quota_ignore") == 0 && is_yes) {
			add_ignored(reading, reading->mailbox, strlen(reading->mailbox));
		}
		break;
	default:
		break;
	}
}

/* "# 2.4.1-4 (7d8c0e5759): /etc/dovecot/dovecot.conf" */
static void on_comment(void *data, const char *line)
{
	struct reading *reading = data;
	static const char version[] = "# 2.4.";

	if (strncmp(line, version, strlen(version)) == 0) {
		reading->patch = (int)strtol(line + strlen(version), NULL, 10);
	}
}

static void differ(
    struct quotas *quotas, enum quotas_difference difference, bool is_so, const char *theirs)
{
	if (is_so) {
		quotas->differs[difference] = true;
		snprintf(quotas->theirs[difference], QUOTAS_TEXT_MAX, "%s", theirs);
	}
}

static void judge_grace(
    const struct reading *reading, const struct quotas_facts *facts, struct quotas *quotas)
{
	const struct quota_grace *ours = &facts->grace;
	struct quota_grace theirs;
	char text[32];
	size_t n;

	snprintf(text, sizeof(text), "%s",
	    reading->grace != NULL ? reading->grace
	    : quotas->is_24        ? "10M"
				   : "10%");
	n = strlen(text);
	if (n > 2 && strcmp(text + n - 2, "%%") == 0) {
		text[n - 1] = '\0'; /* a percent sign in the words of 2.3 */
	}
	/* Units that are not ours, and what 2.3 means by none, are left alone. */
	if (quota_grace_read(text, &theirs) &&
	    (quotas->is_24 || theirs.is_percent || theirs.n == 0 || text[strlen(text) - 1] > '9')) {
		differ(quotas, QUOTAS_GRACE,
		    theirs.n != ours->n || (theirs.is_percent != ours->is_percent && ours->n != 0),
		    text);
	}
}

bool quotas_judge(char *text, const struct quotas_facts *facts, struct quotas *quotas_r)
{
	struct reading reading = { .facts = facts, .found = quotas_r, .patch = -1 };
	const struct dovecot_reader reader = { on_comment, on_begin, on_end, on_value, &reading };

	*quotas_r = (struct quotas){ .is_24 = false };
	dovecot_walk(&reader, text);
	if (quotas_r->driver[0] == '\0') {
		differ(quotas_r, QUOTAS_NONE, facts->is_used, "");
		quotas_r->differs[QUOTAS_FOLDERS] = false;
		return facts->is_used;
	}
	differ(quotas_r, QUOTAS_PLUGIN, !reading.has_quota, "");
	differ(quotas_r, QUOTAS_HIDDEN, reading.has_quota && !reading.has_imap_quota, "");
	differ(quotas_r, QUOTAS_VSIZES,
	    reading.has_count && !reading.has_vsizes && !quotas_r->is_24, "");
	differ(quotas_r, QUOTAS_DICT, reading.has_dict, "");
	differ(quotas_r, QUOTAS_CLONE, reading.has_clone, "");
	differ(quotas_r, QUOTAS_MOVE,
	    quotas_r->is_24 && reading.has_maildir && reading.patch >= 0 &&
		reading.patch < MOVE_FIXED,
	    "");
	if (!facts->is_used) {
		differ(quotas_r, QUOTAS_UNUSED, true, "");
		quotas_r->differs[QUOTAS_FOLDERS] = false;
		return true;
	}
	differ(quotas_r, QUOTAS_COUNT,
	    reading.has_count != reading.has_maildir &&
		reading.has_count != facts->style.is_virtual,
	    reading.has_count ? "virtual" : "disk");
	judge_grace(&reading, facts, quotas_r);
	return true;
}

static const char *pick(const struct quotas *quotas, const char *of_23, const char *of_24)
{
	return quotas->is_24 ? of_24 : of_23;
}

/* Is there a quota at all, on both sides? */
static void say_use(const struct quotas *quotas, struct report *report)
{
	if (quotas->differs[QUOTAS_NONE]) {
		report_warn(report, "quota",
		    report_remedy(report,
			"let Dovecot know the limits, as /usr/share/doc/lmtpd/examples/dovecot/%s/"
			"99-quota.conf does",
			pick(quotas, "2.3", "2.4")),
		    "rows have limits, and Dovecot has no quota: users do not see how full their "
		    "mailboxes are, and may store what they like");
	}
	if (quotas->differs[QUOTAS_UNUSED]) {
		report_warn(report, "quota",
		    "give mysql.user_query a column quota_bytes: QUERIES in lmtpd.conf(5)",
		    "Dovecot has a quota (%s), and user_query no limits: what is full gets mail",
		    quotas->driver);
	}
	if (quotas->differs[QUOTAS_PLUGIN]) {
		report_warn(report, "quota",
		    pick(quotas, "mail_plugins = $mail_plugins quota",
			"mail_plugins { quota = yes }"),
		    "Dovecot has a quota (%s), and does not load the plugin for it: nothing of it "
		    "is in force",
		    quotas->driver);
	}
	if (quotas->differs[QUOTAS_HIDDEN]) {
		report_warn(report, "quota",
		    pick(quotas, "protocol imap { mail_plugins = $mail_plugins imap_quota }",
			"protocol imap { mail_plugins { imap_quota = yes } }"),
		    "Dovecot does not load imap_quota for IMAP: clients do not show how full "
		    "mailboxes are");
	}
}

/* Do its sums hold what lmtpd delivers? */
static void say_sums(
    const struct quotas *quotas, const struct quotas_facts *facts, struct report *report)
{
	if (quotas->differs[QUOTAS_VSIZES]) {
		report_warn(report, "quota", "plugin { quota_vsizes = yes }",
		    "Dovecot's quota driver count needs quota_vsizes");
	}
	if (quotas->differs[QUOTAS_DICT]) {
		report_warn(report, "quota",
		    "plugin { quota = count:User quota, and quota_vsizes = yes }",
		    "Dovecot's quota driver dict adds what Dovecot delivers, and sees nothing of "
		    "lmtpd's mail");
	}
	if (quotas->differs[QUOTAS_CLONE]) {
		report_warn(report, "quota",
		    "let nobody rely on the copy: lmtpd --quota, doveadm quota get and IMAP know "
		    "it",
		    "what quota_clone writes is not renewed when lmtpd delivers");
	}
	if (quotas->differs[QUOTAS_COUNT]) {
		report_warn(report, "quota",
		    report_remedy(report, "quota.count = \"%s\"", quotas->theirs[QUOTAS_COUNT]),
		    "Dovecot's quota driver is %s, and lmtpd counts otherwise (quota.count = "
		    "\"%s\"): they do not agree on what is full",
		    quotas->driver, facts->style.is_virtual ? "virtual" : "disk");
	}
	if (quotas->differs[QUOTAS_MOVE]) {
		report_warn(report, "quota",
		    "quota \"User quota\" { driver = count }, and quota.count = \"virtual\"; or "
		    "doveadm quota recalc -A from time to time",
		    "with the quota driver maildir this version of Dovecot loses the size of each "
		    "message that IMAP moves");
	}
}

void quotas_report(
    const struct quotas *quotas, const struct quotas_facts *facts, struct report *report)
{
	bool is_same = true;

	for (enum quotas_difference i = 0; i < QUOTAS_DIFFERENCES; i++) {
		is_same = is_same && !quotas->differs[i];
	}
	if (is_same) {
		report_ok(report, "quota", "that of Dovecot: %s; grace %s", quotas->driver,
		    facts->grace_text);
	}
	say_use(quotas, report);
	say_sums(quotas, facts, report);
	if (quotas->differs[QUOTAS_GRACE]) {
		report_warn(report, "quota",
		    report_remedy(report, "quota.grace = \"%s\"", quotas->theirs[QUOTAS_GRACE]),
		    "a last message may go over by %s in Dovecot, and by %s in lmtpd",
		    quotas->theirs[QUOTAS_GRACE], facts->grace_text);
	}
	if (quotas->differs[QUOTAS_FOLDERS]) {
		report_warn(report, "quota",
		    report_remedy(
			report, "add to quota.ignore: %s", quotas->theirs[QUOTAS_FOLDERS]),
		    "Dovecot does not count %s, and lmtpd does", quotas->theirs[QUOTAS_FOLDERS]);
	}
}

void quotas_check(const struct quotas_facts *facts, struct report *report)
{
	char *text = doveconf_ask("-N", report);
	struct quotas quotas;

	if (text != NULL && quotas_judge(text, facts, &quotas)) {
		quotas_report(&quotas, facts, report);
	}
	free(text);
}
