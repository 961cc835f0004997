/* SPDX-License-Identifier: MIT
 * Where mail lies and whose it is comes from the userdb, logins come from the passdbs; what a row says for its user
 * alone has no translation. */
#include "adopt/dovecot.h"

#include <ctype.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adopt/logins.h"
#include "adopt/others.h"
#include "adopt/scripts.h"
#include "adopt/select.h"
#include "adopt/source.h"
#include "doctor/location.h"

/* By name where the number has one. */
static void set_id(struct side *mail, const char *where, const char *key, const char *id)
{
	char *end;
	unsigned long number = strtoul(id, &end, 10);
	bool is_number = isdigit((unsigned char)id[0]) && *end == '\0';
	const struct passwd *user =
	    is_number && strcmp(key, "user") == 0 ? getpwuid((uid_t)number) : NULL;
	const struct group *group =
	    is_number && strcmp(key, "group") == 0 ? getgrgid((gid_t)number) : NULL;

	side_set(mail, where, "maildir", key,
	    user != NULL    ? user->pw_name
	    : group != NULL ? group->gr_name
			    : id);
}

/* What a query's column says for everybody: a text in quotes, or a number. Returns false, after a note where it is of
 * each row; *value_r is to be freed. */
static bool read_constant(struct source *source, const char *query, const char *column,
    const char *remedy, char **value_r)
{
	char *value = select_column(query, column);
	size_t n = value == NULL ? 0 : strlen(value);
	bool is_text = n > 1 && (value[0] == '\'' || value[0] == '"') && value[n - 1] == value[0];
	bool is_constant = is_text || (n > 0 && strspn(value, "0123456789") == n);

	*value_r = NULL;
	if (is_text) {
		memmove(value, value + 1, n - 2);
		value[n - 2] = '\0';
		is_constant = strpbrk(value, "'\"\\") == NULL;
	}
	if (is_constant) {
		*value_r = value;
		return true;
	}
	if (value != NULL) {
		side_note(source->mail, source_place(source, "user_query"),
		    "%s AS %s is of each row: %s", value, column, remedy);
	}
	free(value);
	return false;
}

/* What user_query, or with userdb prefetch password_query, says for all users. */
struct constants {
	char *home, *mail, *uid, *gid;
	bool has_home; /* or it is one of each row */
};

static void read_query(struct source *source, struct constants *constants_r)
{
	const struct facts *facts = &source->facts;
	const struct facts_db *passdb = source_last_passdb(facts);
	bool is_prefetch =
	    facts->userdb.driver != NULL && strcmp(facts->userdb.driver, "prefetch") == 0;
	const char *prefix = is_prefetch ? "userdb_" : "";
	const char *query = is_prefetch ? passdb->query : facts->userdb.query;
	struct {
		const char *name, *remedy;
		char **value;
	} columns[] = {
		{ "home", "let a column `home` of mysql.user_query say the same",
		    &constants_r->home },
		{ "mail", "let columns `home` and `path` of mysql.user_query say the same",
		    &constants_r->mail },
		{ "uid", "all mail has one owner with lmtpd, maildir.user", &constants_r->uid },
		{ "gid", "all mail has one owner with lmtpd, maildir.group", &constants_r->gid },
		{ "quota_rule", "let a column `quota_bytes` of mysql.user_query say the limit",
		    NULL },
		{ "quota_storage_size",
		    "let a column `quota_bytes` of mysql.user_query say the limit", NULL },
	};

	if (!facts->is_24 && source_is_sql(passdb) && is_prefetch) {
		query = file_value(&source->sql, "password_query");
	} else if (!facts->is_24 && source_is_sql(&facts->userdb) &&
		   source_load_sql(source, facts->userdb.args, source->mail)) {
		query = file_value(&source->sql, "user_query");
	}
	for (size_t i = 0; query != NULL && i < sizeof(columns) / sizeof(columns[0]); i++) {
		char name[64], *value, *any;

		snprintf(name, sizeof(name), "%s%s", prefix, columns[i].name);
		any = select_column(query, name);
		constants_r->has_home |= any != NULL && i < 2;
		free(any);
		if (read_constant(source, query, name, columns[i].remedy, &value) &&
		    columns[i].value != NULL) {
			*columns[i].value = value;
		} else {
			free(value);
		}
	}
}

/* "%n@%d", as places are compared, is %u. */
static void write_address(char *place)
{
	char *at;

	while ((at = strstr(place, "%n@%d")) != NULL) {
		memmove(at + 2, at + 5, strlen(at + 5) + 1);
		at[1] = 'u';
	}
}

/* Cuts the INBOX's place into what tells users apart and what is below. home: "" if it is not known. */
static void set_place(struct source *source, const char *home, char *inbox)
{
	char *path, *percent = strrchr(inbox, '%');
	size_t n = strlen(home);

	if (n > 0 && strncmp(inbox, home, n) == 0 && (inbox[n] == '/' || inbox[n] == '\0')) {
		path = inbox + n;
	} else if (percent != NULL) {
		path = strchrnul(percent, '/');
	} else {
		side_note(source->mail, source_said,
		    "the INBOX of all users is %s: set maildir.home and maildir.path by hand",
		    inbox);
		return;
	}
	if (*path == '/') {
		*path++ = '\0';
	}
	write_address(inbox);
	side_set(source->mail, source_said, "maildir", "home", inbox);
	side_set(source->mail, source_said, "maildir", "path", path);
}

/* Version 2.4 takes %d as it stands. */
static bool is_literal(const struct source *source, const char *text)
{
	const char *p = text == NULL ? NULL : strchr(text, '%');

	return source->facts.is_24 && p != NULL && p[1] != '{';
}

static void adopt_place(struct source *source)
{
	const struct facts *facts = &source->facts;
	struct constants constants = { .home = NULL };
	struct dovecot *places = &source->places;
	char home[LOCATION_MAX] = "", inbox[LOCATION_MAX];
	const char *said;

	read_query(source, &constants);
	said = constants.home != NULL ? constants.home
	       : places->home != NULL ? places->home
				      : places->values[DOVECOT_MAIL_HOME];
	if (constants.mail != NULL && !facts->is_24) {
		places->values[DOVECOT_MAIL_LOCATION] = constants.mail;
	}
	if (said != NULL && (is_literal(source, said) || !location_expand(said, NULL, home))) {
		home[0] = '\0';
	}
	if (location_find(places, home[0] == '\0' ? NULL : home, inbox)) {
		set_place(source, home, inbox);
	} else if (!constants.has_home || constants.home != NULL) {
		side_note(source->mail, source_said,
		    "it does not say where each user's INBOX is, as a Maildir whose place depends "
		    "on the "
		    "address alone: set maildir.home and maildir.path by hand");
	}
	if (places->is_opaque) {
		side_note(source->mail, source_said,
		    "some users or protocols have another place of mail: lmtpd knows one");
	}
	if (constants.uid != NULL || facts->userdb.uid != NULL || facts->uid != NULL) {
		set_id(source->mail, source_said, "user",
		    constants.uid != NULL       ? constants.uid
		    : facts->userdb.uid != NULL ? facts->userdb.uid
						: facts->uid);
	}
	if (constants.gid != NULL || facts->userdb.gid != NULL || facts->gid != NULL) {
		set_id(source->mail, source_said, "group",
		    constants.gid != NULL       ? constants.gid
		    : facts->userdb.gid != NULL ? facts->userdb.gid
						: facts->gid);
	}
	free(constants.home);
	free(constants.mail);
	free(constants.uid);
	free(constants.gid);
}

/* Each reading cuts its own. */
enum {
	COPY_FACTS,
	COPY_PLACES,
	COPY_SCRIPTS,
	COPY_SETTINGS,
	COPIES
};

void dovecot_adopt(const char *said, struct side *mail, struct side *logins)
{
	struct source source = { .mail = mail, .logins = logins };
	char *copies[COPIES];
	size_t n = 0;

	while (n < COPIES && (copies[n] = strdup(said)) != NULL) {
		n++;
	}
	if (n == COPIES) {
		facts_read(&source.facts, copies[COPY_FACTS]);
		dovecot_read(&source.places, copies[COPY_PLACES]);
		logins_adopt(&source);
		adopt_place(&source);
		others_adopt(&source.facts, mail, logins);
		scripts_adopt(&source, copies[COPY_SCRIPTS], copies[COPY_SETTINGS]);
	}
	account_wipe(&source.facts.account);
	file_free(source.sql_text);
	while (n-- > 0) {
		explicit_bzero(copies[n], strlen(said));
		free(copies[n]);
	}
}
