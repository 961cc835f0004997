/* SPDX-License-Identifier: MIT
 * A user is a row that the daemon finds by its address, in a domain that Postfix accepts mail for, and
 * before any alias takes the mail. What of this is not so is said. */
#include "doctor/users.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "maildir/maildir.h"

enum {
	BAD,
	HOMELESS,
	HIDDEN,
	EATEN, /* the mail: a catch-all gets it */
	SHARED,
	N_FINDINGS,
};

struct users {
	struct rows *rows;
	struct mailboxes mailboxes;
	struct finding findings[N_FINDINGS];
};

static bool show(const char *text, char shown_r[ROW_TEXT_MAX])
{
	return rows_show(&(struct column){ .text = text, .n = strlen(text) }, shown_r);
}

static void warn_bad(struct users *users, const char *text)
{
	rows_warn(users->rows, &users->findings[BAD], "correct or delete that row",
	    "\"%s\" can be no mailbox: see WHO GETS THE MAIL in lmtpd(8)", text);
}

/* Postfix asks for the domain first: without it the row is never looked at. */
static void check_domain(struct users *users, const struct row_domain *domain, const char *text)
{
	char shown[ROW_TEXT_MAX];

	if (!domain->is_ours) {
		rows_warn(users->rows, &users->findings[HOMELESS],
		    rows_remedy(users->rows, show(domain->name, shown),
			"put the domain into the table of domains",
			"INSERT INTO virtual_domains (name) VALUES ('%s')", shown),
		    "%s: domain %s is not in the table of domains, so Postfix refuses its mail",
		    text, shown);
	}
}

/* Does the daemon find this very row? */
static void check_found(
    struct users *users, const struct address *row, const struct address *lowered)
{
	char shown[ROW_TEXT_MAX];
	bool is_plain = show(row->text, shown);
	const struct address *found = NULL;
	struct resolution resolution;
	int result = resolver_resolve(&users->rows->resolver, lowered, &resolution);

	if (result < 0 || result == RESOLVER_BAD_ROW) {
		users->rows->accident = result;
	} else if (resolution.n_mailboxes > 0) {
		found = &resolution.mailboxes[0];
	}
	if (users->rows->accident != 0 || (found != NULL && strcmp(found->text, row->text) == 0)) {
		resolution_deinit(&resolution);
		return;
	}
	if (found != NULL && strcasecmp(found->text, row->text) == 0) {
		rows_warn(users->rows, &users->findings[HIDDEN],
		    "delete that row, and move its mail to the other",
		    "%s differs from %s only in case: all mail goes to the latter", shown,
		    found->text);
	} else {
		rows_warn(users->rows, &users->findings[HIDDEN],
		    rows_remedy(users->rows, is_plain, "store it in lower case",
			"UPDATE virtual_users SET email = LOWER(email) WHERE BINARY email = '%s'",
			shown),
		    "\"%s\" is not found when the address is looked up, in lower case", shown);
	}
	resolution_deinit(&resolution);
}

/* Postfix asks for aliases before it asks for mailboxes. */
static void check_catch_all(struct users *users, const struct address *lowered)
{
	char shown[ROW_TEXT_MAX];
	bool is_plain = show(lowered->text, shown);

	if (rows_has(users->rows, RESOLVER_ALIAS, lowered->text) || users->rows->accident != 0) {
		return;
	}
	rows_warn(users->rows, &users->findings[EATEN],
	    rows_remedy(users->rows, is_plain, "give the user an alias that leads to itself",
		"INSERT INTO virtual_aliases (domain_id, source, destination) SELECT domain_id, "
		"email, email FROM virtual_users WHERE email = '%s'",
		shown),
	    "%s: Postfix gives its mail to the catch-all @%s, since aliases come first", shown,
	    address_domain(lowered));
}

/* Nobody is told when a home leaves out what tells two users apart. */
static void check_mailbox(struct users *users, const struct address *row, const char *text)
{
	char shown[ROW_TEXT_MAX];
	const char *other;
	int result = mailboxes_add(&users->mailboxes, row, &other);

	if (result != 0) {
		users->rows->accident = result;
	} else if (other != NULL) {
		show(other, shown);
		rows_fail(users->rows, &users->findings[SHARED],
		    "let maildir.home hold all that tells them apart, %d/%n or %u, move the mail "
		    "there, and tell your IMAP server",
		    "%s and %s have one mailbox: they read each other's mail", shown, text);
	}
}

static bool has_path(const struct users *users, const struct address *row)
{
	char path[MAILDIR_PATH_MAX];

	return users->mailboxes.path_of(users->mailboxes.config, row, path, sizeof(path)) == 0;
}

static void judge_user(void *data, const struct row *row)
{
	const struct column *value = &row->columns[0];
	struct users *users = data;
	char text[ROW_TEXT_MAX];
	const struct row_domain *domain;
	struct address address, lowered;

	rows_show(value, text);
	if (value->text == NULL ||
	    address_from_text(&address, value->text, value->n) != ADDRESS_OK ||
	    !has_path(users, &address)) {
		warn_bad(users, text);
		return;
	}
	lowered = address;
	address_lower(&lowered);
	domain = rows_domain(users->rows, address_domain(&lowered));
	if (domain == NULL) {
		return;
	}
	check_mailbox(users, &address, text);
	check_domain(users, domain, text);
	check_found(users, &address, &lowered);
	if (domain->has_catch_all && users->rows->accident == 0) {
		check_catch_all(users, &lowered);
	}
}

void users_check(struct rows *rows, const char *query, mailboxes_path *path_of, const void *config)
{
	struct users users = {
		.rows = rows,
		.mailboxes = { .path_of = path_of, .config = config },
		.findings = {
			[BAD] = { "user", "that can be no mailbox" },
			[HOMELESS] = { "user", "whose domain is not in the table of domains" },
			[HIDDEN] = { "user", "whose row is not found by their address" },
			[EATEN] = { "user", "whose mail goes to a catch-all" },
			[SHARED] = { "user", "whose mailbox is that of somebody else" },
		},
	};

	rows_read(rows, DIRECTORY_MAILBOXES, query, judge_user, &users);
	rows_warn_more(rows, users.findings, N_FINDINGS);
	mailboxes_deinit(&users.mailboxes);
}
