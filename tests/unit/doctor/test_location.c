/* SPDX-License-Identifier: MIT
 * What doveconf -N of both versions prints, and whether mail that lmtpd delivers is seen. */
#include "doctor/location.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static const char home[] = "/var/mail/vhosts/%d/%n";
static const char place[] = "/var/mail/vhosts/%d/%n/Maildir";

#define GUIDE_USERDB                                                                      \
	"userdb {\n  args = uid=vmail gid=vmail home=/var/mail/vhosts/%d/%n\n  driver = " \
	"static\n}\n"
#define SQL_USERDB "userdb {\n  args = /etc/dovecot/dovecot-sql.conf.ext\n  driver = sql\n}\n"
#define VERSION_24 \
	"# 2.4.1-4 (7d8c0e5759): /etc/dovecot/dovecot.conf\ndovecot_config_version = 2.4.0\n"
#define MAILDIR_24 "mail_driver = maildir\nmail_path = ~/Maildir\n"
#define USERDB_24                                        \
	"userdb static {\n  fields {\n    gid = vmail\n" \
	"    home = /var/mail/vhosts/%{user | domain}/%{user|username}\n    uid = vmail\n  }\n}\n"

static const struct {
	const char *said, *path;
	enum location_outcome outcome;
	const char *theirs; /* NULL: of no interest */
} cases[] = {
	/* 2.3: that of the guide, and others that lead there. */
	{ "# 2.3.19.1 (9b53102964): /etc/dovecot/dovecot.conf\n"
	  "mail_location = maildir:~/Maildir\nnamespace inbox {\n  inbox = yes\n  location = \n"
	  "  mailbox Drafts {\n    special_use = \\Drafts\n  }\n  prefix = \n}\n" GUIDE_USERDB,
	    "Maildir", LOCATION_SAME, place },
	{ "mail_location = maildir:/var/mail/vhosts/%d/%n/Maildir/\n" SQL_USERDB, "Maildir",
	    LOCATION_SAME, place },
	{ "mail_location = maildir:%h//Maildir:LAYOUT=fs\n" GUIDE_USERDB, "Maildir", LOCATION_SAME,
	    place },
	{ "mail_home = /var/mail/vhosts/%Ld/%Ln\nmail_location = maildir:~/Maildir\n"
	  "userdb {\n  args = uid=vmail gid=vmail\n  driver = static\n}\n",
	    "Maildir", LOCATION_SAME, place },
	{ "mail_location = maildir:/var/mail/vhosts/%{domain}/%{username}\n" SQL_USERDB, "",
	    LOCATION_SAME, home },
	{ "mail_location = maildir:~/Maildir:INBOX=~/Maildir/.INBOX\n" GUIDE_USERDB,
	    "Maildir/.INBOX", LOCATION_SAME, NULL },

	/* 2.3: elsewhere. */
	{ "mail_location = maildir:/var/mail/vhosts/%d/%n/\n" SQL_USERDB, "Maildir",
	    LOCATION_ELSEWHERE, home },
	{ "mail_location = maildir:~/mail\n" GUIDE_USERDB, "Maildir", LOCATION_ELSEWHERE,
	    "/var/mail/vhosts/%d/%n/mail" },
	{ "mail_location = maildir:/var/mail/vhosts/%u/Maildir\n" SQL_USERDB, "Maildir",
	    LOCATION_ELSEWHERE, "/var/mail/vhosts/%n@%d/Maildir" },
	{ "mail_location = maildir:~/Maildir:INBOX=~/Maildir/.INBOX\n" GUIDE_USERDB, "Maildir",
	    LOCATION_ELSEWHERE, "/var/mail/vhosts/%d/%n/Maildir/.INBOX" },
	{ "mail_location = mbox:~/mail:INBOX=/var/mail/%u\n" GUIDE_USERDB, "Maildir",
	    LOCATION_ELSEWHERE, "mbox:~/mail:INBOX=/var/mail/%u, which is no Maildir" },

	/* Nothing can be said: untouched by anybody, home of a row, other rules for some. */
	{ "mail_location = mbox:~/mail:INBOX=/var/mail/%u\npassdb {\n  driver = pam\n}\n"
	  "userdb {\n  driver = passwd\n}\n",
	    "Maildir", LOCATION_UNKNOWN, NULL },
	{ "mail_location = maildir:~/Maildir\n" SQL_USERDB, "Maildir", LOCATION_UNKNOWN, NULL },
	{ "mail_location = maildir:~/x\nuserdb {\n  driver = passwd\n}\n" GUIDE_USERDB, "Maildir",
	    LOCATION_UNKNOWN, NULL },
	{ "mail_location = maildir:~/x\nnamespace inbox {\n  inbox = yes\n"
	  "  location = maildir:/y\n}\n" GUIDE_USERDB,
	    "Maildir", LOCATION_UNKNOWN, NULL },
	{ "mail_location = maildir:~/x\nprotocol imap {\n  mail_location = "
	  "maildir:~/Maildir\n}\n" GUIDE_USERDB,
	    "Maildir", LOCATION_UNKNOWN, NULL },
	{ "mail_location = maildir:/var/mail/%1n/%n\n" SQL_USERDB, "Maildir", LOCATION_UNKNOWN,
	    NULL },
	{ "mail_location = maildir:/var/mail/%\n" SQL_USERDB, "Maildir", LOCATION_UNKNOWN, NULL },
	{ "mail_location = maildir:/var/mail/%{user\n" SQL_USERDB, "Maildir", LOCATION_UNKNOWN,
	    NULL },
	{ GUIDE_USERDB, "Maildir", LOCATION_UNKNOWN, NULL },
	{ "", "Maildir", LOCATION_UNKNOWN, NULL },
	{ "}\n}\n=\n{\nuserdb {\nuserdb\n= x\n%{", "Maildir", LOCATION_UNKNOWN, NULL },

	/* 2.4. */
	{ VERSION_24 MAILDIR_24 "mail_inbox_path = .\n" USERDB_24, "Maildir", LOCATION_SAME,
	    place },
	{ VERSION_24 MAILDIR_24 USERDB_24, "Maildir", LOCATION_SAME, place },
	{ VERSION_24 MAILDIR_24
	    "mail_home = /var/mail/vhosts/%{user | domain | lower}/%{user | username}\n"
	    "mail_inbox_path = .\nuserdb static {\n  fields {\n    uid = vmail\n  }\n}\n",
	    "Maildir", LOCATION_SAME, place },
	{ VERSION_24 MAILDIR_24 "mail_inbox_path = ~/Maildir/.INBOX\n" USERDB_24, "Maildir/.INBOX",
	    LOCATION_SAME, NULL },
	{ VERSION_24 MAILDIR_24 "mail_inbox_path = /var/mail/%{user}\n" USERDB_24, "Maildir",
	    LOCATION_ELSEWHERE, "/var/mail/%n@%d" },
	{ VERSION_24 MAILDIR_24 "mail_inbox_path =\n" USERDB_24, "Maildir", LOCATION_ELSEWHERE,
	    "/var/mail/vhosts/%d/%n/Maildir/.INBOX" },
	{ VERSION_24 "mail_driver = mbox\nmail_inbox_path = /var/mail/%{user}\n"
		     "mail_path = %{home}/mail\n" USERDB_24,
	    "Maildir", LOCATION_ELSEWHERE, "mbox, which is no Maildir" },
	{ VERSION_24 "mail_driver = mbox\nmail_inbox_path = /var/mail/%{user}\n"
		     "mail_path = %{home}/mail\nuserdb passwd {\n}\n",
	    "Maildir", LOCATION_UNKNOWN, NULL },
	{ VERSION_24 MAILDIR_24 "mail_inbox_path = .\nuserdb sql {\n  query = SELECT 1\n}\n",
	    "Maildir", LOCATION_UNKNOWN, NULL },
	{ VERSION_24 MAILDIR_24 "mail_inbox_path = .\nuserdb static {\n  fields {\n"
				"    home = /var/mail/vhosts/%d/%n\n  }\n}\n",
	    "Maildir", LOCATION_LITERAL, home },
	{ VERSION_24 "mail_driver = maildir\nmail_inbox_path = .\n"
		     "mail_path = /var/mail/vhosts/%Ld/%n/Maildir\nuserdb sql {\n}\n",
	    "Maildir", LOCATION_LITERAL, "/var/mail/vhosts/%Ld/%n/Maildir" },
	{ VERSION_24 "mail_driver = maildir\nmail_path = /var/mail/100%{user}\nuserdb sql {\n}\n",
	    "Maildir", LOCATION_ELSEWHERE, "/var/mail/100%n@%d" },
};

static void test_places(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = strdup(cases[i].said);
		struct location location;
		enum location_outcome outcome;

		assert_non_null(text);
		outcome = location_judge(text, home, cases[i].path, &location);
		if (outcome != cases[i].outcome ||
		    (cases[i].theirs != NULL && strcmp(location.theirs, cases[i].theirs) != 0)) {
			print_error("case %zu: outcome %d, \"%s\"\n%s", i, (int)outcome,
			    location.theirs, cases[i].said);
			fail();
		}
		free(text);
	}
}

/* A place that fits nowhere is no place. */
static void test_long(void **state)
{
	static const char before[] = "mail_location = maildir:/", behind[] = "\n" SQL_USERDB;
	char text[8192];
	struct location location;
	size_t n = strlen(before);

	memcpy(text, before, n);
	memset(text + n, 'x', 4096);
	memcpy(text + n + 4096, behind, sizeof(behind));
	assert_int_equal(location_judge(text, home, "Maildir", &location), LOCATION_UNKNOWN);
}

static void test_what_to_write(void **state)
{
	char text[256];

	location_write_24("/var/mail/%Ld/%n/%u/100%/%", text, sizeof(text));
	assert_string_equal(text, "/var/mail/%{user | domain}/%{user | username}/%{user}/100%/%");
	location_write_24("%d%d", text, 20);
	assert_string_equal(text, "%{user | domain}%{u");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_what_to_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
