/* SPDX-License-Identifier: MIT
 * Who gets the mail, from a directory made of tables. */
#include "mail/resolver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/mail/source.h"

/* What the resolver is told of details. */
static bool keeps_details;

struct resolver_case {
	const char *name;
	struct source_row rows[SOURCE_ROWS_MAX];
	const char *address;
	int outcome;
	const char *mailboxes; /* in order, divided by '|' */
	const char *note;      /* a part of it; NULL: it is empty */
};

static void list_mailboxes(const struct resolution *resolution, char *out, size_t n)
{
	out[0] = '\0';
	for (size_t i = 0; i < resolution->n_mailboxes; i++) {
		const struct mailbox *mailbox = &resolution->mailboxes[i];

		add_text(out, n, "%s%s%s%s%s%s%s%s", i > 0 ? "|" : "", mailbox->address.text,
		    mailbox->detail == NULL ? "" : "+",
		    mailbox->detail == NULL ? "" : mailbox->detail,
		    mailbox->home == NULL ? "" : " home=",
		    mailbox->home == NULL ? "" : mailbox->home,
		    mailbox->path == NULL ? "" : " path=",
		    mailbox->path == NULL ? "" : mailbox->path);
	}
}

static size_t count_rows(const struct source_row *rows)
{
	size_t n = 0;

	while (n < SOURCE_ROWS_MAX && rows[n].key != NULL) {
		n++;
	}
	return n;
}

/* With an accident at each ask in turn: it comes up unchanged, whatever was found before. */
static void check_accidents(const struct resolver_case *test, size_t n_asked)
{
	for (size_t i = 1; i <= n_asked; i++) {
		struct source source = { test->rows, count_rows(test->rows), 0, i, "" };
		struct resolver resolver = { .ask = source_ask,
			.source = &source,
			.delimiters = "+",
			.node = "n1",
			.keeps_detail = keeps_details,
			.hostname = "mx.d.example" };
		struct address address = source_address(test->address);
		struct resolution resolution;
		int outcome = resolver_resolve(&resolver, &address, &resolution);

		if (outcome != -ETIMEDOUT || source.n_asked != i) {
			fail_msg("%s: an accident at ask %zu of %zu: %d after %zu", test->name, i,
			    n_asked, outcome, source.n_asked);
		}
		resolution_deinit(&resolution);
	}
}

static void check_case(const struct resolver_case *test)
{
	struct source source = { test->rows, count_rows(test->rows), 0, 0, "" };
	struct resolver resolver = { .ask = source_ask,
		.source = &source,
		.delimiters = "+",
		.node = "n1",
		.keeps_detail = keeps_details,
		.hostname = "mx.d.example" };
	struct address address = source_address(test->address), before = address;
	struct resolution resolution;
	char mailboxes[4096];
	int outcome = resolver_resolve(&resolver, &address, &resolution);

	list_mailboxes(&resolution, mailboxes, sizeof(mailboxes));
	if (outcome != test->outcome) {
		fail_msg("%s: outcome %d, want %d (%s; %s)", test->name, outcome, test->outcome,
		    mailboxes, resolution.note);
	}
	if (outcome == RESOLVER_FOUND) {
		expect_text(test->name, mailboxes, test->mailboxes);
	}
	source_check_note(test->name, resolution.note, test->note);
	expect_text("the address itself stays", address.text, before.text);
	resolution_deinit(&resolution);
	check_accidents(test, source.n_asked);
}

static void check_cases(const struct resolver_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		check_case(&cases[i]);
	}
}

/* The first that has a row wins. */
static const struct resolver_case orders[] = {
	{ "mailbox", { MAILBOX("user@d") }, "user@d", RESOLVER_FOUND, "user@d", NULL },
	{ "upper case", { MAILBOX("user@d.example") }, "USER@D.Example", RESOLVER_FOUND,
	    "user@d.example", NULL },
	{ "the row's own case", { STORED("user@d", "User@D") }, "uSER@d", RESOLVER_FOUND, "User@D",
	    NULL },
	{ "alias", { MAILBOX("user@d"), ALIAS("alias@d", "user@d") }, "alias@d", RESOLVER_FOUND,
	    "user@d", NULL },
	{ "mailbox before alias",
	    { MAILBOX("user@d"), MAILBOX("other@d"), ALIAS("user@d", "other@d") }, "user@d",
	    RESOLVER_FOUND, "user@d", NULL },
	{ "mailbox with the detail before all",
	    { MAILBOX("user+x@d"), MAILBOX("user@d"), ALIAS("user+x@d", "user@d") }, "user+x@d",
	    RESOLVER_FOUND, "user+x@d", NULL },
	{ "alias with the detail before the mailbox without",
	    { MAILBOX("user@d"), MAILBOX("other@d"), ALIAS("user+x@d", "other@d") }, "user+x@d",
	    RESOLVER_FOUND, "other@d", NULL },
	{ "mailbox without the detail before its alias",
	    { MAILBOX("user@d"), MAILBOX("other@d"), ALIAS("user@d", "other@d") }, "user+x@d",
	    RESOLVER_FOUND, "user@d", NULL },
	{ "alias without the detail before the catch-all",
	    { MAILBOX("user@d"), MAILBOX("other@d"), ALIAS("a@d", "user@d"),
		ALIAS("@d", "other@d") },
	    "a+x@d", RESOLVER_FOUND, "user@d", NULL },
	{ "the catch-all last", { MAILBOX("user@d"), ALIAS("@d", "user@d") }, "any+x@d",
	    RESOLVER_FOUND, "user@d", NULL },
	{ "another domain's catch-all", { MAILBOX("user@d"), ALIAS("@d", "user@d"), DOMAIN("e") },
	    "any@e", RESOLVER_NO_MAILBOX, NULL, NULL },
	{ "nothing", { DOMAIN("d") }, "user@d", RESOLVER_NO_MAILBOX, NULL, NULL },
	{ "nothing, with a detail", { DOMAIN("d") }, "user+x@d", RESOLVER_NO_MAILBOX, NULL, NULL },
	{ "no domain", { MAILBOX("user@d"), DOMAIN("d") }, "user@e", RESOLVER_NO_DOMAIN, NULL,
	    NULL },
	{ "a domain in another case", { { RESOLVER_DOMAIN, "d.example", "D.Example", NULL, NULL } },
	    "user@d.EXAMPLE", RESOLVER_NO_MAILBOX, NULL, NULL },
	{ "a detail of postmaster's", { MAILBOX("postmaster@d") }, "postmaster+x@d", RESOLVER_FOUND,
	    "postmaster@d", NULL },
	{ "nothing but a detail", { MAILBOX("@d"), DOMAIN("d") }, "+x@d", RESOLVER_NO_MAILBOX, NULL,
	    NULL },
};

static void test_orders(void **state)
{
	check_cases(orders, LENGTH(orders));
}

/* A detail goes along to what has no detail of its own row. */
static const struct resolver_case details[] = {
	{ "over an alias", { MAILBOX("user@d"), ALIAS("a@d", "user@d") }, "a+x@d", RESOLVER_FOUND,
	    "user@d", NULL },
	{ "to a mailbox of its own",
	    { MAILBOX("user@d"), MAILBOX("user+x@d"), ALIAS("a@d", "user@d") }, "a+x@d",
	    RESOLVER_FOUND, "user+x@d", NULL },
	{ "over two aliases", { MAILBOX("user+x@d"), ALIAS("a@d", "b@d"), ALIAS("b@d", "user@d") },
	    "a+x@d", RESOLVER_FOUND, "user+x@d", NULL },
	{ "behind a destination's own", { MAILBOX("user+y+x@d"), ALIAS("a@d", "user+y@d") },
	    "a+x@d", RESOLVER_FOUND, "user+y+x@d", NULL },
	{ "not over an alias that names it",
	    { MAILBOX("user@d"), MAILBOX("user+x@d"), ALIAS("a+x@d", "user@d") }, "a+x@d",
	    RESOLVER_FOUND, "user@d", NULL },
	{ "not over the catch-all",
	    { MAILBOX("user@d"), MAILBOX("user+x@d"), ALIAS("@d", "user@d") }, "any+x@d",
	    RESOLVER_FOUND, "user@d", NULL },
	{ "lower-cased for look-ups", { MAILBOX("user+x@d"), ALIAS("a@d", "user@d") }, "A+X@d",
	    RESOLVER_FOUND, "user+x@d", NULL },
	{ "an empty one", { MAILBOX("user@d"), ALIAS("a@d", "user@d") }, "a+@d", RESOLVER_FOUND,
	    "user@d", NULL },
	{ "that is no name of a directory", { MAILBOX("user@d"), ALIAS("a@d", "user@d") },
	    "a+../x@d", RESOLVER_FOUND, "user@d", NULL },
	{ "double", { MAILBOX("user@d") }, "user++@d", RESOLVER_FOUND, "user@d", NULL },
};

static void test_details(void **state)
{
	check_cases(details, LENGTH(details));
}

static const struct resolver_case destinations[] = {
	{ "several rows",
	    { MAILBOX("a@d"), MAILBOX("b@d"), ALIAS("l@d", "a@d"), ALIAS("l@d", "b@d") }, "l@d",
	    RESOLVER_FOUND, "a@d|b@d", NULL },
	{ "divided by commas and blanks",
	    { MAILBOX("a@d"), MAILBOX("b@d"), MAILBOX("c@d"), MAILBOX("e@d"),
		ALIAS("l@d", " a@d,b@d , c@d\t\r\ne@d,, ") },
	    "l@d", RESOLVER_FOUND, "a@d|b@d|c@d|e@d", NULL },
	{ "duplicates once",
	    { MAILBOX("a@d"), ALIAS("l@d", "a@d, A@D,a@d"), ALIAS("l@d", "a@d"),
		ALIAS("l@d", "m@d"), ALIAS("m@d", "a@d") },
	    "l@d", RESOLVER_FOUND, "a@d", NULL },
	{ "angle brackets", { MAILBOX("a@d"), ALIAS("l@d", "<a@d>") }, "l@d", RESOLVER_FOUND, "a@d",
	    NULL },
	{ "upper case", { STORED("a@d", "A@D"), ALIAS("l@d", "a@D") }, "l@d", RESOLVER_FOUND, "A@D",
	    NULL },
	{ "quoted", { MAILBOX("a b@d"), ALIAS("l@d", "\"a b\"@d") }, "l@d", RESOLVER_FOUND, "a b@d",
	    NULL },
	{ "quoted, in a list",
	    { MAILBOX("a, b@d"), MAILBOX("c@d"), ALIAS("l@d", "\"a, b\"@d,c@d") }, "l@d",
	    RESOLVER_FOUND, "a, b@d|c@d", NULL },
	{ "an escaped quote", { MAILBOX("a\"b@d"), ALIAS("l@d", "\"a\\\"b\"@d") }, "l@d",
	    RESOLVER_FOUND, "a\"b@d", NULL },
	{ "an escaped quote, in a list",
	    { MAILBOX("a\"b@d"), MAILBOX("c@d"), ALIAS("l@d", "\"a\\\"b\"@d, c@d") }, "l@d",
	    RESOLVER_FOUND, "a\"b@d|c@d", NULL },
	{ "quoted by the client", { MAILBOX("a b@d") }, "\"A B\"@d", RESOLVER_FOUND, "a b@d",
	    NULL },
	{ "@domain keeps the user", { MAILBOX("user@e"), ALIAS("@d", "@e") }, "user@d",
	    RESOLVER_FOUND, "user@e", NULL },
	{ "@domain keeps user and detail", { MAILBOX("user+x@e"), ALIAS("@d", "@e") }, "User+x@d",
	    RESOLVER_FOUND, "user+x@e", NULL },
	{ "@domain of one user", { MAILBOX("user@e"), ALIAS("user@d", "@e") }, "user@d",
	    RESOLVER_FOUND, "user@e", NULL },
	{ "@domain of one user, with a detail", { MAILBOX("user+x@e"), ALIAS("user@d", "@e") },
	    "user+x@d", RESOLVER_FOUND, "user+x@e", NULL },
	{ "@domain to one without the user", { DOMAIN("e"), ALIAS("@d", "@e") }, "user@d",
	    RESOLVER_NO_MAILBOX, NULL, "user@e" },
	{ "a row that is empty", { DOMAIN("d"), ALIAS("l@d", "") }, "l@d", RESOLVER_NO_MAILBOX,
	    NULL, NULL },
	{ "a row of dividers", { DOMAIN("d"), ALIAS("l@d", " , ,") }, "l@d", RESOLVER_NO_MAILBOX,
	    NULL, NULL },
	{ "a row that is NULL",
	    { DOMAIN("d"), MAILBOX("a@d"), { RESOLVER_ALIAS, "l@d", NULL, "l@d", NULL },
		ALIAS("l@d", "a@d") },
	    "l@d", RESOLVER_FOUND, "a@d", NULL },
	{ "a query without the source column",
	    { MAILBOX("a@d"), { RESOLVER_ALIAS, "l@d", "a@d", NULL, NULL } }, "l@d", RESOLVER_FOUND,
	    "a@d", NULL },
	{ "a domain that is NULL", { { RESOLVER_DOMAIN, "d", NULL, NULL, NULL } }, "a@d",
	    RESOLVER_NO_DOMAIN, NULL, NULL },
};

static void test_destinations(void **state)
{
	check_cases(destinations, LENGTH(destinations));
}

static const struct resolver_case graphs[] = {
	{ "identity ends there", { DOMAIN("d"), ALIAS("a@d", "a@d") }, "a@d", RESOLVER_NO_MAILBOX,
	    NULL, "a@d" },
	{ "identity among others", { MAILBOX("b@d"), ALIAS("a@d", "A@D, b@d") }, "a@d",
	    RESOLVER_FOUND, "b@d", "a@d" },
	{ "identity with the detail going along", { MAILBOX("b@d"), ALIAS("a@d", "a@d, b@d") },
	    "a+x@d", RESOLVER_FOUND, "b@d", "a+x@d" },
	{ "the catch-all's own domain", { MAILBOX("b@d"), ALIAS("@d", "@d, b@d") }, "a@d",
	    RESOLVER_FOUND, "b@d", "a@d" },
	{ "diamond",
	    { MAILBOX("user@d"), ALIAS("a@d", "b@d,c@d"), ALIAS("b@d", "e@d"), ALIAS("c@d", "e@d"),
		ALIAS("e@d", "user@d") },
	    "a@d", RESOLVER_FOUND, "user@d", NULL },
	{ "an alias that leads to its own mailbox and on",
	    { MAILBOX("a@d"), MAILBOX("b@d"), ALIAS("l@d", "a@d,b@d"), ALIAS("a@d", "l@d") }, "l@d",
	    RESOLVER_FOUND, "a@d|b@d", NULL },
	{ "loop of two", { ALIAS("a@d", "b@d"), ALIAS("b@d", "a@d") }, "a@d", RESOLVER_LOOP, NULL,
	    "alias loop: a@d -> b@d; and on to a@d" },
	{ "loop of three", { ALIAS("a@d", "b@d"), ALIAS("b@d", "c@d"), ALIAS("c@d", "a@d") }, "a@d",
	    RESOLVER_LOOP, NULL, "alias loop: a@d -> b@d -> c@d; and on to a@d" },
	{ "loop behind the start",
	    { ALIAS("a@d", "b@d"), ALIAS("b@d", "c@d"), ALIAS("c@d", "b@d") }, "a@d", RESOLVER_LOOP,
	    NULL, "alias loop: a@d -> b@d -> c@d; and on to b@d" },
	{ "loop in another case", { ALIAS("a@d", "B@D"), ALIAS("b@d", "A@D") }, "a@d",
	    RESOLVER_LOOP, NULL, "alias loop: a@d -> b@d; and on to a@d" },
	{ "loop over domains", { ALIAS("@d", "@e"), ALIAS("@e", "@d") }, "a@d", RESOLVER_LOOP, NULL,
	    "alias loop: a@d -> a@e; and on to a@d" },
	{ "a detail that grows", { ALIAS("a@d", "a+x@d") }, "a@d", RESOLVER_LOOP, NULL, "a+x+x@d" },
	{ "a loop outweighs what was found",
	    { MAILBOX("user@d"), ALIAS("l@d", "user@d,a@d"), ALIAS("a@d", "l@d") }, "l@d",
	    RESOLVER_LOOP, NULL, "l@d -> a@d" },
};

static void test_graphs(void **state)
{
	check_cases(graphs, LENGTH(graphs));
}

/* Without a domain he is the host's, or its parent domain's. */
static const struct resolver_case postmasters[] = {
	{ "at the host's name", { MAILBOX("postmaster@mx.d.example") }, "", RESOLVER_FOUND,
	    "postmaster@mx.d.example", NULL },
	{ "at its parent domain", { MAILBOX("postmaster@d.example") }, "", RESOLVER_FOUND,
	    "postmaster@d.example", NULL },
	{ "the host's first",
	    { MAILBOX("postmaster@mx.d.example"), MAILBOX("postmaster@d.example") }, "",
	    RESOLVER_FOUND, "postmaster@mx.d.example", NULL },
	{ "by an alias of the parent domain, with one of the host that leads nowhere",
	    { DOMAIN("mx.d.example"), ALIAS("postmaster@mx.d.example", "gone@mx.d.example"),
		MAILBOX("a@d.example"), ALIAS("postmaster@d.example", "a@d.example") },
	    "", RESOLVER_FOUND, "a@d.example", NULL },
	{ "by a catch-all", { MAILBOX("a@d.example"), ALIAS("@d.example", "a@d.example") }, "",
	    RESOLVER_FOUND, "a@d.example", NULL },
	{ "nobody", { DOMAIN("d.example") }, "", RESOLVER_NO_MAILBOX, NULL,
	    "nobody is postmaster at mx.d.example; nor at d.example" },
	{ "neither domain", { DOMAIN("d") }, "", RESOLVER_NO_MAILBOX, NULL,
	    "nobody is postmaster at mx.d.example; nor at d.example" },
	{ "a mistake at the host's name ends it",
	    { ALIAS("postmaster@mx.d.example", "x@elsewhere"), MAILBOX("postmaster@d.example") },
	    "", RESOLVER_ELSEWHERE, NULL, "x@elsewhere" },
};

static void test_postmasters(void **state)
{
	check_cases(postmasters, LENGTH(postmasters));
}

static void test_postmaster_of_a_short_name(void **state)
{
	static const struct source_row rows[] = { DOMAIN("d") };
	static const struct {
		const char *hostname, *note;
	} hosts[] = {
		{ "localhost", "nobody is postmaster at localhost; it has no parent domain" },
		{ "dot.", "nobody is postmaster at dot.; it has no parent domain" },
		{ "at@host", "nobody is postmaster at at@host; it has no parent domain" },
	};

	for (size_t i = 0; i < LENGTH(hosts); i++) {
		struct source source = { rows, LENGTH(rows), 0, 0, "" };
		struct resolver resolver = { .ask = source_ask,
			.source = &source,
			.delimiters = "+",
			.hostname = hosts[i].hostname };
		struct resolution resolution;

		assert_int_equal(resolver_resolve(&resolver, &address_postmaster, &resolution),
		    RESOLVER_NO_MAILBOX);
		expect_text(hosts[i].hostname, resolution.note, hosts[i].note);
		resolution_deinit(&resolution);
	}
}

/* Destinations that lead nowhere, and those that lead out of the house. */
static const struct resolver_case leaks[] = {
	{ "one is missing", { MAILBOX("a@d"), DOMAIN("d"), ALIAS("l@d", "gone@d,a@d") }, "l@d",
	    RESOLVER_FOUND, "a@d", "left out: gone@d" },
	{ "all are missing", { DOMAIN("d"), ALIAS("l@d", "gone@d,gone2@d") }, "l@d",
	    RESOLVER_NO_MAILBOX, NULL, "gone2@d" },
	{ "elsewhere", { DOMAIN("d"), ALIAS("l@d", "x@elsewhere") }, "l@d", RESOLVER_ELSEWHERE,
	    NULL, "x@elsewhere" },
	{ "some elsewhere", { MAILBOX("a@d"), DOMAIN("d"), ALIAS("l@d", "a@d,x@elsewhere") }, "l@d",
	    RESOLVER_ELSEWHERE, NULL, "x@elsewhere" },
	{ "some elsewhere, first", { MAILBOX("a@d"), DOMAIN("d"), ALIAS("l@d", "x@elsewhere,a@d") },
	    "l@d", RESOLVER_ELSEWHERE, NULL, "x@elsewhere" },
	{ "elsewhere behind an alias",
	    { DOMAIN("d"), ALIAS("l@d", "m@d"), ALIAS("m@d", "@elsewhere") }, "l@d",
	    RESOLVER_ELSEWHERE, NULL, "m@elsewhere" },
	{ "missing and elsewhere", { DOMAIN("d"), ALIAS("l@d", "gone@d,x@elsewhere") }, "l@d",
	    RESOLVER_ELSEWHERE, NULL, "gone@d" },
	{ "no address", { MAILBOX("a@d"), ALIAS("l@d", "a@d,root") }, "l@d", RESOLVER_ELSEWHERE,
	    NULL, "root" },
	{ "a path", { DOMAIN("d"), ALIAS("l@d", "../../x@d") }, "l@d", RESOLVER_NO_MAILBOX, NULL,
	    "left out: ../../x@d" },
	{ "a command", { DOMAIN("d"), ALIAS("l@d", "|/bin/true") }, "l@d", RESOLVER_ELSEWHERE, NULL,
	    "|/bin/true" },
	{ "angle brackets only", { DOMAIN("d"), ALIAS("l@d", "<>") }, "l@d", RESOLVER_ELSEWHERE,
	    NULL, "<>" },
	{ "half of them", { DOMAIN("d"), ALIAS("l@d", "<") }, "l@d", RESOLVER_ELSEWHERE, NULL,
	    "<" },
	{ "no domain behind @", { DOMAIN("d"), ALIAS("l@d", "@") }, "l@d", RESOLVER_ELSEWHERE, NULL,
	    "@" },
	{ "an open quote", { DOMAIN("d"), ALIAS("l@d", "\"a@d") }, "l@d", RESOLVER_ELSEWHERE, NULL,
	    "\"a@d" },
};

static void test_leaks(void **state)
{
	check_cases(leaks, LENGTH(leaks));
}

/* The collations of MySQL find more than was asked for: e for an accented one, anything with blanks
 * behind it. Such a row is another one's. */
static const struct resolver_case lies[] = {
	{ "accent", { STORED("\303\251@d", "e@d"), DOMAIN("d") }, "\303\251@d", RESOLVER_NO_MAILBOX,
	    NULL, NULL },
	{ "accent, the other way", { STORED("e@d", "\303\251@d"), DOMAIN("d") }, "e@d",
	    RESOLVER_NO_MAILBOX, NULL, NULL },
	{ "case beyond ASCII", { STORED("\303\251@d", "\303\211@d"), DOMAIN("d") }, "\303\251@d",
	    RESOLVER_NO_MAILBOX, NULL, NULL },
	{ "trailing blank", { STORED("a@d", "a@d "), DOMAIN("d") }, "a@d", RESOLVER_NO_MAILBOX,
	    NULL, NULL },
	{ "the right row behind a wrong one", { STORED("e@d", "\303\251@d"), STORED("e@d", "E@d") },
	    "e@d", RESOLVER_FOUND, "E@d", NULL },
	{ "a row that has nothing to do with it", { STORED("a@d", "root@d"), DOMAIN("d") }, "a@d",
	    RESOLVER_NO_MAILBOX, NULL, NULL },
	{ "alias",
	    { MAILBOX("a@d"), DOMAIN("d"), { RESOLVER_ALIAS, "e@d", "a@d", "\303\251@d", NULL } },
	    "e@d", RESOLVER_NO_MAILBOX, NULL, NULL },
	{ "alias with a trailing blank",
	    { MAILBOX("a@d"), DOMAIN("d"), { RESOLVER_ALIAS, "e@d", "a@d", "e@d ", NULL } }, "e@d",
	    RESOLVER_NO_MAILBOX, NULL, NULL },
	{ "alias in another case",
	    { MAILBOX("a@d"), DOMAIN("d"), { RESOLVER_ALIAS, "e@d", "a@d", "E@D", NULL } }, "e@d",
	    RESOLVER_FOUND, "a@d", NULL },
	{ "one of two aliases",
	    { MAILBOX("a@d"), MAILBOX("b@d"), { RESOLVER_ALIAS, "e@d", "b@d", "\303\251@d", NULL },
		ALIAS("e@d", "a@d") },
	    "e@d", RESOLVER_FOUND, "a@d", NULL },
	{ "catch-all of another domain",
	    { MAILBOX("a@d"), DOMAIN("e"), { RESOLVER_ALIAS, "@e", "a@d", "@\303\251", NULL } },
	    "x@e", RESOLVER_NO_MAILBOX, NULL, NULL },
	{ "domain", { { RESOLVER_DOMAIN, "e", "\303\251", NULL, NULL } }, "a@e", RESOLVER_NO_DOMAIN,
	    NULL, NULL },
	{ "domain with a trailing blank", { { RESOLVER_DOMAIN, "e", "e ", NULL, NULL } }, "a@e",
	    RESOLVER_NO_DOMAIN, NULL, NULL },
	{ "a destination's domain",
	    { DOMAIN("d"), { RESOLVER_DOMAIN, "e", "\303\251", NULL, NULL }, ALIAS("a@d", "b@e") },
	    "a@d", RESOLVER_ELSEWHERE, NULL, "b@e" },
};

/* Rows that no honest query returns: one that says SELECT 1, as Postfix's maps do, would make strangers
 * of all users. */
static const struct resolver_case wrong_queries[] = {
	{ "a number for a mailbox", { STORED("a@d", "1"), DOMAIN("d") }, "a@d", RESOLVER_BAD_ROW,
	    NULL, "it returned 1" },
	{ "a user without domain", { STORED("a@d", "a"), DOMAIN("d") }, "a@d", RESOLVER_BAD_ROW,
	    NULL, "it returned a" },
	{ "for a mailbox that an alias leads to",
	    { ALIAS("a@d", "b@d,c@d"), STORED("b@d", "1"), MAILBOX("c@d") }, "a@d",
	    RESOLVER_BAD_ROW, NULL, "it returned 1" },
	{ "among others that are right", { STORED("a@d", "1"), MAILBOX("a@d") }, "a@d",
	    RESOLVER_FOUND, "a@d", NULL },
	{ "behind one that is right", { MAILBOX("a@d"), STORED("a@d", "1") }, "a@d", RESOLVER_FOUND,
	    "a@d", NULL },
	{ "two rows that are right", { STORED("a@d", "A@d"), MAILBOX("a@d") }, "a@d",
	    RESOLVER_FOUND, "A@d", NULL },
	{ "a mailbox that is NULL", { DOMAIN("d"), STORED("a@d", NULL) }, "a@d", RESOLVER_BAD_ROW,
	    NULL, "user_query: its first column is NULL or empty" },
	{ "a mailbox that is empty", { DOMAIN("d"), STORED("a@d", "") }, "a@d", RESOLVER_BAD_ROW,
	    NULL, "user_query: its first column is NULL or empty" },
	{ "an empty one before the catch-all",
	    { STORED("a@d", ""), MAILBOX("b@d"), ALIAS("@d", "b@d"), ALIAS("a@d", "b@d") }, "a@d",
	    RESOLVER_BAD_ROW, NULL, "NULL or empty" },
	{ "an empty one without the detail",
	    { STORED("a@d", NULL), MAILBOX("b@d"), ALIAS("@d", "b@d") }, "a+x@d", RESOLVER_BAD_ROW,
	    NULL, "NULL or empty" },
	{ "an empty one that an alias leads to",
	    { ALIAS("l@d", "b@d,a@d"), MAILBOX("b@d"), STORED("a@d", "") }, "l@d", RESOLVER_BAD_ROW,
	    NULL, "NULL or empty" },
	{ "an empty one beside one that is right", { STORED("a@d", ""), MAILBOX("a@d") }, "a@d",
	    RESOLVER_FOUND, "a@d", NULL },
	{ "an empty one beside another one's", { STORED("a@d", "e@d"), STORED("a@d", NULL) }, "a@d",
	    RESOLVER_BAD_ROW, NULL, "NULL or empty" },
	{ "a number for a domain", { { RESOLVER_DOMAIN, "d", "1", NULL, NULL } }, "a@d",
	    RESOLVER_BAD_ROW, NULL, "it returned 1" },
	{ "for the domain of a destination",
	    { ALIAS("a@d", "b@e"), { RESOLVER_DOMAIN, "e", "12", NULL, NULL } }, "a@d",
	    RESOLVER_BAD_ROW, NULL, "it returned 12" },
	{ "a domain that is a number", { DOMAIN("12") }, "a@12", RESOLVER_NO_MAILBOX, NULL, NULL },
	{ "a long value",
	    { STORED("a@d", "0123456789012345678901234567890123456789012345678901234567"
			    "8901234567890123456789") },
	    "a@d", RESOLVER_BAD_ROW, NULL, "it returned 0123456789" },
};

static void test_wrong_queries(void **state)
{
	check_cases(wrong_queries, LENGTH(wrong_queries));
}

static void test_lies(void **state)
{
	check_cases(lies, LENGTH(lies));
}

/* What the columns of a row say. */
static const struct resolver_case columns[] = {
	{ "home and path", { MAILBOX_WITH("u@d", "home=/srv/u path=mail") }, "u@d", RESOLVER_FOUND,
	    "u@d home=/srv/u path=mail", NULL },
	{ "NULL is as for all",
	    { MAILBOX_WITH("u@d", "HOME=NULL path=NULL enabled=NULL state=NULL") }, "u@d",
	    RESOLVER_FOUND, "u@d", NULL },
	{ "an empty path is one", { MAILBOX_WITH("u@d", "home=/srv/u path=") }, "u@d",
	    RESOLVER_FOUND, "u@d home=/srv/u path=", NULL },
	{ "enabled", { MAILBOX_WITH("u@d", "enabled=1") }, "u@d", RESOLVER_FOUND, "u@d", NULL },
	{ "another number is yes too", { MAILBOX_WITH("u@d", "enabled=2") }, "u@d", RESOLVER_FOUND,
	    "u@d", NULL },
	{ "disabled, before any catch-all",
	    { MAILBOX_WITH("u@d", "enabled=0"), MAILBOX("c@d"), ALIAS("@d", "c@d"), DOMAIN("d") },
	    "u@d", RESOLVER_DISABLED, NULL, "u@d is disabled" },
	{ "disabled, with a detail", { MAILBOX_WITH("u@d", "enabled=0"), ALIAS("@d", "c@d") },
	    "u+x@d", RESOLVER_DISABLED, NULL, "u@d is disabled" },
	{ "a letter is a fault", { MAILBOX_WITH("u@d", "enabled=y") }, "u@d", RESOLVER_BAD_MAILBOX,
	    NULL, "enabled is \"y\"" },
	{ "nothing is a fault", { MAILBOX_WITH("u@d", "enabled=") }, "u@d", RESOLVER_BAD_MAILBOX,
	    NULL, "enabled" },
	{ "our node", { MAILBOX_WITH("u@d", "state=n1") }, "u@d", RESOLVER_FOUND, "u@d", NULL },
	{ "in other letters", { MAILBOX_WITH("u@d", "state=N1") }, "u@d", RESOLVER_FOUND, "u@d",
	    NULL },
	{ "no node", { MAILBOX_WITH("u@d", "state=") }, "u@d", RESOLVER_FOUND, "u@d", NULL },
	{ "another node", { MAILBOX_WITH("u@d", "state=n2"), DOMAIN("d") }, "u@d",
	    RESOLVER_OTHER_NODE, NULL, "u@d is served by node n2" },
	{ "moving", { MAILBOX_WITH("u@d", "state=moving") }, "u@d", RESOLVER_MOVING, NULL,
	    "u@d is being moved" },
	{ "disabled elsewhere is not final", { MAILBOX_WITH("u@d", "enabled=0 state=n2") }, "u@d",
	    RESOLVER_OTHER_NODE, NULL, "n2" },
	{ "a list without the disabled one",
	    { ALIAS("l@d", "a@d,u@d"), MAILBOX("a@d"), MAILBOX_WITH("u@d", "enabled=0") }, "l@d",
	    RESOLVER_FOUND, "a@d", "u@d is disabled" },
	{ "a list of disabled ones",
	    { ALIAS("l@d", "a@d,u@d"), MAILBOX_WITH("a@d", "enabled=0"),
		MAILBOX_WITH("u@d", "enabled=0") },
	    "l@d", RESOLVER_DISABLED, NULL, "a@d is disabled; u@d is disabled" },
	{ "a list with one on another node waits",
	    { ALIAS("l@d", "a@d,u@d"), MAILBOX("a@d"), MAILBOX_WITH("u@d", "state=n2") }, "l@d",
	    RESOLVER_OTHER_NODE, NULL, "n2" },
	{ "a list with one that moves waits",
	    { ALIAS("l@d", "u@d,a@d"), MAILBOX("a@d"), MAILBOX_WITH("u@d", "state=moving") }, "l@d",
	    RESOLVER_MOVING, NULL, "moved" },
	{ "a list with a bad row waits",
	    { ALIAS("l@d", "a@d,u@d"), MAILBOX("a@d"), MAILBOX_WITH("u@d", "enabled=no") }, "l@d",
	    RESOLVER_BAD_MAILBOX, NULL, "enabled" },
};

static void test_columns(void **state)
{
	check_cases(columns, LENGTH(columns));
}

/* For folders: what stood behind the delimiter, in the case that it was written in. */
static const struct resolver_case kept_details[] = {
	{ "a detail", { MAILBOX("u@d") }, "U+Work@D", RESOLVER_FOUND, "u@d+Work", NULL },
	{ "none", { MAILBOX("u@d") }, "u@d", RESOLVER_FOUND, "u@d", NULL },
	{ "an empty one", { MAILBOX("u@d") }, "u+@d", RESOLVER_FOUND, "u@d", NULL },
	{ "it is part of a row", { MAILBOX("u+work@d") }, "u+Work@d", RESOLVER_FOUND, "u+work@d",
	    NULL },
	{ "it goes along an alias", { ALIAS("a@d", "u@d"), MAILBOX("u@d") }, "a+Work@d",
	    RESOLVER_FOUND, "u@d+Work", NULL },
	{ "an alias names one", { ALIAS("a@d", "u+Work@d"), MAILBOX("u@d") }, "a@d", RESOLVER_FOUND,
	    "u@d+Work", NULL },
	{ "one mailbox, two folders", { ALIAS("a@d", "u+x@d,u+y@d,u@d,u+x@d"), MAILBOX("u@d") },
	    "a@d", RESOLVER_FOUND, "u@d+x|u@d+y|u@d", NULL },
};

static void test_kept_details(void **state)
{
	keeps_details = true;
	check_cases(kept_details, LENGTH(kept_details));
	keeps_details = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_kept_details),
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_details),
		cmocka_unit_test(test_destinations),
		cmocka_unit_test(test_graphs),
		cmocka_unit_test(test_postmasters),
		cmocka_unit_test(test_postmaster_of_a_short_name),
		cmocka_unit_test(test_leaks),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_wrong_queries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
