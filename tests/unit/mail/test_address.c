/* SPDX-License-Identifier: MIT
 * Addresses: what of the wire and of rows is taken, how it is read, and that nothing is rewritten. */
#include "mail/address.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define OCTETS_63  "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0"
#define OCTETS_64  OCTETS_63 "x"
#define OCTETS_255 OCTETS_64 OCTETS_64 OCTETS_64 OCTETS_63
#define OCTETS_256 OCTETS_255 "x"

/* Tables are of text; a test that must not read behind its input gets a copy of exactly that size,
 * which the address sanitizer guards. */
static void with_copy(
    struct text in, void (*use)(const char *copy, size_t n, void *data), void *data)
{
	char *copy = test_malloc(in.n == 0 ? 1 : in.n);

	memcpy(copy, in.p, in.n);
	use(copy, in.n, data);
	test_free(copy);
}

static const struct path_row {
	struct text in;
	size_t taken; /* 0: no path */
	const char *path;
} path_rows[] = {
	{ TEXT("<a@b>"), 5, "a@b" },
	{ TEXT("<>"), 2, "" },
	{ TEXT("<a@b> SIZE=3"), 5, "a@b" },
	{ TEXT("<a@b>>"), 5, "a@b" },
	{ TEXT("<postmaster>"), 12, "postmaster" },
	{ TEXT("<a@[127.0.0.1]>"), 15, "a@[127.0.0.1]" },
	{ TEXT("<\303\251@b>"), 6, "\303\251@b" },
	/* source routes */
	{ TEXT("<@x:a@b>"), 8, "a@b" },
	{ TEXT("<@x,@y.z:a@b>"), 13, "a@b" },
	{ TEXT("<@x:>"), 5, "" },
	{ TEXT("<@x>"), 4, "@x" },
	{ TEXT("<@>"), 3, "@" },
	{ TEXT("<@\"x:a@b\">"), 10, "@\"x:a@b\"" },
	{ TEXT("<@x\001:a@b>"), 0, NULL },
	{ TEXT("<@x y:a@b>"), 0, NULL },
	{ TEXT("<@x\0:a@b>"), 0, NULL },
	{ TEXT("<@x:@y:a@b>"), 11, "@y:a@b" },
	/* quoting */
	{ TEXT("<\"a b\"@d>"), 9, "\"a b\"@d" },
	{ TEXT("<\"a\\\"b\"@d>"), 10, "\"a\\\"b\"@d" },
	{ TEXT("<\"x> ORCPT=y\"@d>"), 16, "\"x> ORCPT=y\"@d" },
	{ TEXT("<\"<\"@d>"), 7, "\"<\"@d" },
	{ TEXT("<\"\"@d>"), 6, "\"\"@d" },
	{ TEXT("<a\\ b@d>"), 8, "a\\ b@d" },
	{ TEXT("<a\\>b@d>"), 8, "a\\>b@d" },
	{ TEXT("<a\\\\>"), 5, "a\\\\" },
	{ TEXT("<a b@d>"), 0, NULL },
	{ TEXT("<a<b@d>"), 0, NULL },
	{ TEXT("<\"a@d>"), 0, NULL },
	{ TEXT("<\"a\"b\"@d>"), 0, NULL },
	/* no end, or no beginning */
	{ TEXT(""), 0, NULL },
	{ TEXT("<"), 0, NULL },
	{ TEXT(">"), 0, NULL },
	{ TEXT("a@b"), 0, NULL },
	{ TEXT(" <a@b>"), 0, NULL },
	{ TEXT("<a@b"), 0, NULL },
	{ TEXT("<a\\"), 0, NULL },
	{ TEXT("<a\\>"), 0, NULL },
	{ TEXT("<@x"), 0, NULL },
	{ TEXT("<@x:"), 0, NULL },
	{ TEXT("<\""), 0, NULL },
	/* control bytes */
	{ TEXT("<a\0b@d>"), 0, NULL },
	{ TEXT("<a\tb@d>"), 0, NULL },
	{ TEXT("<a\rb@d>"), 0, NULL },
	{ TEXT("<a\nb@d>"), 0, NULL },
	{ TEXT("<a\r\nb@d>"), 0, NULL },
	{ TEXT("<a\177b@d>"), 0, NULL },
	{ TEXT("<\"a\0b\"@d>"), 0, NULL },
	{ TEXT("<\"a\nb\"@d>"), 0, NULL },
	{ TEXT("<a\\\nb@d>"), 0, NULL },
	{ TEXT("<\"a\\\0\"@d>"), 0, NULL },
};

/* A row that wants nothing here has been dealt with. */
static void expect_text_of(const char *what, const char *got, size_t n_got, const char *want)
{
	expect_bytes(what, got, n_got, want == NULL ? "" : want, want == NULL ? 0 : strlen(want));
}

static void check_path(const char *in, size_t n, void *data)
{
	const struct path_row *row = data;
	struct path path = { .text = NULL };
	size_t taken = path_parse(&path, in, n);

	if (taken != row->taken) {
		fail_msg("%s: took %zu of %zu bytes, want %zu", shown(in, n), taken, n, row->taken);
	}
	if (taken > 0) {
		expect_text_of(shown(in, n), path.text, path.n, row->path);
		assert_true(path.text > in && path.text + path.n < in + n);
	}
}

static void test_path_parse(void **state)
{
	for (size_t i = 0; i < LENGTH(path_rows); i++) {
		with_copy(path_rows[i].in, check_path, (void *)&path_rows[i]);
	}
}

/* Every start of a good path is none. */
static void test_path_prefixes(void **state)
{
	static const char whole[] = "<@x,@y:\"a \\\"b\"@example.com>";

	for (size_t n = 0; n < sizeof(whole) - 2; n++) {
		struct path_row row = { .in = { whole, n } };

		with_copy(row.in, check_path, &row);
	}
}

static const struct address_row {
	struct text in;
	const char *local, *domain; /* NULL: refused */
} from_path_rows[] = {
	{ TEXT("a@b"), "a", "b" },
	{ TEXT("Mixed.Case@Example.COM"), "Mixed.Case", "Example.COM" },
	{ TEXT(".hidden@d"), ".hidden", "d" },
	{ TEXT("...@d"), "...", "d" },
	{ TEXT("a@[127.0.0.1]"), "a", "[127.0.0.1]" },
	{ TEXT("a@d."), "a", "d." },
	{ TEXT("a@..."), "a", "..." },
	{ TEXT("user++@d"), "user++", "d" },
	{ TEXT("+@d"), "+", "d" },
	/* names that mean something elsewhere are names here */
	{ TEXT("%00@d"), "%00", "d" },
	{ TEXT("%d%n%u@%d"), "%d%n%u", "%d" },
	{ TEXT("~root@d"), "~root", "d" },
	{ TEXT("|cmd@d"), "|cmd", "d" },
	{ TEXT("$(x)@d"), "$(x)", "d" },
	{ TEXT(";`x`@d"), ";`x`", "d" },
	{ TEXT("'--@d"), "'--", "d" },
	{ TEXT("_%@d"), "_%", "d" },
	/* quoting comes off */
	{ TEXT("\"a b\"@d"), "a b", "d" },
	{ TEXT("\"a\\\"b\"@d"), "a\"b", "d" },
	{ TEXT("\"a\\\\\"@d"), "a\\", "d" },
	{ TEXT("a\\@b@d"), "a@b", "d" },
	{ TEXT("\"a@b\"@d"), "a@b", "d" },
	{ TEXT("\"x> ORCPT=y\"@d"), "x> ORCPT=y", "d" },
	{ TEXT("\"plain\"@d"), "plain", "d" },
	{ TEXT("\"a@d"), NULL, NULL },
	{ TEXT("\"a\"\"@d"), NULL, NULL },
	/* no component of a path, which is asked of rows alone */
	{ TEXT("../../x@d"), "../../x", "d" },
	{ TEXT("a/b@d"), "a/b", "d" },
	{ TEXT("/@d"), "/", "d" },
	{ TEXT("\"a/b\"@d"), "a/b", "d" },
	{ TEXT("a\\/b@d"), "a/b", "d" },
	{ TEXT("user+../../tmp@d"), "user+../../tmp", "d" },
	{ TEXT("..@d"), "..", "d" },
	{ TEXT(".@d"), ".", "d" },
	{ TEXT("\"..\"@d"), "..", "d" },
	{ TEXT("\"\\.\"@d"), ".", "d" },
	{ TEXT("\\.\\.@d"), "..", "d" },
	{ TEXT("a@.."), "a", ".." },
	{ TEXT("a@."), "a", "." },
	{ TEXT("a@../.."), "a", "../.." },
	{ TEXT("a@d/../e"), "a", "d/../e" },
	/* empty or missing parts */
	{ TEXT(""), NULL, NULL },
	{ TEXT("postmaster"), NULL, NULL },
	{ TEXT("@d"), NULL, NULL },
	{ TEXT("a@"), NULL, NULL },
	{ TEXT("@"), NULL, NULL },
	{ TEXT("\"\"@d"), NULL, NULL },
	{ TEXT("\""), NULL, NULL },
	{ TEXT("\\"), NULL, NULL },
	{ TEXT("a@b@c"), NULL, NULL },
	{ TEXT("a@@c"), NULL, NULL },
	{ TEXT("@y:a@b"), NULL, NULL },
	/* control bytes */
	{ TEXT("a\0b@d"), NULL, NULL },
	{ TEXT("a\\\0b@d"), NULL, NULL },
	{ TEXT("a@d\0"), NULL, NULL },
	{ TEXT("a\177@d"), NULL, NULL },
	{ TEXT("a\r\n@d"), NULL, NULL },
	{ TEXT("a@d\n"), NULL, NULL },
	{ TEXT("\"\t\"@d"), NULL, NULL },
	/* UTF-8: good, look-alikes of a slash, truncated, overlong, surrogate, beyond Unicode */
	{ TEXT("\303\251@\303\251.d"), "\303\251", "\303\251.d" },
	{ TEXT("e\314\201@d"), "e\314\201", "d" },
	{ TEXT("\342\210\225@d"), "\342\210\225", "d" },
	{ TEXT("\357\274\217@d"), "\357\274\217", "d" },
	{ TEXT("\360\237\222\214@d"), "\360\237\222\214", "d" },
	{ TEXT("\303@d"), NULL, NULL },
	{ TEXT("\342\202@d"), NULL, NULL },
	{ TEXT("\360\237\222@d"), NULL, NULL },
	{ TEXT("a@\303"), NULL, NULL },
	{ TEXT("a@d\342\202"), NULL, NULL },
	{ TEXT("\300\257@d"), NULL, NULL },
	{ TEXT("\340\200\257@d"), NULL, NULL },
	{ TEXT("\360\200\200\257@d"), NULL, NULL },
	{ TEXT("\300\256\300\256@d"), NULL, NULL },
	{ TEXT("\355\240\200@d"), NULL, NULL },
	{ TEXT("\364\220\200\200@d"), NULL, NULL },
	{ TEXT("\200@d"), NULL, NULL },
	{ TEXT("\377@d"), NULL, NULL },
	/* lengths */
	{ TEXT(OCTETS_64 "@d"), OCTETS_64, "d" },
	{ TEXT(OCTETS_64 "x@d"), OCTETS_64 "x", "d" },
	{ TEXT(OCTETS_255 "@d"), OCTETS_255, "d" },
	{ TEXT(OCTETS_256 "@d"), NULL, NULL },
	{ TEXT("a@" OCTETS_255), "a", OCTETS_255 },
	{ TEXT("a@" OCTETS_256), NULL, NULL },
	{ TEXT(OCTETS_255 "@" OCTETS_255), OCTETS_255, OCTETS_255 },
	{ TEXT("\"" OCTETS_255 "\"@d"), OCTETS_255, "d" },
	{ TEXT("\"" OCTETS_255 "\\x\"@d"), NULL, NULL },
	{ TEXT("\"\"\"\"\"\"a@d"), "a", "d" },
};

/* Rows hold no quoting; the last '@' divides. */
static const struct address_row from_text_rows[] = {
	{ TEXT("a@b"), "a", "b" },
	{ TEXT("Mixed.Case@Example.COM"), "Mixed.Case", "Example.COM" },
	{ TEXT("a b@d"), "a b", "d" },
	{ TEXT("\"a b\"@d"), "\"a b\"", "d" },
	{ TEXT("a@b@c"), "a@b", "c" },
	{ TEXT("a@@c"), "a@", "c" },
	{ TEXT("a\\@c"), "a\\", "c" },
	{ TEXT("a@d "), "a", "d " },
	{ TEXT(" a@d"), " a", "d" },
	{ TEXT(".hidden@d"), ".hidden", "d" },
	{ TEXT("\303\251@d"), "\303\251", "d" },
	{ TEXT(""), NULL, NULL },
	{ TEXT("a"), NULL, NULL },
	{ TEXT("@"), NULL, NULL },
	{ TEXT("@d"), NULL, NULL },
	{ TEXT("a@"), NULL, NULL },
	{ TEXT(".@d"), ".", "d" },
	{ TEXT("a@.."), "a", ".." },
	{ TEXT("../../x@d"), "../../x", "d" },
	{ TEXT("a@../.."), "a", "../.." },
	{ TEXT("a/b@d"), "a/b", "d" },
	{ TEXT("a\0b@d"), NULL, NULL },
	{ TEXT("a@d\0"), NULL, NULL },
	{ TEXT("a@d\n"), NULL, NULL },
	{ TEXT("a\177@d"), NULL, NULL },
	{ TEXT("\303@d"), NULL, NULL },
	{ TEXT("a@\300\257"), NULL, NULL },
	{ TEXT(OCTETS_255 "@" OCTETS_255), OCTETS_255, OCTETS_255 },
	{ TEXT(OCTETS_256 "@d"), NULL, NULL },
	{ TEXT("a@" OCTETS_256), NULL, NULL },
};

static void check_address(
    const struct address_row *row, enum address_outcome outcome, const struct address *address)
{
	char want[ADDRESS_MAX + 1];
	const char *what = shown(row->in.p, row->in.n);

	if (outcome != (row->local == NULL ? ADDRESS_BAD : ADDRESS_OK)) {
		fail_msg("%s: %s", what, outcome == ADDRESS_OK ? "taken" : "refused");
	}
	if (row->local != NULL) {
		snprintf(want, sizeof(want), "%s@%s", row->local, row->domain);
		expect_text(what, address->text, want);
		expect_text(what, address_domain(address), row->domain);
		assert_int_equal(address->n_local, strlen(row->local));
	}
}

static void check_from_path(const char *in, size_t n, void *data)
{
	struct path path = { in, n };
	struct address address;
	enum address_outcome outcome = address_from_path(&address, &path);

	check_address(data, outcome, &address);
}

static void check_from_text(const char *in, size_t n, void *data)
{
	struct address address;
	enum address_outcome outcome = address_from_text(&address, in, n);

	check_address(data, outcome, &address);
}

static void test_address_from_path(void **state)
{
	for (size_t i = 0; i < LENGTH(from_path_rows); i++) {
		with_copy(from_path_rows[i].in, check_from_path, (void *)&from_path_rows[i]);
	}
}

static void test_address_from_text(void **state)
{
	for (size_t i = 0; i < LENGTH(from_text_rows); i++) {
		with_copy(from_text_rows[i].in, check_from_text, (void *)&from_text_rows[i]);
	}
}

static struct address make(const char *text)
{
	struct address address;

	if (address_from_text(&address, text, strlen(text)) != ADDRESS_OK) {
		fail_msg("a test's own address is bad: %s", text);
	}
	return address;
}

static void test_address_lower(void **state)
{
	struct address address = make("\303\211MiXeD.@[`{Z@EX\303\204MPLE.Com");

	address_lower(&address);
	expect_text("only ASCII", address.text, "\303\211mixed.@[`{z@ex\303\204mple.com");
}

static void test_address_is_path(void **state)
{
	static const struct {
		const char *address;
		bool is_path;
	} rows[] = {
		{ "a@d", true },
		{ ".a@.d", true },
		{ "...@...", true },
		{ "a..b@d..", true },
		{ "..\342\210\225x@d", true },
		{ ".@d", false },
		{ "..@d", false },
		{ "a@.", false },
		{ "a@..", false },
		{ "/@d", false },
		{ "a/b@d", false },
		{ "../x@d", false },
		{ "a@d/e", false },
		{ "a@/", false },
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct address address = make(rows[i].address);

		if (address_is_path(&address) != rows[i].is_path) {
			fail_msg("%s: %s", rows[i].address, rows[i].is_path ? "refused" : "taken");
		}
	}
}

static const struct split_row {
	const char *address, *delimiters;
	const char *base, *detail; /* NULL: not split */
} split_rows[] = {
	{ "user+detail@d", "+", "user@d", "+detail" },
	{ "User+Detail@D", "+", "User@D", "+Detail" },
	{ "user@d", "+", NULL, NULL },
	{ "user+detail@d", "", NULL, NULL },
	{ "user+detail@d", "-", NULL, NULL },
	{ "user+@d", "+", "user@d", "+" },
	{ "user++@d", "+", "user@d", "++" },
	{ "user+a+b@d", "+", "user@d", "+a+b" },
	{ "user@d+x", "+", NULL, NULL },
	{ "a@b+c@d", "+", "a@b@d", "+c" },
	/* a set: its first character in the address divides */
	{ "user-a+b@d", "+-", "user@d", "-a+b" },
	{ "user+a-b@d", "+-", "user@d", "+a-b" },
	{ "user+a-b@d", "-+", "user@d", "+a-b" },
	/* never an empty local part */
	{ "+@d", "+", NULL, NULL },
	{ "+detail@d", "+", NULL, NULL },
	{ "++@d", "+", NULL, NULL },
	/* never these, in any case; with a detail of their own they are like any other */
	{ "postmaster@d", "+", NULL, NULL },
	{ "mailer-daemon@d", "-", NULL, NULL },
	{ "MAILER-DAEMON@d", "-", NULL, NULL },
	{ "Mailer-Daemon@d", "+-", NULL, NULL },
	{ "double-bounce@d", "-", NULL, NULL },
	{ "Double-Bounce@d", "-", NULL, NULL },
	{ "postmaster+x@d", "+", "postmaster@d", "+x" },
	{ "double-bounces@d", "-", "double@d", "-bounces" },
	{ "postmaster@d", "p", NULL, NULL },
	/* with '-' in the set: neither owner-... nor ...-request, whichever character would divide */
	{ "owner-list@d", "-", NULL, NULL },
	{ "Owner-List@d", "-", NULL, NULL },
	{ "owner-list+x@d", "+-", NULL, NULL },
	{ "owner-list+x@d", "+", "owner-list@d", "+x" },
	{ "list-request@d", "-", NULL, NULL },
	{ "List-REQUEST@d", "-", NULL, NULL },
	{ "my-list-request@d", "-", NULL, NULL },
	{ "list+x-request@d", "+-", NULL, NULL },
	{ "list+x-request@d", "+", "list@d", "+x-request" },
	{ "list-requests@d", "-", "list@d", "-requests" },
	{ "owner@d", "-", NULL, NULL },
	{ "owners-list@d", "-", "owners@d", "-list" },
	{ "-request@d", "-", NULL, NULL },
	{ "request@d", "-", NULL, NULL },
	/* whatever is left, and whatever the detail is */
	{ ".+x@d", "+", ".@d", "+x" },
	{ "...+x@d", "+", "...@d", "+x" },
	{ "user+a/b@d", "+", "user@d", "+a/b" },
	{ "user+../x@d", "+", "user@d", "+../x" },
	{ "user+.@d", "+", "user@d", "+." },
	{ "\303\251+\303\251@d", "+", "\303\251@d", "+\303\251" },
};

static void test_address_split(void **state)
{
	for (size_t i = 0; i < LENGTH(split_rows); i++) {
		const struct split_row *row = &split_rows[i];
		struct address address = make(row->address), base, joined;
		struct span detail = address_split(&address, row->delimiters, &base);

		assert_int_equal(detail.p == NULL, detail.n == 0);
		if ((detail.p == NULL) != (row->detail == NULL)) {
			fail_msg("%s with \"%s\": %s", row->address, row->delimiters,
			    detail.p == NULL ? "not split" : "split");
		}
		if (detail.p == NULL) {
			continue;
		}
		expect_text_of(row->address, detail.p, detail.n, row->detail);
		expect_text(row->address, base.text, row->base);
		assert_int_equal(base.n_local, address.n_local - detail.n);
		/* and together again */
		assert_int_equal(address_join(&joined, &base, detail), ADDRESS_OK);
		expect_text(row->address, joined.text, address.text);
		assert_int_equal(joined.n_local, address.n_local);
	}
}

static void test_address_join(void **state)
{
	static const struct {
		const char *base;
		struct text detail;
		const char *joined; /* NULL: refused */
	} rows[] = {
		{ "a@d", TEXT("+x"), "a+x@d" },
		{ "a@d", TEXT(""), "a@d" },
		{ "a+y@d", TEXT("+x"), "a+y+x@d" },
		{ "a@d", TEXT("+\303\251"), "a+\303\251@d" },
		{ "a@d", TEXT("+../../x"), "a+../../x@d" },
		{ "a@d", TEXT("+\0"), NULL },
		{ "a@d", TEXT("+\303"), NULL },
		{ ".a@d", TEXT("+x"), ".a+x@d" },
		{ "a@d", TEXT("+" OCTETS_63 OCTETS_64 OCTETS_63 OCTETS_63),
		    "a+" OCTETS_63 OCTETS_64 OCTETS_63 OCTETS_63 "@d" },
		{ "ab@d", TEXT("+" OCTETS_63 OCTETS_64 OCTETS_63 OCTETS_63), NULL },
		{ OCTETS_255 "@" OCTETS_255, TEXT("+"), NULL },
		{ OCTETS_255 "@" OCTETS_255, TEXT(""), OCTETS_255 "@" OCTETS_255 },
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct address base = make(rows[i].base), joined;
		struct span detail = { rows[i].detail.p, rows[i].detail.n };
		enum address_outcome outcome = address_join(&joined, &base, detail);

		if (outcome != (rows[i].joined == NULL ? ADDRESS_BAD : ADDRESS_OK)) {
			fail_msg("row %zu, %s: outcome %d", i, rows[i].base, (int)outcome);
		}
		if (rows[i].joined != NULL) {
			expect_text(rows[i].base, joined.text, rows[i].joined);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path_parse),
		cmocka_unit_test(test_path_prefixes),
		cmocka_unit_test(test_address_from_path),
		cmocka_unit_test(test_address_from_text),
		cmocka_unit_test(test_address_lower),
		cmocka_unit_test(test_address_is_path),
		cmocka_unit_test(test_address_split),
		cmocka_unit_test(test_address_join),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
