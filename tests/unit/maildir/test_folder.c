/* SPDX-License-Identifier: MIT
 * Names of folders: what directory each has, which are refused and why, and the way back. */
#include "maildir/folder.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static const struct folder_style plain = { '.', "" };
static const struct folder_style slashes = { '/', "" };
static const struct folder_style courier = { '.', "INBOX." };
static const struct folder_style both = { '/', "INBOX/" };
static const struct folder_style shared = { '/', "Mail/" };

/* A name, its directory, and the name that the directory has: as it was given when NULL. */
static const struct {
	const struct folder_style *style;
	const char *name, *directory, *back;
} rows[] = {
	{ &plain, "", "", "INBOX" },
	{ &plain, "INBOX", "", NULL },
	{ &plain, "inBox", "", "INBOX" },
	{ &plain, "Junk", ".Junk", NULL },
	{ &plain, "junk", ".junk", NULL },
	{ &plain, "Foo.Bar", ".Foo.Bar", NULL },
	{ &plain, "INBOX.Sub", ".INBOX.Sub", NULL },
	{ &plain, "inbox.Sub", ".INBOX.Sub", "INBOX.Sub" },
	{ &plain, "Sub.inbox", ".Sub.inbox", NULL },
	{ &plain, "INBOXES", ".INBOXES", NULL },
	{ &plain, "a b~", ".a b~", NULL },
	{ &plain, "A&B", ".A&-B", NULL },
	{ &plain, "&", ".&-", NULL },
	{ &plain, "&-", ".&--", NULL },
	{ &plain, "+foo\\bar\"", ".+foo\\bar\"", NULL },
	/* RFC 3501 5.1.3 has this one. */
	{ &slashes, "~peter", NULL, NULL },
	{ &slashes, "peter/mail/\345\217\260\345\214\227/\346\227\245\346\234\254\350\252\236",
	    ".peter.mail.&U,BTFw-.&ZeVnLIqe-", NULL },
	{ &plain, "Entw\303\274rfe.\303\244&b", ".Entw&APw-rfe.&AOQ-&-b", NULL },
	{ &plain, "Stra\303\237e", ".Stra&AN8-e", NULL },
	{ &plain, "\303\237", ".&AN8-", NULL },
	{ &plain, "\303\237\303\237\303\237", ".&AN8A3wDf-", NULL },
	{ &plain, "\360\237\230\200", ".&2D3eAA-", NULL },
	{ &plain, "a\360\237\230\200\303\237b", ".a&2D3eAADf-b", NULL },
	{ &plain, "\357\277\277", ".&,,8-", NULL },
	{ &plain, "\302\200", ".&AIA-", NULL },
	{ &slashes, "Foo/Bar", ".Foo.Bar", NULL },
	{ &slashes, "inbox/Sub", ".INBOX.Sub", "INBOX/Sub" },
	{ &courier, "INBOX.Foo.Bar", ".Foo.Bar", NULL },
	{ &courier, "Inbox.Foo", ".Foo", "INBOX.Foo" },
	{ &courier, "Foo", ".Foo", "INBOX.Foo" },
	{ &courier, "INBOX", "", NULL },
	{ &courier, "INBOX.INBOX", ".INBOX", NULL },
	{ &courier, "INBOX.inbox", ".inbox", NULL },
	{ &courier, "INBO", ".INBO", "INBOX.INBO" },
	{ &both, "inbox/Foo/Bar", ".Foo.Bar", "INBOX/Foo/Bar" },
	{ &shared, "Mail/Foo", ".Foo", NULL },
	{ &shared, "mail/Foo", ".mail.Foo", "Mail/mail/Foo" },
	{ &shared, "INBOX/Foo", ".INBOX.Foo", "Mail/INBOX/Foo" },
};

static void test_names(void **state)
{
	char directory[FOLDER_DIRECTORY_MAX + 1], name[512];

	for (size_t i = 0; i < LENGTH(rows); i++) {
		const char *back = rows[i].back == NULL ? rows[i].name : rows[i].back;
		enum folder_outcome outcome = folder_to_directory(
		    rows[i].style, rows[i].name, strlen(rows[i].name), directory);

		if (rows[i].directory == NULL) {
			assert_int_not_equal(outcome, FOLDER_FINE);
			continue;
		}
		assert_int_equal(outcome, FOLDER_FINE);
		expect_text(rows[i].name, directory, rows[i].directory);
		assert_int_equal(
		    folder_to_name(rows[i].style, directory, name, sizeof(name)), FOLDER_FINE);
		expect_text(rows[i].directory, name, back);
	}
}

static const struct {
	const struct folder_style *style;
	struct text name;
	enum folder_outcome outcome;
} refused[] = {
	{ &plain, TEXT("."), FOLDER_EMPTY_LEVEL },
	{ &plain, TEXT(".."), FOLDER_EMPTY_LEVEL },
	{ &plain, TEXT(".a"), FOLDER_EMPTY_LEVEL },
	{ &plain, TEXT("a."), FOLDER_EMPTY_LEVEL },
	{ &plain, TEXT("a..b"), FOLDER_EMPTY_LEVEL },
	{ &slashes, TEXT("/a"), FOLDER_EMPTY_LEVEL },
	{ &slashes, TEXT("a/"), FOLDER_EMPTY_LEVEL },
	{ &slashes, TEXT("a//b"), FOLDER_EMPTY_LEVEL },
	{ &courier, TEXT("INBOX."), FOLDER_EMPTY_LEVEL },
	{ &courier, TEXT("INBOX..a"), FOLDER_EMPTY_LEVEL },
	{ &plain, TEXT("a/b"), FOLDER_SLASH },
	{ &plain, TEXT("../x"), FOLDER_EMPTY_LEVEL },
	{ &plain, TEXT("x/../../etc"), FOLDER_SLASH },
	{ &slashes, TEXT("../x"), FOLDER_DOTS },
	{ &slashes, TEXT("x/.."), FOLDER_DOTS },
	{ &slashes, TEXT("."), FOLDER_DOTS },
	{ &slashes, TEXT("a/./b"), FOLDER_DOTS },
	{ &slashes, TEXT("a.b"), FOLDER_DOT },
	{ &slashes, TEXT(".dot"), FOLDER_DOT },
	{ &slashes, TEXT("..."), FOLDER_DOT },
	{ &plain, TEXT("~root"), FOLDER_TILDE },
	{ &plain, TEXT("~"), FOLDER_TILDE },
	{ &courier, TEXT("INBOX.~root"), FOLDER_TILDE },
	{ &plain, TEXT("a*"), FOLDER_WILDCARD },
	{ &plain, TEXT("a.%"), FOLDER_WILDCARD },
	{ &plain, TEXT("a\nb"), FOLDER_CONTROL },
	{ &plain, TEXT("a\tb"), FOLDER_CONTROL },
	{ &plain, TEXT("a\177"), FOLDER_CONTROL },
	{ &plain, TEXT("a\0b"), FOLDER_CONTROL },
	{ &plain, TEXT("\0"), FOLDER_CONTROL },
	{ &plain, TEXT("\377"), FOLDER_NOT_UTF8 },
	{ &plain, TEXT("a\303"), FOLDER_NOT_UTF8 },
	{ &plain, TEXT("\300\257"), FOLDER_NOT_UTF8 }, /* "/" in too many bytes */
	{ &plain, TEXT("\355\240\200"), FOLDER_NOT_UTF8 },
	{ &plain, TEXT("\364\220\200\200"), FOLDER_NOT_UTF8 },
	{ &plain, TEXT("a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q"), FOLDER_TOO_DEEP },
};

static void test_refused(void **state)
{
	char directory[FOLDER_DIRECTORY_MAX + 1];

	for (size_t i = 0; i < LENGTH(refused); i++) {
		const struct text *name = &refused[i].name;
		enum folder_outcome outcome;

		memset(directory, 'x', sizeof(directory));
		outcome = folder_to_directory(refused[i].style, name->p, name->n, directory);
		if (outcome != refused[i].outcome) {
			fail_msg("%s: \"%s\", want \"%s\"", shown(name->p, name->n),
			    folder_reason(outcome), folder_reason(refused[i].outcome));
		}
		expect_text("nothing is left", directory, "");
		assert_true(folder_reason(outcome)[0] != '\0');
	}
}

/* Limits, and what is just below them. */
static void test_limits(void **state)
{
	char name[400], directory[FOLDER_DIRECTORY_MAX + 1], back[400];

	memset(name, 'x', sizeof(name));
	assert_int_equal(folder_to_directory(&plain, name, 254, directory), FOLDER_FINE);
	assert_int_equal(strlen(directory), FOLDER_DIRECTORY_MAX);
	assert_int_equal(folder_to_name(&plain, directory, back, 255), FOLDER_FINE);
	expect_bytes("the name", back, strlen(back), name, 254);
	assert_int_equal(folder_to_name(&plain, directory, back, 254), FOLDER_TOO_LONG);
	expect_text("no part of it", back, "");
	assert_int_equal(folder_to_name(&plain, directory, back, 0), FOLDER_TOO_LONG);
	assert_int_equal(folder_to_directory(&plain, name, 255, directory), FOLDER_TOO_LONG);
	expect_text("nothing is left", directory, "");
	/* "&", 8/3 digits for each, and "-": 95 characters of two bytes take 256, with the dot. */
	for (size_t i = 0; i < 95; i++) {
		memcpy(name + 2 * i, "\303\244", 2);
	}
	assert_int_equal(folder_to_directory(&plain, name, 188, directory), FOLDER_FINE);
	assert_int_equal(strlen(directory), 1 + 1 + (94 * 8 + 2) / 3 + 1);
	assert_int_equal(folder_to_directory(&plain, name, 190, directory), FOLDER_TOO_LONG);
	snprintf(name, sizeof(name), "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p");
	assert_int_equal(folder_to_directory(&plain, name, strlen(name), directory), FOLDER_FINE);
}

/* Directories that no name leads to: another program's, or made by hand. */
static void test_directories_without_names(void **state)
{
	static const struct {
		const struct folder_style *style;
		const char *directory;
	} nameless[] = {
		{ &plain, "." },
		{ &plain, ".." },
		{ &plain, "..DOVECOT-TRASHED" },
		{ &plain, "cur" },
		{ &plain, "Foo" },
		{ &plain, ".INBOX" },
		{ &plain, ".inbox.Sub" },
		{ &plain, ".&AEE-" },      /* what stands for itself */
		{ &plain, ".&AN8" },       /* no end */
		{ &plain, ".&AN8-&AN8-" }, /* two runs where one will do */
		{ &plain, ".&" },
		{ &plain, ".a&b" },
		{ &plain, ".&2D0-" },      /* half a pair */
		{ &plain, ".&3gA-" },      /* the other half */
		{ &plain, ".&2D0A394A-" }, /* something in between */
		{ &plain, ".&AAA-" },
		{ &plain, ".&AN9-" }, /* bits behind the end */
		{ &plain, ".&AN8A-" },
		{ &plain, ".\303\244" }, /* as UTF-8 */
		{ &plain, ".~a" },
		{ &plain, ".a*" },
		{ &plain, ".a." },
		{ &plain, ".a..b" },
		{ &slashes, ".a/b" },
		{ &slashes, ".&AC8-" },
	};
	char name[512];

	for (size_t i = 0; i < LENGTH(nameless); i++) {
		memset(name, 'x', sizeof(name));
		if (folder_to_name(nameless[i].style, nameless[i].directory, name, sizeof(name)) ==
		    FOLDER_FINE) {
			fail_msg("%s: \"%s\"", nameless[i].directory, name);
		}
		expect_text(nameless[i].directory, name, "");
	}
}

/* A character of any length, but none that a name must not have. */
static size_t random_character(uint64_t *seed, char *out)
{
	static const char plainly[] = "abcXYZ&-+, ~0";
	static const char *const others[] = { "\303\244", "\302\200", "\337\277", "\340\240\200",
		"\345\217\260", "\357\277\275", "\360\220\200\200", "\360\237\230\200",
		"\364\217\277\277" };
	const char *other;

	if (random_below(seed, 2) == 0) {
		*out = plainly[random_below(seed, sizeof(plainly) - 1)];
		return 1;
	}
	other = others[random_below(seed, LENGTH(others))];
	memcpy(out, other, strlen(other));
	return strlen(other);
}

static void test_round_trips(void **state)
{
	static const struct folder_style *const styles[] = { &plain, &slashes, &courier, &both };
	char name[400], directory[FOLDER_DIRECTORY_MAX + 1], back[512];
	uint64_t seed = 5;
	unsigned n_long = 0;

	for (unsigned i = 0; i < 20000; i++) {
		const struct folder_style *style = styles[i % LENGTH(styles)];
		size_t n = strlen(style->prefix), end = n + 1 + random_below(&seed, 300);
		enum folder_outcome outcome;

		memcpy(name, style->prefix, n);
		name[n++] = 'f';
		while (n < end) {
			if (random_below(&seed, 20) == 0 && name[n - 1] != style->separator) {
				name[n++] = style->separator;
			}
			n += random_character(&seed, name + n);
		}
		outcome = folder_to_directory(style, name, n, directory);
		if (outcome == FOLDER_TOO_LONG || outcome == FOLDER_TOO_DEEP) {
			n_long++;
			continue;
		}
		assert_int_equal(outcome, FOLDER_FINE);
		assert_in_range(strlen(directory), 2, FOLDER_DIRECTORY_MAX);
		for (const char *p = directory; *p != '\0'; p++) {
			assert_in_range(*p, 0x20, 0x7e);
			assert_true(*p != '/' && (p[0] != '.' || p[1] != '.'));
		}
		assert_int_equal(folder_to_name(style, directory, back, sizeof(back)), FOLDER_FINE);
		expect_bytes(directory, back, strlen(back), name, n);
	}
	assert_in_range(n_long, 1, 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_directories_without_names),
		cmocka_unit_test(test_round_trips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
