/* SPDX-License-Identifier: MIT
 * Regular expressions: a table of what they match, one of those that are none, and those that cost much elsewhere. */
#include "match/regex.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/match/pieces.h"
#include "tests/unit/unit.h"

enum {
	ARENA_MAX = 4 << 20,
};

static struct arena arena;

static int set_up(void **state)
{
	arena_init(&arena, ARENA_MAX);
	return 0;
}

static int tear_down(void **state)
{
	arena_deinit(&arena);
	return 0;
}

/* --- tables ------------------------------------------------------------------------------------------------------ */

enum case_rule {
	EXACT,
	FOLD,
};

/* What is found, with its groups behind it, in < >; NULL: nothing. */
static const struct row {
	struct text regex, value;
	const char *found;
	enum case_rule rule;
} rows[] = {
	{ TEXT(""), TEXT(""), "<>" },
	{ TEXT(""), TEXT("a"), "<>" },
	{ TEXT("a"), TEXT(""), NULL },
	{ TEXT("b"), TEXT("abc"), "<b>" },
	{ TEXT("B"), TEXT("abc"), NULL },
	{ TEXT("B"), TEXT("abc"), "<b>", FOLD },
	{ TEXT("a\0b"), TEXT("xa\0b"), "<a" },
	/* leftmost, longest */
	{ TEXT("a|ab|abc"), TEXT("xabcd"), "<abc>" },
	{ TEXT("abcd|c"), TEXT("abcd"), "<abcd>" },
	{ TEXT("b+|c+"), TEXT("abbccc"), "<bb>" },
	{ TEXT("(a|ab)(c|bcd)"), TEXT("abcd"), "<abcd><a><bcd>" },
	{ TEXT("x*"), TEXT("axx"), "<>" },
	/* repeats */
	{ TEXT("ab*c"), TEXT("ac abc"), "<ac>" },
	{ TEXT("ab+c"), TEXT("ac abbc"), "<abbc>" },
	{ TEXT("ab?c"), TEXT("abbc abc"), "<abc>" },
	{ TEXT("a{3}"), TEXT("aa aaaa"), "<aaa>" },
	{ TEXT("a{2,}"), TEXT("a aaaa"), "<aaaa>" },
	{ TEXT("a{,2}"), TEXT("aaaa"), "<aa>" },
	{ TEXT("a{1,2}b"), TEXT("aaab"), "<aab>" },
	{ TEXT("(ab){2,3}"), TEXT("abababab"), "<ababab><ab>" },
	{ TEXT("xa{0}y"), TEXT("xay xy"), "<xy>" },
	{ TEXT("x(a|b){0,0}y"), TEXT("xy"), "<xy><>" },
	{ TEXT("(a*)*b"), TEXT("aab"), "<aab><aa>" },
	{ TEXT("a**"), TEXT("aa"), "<aa>" },
	{ TEXT("(a{2}){2}"), TEXT("aaaaa"), "<aaaa><aa>" },
	/* alternatives, empty ones too */
	{ TEXT("a||b"), TEXT("b"), "<b>" },
	{ TEXT("(|a)b"), TEXT("ab"), "<ab><a>" },
	{ TEXT("()b"), TEXT("ab"), "<b><>" },
	{ TEXT("a|b|"), TEXT("c"), "<>" },
	{ TEXT("(a|b)*c|d"), TEXT("abac"), "<abac><a>" },
	/* groups */
	{ TEXT("(a)|(b)"), TEXT("b"), "<b><><b>" },
	{ TEXT("(.*)-(.*)"), TEXT("a-b-c"), "<a-b-c><a-b><c>" },
	{ TEXT("((a)(b))c"), TEXT("abc"), "<abc><ab><a><b>" },
	{ TEXT("(?:ab)+(c)"), TEXT("ababc"), "<ababc><c>" },
	{ TEXT("a)"), TEXT("a)"), "<a)>" },
	{ TEXT("(.+)@(.+)\\.(com|net)$"), TEXT("me@x.y.net"), "<me@x.y.net><me><x.y><net>" },
	/* anchors */
	{ TEXT("^a"), TEXT("ba"), NULL },
	{ TEXT("^b|a$"), TEXT("cba"), "<a>" },
	{ TEXT("^$"), TEXT(""), "<>" },
	{ TEXT("^$"), TEXT("a"), NULL },
	{ TEXT("a^b"), TEXT("a^b"), NULL },
	{ TEXT("(^a|b)c"), TEXT("acbc"), "<ac><a>" },
	{ TEXT("a$b"), TEXT("a$b"), NULL },
	{ TEXT("^a"), TEXT("b\na"), NULL },
	/* sets */
	{ TEXT("[abc]+"), TEXT("xcab"), "<cab>" },
	{ TEXT("[^abc]+"), TEXT("abxyc"), "<xy>" },
	{ TEXT("[]x]+"), TEXT("a]x"), "<]x>" },
	{ TEXT("[^]x]"), TEXT("]xa"), "<a>" },
	{ TEXT("[a-]+"), TEXT("b-a"), "<-a>" },
	{ TEXT("[+--]+"), TEXT("a+,-"), "<+,->" },
	{ TEXT("[a-c]+"), TEXT("dBcb"), "<Bcb>", FOLD },
	{ TEXT("[^a-c]+"), TEXT("Bd"), "<d>", FOLD },
	{ TEXT("[\\.]+"), TEXT("a\\."), "<\\.>" },
	{ TEXT("[[:alpha:]]+"), TEXT("12aZ_"), "<aZ>" },
	{ TEXT("[[:upper:]]+"), TEXT("aBc"), "<B>" },
	{ TEXT("[[:upper:]]+"), TEXT("aBc"), "<aBc>", FOLD },
	{ TEXT("[[:digit:]x]+"), TEXT("a1x2"), "<1x2>" },
	{ TEXT("[[:space:]]+"), TEXT("a \t\r\nb"), "< \t\r\n>" },
	{ TEXT("[[:punct:]]+"), TEXT("a!~b"), "<!~>" },
	{ TEXT("[[:cntrl:]]"), TEXT("a\001"), "<\001>" },
	{ TEXT("[^[:xdigit:]]"), TEXT("09afAFg"), "<g>" },
	{ TEXT("[[]"), TEXT("["), "<[>" },
	/* UTF-8 */
	{ TEXT("^.$"), TEXT("\303\274"), "<\303\274>" },
	{ TEXT("^.{2}$"), TEXT("\303\303"), "<\303\303>" },
	{ TEXT("\303\274+"), TEXT("x\303\274\303\274"), "<\303\274\303\274>" },
	{ TEXT("[\303\244-\303\274]+"), TEXT("a\303\266\303\244b"), "<\303\266\303\244>" },
	{ TEXT("[^a\303\274]"), TEXT("\303\274a\303\266"), "<\303\266>" },
	{ TEXT("\303"), TEXT("\303\274"), NULL },
	/* escapes */
	{ TEXT("\\.\\*\\[\\(\\\\"), TEXT(".*[(\\"), "<.*[(\\>" },
	{ TEXT("\\{\\}\\|\\^\\$\\-\\/"), TEXT("{}|^$-/"), "<{}|^$-/>" },
	{ TEXT("\\d+\\D"), TEXT("a12b"), "<12b>" },
	{ TEXT("\\w+\\W"), TEXT("-a_1 "), "<a_1 >" },
	{ TEXT("\\s\\S"), TEXT("a b"), "< b>" },
	{ TEXT("\\bcat\\b"), TEXT("concat cat"), "<cat>" },
	{ TEXT("\\Bcat\\b"), TEXT("cat concat"), "<cat>" },
	{ TEXT("\\<a.\\>"), TEXT("bab ab"), "<ab>" },
	{ TEXT("}]"), TEXT("}]"), "<}]>" },
	/* scripts in the field */
	{ TEXT("([ 0]1|[ 0]2) Jan 2026"), TEXT("x; Fri, 02 Jan 2026 1:2:3"), "<02 Jan 2026><02>" },
	{ TEXT("^\\[?SPAM\\]?:"), TEXT("[spam]: x"), "<[spam]:>", FOLD },
};

static const struct regex *compile(const char *p, size_t n, enum case_rule rule)
{
	const struct regex *regex;
	const char *error;

	if (regex_compile(&arena, (struct span){ p, n }, rule == FOLD, &regex, &error) != 0) {
		fail_msg("%s: %s", shown(p, n), error != NULL ? error : "no memory");
	}
	return regex;
}

static void test_rows(void **state)
{
	for (size_t i = 0; i < LENGTH(rows); i++) {
		const struct row *row = &rows[i];
		const struct regex *regex = compile(row->regex.p, row->regex.n, row->rule);
		struct span value = { row->value.p, row->value.n };
		struct captures captures = { .n = 0 };
		char got[200] = "";
		enum match_outcome outcome = search_whole(regex, value, &arena, &captures);

		assert_int_equal(search_whole(regex, value, &arena, NULL), outcome);
		expect_pieces(regex, value, &arena, outcome);
		for (unsigned j = 0; outcome == MATCH_YES && j < captures.n; j++) {
			add_text(got, sizeof(got), "<%.*s>", (int)captures.list[j].n,
			    captures.list[j].p);
		}
		if (row->found == NULL || outcome != MATCH_YES) {
			expect_text(row->regex.p, outcome == MATCH_YES ? got : "-",
			    row->found != NULL ? row->found : "-");
		} else if (memchr(row->regex.p, '\0', row->regex.n) == NULL) {
			expect_text(row->regex.p, got, row->found);
		}
		arena_reset(&arena);
	}
}

static const struct {
	struct text regex;
	const char *error; /* part of it */
} broken[] = {
	{ TEXT("("), "( has no )" },
	{ TEXT("a(b|c"), "( has no )" },
	{ TEXT("*a"), "nothing to repeat" },
	{ TEXT("a|*b"), "nothing to repeat" },
	{ TEXT("(+a)"), "nothing to repeat" },
	{ TEXT("^*"), "nothing to repeat" },
	{ TEXT("{1}"), "nothing to repeat" },
	{ TEXT("a{"), "no repeat" },
	{ TEXT("a{1"), "no repeat" },
	{ TEXT("a{x}"), "no repeat" },
	{ TEXT("a{}"), "no repeat" },
	{ TEXT("a{2,1}"), "before it begins" },
	{ TEXT("a{256}"), "larger than 255" },
	{ TEXT("a{0,256}"), "larger than 255" },
	{ TEXT("a{99999999999999999999}"), "larger than 255" },
	{ TEXT("["), "no ]" },
	{ TEXT("[]"), "no ]" },
	{ TEXT("[^]"), "no ]" },
	{ TEXT("[a"), "no ]" },
	{ TEXT("[b-a]"), "before it begins" },
	{ TEXT("[a-[:digit:]]"), "no character" },
	{ TEXT("[[:alfa:]]"), "no such class" },
	{ TEXT("[[:alpha:"), "no such class" },
	{ TEXT("[[.a.]]"), "[. and [=" },
	{ TEXT("[[=a=]]"), "[. and [=" },
	{ TEXT("a\\"), "\\ stands at its end" },
	{ TEXT("(a)\\1"), "back-references" },
	{ TEXT("\\q"), "of letters behind" },
	{ TEXT("(a{0,255}){0,255}"), "too large" },
	{ TEXT("x{0,255}{0,8}"), "too large" },
};

static void expect_error(struct span text, const char *want)
{
	const struct regex *regex;
	const char *error = NULL;
	int result = regex_compile(&arena, text, true, &regex, &error);

	if (result != 1 || strstr(error, want) == NULL) {
		fail_msg("%s: %d %s", shown(text.p, text.n), result, error);
	}
	arena_reset(&arena);
}

static void test_broken(void **state)
{
	char text[2 * REGEX_INSTRUCTIONS_MAX];

	for (size_t i = 0; i < LENGTH(broken); i++) {
		expect_error(
		    (struct span){ broken[i].regex.p, broken[i].regex.n }, broken[i].error);
	}
	memset(text, '(', sizeof(text));
	expect_error((struct span){ text, REGEX_DEPTH_MAX + 1 }, "too");
	for (size_t i = 0; i < sizeof(text); i++) {
		text[i] = i % 2 == 0 ? '(' : ')';
	}
	expect_error(
	    (struct span){ text, (size_t)2 * REGEX_GROUPS_MAX + 2 }, "too many parentheses");
	compile(text, (size_t)2 * REGEX_GROUPS_MAX, EXACT);
	memset(text, 'a', sizeof(text));
	expect_error((struct span){ text, REGEX_INSTRUCTIONS_MAX + 1 }, "too large");
	compile(text, REGEX_INSTRUCTIONS_MAX, EXACT);
}

static void test_memory(void **state)
{
	static const char text[] = "([\303\244-\303\274]a|b){3}";
	const struct regex *regex;
	const char *error;
	struct captures captures;
	struct fuel fuel = { .left = PIECES_FUEL };
	struct arena none;

	arena_init(&none, 16);
	assert_int_equal(
	    regex_compile(&none, (struct span){ text, strlen(text) }, true, &regex, &error),
	    -ENOMEM);
	regex = compile(text, strlen(text), EXACT);
	assert_null(regex_scan_new(regex, &none, &fuel));
	/* Only who wants to know the groups needs memory. */
	assert_int_equal(
	    regex_search(regex, (struct span){ "bbb", 3 }, &none, &fuel, NULL), MATCH_YES);
	assert_int_equal(regex_search(regex, (struct span){ "bbb", 3 }, &none, &fuel, &captures),
	    MATCH_EXHAUSTED);
	arena_deinit(&none);
}

/* --- bombs ------------------------------------------------------------------------------------------------------- */

static void test_bombs(void **state)
{
	static const struct {
		const char *regex;
		unsigned most; /* fuel for a byte */
	} bombs[] = {
		{ "(a*)*b", 20 },
		{ "(a|aa)+$", 20 },
		{ "(a|a)*(a|a)*(a|a)*b", 60 },
		{ "(x+x+)+y", 20 },
		{ "a{0,255}{0,3}b", 6000 },
		{ "x{0,255}{0,3}y", 6000 },
		{ "(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)[^a]", 100 },
		{ "((((((((a?)*)*)*)*)*)*)*)*b", 100 },
	};
	char value[4096];

	memset(value, 'a', sizeof(value));
	for (size_t i = 0; i < LENGTH(bombs); i++) {
		const struct regex *regex = compile(bombs[i].regex, strlen(bombs[i].regex), EXACT);
		struct span whole = { value, sizeof(value) };
		struct fuel fuel = { .left = 6000 * sizeof(value) };
		struct captures captures;
		uint64_t left = fuel.left;
		bool is_so = strchr(bombs[i].regex, '$') != NULL;

		assert_int_equal(
		    regex_search(regex, whole, &arena, &fuel, NULL), is_so ? MATCH_YES : MATCH_NO);
		assert_in_range(left - fuel.left, sizeof(value), bombs[i].most * sizeof(value));
		/* Once it is used up, that is all. */
		fuel = (struct fuel){ .left = sizeof(value) / 2 };
		assert_int_equal(
		    regex_search(regex, whole, &arena, &fuel, &captures), MATCH_EXHAUSTED);
		assert_true(fuel.is_empty);
		arena_reset(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_broken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bombs, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("regex", tests, NULL, NULL);
}
