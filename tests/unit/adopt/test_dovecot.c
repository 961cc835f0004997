/* SPDX-License-Identifier: MIT
 * What doveconf -NP of version 2.4 prints, and some of 2.3 that needs no file, as lmtpd.conf and auth.conf. */
#include "adopt/dovecot.h"

#include <stdlib.h>
#include <string.h>

#include "auth/config.h"
#include "lmtpd/config.h"
#include "tests/unit/unit.h"

#define VERSION_24 \
	"# 2.4.1-4 (7d8c0e5759): /etc/dovecot/dovecot.conf\ndovecot_config_version = 2.4.0\n"
#define SQL_24                                                                                  \
	"sql_driver = mysql\nmysql 127.0.0.1 {\n  dbname = mailserver\n  password = secret\n  " \
	"user = "                                                                               \
	"mailuser\n}\n"
#define MECHANISMS "auth_mechanisms = plain login\n"
#define PLACE_24   MECHANISMS "mail_driver = maildir\nmail_path = ~/Maildir\nmail_inbox_path = .\n"
#define PASSDB_24                                                                           \
	"passdb sql {\n  default_password_scheme = crypt\n  query = SELECT email AS user, " \
	"password FROM "                                                                    \
	"virtual_users WHERE email = '%{user}'\n}\n"
#define USERDB_24                                                                              \
	"userdb static {\n  fields {\n    gid = vmail\n"                                       \
	"    home = /var/mail/vhosts/%{user | domain}/%{user | username}\n    uid = vmail\n  " \
	"}\n}\n"
#define STATIC_23                                                                         \
	"userdb {\n  args = uid=vmail gid=vmail home=/var/mail/vhosts/%d/%n\n  driver = " \
	"static\n}\n"
#define PAM       MECHANISMS "passdb {\n  driver = pam\n}\n"
#define PLACED_24 VERSION_24 PLACE_24 SQL_24 PASSDB_24 USERDB_24
#define PLACED_23                                           \
	"mail_location = maildir:~/Maildir\n" STATIC_23 PAM \
	"protocol lmtp {\n  mail_plugins = \" acl sieve\"\n}\n"
#define SIEVE_24 "protocol lmtp {\n  mail_plugins {\n    sieve = yes\n  }\n}\n"
#define INBOX    "namespace inbox {\n  inbox = yes\n"
#define NOTED    "# NOT TRANSLATED: doveconf -N: "
#define FILES    "lmtpd knows files, the same for all users; write it into one, and name it in "
#define PAM_NOTE                                                                                 \
	"# NOT TRANSLATED: doveconf -N: passdb pam: lmtpd-auth knows those of sql alone\n# NOT " \
	"TRANSLATED: doveconf -N: there is no query of passwords: set mysql.password_query by "  \
	"hand\n"
#define NO_PLACE                                                                             \
	"\n# NOT TRANSLATED: doveconf -N: it does not say where each user's INBOX is, as a " \
	"Maildir whose "                                                                     \
	"place depends on the address alone: set maildir.home and maildir.path by hand\n"
#define GUIDE_GRANT                                                                                \
	"\n# What its account must read, and no more ('localhost' or where it connects from):\n# " \
	"  GRANT "                                                                                 \
	"SELECT (email, password) ON mailserver.virtual_users TO 'mailuser'@'localhost';\n"

static const struct {
	const char *said, *mail, *logins;
} cases[] = {
	/* the guide's machine on 2.4 */
	{ VERSION_24 PLACE_24 SQL_24 PASSDB_24 USERDB_24 "mail_uid =\nauth_default_realm = \n", "",
	    GUIDE_GRANT },
	/* the owner in a block within the userdb, whose it is */
	{ VERSION_24 PLACE_24 SQL_24 PASSDB_24
	    "userdb static {\n  fields {\n    gid = 4294967001\n    home = /var/mail/vhosts/%{user "
	    "| "
	    "domain}/%{user | username}\n    uid = 4294967000\n  }\n}\n",
	    "maildir {\n  user = \"4294967000\"\n  group = \"4294967001\"\n}\n", GUIDE_GRANT },
	/* another home, port and owner */
	{ VERSION_24 MECHANISMS
	    "mail_driver = maildir\nmail_path = ~\nmail_uid = 4294967000\nmail_gid = 4294967001\n"
	    "mail_home = /srv/%{user}\nsql_driver = mysql\nmysql db1 {\n  port = 3307\n  user = "
	    "a\n}\nmysql /run/m.sock {\n  dbname = b\n}\nuserdb static {\n}\npassdb sql {\n  "
	    "query = SELECT password FROM u WHERE n = '%{user | username}' AND d = '%{user | "
	    "domain}'\n  default_password_scheme = PLAIN\n}\n",
	    "maildir {\n  home = \"/srv/%u\"\n  path = \"\"\n  user = \"4294967000\"\n  group = "
	    "\"4294967001\"\n}\n",
	    "mysql {\n  password_query = \"SELECT CONCAT(n, '@', d), password FROM u WHERE n = "
	    "'%n' AND d = "
	    "'%d'\"\n  users_query = \"SELECT CONCAT(n, '@', d), password FROM u\"\n  hosts = "
	    "{\"db1:3307\", \"unix:/run/m.sock\"}\n  user = \"a\"\n  dbname = \"b\"\n}\n\n# NOT "
	    "TRANSLATED: doveconf -N: it has no password: put it into auth.password\n# NOT "
	    "TRANSLATED: "
	    "doveconf -N: the scheme of passwords without a name is PLAIN: lmtpd-auth takes those "
	    "for "
	    "hashes of crypt(3); lmtpd-auth --check counts those that it cannot verify\n\n# What "
	    "its "
	    "account must read, and no more ('localhost' or where it connects from):\n#   GRANT "
	    "SELECT "
	    "(n, d, password) ON b.u TO 'a'@'localhost';\n" },
	/* sql for places, with home in the query */
	{ VERSION_24 PLACE_24 SQL_24 PASSDB_24
	    "userdb sql {\n  query = SELECT '/srv/%{user | domain}/%{user | username}' AS home, "
	    "quota AS "
	    "quota_storage_size FROM u WHERE email = '%{user}'\n}\n",
	    "maildir {\n  home = \"/srv/%d/%n\"\n}\n\n# NOT TRANSLATED: doveconf -N: quota AS "
	    "quota_storage_size is of each row: let a column `quota_bytes` of mysql.user_query say "
	    "the "
	    "limit\n",
	    GUIDE_GRANT },
	/* variables that 2.4 does not know */
	{ VERSION_24 PLACE_24 SQL_24 "userdb static {\n  fields {\n    home = /var/mail/%d/%n\n  "
				     "}\n}\npassdb sql {\n  query = "
				     "SELECT password FROM u WHERE email = '%u'\n}\n",
	    NO_PLACE,
	    "\n# NOT TRANSLATED: doveconf -N: SELECT password FROM u WHERE email = '%u': %u is no "
	    "variable "
	    "of Dovecot 2.4, which takes it as it stands: set mysql.password_query by hand, to "
	    "columns "
	    "address and password\n" },
	/* sockets and quota */
	{ VERSION_24 PLACE_24 SQL_24 PASSDB_24 USERDB_24
	    "quota User quota {\n  driver = count\n}\nservice lmtp {\n  inet_listener lmtp {\n    "
	    "port = 24\n  }\n  "
	    "unix_listener "
	    "lmtp {\n    mode = 0600\n  }\n}\nservice auth {\n  inet_listener x {\n    port = 0\n  "
	    "}\n}\n",
	    "\n# NOT TRANSLATED: doveconf -N: inet_listener lmtp, port 24: if others than this "
	    "Postfix "
	    "connect there, add \"inet:address:port\" to lmtp.listen, and them to allow\n# NOT "
	    "TRANSLATED: doveconf -N: quota: let columns `quota_bytes` and `quota_messages` of "
	    "mysql.user_query say the limits; lmtpd.conf(5), section quota\n",
	    GUIDE_GRANT },

	/* scripts, with the defaults of 2.4 */
	{ PLACED_24 SIEVE_24, "sieve {\n  enabled = yes\n}\n", GUIDE_GRANT },
	/* folders: as ours are, and otherwise */
	{ PLACED_24 SIEVE_24 INBOX
	    "  mailbox \"Sent Messages\" {\n    special_use = \\Sent\n  }\n  mailbox Sent {\n"
	    "    special_use = \\Sent\n  }\n  mailbox Junk {\n    auto = no\n    special_use = "
	    "\\Junk\n  }\n"
	    "  mailbox All {\n    special_use = \\All\n  }\n}\n",
	    "sieve {\n  enabled = yes\n}\n", GUIDE_GRANT },
	{ PLACED_24 SIEVE_24 INBOX "  prefix = INBOX.\n  separator = .\n  mailbox Mail.Sent {\n    "
				   "auto = create\n    special_use = \\Sent "
				   "\\Archive\n  }\n  mailbox Junk {\n    auto = subscribe\n    "
				   "special_use = \\Junk\n  }\n}\n",
	    "maildir {\n  prefix = \"INBOX.\"\n  auto = {\"Mail.Sent\", \"Junk\"}\n  special_use = "
	    "{\"\\\\Sent=Mail.Sent\", \"\\\\Archive=Mail.Sent\", \"\\\\Junk=Junk\"}\n}\n"
	    "sieve {\n  enabled = yes\n}\n",
	    GUIDE_GRANT },
	/* elsewhere, in several blocks, of which precedence says the order */
	{ PLACED_24 SIEVE_24
	    "sieve_script z {\n  type = before\n  path = /s/z\n}\nsieve_script y {\n  precedence = "
	    "20\n"
	    "  type = before\n  path = /s/y\n}\nsieve_script x {\n  sieve_script_precedence = 3\n"
	    "  type = before\n  path = /s/x\n}\nsieve_script p {\n  active_path = "
	    "/var/mail/vhosts/%{user | domain}/%{user | username}/.a.sieve\n  path = ~/s/\n}\n"
	    "sieve_script d {\n  driver = dict\n  path = x\n  type = after\n}\nsieve_script e {\n"
	    "  type = after\n  path = /s/%{user}\n}\nsieve_script g {\n  type = global\n  path = "
	    "../x\n}\n",
	    "sieve {\n  enabled = yes\n  storage = \"~/s\"\n  active = \"~/.a.sieve\"\n"
	    "  before = {\"/s/x\", \"/s/y\", \"/s/z\"}\n}\n\n" NOTED
	    "a script of the kind after is in no file: " FILES "sieve.after\n" NOTED
	    "a script of the kind after is at /s/%{user}: " FILES "sieve.after\n" NOTED
	    "a script of the kind global is at ../x: " FILES "sieve.global\n",
	    GUIDE_GRANT },
	/* settings of protocol lmtp, lists, and what is not translated */
	{ PLACED_24
	    "protocol lmtp {\n  mail_plugins {\n    sieve = yes\n  }\n  lda_mailbox_autosubscribe "
	    "= yes\n"
	    "  sieve_max_redirects = 4\n}\nsieve_plugins {\n  sieve_extprograms = no\n  "
	    "sieve_imapsieve = "
	    "yes\n}\nsieve_extensions {\n  extlists = yes\n  report = "
	    "no\n}\nsieve_vacation_check_recipient "
	    "= no\nsieve_vacation_max_period = 60 days\nsieve_vacation_default_period = 12 hours\n"
	    "sieve_vacation_min_period = never\nsieve_redirect_envelope_from = user_email\n"
	    "sieve_max_script_size = 2 M\nsieve_max_actions = 32\nsieve_quota_max_scripts = 3\n"
	    "submission_host = mail.example.com\n",
	    "sieve {\n  enabled = yes\n  autosubscribe = yes\n  redirect_from = \"recipient\"\n"
	    "  redirects_max = 4\n  vacation_check_recipient = no\n  vacation_days_default = "
	    "1\n}\n\n" NOTED
	    "sieve_extensions has extlists: lmtpd does not know it, and does not run scripts that "
	    "require it; take it out, so that users cannot store such ones\n" NOTED
	    "sieve_vacation_default_period = 12 hours: lmtpd counts days, and has whole days "
	    "here\n" NOTED
	    "sieve_vacation_min_period = never: it is no time that lmtpd knows\n" NOTED
	    "sieve_redirect_envelope_from = user_email: lmtpd knows the recipient that Postfix "
	    "names, "
	    "after aliases: it is that one\n" NOTED
	    "sieve_max_script_size = 2 M: lmtpd runs scripts of 1 MiB at most\n" NOTED
	    "submission_host = mail.example.com: lmtpd speaks no TLS, and its unit lets it connect "
	    "to "
	    "this machine alone: let sieve.submission be the Postfix here, and that one relay\n",
	    GUIDE_GRANT },
	/* what is said twice */
	{ PLACED_23 "plugin {\n  sieve_before = /s/1\n  sieve_max_redirects = 5\n}\nprotocol lmtp "
		    "{\n  plugin {\n"
		    "    sieve_before = /s/own\n    sieve_max_redirects = 6\n  }\n}\nplugin {\n"
		    "  sieve_before = /s/3\n  sieve_max_redirects = 7\n}\n",
	    "sieve {\n  enabled = yes\n  before = {\"/s/own\"}\n  redirects_max = 6\n}\n",
	    "\n" PAM_NOTE },
	/* users' scripts that are nowhere near their homes */
	{ PLACED_23 "plugin {\n  sieve = /srv/sieve/%d.sieve\n  sieve_after2 = /s/2\n}\n",
	    "sieve {\n  enabled = yes\n}\n\n" NOTED "scripts of users are at /srv/sieve/%d.sieve: "
	    "lmtpd looks for them below the home alone, at "
	    "sieve.active; let Dovecot have them there, and move the files\n" NOTED
	    "sieve_after2: there is none before it, so Dovecot does not run it, and lmtpd shall "
	    "not\n",
	    "\n" PAM_NOTE },
	{ PLACED_23 "plugin {\n  sieve = /var/mail/vhosts/%d/%n/s.sieve\n  sieve_dir = ~/x\n"
		    "  sieve_spamtest_status_header = X-S\n  sieve_spamtest_status_type = strlen\n"
		    "  sieve_spamtest_max_value = 5\n}\n",
	    "sieve {\n  enabled = yes\n  storage = \"~/x\"\n  active = \"~/s.sieve\"\n}\n\n" NOTED
	    "sieve_spamtest_status_header = X-S: lmtpd reads a score alone, and its highest from "
	    "sieve.spamtest_max: set both, or let scripts test the header itself\n",
	    "\n" PAM_NOTE },

	/* settings that change who is who */
	{ VERSION_24
	    "auth_mechanisms = plain cram-md5\nauth_default_realm = example.com\n"
	    "auth_master_user_separator = *\nlmtp_save_to_detail_mailbox = yes\nmail_driver = "
	    "maildir\n"
	    "mail_path = ~/Maildir\nmail_inbox_path = .\nuserdb passwd {\n}\n" SQL_24 PASSDB_24
		USERDB_24,
	    "\n# NOT TRANSLATED: doveconf -N: lmtp_save_to_detail_mailbox = yes: set "
	    "maildir.detail = "
	    "existing, or create\n# NOT TRANSLATED: doveconf -N: 2 userdbs: what the last says is "
	    "taken, "
	    "static\n",
	    "auth {\n  mechanisms = {\"PLAIN\"}\n}\n\n# NOT TRANSLATED: doveconf -N: "
	    "auth_mechanisms has "
	    "cram-md5: lmtpd-auth knows PLAIN and LOGIN alone\n# NOT TRANSLATED: doveconf -N: "
	    "auth_default_realm = example.com: whoever logs in to lmtpd-auth says the domain, or "
	    "mysql.password_query adds it\n# NOT TRANSLATED: doveconf -N: "
	    "auth_master_user_separator: "
	    "lmtpd-auth has no master users\n" GUIDE_GRANT },

	/* passwords of several kinds, in the words that 2.4 has for them */
	{ VERSION_24 PLACE_24 SQL_24 PASSDB_24 USERDB_24
	    "passdb app {\n  default_password_scheme = SHA512-CRYPT\n  driver = sql\n  sql_query = "
	    "SELECT a.name AS user, a.hash AS password, a.note AS label FROM app a WHERE a.name = "
	    "'%{user}' LIMIT 9\n}\npassdb pam {\n}\npassdb sql {\n  deny = yes\n  query = SELECT "
	    "name AS "
	    "user, 1 AS password FROM denied WHERE name = '%{user}'\n}\n",
	    "",
	    "mysql {\n  password_query = \"(SELECT email, password, NULL AS label FROM "
	    "virtual_users WHERE "
	    "email = '%u') UNION ALL (SELECT a.name, a.hash, a.note AS label FROM app a WHERE "
	    "a.name = "
	    "'%u' LIMIT 9)\"\n  users_query = \"(SELECT email, password FROM virtual_users) UNION "
	    "ALL "
	    "(SELECT a.name, a.hash FROM app a)\"\n}\n\n# NOT TRANSLATED: doveconf -N: passdb pam: "
	    "lmtpd-auth knows those of sql alone\n# NOT TRANSLATED: doveconf -N: a passdb of sql "
	    "has deny: "
	    "lmtpd-auth has nothing of the kind, and leaves it out\n" GUIDE_GRANT
	    "#   GRANT SELECT (name, hash, note) ON mailserver.app TO 'mailuser'@'localhost';\n" },
	/* more of them than are looked at, one that is not understood, one with a setting of its own */
	{ VERSION_24 PLACE_24 SQL_24 USERDB_24
	    "passdb sql {\n  query = SELECT 1\n}\n" PASSDB_24
	    "passdb sql {\n  skip = authenticated\n  query = SELECT email AS user, second AS "
	    "password "
	    "FROM virtual_users WHERE email = '%{user}' AND note <> '%{user}'\n}\npassdb sql "
	    "{\n}\n" PASSDB_24,
	    "",
	    "mysql {\n  password_query = \"(SELECT email, password FROM virtual_users WHERE email "
	    "= '%u') "
	    "UNION ALL (SELECT email, second FROM virtual_users WHERE email = '%u' AND note <> "
	    "'%u')\"\n  "
	    "users_query = \"\"\n}\n\n# NOT TRANSLATED: doveconf -N: a passdb of sql has skip: "
	    "lmtpd-auth "
	    "takes its passwords without that\n# NOT TRANSLATED: doveconf -N: a passdb of sql has "
	    "no "
	    "query of passwords\n# NOT TRANSLATED: doveconf -N: 5 passdbs: the first "
	    "4 are "
	    "looked at\n# NOT TRANSLATED: doveconf -N: SELECT 1: it is not SELECT ... FROM ... "
	    "WHERE ...: set "
	    "mysql.password_query by hand, to columns address and password\n" GUIDE_GRANT
	    "#   GRANT SELECT (email, second, note) ON mailserver.virtual_users TO "
	    "'mailuser'@'localhost';\n" },

	/* 2.3: places of several kinds */
	{ "mail_location = maildir:~/Maildir\n" STATIC_23 PAM, "", "\n" PAM_NOTE },
	{ "mail_location = maildir:~/Maildir:INBOX=~/Maildir/.INBOX\n" STATIC_23 PAM,
	    "maildir {\n  path = \"Maildir/.INBOX\"\n}\n", "\n" PAM_NOTE },
	{ "mail_location = maildir:/srv/%d/%n/mail\nuserdb {\n  driver = passwd\n}\n" PAM,
	    "maildir {\n  home = \"/srv/%d/%n\"\n  path = \"mail\"\n}\n", "\n" PAM_NOTE },
	{ "mail_location = maildir:/srv/all\n" STATIC_23 PAM,
	    "\n# NOT TRANSLATED: doveconf -N: the INBOX of all users is /srv/all: set maildir.home "
	    "and "
	    "maildir.path by hand\n",
	    "\n" PAM_NOTE },
	{ "mail_location = mdbox:~/mdbox\n" STATIC_23 PAM, NO_PLACE, "\n" PAM_NOTE },
	/* what our own parser refuses */
	{ "mail_location = maildir:~/../x\nuserdb {\n  args = home=/srv/%d\n  driver = "
	  "static\n}\n" PAM,
	    "\n# NOT TRANSLATED: doveconf -N: maildir.home cannot have what it says (in section "
	    "maildir: "
	    "home: \"/srv/%d\": needs an absolute path without .. that tells users apart by %n or "
	    "%u): set "
	    "it by hand\n# NOT TRANSLATED: doveconf -N: maildir.path cannot have what it says (in "
	    "section "
	    "maildir: path: \"../x\": needs a relative path without .. and placeholders): set it "
	    "by hand\n",
	    "\n" PAM_NOTE },
};

static void test_cases(void **state)
{
	for (size_t i = 0; i < LENGTH(cases); i++) {
		static struct side mail, logins;
		char *text;

		side_init(&mail, "lmtpd", &lmtpd_config_form);
		side_init(&logins, "auth", &auth_config_form);
		dovecot_adopt(cases[i].said, &mail, &logins);
		text = side_write(&mail, NULL);
		expect_text(cases[i].said, text, cases[i].mail);
		free(text);
		text = side_write(&logins, NULL);
		expect_text(cases[i].said, text, cases[i].logins);
		free(text);
		side_free(&mail);
		side_free(&logins);
	}
}

/* Of any text: neither crashes nor loses a configuration of ours. */
static void test_noise(void **state)
{
	static const char *const words[] = { "{", "}", "\n", "passdb", "sql", "userdb", "mysql",
		" ", "=", "query", "'", "%", "%{", "SELECT", "home", "maildir:", "mail_location",
		"~", "\"", "\\", "args", "driver", "dovecot_config_version", "unix_listener",
		"service auth", "/", "port", "sieve_script", "sieve_before", "sieve_max_redirects",
		"plugin", "protocol lmtp", "mail_plugins = sieve\n", "path", "~/", "7d", "type",
		"namespace inbox", "inbox = yes\n", "mailbox", "special_use", "\\Junk", "auto" };
	uint64_t seed = 1;

	for (int round = 0; round < 300; round++) {
		static struct side mail, logins;
		char text[1024] = "", *written;

		for (int i = 0; i < 60; i++) {
			add_text(
			    text, sizeof(text), "%s", words[random_below(&seed, LENGTH(words))]);
		}
		side_init(&mail, "lmtpd", &lmtpd_config_form);
		side_init(&logins, "auth", &auth_config_form);
		dovecot_adopt(text, &mail, &logins);
		written = side_write(&mail, NULL);
		assert_non_null(written);
		free(written);
		side_free(&mail);
		side_free(&logins);
	}
}

/* Any value of any setting of scripts: it is a line that our parser takes, a note, or nothing. */
static void test_settings(void **state)
{
	static const char *const names[] = { "sieve", "sieve_dir", "sieve_before", "sieve_after7",
		"sieve_global_dir", "sieve_max_redirects", "sieve_max_actions",
		"sieve_max_script_size", "sieve_vacation_min_period", "sieve_vacation_max_period",
		"sieve_vacation_default_period", "sieve_redirect_envelope_from",
		"sieve_spamtest_status_header", "sieve_spamtest_max_value", "sieve_extensions",
		"sieve_plugins", "sieve_", "sieve_x" };
	static const char *const values[] = { "", " ", "0", "-1", "7", "7d", "7 ",
		"99999999999999999999", "18446744073709551615 w", "5ms", "1 M", "k", "<", "<>",
		"<a@b>", "<a b>", "yes", "no", "file:", "file:;active=", "~", "~/", "~/..", "/",
		"/a/../b", "/%d", "%", "+", "-", "+notify", "\"\\\"", "\001", "sender",
		"recipient" };
	uint64_t seed = 1;

	for (int round = 0; round < 500; round++) {
		static struct side mail, logins;
		char text[4096] = PLACED_23 "plugin {\n", *written;

		for (int i = 0; i < 12; i++) {
			add_text(text, sizeof(text), "  %s = %s\n",
			    names[random_below(&seed, LENGTH(names))],
			    values[random_below(&seed, LENGTH(values))]);
		}
		add_text(text, sizeof(text), "}\nsubmission_host = %s\n",
		    values[random_below(&seed, LENGTH(values))]);
		side_init(&mail, "lmtpd", &lmtpd_config_form);
		side_init(&logins, "auth", &auth_config_form);
		dovecot_adopt(text, &mail, &logins);
		assert_true(side_has(&mail, "sieve", "enabled"));
		written = side_write(&mail, NULL);
		assert_non_null(written);
		free(written);
		side_free(&mail);
		side_free(&logins);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
