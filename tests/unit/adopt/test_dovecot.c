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
#define PAM MECHANISMS "passdb {\n  driver = pam\n}\n"
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
	/* sockets, quota and scripts */
	{ VERSION_24 PLACE_24 SQL_24 PASSDB_24 USERDB_24
	    "quota User quota {\n  driver = count\n}\nprotocol lmtp {\n  mail_plugins {\n    sieve "
	    "= "
	    "yes\n  }\n}\nservice lmtp {\n  inet_listener lmtp {\n    port = 24\n  }\n  "
	    "unix_listener "
	    "lmtp {\n    mode = 0600\n  }\n}\nservice auth {\n  inet_listener x {\n    port = 0\n  "
	    "}\n}\n",
	    "\n# NOT TRANSLATED: doveconf -N: inet_listener lmtp, port 24: if others than this "
	    "Postfix "
	    "connect there, add \"inet:address:port\" to lmtp.listen, and them to allow\n# NOT "
	    "TRANSLATED: doveconf -N: quota: let columns `quota_bytes` and `quota_messages` of "
	    "mysql.user_query say the limits; lmtpd.conf(5), section quota\n# NOT TRANSLATED: "
	    "doveconf -N: "
	    "sieve: let section sieve run the scripts, as in docs/sieve.md, From Pigeonhole\n",
	    GUIDE_GRANT },

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
		"service auth", "/", "port" };
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
