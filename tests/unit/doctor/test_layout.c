/* SPDX-License-Identifier: MIT
 * What doveconf -N of both versions prints of folders, and what of it is otherwise in lmtpd. */
#include "doctor/layout.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define VERSION_23 "# 2.3.19.1 (9b53102964): /etc/dovecot/dovecot.conf\n"
#define VERSION_24 \
	"# 2.4.1-4 (7d8c0e5759): /etc/dovecot/dovecot.conf\ndovecot_config_version = 2.4.0\n"
#define MAILDIR_23          VERSION_23 "mail_location = maildir:~/Maildir\n"
#define MAILDIR_24          VERSION_24 "mail_driver = maildir\nmail_path = ~/Maildir\nmail_inbox_path = .\n"
#define SQL_23              "userdb {\n  args = /etc/dovecot/dovecot-sql.conf.ext\n  driver = sql\n}\n"
#define SQL_24              "userdb sql {\n  query = SELECT 1\n}\n"
#define INBOX(text)         "namespace inbox {\n  inbox = yes\n  location = \n" text "}\n"
#define INBOX_24(text)      "namespace inbox {\n  inbox = yes\n" text "}\n"
#define MAILBOX(name, text) "  mailbox " name " {\n    " text "\n  }\n"

/* As Debian ships it. */
#define DEBIAN_23                                                                                 \
	INBOX(MAILBOX("Drafts", "special_use = \\Drafts") MAILBOX("Junk", "special_use = \\Junk") \
		MAILBOX("Sent", "special_use = \\Sent")                                           \
		    MAILBOX("\"Sent Messages\"", "special_use = \\Sent")                          \
			MAILBOX("Trash", "special_use = \\Trash") "  prefix = \n")
#define DEBIAN_24                                                                          \
	INBOX_24(MAILBOX("Drafts", "special_use = \"\\\\Drafts\"")                         \
		MAILBOX("Junk", "special_use = \"\\\\Junk\"") MAILBOX("\"Sent Messages\"", \
		    "special_use = \"\\\\Sent\"") MAILBOX("Sent", "special_use = \"\\\\Sent\""))

static const char *usual_special_use[] = { "\\Junk=Junk", "\\Trash=Trash", "\\Sent=Sent",
	"\\Drafts=Drafts", "\\Archive=Archive" };
static const char *made[] = { "Trash", "Lists.lmtpd" };
static const char *prefixed[] = { "INBOX/Trash" };

static const struct layout_facts usual = {
	.separator = ".",
	.prefix = "",
	.special_use = { usual_special_use, LENGTH(usual_special_use) },
};
static const struct layout_facts making = {
	.separator = ".",
	.prefix = "",
	.creation = { made, LENGTH(made) },
	.special_use = { usual_special_use, LENGTH(usual_special_use) },
};
static const struct layout_facts slashes = {
	.separator = "/",
	.prefix = "INBOX/",
	.creation = { prefixed, LENGTH(prefixed) },
};

enum {
	LIST = 1 << LAYOUT_LIST,
	UTF8 = 1 << LAYOUT_UTF8,
	CONTROL = 1 << LAYOUT_CONTROL,
	SEPARATOR = 1 << LAYOUT_SEPARATOR,
	PREFIX = 1 << LAYOUT_PREFIX,
	CREATION = 1 << LAYOUT_CREATION,
	SPECIAL_USE = 1 << LAYOUT_SPECIAL_USE,
	NOTHING = -1,
};

static const struct {
	const char *said;
	const struct layout_facts *facts;
	int differences;    /* NOTHING: nothing to compare */
	const char *theirs; /* of the gravest; NULL: of no interest */
} cases[] = {
	/* 2.3, as usual. */
	{ MAILDIR_23 SQL_23, &usual, 0, NULL },
	{ MAILDIR_23 DEBIAN_23 SQL_23, &usual, 0, NULL },
	{ VERSION_23 "mail_location = maildir:~/Maildir:INBOX=~/Maildir/.INBOX:INDEX=/x\n" SQL_23,
	    &usual, 0, NULL },
	{ VERSION_23
	    "mail_location = maildir:~/Maildir:LAYOUT=Maildir++:CONTROL=~/Maildir\n" SQL_23,
	    &usual, 0, NULL },
	{ MAILDIR_23 INBOX("  prefix = \n  separator = .\n") SQL_23, &usual, 0, NULL },

	/* 2.3, on the disk. */
	{ VERSION_23 "mail_location = maildir:~/Maildir:LAYOUT=fs\n" INBOX("  separator = .\n")
		SQL_23,
	    &usual, LIST, "fs" },
	{ VERSION_23 "mail_location = maildir:~/Maildir:INDEX=/i:LAYOUT=fs:UTF-8\n" SQL_23, &usual,
	    LIST | UTF8 | SEPARATOR, "fs" },
	{ VERSION_23 "mail_location = maildir:~/Maildir:UTF-8\n" SQL_23, &usual, UTF8, "" },
	{ VERSION_23 "mail_location = maildir:~/UTF-8:INDEX=/UTF-8:UTF-8x\n" SQL_23, &usual, 0,
	    NULL },
	{ VERSION_23 "mail_location = maildir:~/Maildir:CONTROL=/var/control/%u\n" SQL_23, &usual,
	    CONTROL, "/var/control/%u" },
	{ MAILDIR_23 "namespace inbox {\n  inbox = yes\n"
		     "  location = maildir:~/Maildir:CONTROL=~/c\n}\n" SQL_23,
	    &usual, CONTROL, "~/c" },
	{ MAILDIR_23
	    "namespace x {\n  location = maildir:~/x:LAYOUT=fs\n  separator = /\n}\n" SQL_23,
	    &usual, 0, NULL },

	/* 2.3, names. */
	{ MAILDIR_23 INBOX("  separator = /\n") SQL_23, &usual, SEPARATOR, "/" },
	{ MAILDIR_23 INBOX("  prefix = INBOX.\n") SQL_23, &usual, PREFIX, "INBOX." },
	{ MAILDIR_23 SQL_23, &slashes, SEPARATOR | PREFIX, "." },
	{ MAILDIR_23 "namespace {\n  alias_for = \n  hidden = yes\n  prefix = INBOX.\n}\n" INBOX(
	      "  prefix = \n") "namespace shared {\n  prefix = shared/%%u/\n  separator = /\n"
			       "  type = shared\n}\n" SQL_23,
	    &usual, 0, NULL },
	{ MAILDIR_23 INBOX("  prefix = INBOX/\n  separator = /\n") SQL_23, &slashes, 0, NULL },

	/* 2.3, folders that it makes. */
	{ MAILDIR_23 INBOX(MAILBOX("Trash", "auto = subscribe")
		  MAILBOX("Junk", "auto = create\n    special_use = \\Junk")
		      MAILBOX("INBOX", "auto = subscribe") MAILBOX("Sent", "auto = no")) SQL_23,
	    &usual, CREATION, "\"Trash\", \"Junk\"" },
	{ MAILDIR_23 INBOX(
	      MAILBOX("Trash", "auto = subscribe") MAILBOX("Lists.lmtpd", "auto = create")) SQL_23,
	    &making, 0, NULL },
	{ MAILDIR_23 INBOX(MAILBOX("Lists/lmtpd", "auto = create") "  separator = /\n") SQL_23,
	    &making, SEPARATOR, "/" },
	{ MAILDIR_23 INBOX(MAILBOX("Lists/lmtpd", "auto = create")) SQL_23, &making, CREATION,
	    "\"Lists/lmtpd\"" },
	{ MAILDIR_23 INBOX(MAILBOX("trash", "auto = create")) SQL_23, &making, CREATION,
	    "\"trash\"" },
	{ MAILDIR_23 INBOX(MAILBOX("Tras", "auto = create") MAILBOX("Trashed", "auto = create"))
		SQL_23,
	    &making, CREATION, "\"Tras\", \"Trashed\"" },
	{ MAILDIR_23 INBOX(MAILBOX("Trash", "auto = create") "  prefix = INBOX/\n"
							     "  separator = /\n") SQL_23,
	    &slashes, 0, NULL },
	{ MAILDIR_23 INBOX(MAILBOX("\"a \\\"b\"", "auto = create")) SQL_23, &usual, CREATION,
	    "\"a \\\"b\"" },

	/* 2.3, special uses: one of several is enough; more than one in a folder; searches. */
	{ MAILDIR_23 INBOX(MAILBOX("Spam", "special_use = \\Junk")) SQL_23, &usual, SPECIAL_USE,
	    "\"\\\\Junk=Spam\"" },
	{ MAILDIR_23 INBOX(MAILBOX("Spam", "special_use = \\JUNK")
		  MAILBOX("Junk", "special_use = \\Archive \\Junk")) SQL_23,
	    &usual, SPECIAL_USE, "\"\\\\Archive=Junk\"" },
	{ MAILDIR_23 INBOX(MAILBOX("A", "special_use = \\Sent")
		  MAILBOX("B", "special_use = \\Sent  \\Drafts")) SQL_23,
	    &usual, SPECIAL_USE, "\"\\\\Sent=A\", \"\\\\Drafts=B\"" },
	{ MAILDIR_23 INBOX(MAILBOX("virtual/All", "special_use = \\All \\Flagged \\Important"))
		SQL_23,
	    &usual, 0, NULL },
	{ MAILDIR_23 INBOX(MAILBOX("Junk", "special_use = \\Junk")) SQL_23, &slashes,
	    SEPARATOR | PREFIX | SPECIAL_USE, NULL },

	/* Nothing to compare: no Maildirs, or users of the system. */
	{ VERSION_23 "mail_location = mbox:~/mail:INBOX=/var/mail/%u\n" DEBIAN_23 SQL_23, &usual,
	    NOTHING, NULL },
	{ VERSION_23 "mail_location = \n" SQL_23, &usual, NOTHING, NULL },
	{ MAILDIR_23 "userdb {\n  driver = passwd\n}\n", &usual, NOTHING, NULL },
	{ MAILDIR_23, &usual, NOTHING, NULL },
	{ VERSION_24 "mail_driver = mbox\nmail_path = ~/mail\n" SQL_24, &usual, NOTHING, NULL },
	{ "", &usual, NOTHING, NULL },
	{ "}\n}\nnamespace inbox {\nmailbox {\nmailbox  {\nauto = x\n}\nmailbox\n\"\nseparator\n",
	    &usual, NOTHING, NULL },

	/* 2.4. */
	{ MAILDIR_24 SQL_24, &usual, 0, NULL },
	{ MAILDIR_24 DEBIAN_24 SQL_24, &usual, 0, NULL },
	{ MAILDIR_24 "mailbox_list_layout = fs\n" INBOX_24("  separator = .\n") SQL_24, &usual,
	    LIST, "fs" },
	{ MAILDIR_24 "mailbox_list_layout = maildir++\nmailbox_list_utf8 = no\n"
		     "mail_control_path = ~/Maildir\n" SQL_24,
	    &usual, 0, NULL },
	{ MAILDIR_24 "mailbox_list_utf8 = yes\n" SQL_24, &usual, UTF8, "" },
	{ MAILDIR_24 "mail_control_path = /var/control/%{user}\n" SQL_24, &usual, CONTROL,
	    "/var/control/%{user}" },
	{ MAILDIR_24 INBOX_24("  mailbox_list_layout = index\n  separator = .\n") SQL_24, &usual,
	    LIST, "index" },
	{ MAILDIR_24 INBOX_24("  prefix = \"INBOX.\"\n  separator = \".\"\n") SQL_24, &usual,
	    PREFIX, "INBOX." },
	{ MAILDIR_24 INBOX_24("  prefix = INBOX/\n  separator = /\n") SQL_24, &usual,
	    SEPARATOR | PREFIX, "/" },
	{ MAILDIR_24 INBOX_24(
	      MAILBOX("\"Sent Items\"", "auto = subscribe\n    special_use = \"\\\\Sent\"")) SQL_24,
	    &usual, CREATION | SPECIAL_USE, "\"Sent Items\"" },
	{ MAILDIR_24 INBOX_24(MAILBOX("Spam", "special_use = \"\\\\Junk\"")) SQL_24, &usual,
	    SPECIAL_USE, "\"\\\\Junk=Spam\"" },
};

static void expect_case(size_t i)
{
	char *text = strdup(cases[i].said);
	struct layout layout;
	int differences = 0, gravest = LAYOUT_DIFFERENCES;

	assert_non_null(text);
	if (!layout_judge(text, cases[i].facts, &layout)) {
		differences = NOTHING;
	}
	for (int d = LAYOUT_DIFFERENCES - 1; d >= 0 && differences != NOTHING; d--) {
		if (layout.differs[d]) {
			differences |= 1 << d;
			gravest = d;
		}
	}
	if (differences != cases[i].differences ||
	    (cases[i].theirs != NULL && strcmp(layout.theirs[gravest], cases[i].theirs) != 0)) {
		print_error("case %zu: differences %#x, \"%s\"\n%s", i, (unsigned)differences,
		    gravest < LAYOUT_DIFFERENCES ? layout.theirs[gravest] : "", cases[i].said);
		fail();
	}
	assert_int_equal(layout.is_24, strstr(cases[i].said, "2.4.0") != NULL);
	free(text);
}

static void test_cases(void **state)
{
	for (size_t i = 0; i < LENGTH(cases); i++) {
		expect_case(i);
	}
}

/* More folders than are looked at, and names longer than what is said of them. */
static void test_many(void **state)
{
	enum {
		N = 200,
		ROOM = N * 400
	};
	char *text = calloc(1, ROOM), name[301];
	struct layout layout;

	assert_non_null(text);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	add_text(text, ROOM, "%s", MAILDIR_23 SQL_23 "namespace {\n  inbox = yes\n");
	for (int i = 0; i < N; i++) {
		add_text(text, ROOM, "  mailbox %s%d {\n    auto = create\n  }\n", name, i);
	}
	add_text(text, ROOM, "  separator = /\n}\n");
	assert_true(layout_judge(text, &usual, &layout));
	assert_true(layout.differs[LAYOUT_CREATION] && layout.differs[LAYOUT_SEPARATOR]);
	assert_true(strlen(layout.theirs[LAYOUT_CREATION]) < LAYOUT_TEXT_MAX);
	assert_non_null(strstr(layout.theirs[LAYOUT_CREATION], "x0\""));
	free(text);
}

struct saying {
	const struct layout *layout;
	const struct layout_facts *facts;
	struct report report;
};

static void say(void *data)
{
	struct saying *saying = data;

	layout_report(saying->layout, saying->facts, &saying->report);
}

/* All differences, on a machine that has mail in folders, or has not. */
static void expect_said(const struct layout *layout, bool is_used, int exit_code, const char *want)
{
	struct layout_facts facts = usual;
	struct saying saying = { .layout = layout, .facts = &facts };

	facts.is_used = is_used;
	expect_printed("report", say, &saying, want);
	assert_int_equal(saying.report.exit_code, exit_code);
}

static void test_report(void **state)
{
	struct layout layout = { .is_24 = false };

	expect_said(&layout, true, 0,
	    "ok    folders: those of Dovecot: Maildir++, separator \".\", prefix \"\"\n");
	layout.differs[LAYOUT_CREATION] = layout.differs[LAYOUT_SPECIAL_USE] = true;
	strcpy(layout.theirs[LAYOUT_CREATION], "\"Trash\"");
	strcpy(layout.theirs[LAYOUT_SPECIAL_USE], "\"\\\\Junk=Spam\"");
	expect_said(&layout, false, 0,
	    "ok    folders: those of Dovecot: Maildir++, separator \".\", prefix \"\"\n");
	expect_said(&layout, true, 0,
	    "warn  folders: Dovecot makes \"Trash\" when they are first needed, and lmtpd does "
	    "not: until they are there, mail for them goes to the INBOX; remedy: add to "
	    "maildir.auto: \"Trash\"\n"
	    "warn  folders: Dovecot has \"\\\\Junk=Spam\", and maildir.special_use does not: mail "
	    "by "
	    "special use goes to another folder than clients show; remedy: put into "
	    "maildir.special_use: \"\\\\Junk=Spam\"\n");
	layout.differs[LAYOUT_SEPARATOR] = true;
	strcpy(layout.theirs[LAYOUT_SEPARATOR], "/");
	expect_said(&layout, false, 0,
	    "warn  folders: Dovecot divides the names of folders by \"/\", and lmtpd by \".\": the "
	    "same name is not the same folder; remedy: maildir.separator = \"/\"\n");
	layout = (struct layout){ .differs = { [LAYOUT_PREFIX] = true },
		.theirs = { [LAYOUT_PREFIX] = "INBOX." } };
	expect_said(&layout, true, 78,
	    "FAIL  folders: names of folders begin with \"INBOX.\" in Dovecot, and with \"\" in "
	    "lmtpd: the same name is not the same folder; remedy: maildir.prefix = \"INBOX.\"\n");
}

static void test_report_of_directories(void **state)
{
	struct layout layout = {
		.differs = { [LAYOUT_LIST] = true },
		.theirs = { [LAYOUT_LIST] = "fs", [LAYOUT_CONTROL] = "/c" },
	};

	expect_said(&layout, true, 78,
	    "FAIL  folders: Dovecot's layout is fs, and lmtpd's is Maildir++: neither finds the "
	    "folders of the other; remedy: use no folders, maildir.detail = \"ignore\" "
	    "and sieve.enabled = no; or in Dovecot take away :LAYOUT= of mail_location, and copy "
	    "the mail with doveadm backup\n");
	layout.is_24 = true;
	layout.differs[LAYOUT_UTF8] = layout.differs[LAYOUT_CONTROL] = true;
	expect_said(&layout, false, 0,
	    "warn  folders: Dovecot's layout is fs, and lmtpd's is Maildir++: neither finds the "
	    "folders of the other; remedy: use no folders, maildir.detail = \"ignore\" "
	    "and sieve.enabled = no; or in Dovecot take away mailbox_list_layout, and copy the "
	    "mail with doveadm backup\n"
	    "warn  folders: directories of Dovecot's folders are called in UTF-8, and lmtpd's in "
	    "modified UTF-7: neither finds those of the other that are not ASCII; remedy: use no "
	    "folders, maildir.detail = \"ignore\" and sieve.enabled = no; or in Dovecot take away "
	    "mailbox_list_utf8, and rename "
	    "the directories with other letters than those of ASCII\n"
	    "warn  folders: Dovecot keeps subscriptions and keywords at /c, and lmtpd in the "
	    "Maildir: clients do not show folders that lmtpd makes, nor its labels; remedy: use no "
	    "folders, maildir.detail = \"ignore\" and sieve.enabled = no; or in Dovecot take away "
	    "mail_control_path, and move what "
	    "lies there into the Maildirs\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_report_of_directories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
