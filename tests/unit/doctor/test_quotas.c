/* SPDX-License-Identifier: MIT
 * What doveconf -N of both versions prints of quotas, and what of it is otherwise in lmtpd. */
#include "doctor/quotas.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define VERSION_23 "# 2.3.19.1 (9b53102964): /etc/dovecot/dovecot.conf\n"
#define VERSION(text) \
	"# " text " (7d8c0e5759): /etc/dovecot/dovecot.conf\ndovecot_config_version = 2.4.0\n"
#define VERSION_24   VERSION("2.4.1-4")
#define IMAP_23      "protocol imap {\n  mail_plugins = quota imap_quota\n}\n"
#define PLUGINS_23   "mail_plugins = quota\n" IMAP_23
#define PLUGIN(text) "plugin {\n" text "}\n"
#define COUNT_23     "  quota = count:User quota\n  quota_vsizes = yes\n"
#define PLUGINS_24                           \
	"mail_plugins {\n  quota = yes\n}\n" \
	"protocol imap {\n  mail_plugins {\n    imap_quota = yes\n  }\n}\n"
#define QUOTA_24(text) "quota \"User quota\" {\n" text "}\n"

static const char *const trash[] = { ".Trash", NULL };

static const struct quotas_facts usual = {
	.is_used = true,
	.style = { .is_virtual = true },
	.grace = { .is_percent = true, .n = 10 },
	.grace_text = "10%",
	.folders = { .separator = '.', .prefix = "" },
};
static const struct quotas_facts on_disk = {
	.is_used = true,
	.style = { .is_virtual = false },
	.grace = { .is_percent = true, .n = 10 },
	.grace_text = "10%",
	.folders = { .separator = '.', .prefix = "" },
};
static const struct quotas_facts as_24 = {
	.is_used = true,
	.style = { .is_virtual = true, .ignored = trash },
	.grace = { .is_percent = false, .n = 10 << 20 },
	.grace_text = "10M",
	.folders = { .separator = '/', .prefix = "INBOX/" },
};
static const struct quotas_facts no_grace = {
	.is_used = true,
	.style = { .is_virtual = true },
	.grace = { .is_percent = false, .n = 0 },
	.grace_text = "0",
	.folders = { .separator = '.', .prefix = "" },
};
static const struct quotas_facts unused = {
	.style = { .is_virtual = true },
	.grace = { .is_percent = true, .n = 10 },
	.grace_text = "10%",
	.folders = { .separator = '.', .prefix = "" },
};

#define BIT(name) (1 << QUOTAS_##name)
#define NOTHING   (-1)

static const struct {
	const char *said;
	const struct quotas_facts *facts;
	int differences;    /* NOTHING: neither has any */
	const char *theirs; /* of the last; NULL: of no interest */
} cases[] = {
	/* Neither, or one of them. */
	{ VERSION_23, &unused, NOTHING, NULL },
	{ VERSION_24, &unused, NOTHING, NULL },
	{ VERSION_23 PLUGIN("  sieve = ~/x\n"), &usual, BIT(NONE), NULL },
	{ VERSION_23 PLUGIN("  quota = \n  quota_rule = Trash:ignore\n"), &usual, BIT(NONE), NULL },
	{ VERSION_24, &usual, BIT(NONE), NULL },
	{ VERSION_23 PLUGINS_23 PLUGIN(COUNT_23), &unused, BIT(UNUSED), NULL },
	{ VERSION_24 PLUGINS_24 QUOTA_24(""), &unused, BIT(UNUSED), NULL },

	/* 2.3. */
	{ VERSION_23 PLUGINS_23 PLUGIN(COUNT_23), &usual, 0, NULL },
	{ VERSION_23 PLUGINS_23 PLUGIN(COUNT_23 "  quota_rule = *:storage=1G\n"), &usual, 0, NULL },
	{ VERSION_23 PLUGIN(COUNT_23) IMAP_23, &usual, 0, NULL },
	{ VERSION_23 PLUGIN(COUNT_23), &usual, BIT(PLUGIN), NULL },
	{ VERSION_23 "protocol lmtp {\n  mail_plugins = quota imap_quota\n}\n" PLUGIN(COUNT_23),
	    &usual, BIT(PLUGIN), NULL },
	{ VERSION_23 "mail_plugins = quota\n" PLUGIN(COUNT_23), &usual, BIT(HIDDEN), NULL },
	{ VERSION_23 PLUGINS_23 PLUGIN("  quota = count:User quota\n"), &usual, BIT(VSIZES), NULL },
	{ VERSION_23 PLUGINS_23 PLUGIN(COUNT_23), &on_disk, BIT(COUNT), "virtual" },
	{ VERSION_23 PLUGINS_23 PLUGIN("  quota = maildir:User quota\n"), &usual, BIT(COUNT),
	    "disk" },
	{ VERSION_23 PLUGINS_23 PLUGIN("  quota = maildir\n"), &on_disk, 0, NULL },
	{ VERSION_23 PLUGINS_23 PLUGIN("  quota = maildir:a\n  quota2 = count:b\n"
				       "  quota_vsizes = yes\n"),
	    &usual, 0, NULL },
	{ VERSION_23 PLUGINS_23 PLUGIN("  quota = fs:User quota\n"), &usual, 0, NULL },
	{ VERSION_23 PLUGINS_23 PLUGIN("  quota = dict:User quota::proxy::quota\n"), &usual,
	    BIT(DICT), NULL },
	{ VERSION_23 PLUGINS_23 PLUGIN("  quota = dict:User quota::proxy::quota\n"), &unused,
	    BIT(UNUSED) | BIT(DICT), NULL },
	{ VERSION_23 "mail_plugins = quota quota_clone\n" IMAP_23 PLUGIN(COUNT_23), &usual,
	    BIT(CLONE), NULL },
	{ VERSION_23 PLUGINS_23 PLUGIN(COUNT_23 "  quota_grace = 10%%\n"), &usual, 0, NULL },
	{ VERSION_23 PLUGINS_23 PLUGIN(COUNT_23 "  quota_grace = 10%\n"), &usual, 0, NULL },
	{ VERSION_23 PLUGINS_23 PLUGIN(COUNT_23 "  quota_grace = 0%%\n"), &usual, BIT(GRACE),
	    "0%" },
	{ VERSION_23 PLUGINS_23 PLUGIN(COUNT_23 "  quota_grace = 0%%\n"), &no_grace, 0, NULL },
	{ VERSION_23 PLUGINS_23 PLUGIN(COUNT_23 "  quota_grace = 50M\n"), &usual, BIT(GRACE),
	    "50M" },
	{ VERSION_23 PLUGINS_23 PLUGIN(COUNT_23), &no_grace, BIT(GRACE), "10%" },
	{ VERSION_23 PLUGINS_23 PLUGIN(COUNT_23 "  quota_grace = 10240\n"), &usual, 0, NULL },
	{ VERSION_23 PLUGINS_23 PLUGIN(COUNT_23 "  quota_grace = much\n"), &usual, 0, NULL },
	{ VERSION_23 PLUGINS_23 PLUGIN(COUNT_23 "  quota_rule = *:storage=1G\n"
						"  quota_rule2 = Trash:ignore\n"
						"  quota_rule3 = Sent Mail:ignore\n"),
	    &usual, BIT(FOLDERS), "\"Trash\", \"Sent Mail\"" },
	{ VERSION_23 PLUGINS_23 PLUGIN(COUNT_23 "  quota_grace = 10M\n"
						"  quota2_rule4 = INBOX/Trash:ignore\n"
						"  quota_rule5 = Trash:storage=+10%%\n"
						"  quota_rule6 = */x:ignore\n"),
	    &as_24, 0, NULL },

	/* 2.4. */
	{ VERSION_24 PLUGINS_24 QUOTA_24("  driver = count\n"), &as_24, 0, NULL },
	{ VERSION_24 PLUGINS_24 QUOTA_24("  storage_size = 1G\n"), &as_24, 0, NULL },
	{ VERSION_24 PLUGINS_24 QUOTA_24("  warning full {\n    driver = maildir\n  }\n"), &as_24,
	    0, NULL },
	{ VERSION_24 "mail_plugins = quota imap_quota\n" QUOTA_24(""), &as_24, 0, NULL },
	{ VERSION_24 QUOTA_24(""), &as_24, BIT(PLUGIN), NULL },
	{ VERSION_24 "mail_plugins {\n  quota = yes\n  imap_quota = no\n}\n" QUOTA_24(""), &as_24,
	    BIT(HIDDEN), NULL },
	{ VERSION_24 PLUGINS_24 "mail_plugins {\n  quota_clone = yes\n}\n" QUOTA_24(""), &as_24,
	    BIT(CLONE), NULL },
	{ VERSION_24 PLUGINS_24 QUOTA_24(""), &usual, BIT(GRACE), "10M" },
	{ VERSION_24 PLUGINS_24 "quota_storage_grace = 10%\n" QUOTA_24(""), &usual, 0, NULL },
	{ VERSION_24 PLUGINS_24 QUOTA_24("  storage_grace = 5M\n"), &as_24, BIT(GRACE), "5M" },
	{ VERSION_24 PLUGINS_24 "quota_storage_grace = 0\n" QUOTA_24(""), &no_grace, 0, NULL },
	{ VERSION_24 PLUGINS_24 "quota_storage_grace = 10M\n" QUOTA_24("  driver = maildir\n"),
	    &on_disk, BIT(MOVE) | BIT(GRACE), "10M" },
	{ VERSION("2.4.4") PLUGINS_24 QUOTA_24("  driver = maildir\n"), &as_24,
	    BIT(COUNT) | BIT(MOVE), NULL },
	{ VERSION("2.4.5") PLUGINS_24 QUOTA_24("  driver = maildir\n"), &as_24, BIT(COUNT),
	    "disk" },
	{ "dovecot_config_version = 2.4.0\n" PLUGINS_24 QUOTA_24("  driver = maildir\n"), &as_24,
	    BIT(COUNT), "disk" },
	{ VERSION_24 PLUGINS_24 QUOTA_24(
	      "") "namespace inbox {\n  inbox = yes\n  mailbox Trash {\n    quota_ignore = yes\n  "
		  "}\n  mailbox \"Old mail\" {\n    quota_ignore = yes\n  }\n  mailbox Sent {\n    "
		  "quota_ignore = no\n  }\n}\n",
	    &as_24, BIT(FOLDERS), "\"Old mail\"" },
	{ VERSION_24
	    "a {\nb {\nc {\nd {\ne {\nf {\ng {\nh {\ni {\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n" PLUGINS_24
		QUOTA_24(""),
	    &as_24, 0, NULL },
};

static void test_judgement(void **state)
{
	for (size_t i = 0; i < LENGTH(cases); i++) {
		char *text = strdup(cases[i].said);
		struct quotas quotas;
		bool is_there = quotas_judge(text, cases[i].facts, &quotas);
		int differences = is_there ? 0 : NOTHING;
		const char *theirs = "";

		for (int k = 0; is_there && k < QUOTAS_DIFFERENCES; k++) {
			if (quotas.differs[k]) {
				differences |= 1 << k;
				theirs = quotas.theirs[k];
			}
		}
		if (differences != cases[i].differences ||
		    (cases[i].theirs != NULL && strcmp(theirs, cases[i].theirs) != 0)) {
			fail_msg("case %zu: %#x \"%s\", not %#x:\n%s", i, (unsigned)differences,
			    theirs, (unsigned)cases[i].differences, cases[i].said);
		}
		free(text);
	}
}

struct saying {
	const char *text;
	const struct quotas_facts *facts;
};

static void say(void *data)
{
	const struct saying *saying = data;
	struct report report = { .is_json = false };
	char *text = strdup(saying->text);
	struct quotas quotas;

	report_begin(&report, "checks");
	assert_true(quotas_judge(text, saying->facts, &quotas));
	quotas_report(&quotas, saying->facts, &report);
	free(text);
}

static void expect_said(const char *text, const struct quotas_facts *facts, const char *want)
{
	struct saying saying = { text, facts };

	expect_printed("report", say, &saying, want);
}

static void test_words(void **state)
{
	expect_said(VERSION_23 PLUGINS_23 PLUGIN(COUNT_23), &usual,
	    "ok    quota: that of Dovecot: count; grace 10%\n");
	expect_said(VERSION_24 PLUGINS_24 QUOTA_24("  driver = maildir\n"), &usual,
	    "warn  quota: Dovecot's quota driver is maildir, and lmtpd counts otherwise "
	    "(quota.count = \"virtual\"): they do not agree on what is full; remedy: quota.count = "
	    "\"disk\"\n"
	    "warn  quota: with the quota driver maildir this version of Dovecot loses the size of "
	    "each message that IMAP moves; remedy: quota \"User quota\" { driver = count }, and "
	    "quota.count = \"virtual\"; or doveadm quota recalc -A from time to time\n"
	    "warn  quota: a last message may go over by 10M in Dovecot, and by 10% in lmtpd; "
	    "remedy: quota.grace = \"10M\"\n");
	expect_said(VERSION_23 "mail_plugins = quota_clone\n" PLUGIN(
			"  quota = dict:x\n  quota_rule = Trash:ignore\n"),
	    &usual,
	    "warn  quota: Dovecot has a quota (dict), and does not load the plugin for it: nothing "
	    "of it is in force; remedy: mail_plugins = $mail_plugins quota\n"
	    "warn  quota: Dovecot's quota driver dict adds what Dovecot delivers, and sees nothing "
	    "of lmtpd's mail; remedy: plugin { quota = count:User quota, and quota_vsizes = yes }\n"
	    "warn  quota: what quota_clone writes is not renewed when lmtpd delivers; remedy: let "
	    "nobody rely on the copy: lmtpd --quota, doveadm quota get and IMAP know it\n"
	    "warn  quota: Dovecot does not count \"Trash\", and lmtpd does; remedy: add to "
	    "quota.ignore: \"Trash\"\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judgement),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
