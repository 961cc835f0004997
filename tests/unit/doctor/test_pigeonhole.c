/* SPDX-License-Identifier: MIT
 * What doveconf -N of both versions prints of Sieve, and what of it is otherwise in lmtpd. */
#include "doctor/pigeonhole.h"

#include <string.h>

#include "tests/unit/unit.h"

#define VERSION_24       "dovecot_config_version = 2.4.0\n"
#define LMTP_23          "protocol lmtp {\n  mail_plugins = \" quota sieve\"\n}\n"
#define PLUGIN(text)     "plugin {\n" text "}\n"
#define LMTP_24          "protocol lmtp {\n  mail_plugins {\n    sieve = yes\n  }\n}\n"
#define EXTENSIONS(text) "sieve_extensions {\n" text "}\n"

static const char *const known[] = { "fileinto", "reject", "envelope", "encoded-character",
	"vacation", "subaddress", "comparator-i;ascii-numeric", "relational", "regex", "imap4flags",
	"copy", "include", "body", "variables", "enotify", "environment", "mailbox", "date",
	"index", "ihave", "duplicate", "mime", "foreverypart", "extracttext", "vacation-seconds",
	"editheader", "special-use", NULL };

static const struct pigeonhole_facts enabled = {
	.is_enabled = true,
	.extensions = known,
	.storage = "~/sieve",
	.active = "~/.dovecot.sieve",
};

static const struct {
	const char *said;
	bool runs, uploads;
	const char *unknown, *missing, *storage, *active, *before;
} cases[] = {
	{ "protocols = imap lmtp\n", false, false, "", "vacation-seconds editheader special-use",
	    "", "", "" },
	{ "protocols = imap lmtp sieve\n" LMTP_23, true, true, "",
	    "vacation-seconds editheader special-use", "", "", "" },
	{ "mail_plugins = sieve\n", true, false, "", "vacation-seconds editheader special-use", "",
	    "", "" },
	{ "protocol imap {\n  mail_plugins = sieve\n}\n", false, false, "",
	    "vacation-seconds editheader special-use", "", "", "" },
	{ "mail_plugins = imap_sieve\n", false, false, "",
	    "vacation-seconds editheader special-use", "", "", "" },
	{ PLUGIN("  sieve = file:~/sieve;active=~/.dovecot.sieve\n"), false, false, "",
	    "vacation-seconds editheader special-use", "~/sieve", "~/.dovecot.sieve", "" },
	{ PLUGIN("  sieve = ~/sieve/dovecot.sieve\n  sieve_dir = ~/scripts\n"), false, false, "",
	    "vacation-seconds editheader special-use", "~/scripts", "~/sieve/dovecot.sieve", "" },
	{ PLUGIN("  sieve = file:/var/s/%u;foo;active=/var/s/%u.sieve;bar\n"), false, false, "",
	    "vacation-seconds editheader special-use", "/var/s/%u", "/var/s/%u.sieve", "" },
	{ PLUGIN("  sieve_extensions = +vacation-seconds +vnd.dovecot.pipe -body\n"), false, false,
	    "vnd.dovecot.pipe", "editheader special-use", "", "", "" },
	{ PLUGIN("  sieve_extensions = fileinto notify +editheader\n"), false, false, "notify",
	    "vacation-seconds special-use", "", "", "" },
	{ PLUGIN("  sieve_before2 = /etc/b\n  sieve_before_x = /etc/c\n"), false, false, "",
	    "vacation-seconds editheader special-use", "", "", "/etc/b" },
	{ PLUGIN("  sieve_global = /etc/g\n  sieve_before = /etc/a\n  sieve_before2 = /etc/b\n"),
	    false, false, "", "vacation-seconds editheader special-use", "", "", "/etc/a" },

	{ VERSION_24 "protocols = imap sieve\n" LMTP_24, true, true, "",
	    "vacation-seconds editheader special-use", "", "", "" },
	{ VERSION_24 EXTENSIONS("  vacation-seconds = yes\n  extlists = yes\n  body = no\n"), false,
	    false, "extlists", "editheader special-use", "", "", "" },
	{ VERSION_24 "sieve_extensions = fileinto body mboxmetadata\n", false, false,
	    "mboxmetadata", "vacation-seconds editheader special-use", "", "", "" },
	{ VERSION_24 "sieve_script personal {\n  path = ~/s\n"
		     "  active_path = ~/.a\n}\n"
		     "sieve_script spam {\n  type = before\n"
		     "  path = /etc/spam\n}\n",
	    false, false, "", "vacation-seconds editheader special-use", "~/s", "~/.a",
	    "/etc/spam" },
};

static void test_reading(void **state)
{
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct pigeonhole found;
		char text[1000];

		add_text(strcpy(text, ""), sizeof(text), "%s", cases[i].said);
		pigeonhole_read(&found, &enabled, text);
		assert_int_equal(found.runs, cases[i].runs);
		assert_int_equal(found.uploads, cases[i].uploads);
		expect_text(cases[i].said, found.unknown, cases[i].unknown);
		expect_text(cases[i].said, found.missing, cases[i].missing);
		expect_text(cases[i].said, found.storage, cases[i].storage);
		expect_text(cases[i].said, found.active, cases[i].active);
		expect_text(cases[i].said, found.scripts[PIGEONHOLE_BEFORE], cases[i].before);
		assert_int_equal(found.is_24, strncmp(cases[i].said, VERSION_24, 10) == 0);
	}
}

struct saying {
	const char *said;
	struct pigeonhole_facts facts;
};

static void say(void *data)
{
	const struct saying *saying = data;
	struct report report = { .exit_code = 0 };
	struct pigeonhole found;
	char text[1000];

	add_text(strcpy(text, ""), sizeof(text), "%s", saying->said);
	pigeonhole_read(&found, &saying->facts, text);
	pigeonhole_report(&found, &saying->facts, &report);
}

static void test_report(void **state)
{
	struct saying off = { LMTP_23, enabled }, none = { "protocols = imap\n", enabled };
	struct saying all_23 = { "protocols = sieve\n" LMTP_23 PLUGIN(
				     "  sieve = ~/x.sieve\n  sieve_after = /etc/a\n"
				     "  sieve_extensions = +notify\n"),
		enabled };
	struct saying all_24 = { VERSION_24 "protocols = sieve\n" LMTP_24 EXTENSIONS(
				     "  special-use = yes\n  vacation-seconds = yes\n"
				     "  editheader = yes\n  extlists = yes\n"),
		enabled };
	struct saying same = { VERSION_24 "protocols = sieve\n" LMTP_24 EXTENSIONS(
				   "  special-use = yes\n  vacation-seconds = yes\n"
				   "  editheader = yes\n"),
		enabled };
	struct saying still = { LMTP_23 PLUGIN("  sieve_default = /etc/d\n"), enabled };
	struct saying folders = { "lda_mailbox_autocreate = yes\n"
				  "protocol lmtp {\n  lda_mailbox_autosubscribe = yes\n}\n",
		enabled };

	off.facts.is_enabled = false;
	expect_printed("off", say, &off,
	    "warn  sieve: Dovecot's LMTP runs the scripts of users, and lmtpd does not; remedy: "
	    "sieve { enabled = yes } in lmtpd.conf\n");
	off.said = "protocols = imap sieve\n";
	expect_printed("off, and nothing lost", say, &off, "");
	expect_printed("none", say, &none,
	    "ok    sieve: no ManageSieve in Dovecot: users cannot store scripts\n");
	expect_printed("2.3", say, &all_23,
	    "warn  sieve: Dovecot lets users store scripts that require notify: lmtpd does not run "
	    "them; remedy: in Dovecot: plugin/sieve_extensions = -notify\n"
	    "ok    sieve: lmtpd knows more than Dovecot lets users require; who wants it, in "
	    "Dovecot: plugin/sieve_extensions = +vacation-seconds +editheader +special-use\n"
	    "warn  sieve: Dovecot has the scripts of users at ~/x.sieve, and sieve.active is "
	    "~/.dovecot.sieve; remedy: sieve.active = \"~/x.sieve\"\n"
	    "warn  sieve: Dovecot has /etc/a as after, and lmtpd has none; remedy: sieve.after = "
	    "{\"/etc/a\"}\n");
	expect_printed("2.4", say, &all_24,
	    "warn  sieve: Dovecot lets users store scripts that require extlists: lmtpd does not "
	    "run them; remedy: in Dovecot: sieve_extensions/extlists = no\n");
	expect_printed("not stored by users", say, &still,
	    "ok    sieve: no ManageSieve in Dovecot: users cannot store scripts\n"
	    "warn  sieve: Dovecot has /etc/d as default, and lmtpd has none; remedy: sieve.default "
	    "= "
	    "\"/etc/d\"\n");
	expect_printed("folders", say, &folders,
	    "ok    sieve: no ManageSieve in Dovecot: users cannot store scripts\n"
	    "warn  sieve: Dovecot has lda_mailbox_autocreate = yes, and sieve.autocreate is no: "
	    "lmtpd "
	    "does not make the folders that scripts store into; remedy: sieve.autocreate = yes\n"
	    "warn  sieve: Dovecot has lda_mailbox_autosubscribe = yes, and sieve.autosubscribe is "
	    "no: "
	    "lmtpd does not subscribe users to the folders that scripts store into; remedy: "
	    "sieve.autosubscribe = yes\n");
	folders.facts.creates = folders.facts.subscribes = true;
	expect_printed("the same folders", say, &folders,
	    "ok    sieve: no ManageSieve in Dovecot: users cannot store scripts\n");
	expect_printed(
	    "the same", say, &same, "ok    sieve: what Dovecot lets users require, lmtpd knows\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reading),
		cmocka_unit_test(test_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
