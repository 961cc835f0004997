/* SPDX-License-Identifier: MIT
 * Dovecot asks one passdb after the other until a password fits; lmtpd-auth tries all rows of one query. */
#include "adopt/logins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adopt/queries.h"
#include "adopt/select.h"

/* Schemes whose hashes crypt(3) verifies: they need no name in front. */
static void note_scheme(struct source *source, const char *scheme, const char *where)
{
	static const char *const fine[] = { "CRYPT", "SHA512-CRYPT", "SHA256-CRYPT", "BLF-CRYPT",
		"MD5-CRYPT" };

	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		if (strcasecmp(scheme, fine[i]) == 0) {
			return;
		}
	}
	side_note(source->logins, where,
	    "the scheme of passwords without a name is %s: lmtpd-auth takes those for hashes of "
	    "crypt(3); "
	    "lmtpd-auth --check counts those that it cannot verify",
	    scheme);
}

/* The queries of all passdbs, as Dovecot has them. */
struct passwords {
	struct {
		char *query; /* to be freed */
		char where[PATH_MAX + 16];
	} list[FACTS_PASSDBS_MAX];
	size_t n;
	struct account account; /* of the first */
	bool has_account, has_label;
};

static bool has_column(const char *query, const char *name)
{
	char *column = select_column(query, name);

	free(column);
	return column != NULL;
}

static void add_query(struct passwords *passwords, const char *query, const char *where)
{
	char *copy = strdup(query);

	if (copy != NULL) {
		passwords->has_label |= has_column(copy, "label");
		passwords->list[passwords->n].query = copy;
		snprintf(passwords->list[passwords->n].where,
		    sizeof(passwords->list[passwords->n].where), "%s", where);
		passwords->n++;
	}
}

/* One account asks for all. Returns false after a note. */
static bool take_account(
    struct source *source, struct passwords *passwords, const struct account *account)
{
	const char *where = source_place(source, "connect");

	if (!passwords->has_account) {
		passwords->account = *account;
		passwords->has_account = true;
		account_set(account, source->logins, where);
	} else if (!account_is_same(account, &passwords->account)) {
		side_note(source->logins, where,
		    "it has another server, database or user than the passdb before: lmtpd-auth "
		    "asks all by one account, so let that one read this table, and add its query "
		    "to mysql.password_query by hand");
		return false;
	}
	return true;
}

/* Returns false after it was noted that it has no passwords for us. */
static bool is_source(struct source *source, const struct facts_db *passdb)
{
	if (!source_is_sql(passdb)) {
		side_note(source->logins, source_said,
		    "passdb %s: lmtpd-auth knows those of sql alone",
		    passdb->driver == NULL ? "without a driver" : passdb->driver);
		return false;
	}
	if (passdb->other != NULL) {
		side_note(source->logins, source_said, "a passdb of sql has %s: %s", passdb->other,
		    passdb->is_no_source ? "lmtpd-auth has nothing of the kind, and leaves it out"
					 : "lmtpd-auth takes its passwords without that");
	}
	return !passdb->is_no_source;
}

static void read_passdb(
    struct source *source, const struct facts_db *passdb, struct passwords *passwords)
{
	bool is_24 = source->facts.is_24;
	const char *query = passdb->query, *scheme = passdb->scheme;
	struct account account = source->facts.account; /* of 2.4 */
	bool is_ours;

	if (!is_source(source, passdb) ||
	    (!is_24 && !source_load_sql(source, passdb->args, source->logins))) {
		account_wipe(&account);
		return;
	}
	if (!is_24) {
		query = file_value(&source->sql, "password_query");
		scheme = file_value(&source->sql, "default_pass_scheme");
		account_read_connect(&account, file_value(&source->sql, "connect"));
	}
	is_ours = take_account(source, passwords, &account);
	account_wipe(&account);
	if (scheme != NULL && scheme[0] != '\0') {
		note_scheme(source, scheme, source_place(source, "default_pass_scheme"));
	} else if (!is_24) {
		note_scheme(
		    source, "MD5", source_place(source, "default_pass_scheme")); /* its default */
	}
	if (query == NULL || query[0] == '\0') {
		side_note(source->logins, source_place(source, "password_query"),
		    "a passdb of sql has no query of passwords");
	} else if (is_ours) {
		add_query(passwords, query, source_place(source, "password_query"));
	}
}

/* Adds one more SELECT to those of *all, which is to be freed; in parentheses, since it may have an end of its own. */
static void unite(char **all, const char *query, bool is_alone)
{
	char *united = NULL;

	if (asprintf(&united, "%s%s%s%s%s", *all == NULL ? "" : *all,
		*all == NULL ? "" : " UNION ALL ", is_alone ? "" : "(", query,
		is_alone ? "" : ")") < 0) {
		return;
	}
	free(*all);
	*all = united;
}

/* Returns false if its rows cannot be listed. */
static bool adopt_password_query(
    struct source *source, const struct passwords *passwords, size_t i, char **one, char **all)
{
	const char *query = passwords->list[i].query, *where = passwords->list[i].where;
	bool lacks_label = passwords->has_label && !has_column(query, "label");
	bool is_alone = passwords->n == 1, has_all;
	char others[SELECT_NAMES_MAX];
	struct adopted adopted;

	queries_make(&adopted, query, source_dialect(source),
	    lacks_label ? SELECT_LABELLED : SELECT_PASSWORD);
	has_all = adopted.query == NULL || adopted.all != NULL;
	if (adopted.query == NULL) {
		side_note(source->logins, where,
		    "%s: %s: set mysql.password_query by hand, to columns address and password",
		    query, adopted.error.text);
	} else {
		side_add_query(source->logins, adopted.query);
		unite(one, adopted.query, is_alone);
		if (adopted.all != NULL) {
			unite(all, adopted.all, is_alone);
		}
		select_list_others(query, others);
		if (others[0] != '\0') {
			side_note(source->logins, where,
			    "password_query has the columns %s: a login makes no use of them; "
			    "those who may "
			    "not log in are for its conditions to leave out",
			    others);
		}
	}
	queries_free(&adopted);
	return has_all;
}

void logins_adopt(struct source *source)
{
	const struct facts *facts = &source->facts;
	struct passwords passwords = { .n = 0 };
	char *one = NULL, *all = NULL;
	bool has_all = true;

	for (size_t i = 0; i < facts->n_passdbs && i < FACTS_PASSDBS_MAX; i++) {
		read_passdb(source, &facts->passdbs[i], &passwords);
	}
	if (facts->n_passdbs > FACTS_PASSDBS_MAX) {
		side_note(source->logins, source_said, "%zu passdbs: the first %d are looked at",
		    facts->n_passdbs, FACTS_PASSDBS_MAX);
	}
	for (size_t i = 0; i < passwords.n; i++) {
		has_all &= adopt_password_query(source, &passwords, i, &one, &all);
	}
	if (one != NULL) {
		const char *where = passwords.list[0].where;

		side_set(source->logins, where, "mysql", "password_query", one);
		side_set(source->logins, where, "mysql", "users_query", has_all ? all : "");
	} else if (passwords.n == 0) {
		side_note(source->logins, source_said,
		    "there is no query of passwords: set mysql.password_query by hand");
	}
	for (size_t i = 0; i < passwords.n; i++) {
		free(passwords.list[i].query);
	}
	free(one);
	free(all);
	account_wipe(&passwords.account);
}
