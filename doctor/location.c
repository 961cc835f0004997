/* SPDX-License-Identifier: MIT
 * Two places are the same if they are called the same once all variables are %d and %n. Lower case is taken
 * as what the row has: most have it, and a row that has not is a matter of its own. */
#include "doctor/location.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "doctor/doveconf.h"
#include "doctor/dovecot.h"

static void put(char *text, const char *what)
{
	size_t at = strlen(text);

	snprintf(text + at, LOCATION_MAX - at, "%s", what);
}

/* What stands between the braces of %{...}, without blanks and without what makes lower case. NULL: it is
 * none of those that make places here. */
static const char *find_variable(const char *text, size_t n, const char *home)
{
	const struct {
		const char *name, *value;
	} variables[] = {
		{ "user", "%n@%d" },
		{ "username", "%n" },
		{ "user|username", "%n" },
		{ "domain", "%d" },
		{ "user|domain", "%d" },
		{ "home", home },
	};
	char name[64];
	char *lower;
	size_t at = 0;

	for (size_t i = 0; i < n && at < sizeof(name) - 1; i++) {
		if (text[i] != ' ') {
			name[at++] = text[i];
		}
	}
	name[at] = '\0';
	lower = strstr(name, "|lower");
	if (lower != NULL) {
		memmove(lower, lower + 6, strlen(lower + 6) + 1);
	}
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		if (strcmp(name, variables[i].name) == 0) {
			return variables[i].value;
		}
	}
	return NULL;
}

/* A letter, as in 2.3 and in lmtpd.conf. */
static const char *find_letter(char letter, const char *home)
{
	switch (letter) {
	case 'u':
		return "%n@%d";
	case 'n':
		return "%n";
	case 'd':
		return "%d";
	case '%':
		return "%%";
	case 'h':
		return home;
	default:
		return NULL;
	}
}

bool location_expand(const char *text, const char *home, char place_r[LOCATION_MAX])
{
	size_t n;

	place_r[0] = '\0';
	if (text[0] == '~') {
		if (home == NULL) {
			return false;
		}
		put(place_r, home);
		text++;
	}
	for (; *text != '\0'; text++) {
		char one[2] = { *text, '\0' };
		const char *value = one;

		if (text[0] == '%' && text[1] == '{') {
			n = strcspn(text, "}");
			value = find_variable(text + 2, n - 2, home);
			text += n;
		} else if (text[0] == '%') {
			text += text[1] == 'L' ? 2 : 1;
			value = find_letter(*text, home);
		}
		if (value == NULL || *text == '\0') {
			return false;
		}
		n = strlen(place_r);
		if (value != one || *text != '/' || n == 0 || place_r[n - 1] != '/') {
			put(place_r, value);
		}
	}
	n = strlen(place_r);
	while (n > 1 && place_r[n - 1] == '/') {
		place_r[--n] = '\0';
	}
	return place_r[0] == '/' && n < LOCATION_MAX - 1;
}

/* %d is text to version 2.4. */
static bool has_letters(const char *text)
{
	const char *p = text == NULL ? NULL : strchr(text, '%');

	while (p != NULL) {
		p += p[1] == 'L' ? 2 : 1;
		if (*p != '\0' && strchr("dnu", *p) != NULL) {
			return true;
		}
		p = strchr(p, '%');
	}
	return false;
}

/* The INBOX of "maildir:~/Maildir:INBOX=~/Maildir/.INBOX". */
static bool find_inbox_23(const char *value, const char *home, char theirs_r[LOCATION_MAX])
{
	const char *inbox = strstr(value, ":INBOX=");
	const char *from = inbox != NULL ? inbox + 7 : value + strlen("maildir:");
	char text[LOCATION_MAX];

	snprintf(text, sizeof(text), "%.*s", (int)strcspn(from, ":"), from);
	return location_expand(text, home, theirs_r);
}

/* Without a mail_inbox_path it is mail_path; with an empty one, a folder in there. */
static bool find_inbox_24(
    const struct dovecot *dovecot, const char *home, char theirs_r[LOCATION_MAX])
{
	const char *inbox = dovecot->values[DOVECOT_MAIL_INBOX_PATH],
		   *path = dovecot->values[DOVECOT_MAIL_PATH];

	if (inbox != NULL && inbox[0] != '\0' && strcmp(inbox, ".") != 0) {
		return location_expand(inbox, home, theirs_r);
	}
	if (path == NULL || !location_expand(path, home, theirs_r)) {
		return false;
	}
	if (inbox != NULL && inbox[0] == '\0') {
		put(theirs_r, "/.INBOX");
	}
	return true;
}

static const char *find_kind(const struct dovecot *dovecot)
{
	return dovecot->values[dovecot->is_24 ? DOVECOT_MAIL_DRIVER : DOVECOT_MAIL_LOCATION];
}

bool location_find(const struct dovecot *dovecot, const char *home, char inbox_r[LOCATION_MAX])
{
	const char *kind = find_kind(dovecot);

	if (kind == NULL || strncmp(kind, "maildir", 7) != 0) {
		return false;
	}
	return dovecot->is_24 ? find_inbox_24(dovecot, home, inbox_r)
			      : find_inbox_23(kind, home, inbox_r);
}

/* What is written for version 2.3 and is taken by 2.4 as it stands. */
static const char *find_literal(
    const struct dovecot *dovecot, const char *home, const char **value_r)
{
	const enum dovecot_setting settings[] = { DOVECOT_MAIL_PATH, DOVECOT_MAIL_INBOX_PATH };

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		*value_r = dovecot->values[settings[i]];
		if (has_letters(*value_r)) {
			return dovecot_setting_name(settings[i]);
		}
	}
	*value_r = home;
	return !has_letters(home)      ? NULL
	       : home == dovecot->home ? "home"
				       : dovecot_setting_name(DOVECOT_MAIL_HOME);
}

enum location_outcome location_judge(
    char *text, const char *home, const char *path, struct location *location_r)
{
	struct dovecot dovecot;
	char ours[LOCATION_MAX], home_place[LOCATION_MAX];
	const char *kind, *their_home, *literal;

	*location_r = (struct location){ .is_24 = false };
	dovecot_read(&dovecot, text);
	location_r->is_24 = dovecot.is_24;
	snprintf(ours, sizeof(ours), "%s/%s", home, path);
	if (dovecot.is_opaque || dovecot.n_userdbs != 1 || dovecot.driver == NULL ||
	    strcmp(dovecot.driver, "passwd") == 0 ||
	    !location_expand(ours, NULL, location_r->ours)) {
		return LOCATION_UNKNOWN;
	}
	/* What other databases of users say is theirs. */
	their_home = strcmp(dovecot.driver, "static") != 0 ? NULL
		     : dovecot.home != NULL                ? dovecot.home
							   : dovecot.values[DOVECOT_MAIL_HOME];
	if (dovecot.is_24) {
		location_r->key = find_literal(&dovecot, their_home, &literal);
		if (location_r->key != NULL) {
			snprintf(location_r->theirs, LOCATION_MAX, "%s", literal);
			return LOCATION_LITERAL;
		}
	}
	if (their_home != NULL && !location_expand(their_home, NULL, home_place)) {
		their_home = NULL;
	}
	kind = find_kind(&dovecot);
	if (kind == NULL || kind[0] == '\0') {
		return LOCATION_UNKNOWN; /* it takes what it finds */
	}
	if (strncmp(kind, "maildir", 7) != 0) {
		snprintf(location_r->theirs, LOCATION_MAX, "%s, which is no Maildir", kind);
		return LOCATION_ELSEWHERE;
	}
	if (!location_find(&dovecot, their_home == NULL ? NULL : home_place, location_r->theirs)) {
		return LOCATION_UNKNOWN;
	}
	return strcmp(location_r->theirs, location_r->ours) == 0 ? LOCATION_SAME
								 : LOCATION_ELSEWHERE;
}

void location_write_24(const char *text, char *text_r, size_t n)
{
	static const char letters[] = "dnu";
	static const char *const variables[] = { "%{user | domain}", "%{user | username}",
		"%{user}" };
	size_t at = 0;

	text_r[0] = '\0';
	for (; *text != '\0' && at < n; text++) {
		const char *letter = NULL;

		if (text[0] == '%') {
			text += text[1] == 'L' ? 1 : 0;
			letter = text[1] == '\0' ? NULL : strchr(letters, text[1]);
		}
		if (letter != NULL) {
			at += (size_t)snprintf(
			    text_r + at, n - at, "%s", variables[letter - letters]);
			text++;
		} else {
			at += (size_t)snprintf(text_r + at, n - at, "%c", *text);
		}
	}
}

static void say_elsewhere(const struct location *location, struct report *report)
{
	char line[2 * LOCATION_MAX];
	const char *remedy;

	if (location->is_24) {
		location_write_24(location->ours, line, sizeof(line));
		remedy = report_remedy(report,
		    "in Dovecot: mail_driver = maildir, mail_path = %s, mail_inbox_path = .; or "
		    "let maildir.home and maildir.path lead there",
		    line);
	} else {
		remedy = report_remedy(report,
		    "in Dovecot: mail_location = maildir:%s; or let maildir.home and maildir.path "
		    "lead there",
		    location->ours);
	}
	report_fail(report, EX_CONFIG, "dovecot", remedy,
	    "it reads the INBOX from %s, and mail is delivered to %s: nobody will see it",
	    location->theirs, location->ours);
}

void location_check(const char *home, const char *path, struct report *report)
{
	char *text = doveconf_ask("-N", report);
	char line[2 * LOCATION_MAX];
	struct location location;

	if (text == NULL) {
		return;
	}
	switch (location_judge(text, home, path, &location)) {
	case LOCATION_UNKNOWN:
		break;
	case LOCATION_SAME:
		report_ok(report, "dovecot", "it reads the INBOX from %s", location.theirs);
		break;
	case LOCATION_ELSEWHERE:
		say_elsewhere(&location, report);
		break;
	case LOCATION_LITERAL:
		location_write_24(location.theirs, line, sizeof(line));
		report_fail(report, EX_CONFIG, "dovecot",
		    report_remedy(report, "in Dovecot: %s = %s", location.key, line),
		    "its version takes %s = %s as it stands: all users have one place there",
		    location.key, location.theirs);
		break;
	}
	free(text);
}
