/* SPDX-License-Identifier: MIT
 * A user is a row that the daemon finds by its address, in a domain that Postfix accepts mail for, and
 * before any alias takes the mail. What of this is not so is said. */
#include "doctor/users.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "doctor/lists.h"

struct users {
	const struct lists *lists;
	struct mailboxes mailboxes;
};

static bool show(const char *text, char shown_r[ROW_TEXT_MAX])
{
	return rows_show(&(struct column){ .text = text, .n = strlen(text) }, shown_r);
}

static void warn_bad(struct rows *rows, const char *text)
{
	rows_say(rows, USER_BAD, "correct or delete that row",
	    "\"%s\" can be no mailbox: see WHO GETS THE MAIL in lmtpd(8)", text);
}

/* Postfix asks for the domain first: without it the row is never looked at. */
static void check_domain(struct rows *rows, const struct row_domain *domain, const char *text)
{
	char shown[ROW_TEXT_MAX];

	if (!domain->is_ours) {
		rows_say(rows, USER_HOMELESS,
		    rows_remedy(rows, show(domain->name, shown),
			"put the domain into the table of domains",
			"INSERT INTO virtual_domains (name) VALUES ('%s')", shown),
		    "%s: domain %s is not in the table of domains, so Postfix refuses its mail",
		    text, shown);
	}
}

/* The row is not what the daemon finds; found: another one, or NULL. */
static void say_hidden(struct rows *rows, const struct address *row, const struct address *found)
{
	char shown[ROW_TEXT_MAX];
	bool is_plain = show(row->text, shown);

	if (found != NULL && strcasecmp(found->text, row->text) == 0) {
		rows_say(rows, USER_HIDDEN, "delete that row, and move its mail to the other",
		    "%s differs from %s only in case: all mail goes to the latter", shown,
		    found->text);
		return;
	}
	rows_say(rows, USER_HIDDEN,
	    rows_remedy(rows, is_plain, "store it in lower case",
		"UPDATE virtual_users SET email = LOWER(email) WHERE BINARY email = '%s'", shown),
	    "\"%s\" is not found when the address is looked up, in lower case", shown);
}

/* Postfix asks for aliases before it asks for mailboxes. */
static void check_catch_all(struct rows *rows, const struct address *lowered)
{
	char shown[ROW_TEXT_MAX];
	bool is_plain = show(lowered->text, shown);

	if (rows_has(rows, RESOLVER_ALIAS, lowered->text) || rows->accident != 0) {
		return;
	}
	rows_say(rows, USER_EATEN,
	    rows_remedy(rows, is_plain, "give the user an alias that leads to itself",
		"INSERT INTO virtual_aliases (domain_id, source, destination) SELECT domain_id, "
		"email, email FROM virtual_users WHERE email = '%s'",
		shown),
	    "%s: Postfix gives its mail to the catch-all @%s, since aliases come first", shown,
	    address_domain(lowered));
}

/* Nobody is told when a home leaves out what tells two users apart. */
static void check_path(struct users *users, struct rows *rows, const struct mailbox *mailbox)
{
	char path[MAILBOXES_PATH_MAX], shown[ROW_TEXT_MAX], other_shown[ROW_TEXT_MAX];
	const char *other;
	struct error error;
	int result;

	show(mailbox->address.text, shown);
	if (users->lists->path_of(users->lists->config, mailbox, path, &error) != 0) {
		if (mailbox->home == NULL && mailbox->path == NULL) {
			warn_bad(rows, shown);
			return;
		}
		rows_say(rows, USER_ASTRAY,
		    "correct its home, or name the directory in maildir.roots",
		    "the mail of %s is put off: %s", shown, error.text);
		return;
	}
	result = mailboxes_add(&users->mailboxes, mailbox->address.text, path, &other);
	if (result != 0) {
		rows->accident = result;
	} else if (other != NULL) {
		show(other, other_shown);
		rows_say(rows, USER_SHARED,
		    "let maildir.home, or the home of their rows, hold all that tells them apart, "
		    "move the mail there, and tell your IMAP server",
		    "%s and %s have one mailbox: they read each other's mail", other_shown, shown);
	}
}

/* The daemon takes what is no number for no limit, rather than keep mail out. */
static void check_limit(struct rows *rows, const struct mailbox *mailbox)
{
	char shown[ROW_TEXT_MAX];

	if (mailbox->doubt != NULL) {
		show(mailbox->address.text, shown);
		rows_say(rows, USER_LIMIT,
		    "let mysql.user_query do the arithmetic: CAST(... AS UNSIGNED) AS quota_bytes",
		    "%s: %s", shown, mailbox->doubt);
	}
}

/* Does the daemon find this very row, and where is its mail? Who is refused on purpose, with a whole domain maybe,
 * misses nothing; what domains of others have here need not be found. */
static void check_found(struct users *users, struct rows *rows, const struct address *row,
    const struct address *lowered, const struct row_domain *domain)
{
	struct resolution resolution;
	int result = resolver_resolve(&rows->resolver, lowered, &resolution);
	const struct mailbox *found = resolution.n_mailboxes > 0 ? &resolution.mailboxes[0] : NULL;

	if (result != RESOLVER_DISABLED) {
		check_domain(rows, domain, row->text);
	}
	if (result < 0 || result == RESOLVER_BAD_ROW) {
		rows->accident = result;
	} else if (found != NULL && strcmp(found->address.text, row->text) == 0) {
		check_path(users, rows, found);
		check_limit(rows, found);
		if (users->lists->judge != NULL) {
			users->lists->judge(users->lists->data, rows, found);
		}
	} else if (result == RESOLVER_BAD_MAILBOX) {
		rows_say(
		    rows, USER_ASTRAY, "correct that row", "mail is put off: %s", resolution.note);
	} else if (result != RESOLVER_DISABLED && result != RESOLVER_MOVING &&
		   result != RESOLVER_OTHER_NODE && domain->is_ours) {
		say_hidden(rows, row, found == NULL ? NULL : &found->address);
	}
	resolution_deinit(&resolution);
}

static void judge_user(struct rows *rows, void *data, const struct row *row)
{
	const struct column *value = &row->columns[0];
	char text[ROW_TEXT_MAX];
	const struct row_domain *domain;
	struct address address, lowered;

	rows_show(value, text);
	if (value->text == NULL ||
	    address_from_text(&address, value->text, value->n) != ADDRESS_OK) {
		warn_bad(rows, text);
		return;
	}
	lowered = address;
	address_lower(&lowered);
	domain = rows_domain(rows, address_domain(&lowered));
	if (domain == NULL) {
		return;
	}
	check_found(data, rows, &address, &lowered, domain);
	if (domain->has_catch_all && rows->accident == 0) {
		check_catch_all(rows, &lowered);
	}
}

void users_check(struct rows *rows, const struct lists *lists)
{
	struct users users = { .lists = lists };

	rows_read(rows, DIRECTORY_MAILBOXES, lists->users_query, judge_user, &users);
	mailboxes_deinit(&users.mailboxes);
}
