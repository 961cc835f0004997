/* SPDX-License-Identifier: MIT
 * Postfix first: its maps say who gets mail. What Dovecot says comes behind. */
#include "adopt/adopt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "adopt/dovecot.h"
#include "adopt/postfix.h"
#include "adopt/side.h"
#include "adopt/write.h"
#include "doctor/doveconf.h"
#include "doctor/postconf.h"
#include "doctor/report.h"

/* Why one of them cannot be asked: what was said last. */
static void on_check(void *data, enum report_status status, const char *detail)
{
	snprintf(data, SIDE_NOTE_MAX, "%s", detail);
}

static bool read_postfix(struct side *mail, struct side *logins)
{
	char why[SIDE_NOTE_MAX] = "";
	struct report report = { .on_check = on_check, .data = why };
	struct postconf postfix;
	bool is_there;

	postconf_load(&postfix, &report);
	is_there = postfix.is_there;
	if (is_there) {
		postfix_adopt(&postfix, mail, logins);
	} else {
		side_note(mail, "Postfix", "%s", why);
	}
	postconf_free(&postfix);
	return is_there;
}

static bool read_dovecot(struct side *mail, struct side *logins)
{
	char why[SIDE_NOTE_MAX] = "there is no doveconf";
	struct report report = { .on_check = on_check, .data = why };
	char *said = doveconf_ask("-NP", &report);

	if (said == NULL) {
		side_note(logins, "Dovecot", "%s", why);
		return false;
	}
	dovecot_adopt(said, mail, logins);
	explicit_bzero(said, strlen(said));
	free(said);
	return true;
}

/* Which reads mail and passwords is worth as much as both. */
static void note_account(struct side *mail, struct side *logins)
{
	if (mail->user[0] != '\0' && strcmp(mail->user, logins->user) == 0) {
		side_note(logins, "mysql.user",
		    "%s would serve both daemons, so lmtpd could read the password hashes: make a "
		    "second "
		    "account for lmtpd-auth when it works, docs/move.md, last section",
		    logins->user);
	}
}

static void tell_notes(const struct side *side)
{
	for (size_t i = 0; i < side->n_notes; i++) {
		fprintf(stderr, "lmtpd: %s.conf: %s\n", side->name, side->notes[i]);
	}
}

/* Returns false when out of memory. */
static bool print(const struct side *side, const char *sysconfdir)
{
	char *text = side_write(side, sysconfdir);

	if (text == NULL) {
		return false;
	}
	printf("# %s/%s.conf\n%s\n", sysconfdir, side->name, text);
	free(text);
	return true;
}

int adopt_run(const struct settings_form *mail, const struct settings_form *logins,
    const char *sysconfdir, const char *directory)
{
	struct side *sides = calloc(2, sizeof(*sides));
	bool has_postfix, has_dovecot;
	int exit_code = EX_OK;

	if (sides == NULL) {
		return EX_OSERR;
	}
	side_init(&sides[0], "lmtpd", mail);
	side_init(&sides[1], "auth", logins);
	has_postfix = read_postfix(&sides[0], &sides[1]);
	has_dovecot = read_dovecot(&sides[0], &sides[1]);
	note_account(&sides[0], &sides[1]);
	tell_notes(&sides[0]);
	tell_notes(&sides[1]);
	if (!has_postfix && !has_dovecot) {
		fputs("lmtpd: neither Postfix nor Dovecot can be read: there is nothing to adopt\n",
		    stderr);
		exit_code = EX_CONFIG;
	} else if (directory != NULL) {
		exit_code = write_files(sides, 2, directory, sysconfdir);
	} else if (!print(&sides[0], sysconfdir) || !print(&sides[1], sysconfdir)) {
		exit_code = EX_OSERR;
	}
	side_free(&sides[0]);
	side_free(&sides[1]);
	free(sides);
	return exit_code;
}
