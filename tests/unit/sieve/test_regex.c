/* SPDX-License-Identifier: MIT
 * Regular expressions: a table of what they match, one of those that are none, made-up ones against a model and against
 * libc's, and those that cost much elsewhere. */
#include "sieve/regex.h"

#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

enum {
	ARENA_MAX = 4 << 20,
	FUEL = 1 << 24,
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

static enum match_outcome search(const struct regex *regex, struct span value, struct captures *r)
{
	struct fuel fuel = { .left = FUEL };

	return regex_search(regex, value, &arena, &fuel, r);
}

/* Cut at each place, pieces say what the whole does. */
static void expect_pieces(const struct regex *regex, struct span value, enum match_outcome want)
{
	struct fuel fuel = { .left = FUEL };
	struct regex_scan *scan = regex_scan_new(regex, &arena, &fuel);

	for (size_t i = 0; i <= value.n; i++) {
		enum match_outcome got = regex_scan_feed(scan, (struct span){ value.p, i });

		if (got == MATCH_NO) {
			got = regex_scan_feed(scan, (struct span){ value.p + i, value.n - i });
		}
		if (got == MATCH_NO) {
			got = regex_scan_end(scan);
		}
		assert_int_equal(got, want);
		regex_scan_restart(scan);
	}
}

static void test_rows(void **state)
{
	for (size_t i = 0; i < LENGTH(rows); i++) {
		const struct row *row = &rows[i];
		const struct regex *regex = compile(row->regex.p, row->regex.n, row->rule);
		struct span value = { row->value.p, row->value.n };
		struct captures captures = { .n = 0 };
		char got[200] = "";
		enum match_outcome outcome = search(regex, value, &captures);

		assert_int_equal(search(regex, value, NULL), outcome);
		expect_pieces(regex, value, outcome);
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
	expect_error((struct span){ text, 2 * REGEX_GROUPS_MAX + 2 }, "too many parentheses");
	compile(text, 2 * REGEX_GROUPS_MAX, EXACT);
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
	struct fuel fuel = { .left = FUEL };
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

/* --- a model ----------------------------------------------------------------------------------------------------- */

/* Places of a short value as bits: where a part may end that begins at one. */
typedef uint32_t places;

enum {
	SYMBOLS_MAX = 9,
};

static const char *const symbols[] = { "a", "b", "B", "_", "\303\274", "\342\202\254", "\303" };

/* A made-up expression is written and judged as it is made: what it matches from each place. */
struct piece {
	char text[400];
	places ends[SYMBOLS_MAX + 1];
};

struct model {
	uint64_t seed;
	unsigned value[SYMBOLS_MAX]; /* indexes of symbols */
	unsigned n;
	bool folds;
};

static unsigned pick(struct model *model, unsigned limit)
{
	return (unsigned)random_below(&model->seed, limit);
}

static places after(const struct piece *piece, places starts)
{
	places ends = 0;

	for (unsigned i = 0; i <= SYMBOLS_MAX; i++) {
		ends |= (starts >> i & 1) != 0 ? piece->ends[i] : 0;
	}
	return ends;
}

static bool is_symbol(const struct model *model, unsigned a, unsigned b)
{
	return a == b || (model->folds && (a == 1 || a == 2) && (b == 1 || b == 2));
}

static bool is_word_at(const struct model *model, int at)
{
	return at >= 0 && (unsigned)at < model->n && model->value[at] <= 3;
}

static void make_atom(struct model *model, struct piece *piece)
{
	static const char *const assertions[] = { "^", "$", "\\b", "\\B", "\\<", "\\>" };
	unsigned kind = pick(model, 12), one = pick(model, LENGTH(symbols)),
		 other = pick(model, LENGTH(symbols)), which = pick(model, LENGTH(assertions));

	if (kind == 0) {
		add_text(piece->text, sizeof(piece->text), "(%s)", assertions[which]);
	} else if (kind == 1) {
		add_text(piece->text, sizeof(piece->text), ".");
	} else if (kind <= 4) {
		add_text(piece->text, sizeof(piece->text), "[%s%s%s]", kind == 2 ? "^" : "",
		    symbols[one], symbols[other]);
	} else {
		add_text(piece->text, sizeof(piece->text), "%s", symbols[one]);
	}
	for (unsigned i = 0; i <= model->n; i++) {
		bool before = is_word_at(model, (int)i - 1), behind = is_word_at(model, (int)i);
		const bool holds[] = { i == 0, i == model->n, before != behind, before == behind,
			!before && behind, before && !behind };
		bool has = i < model->n && is_symbol(model, model->value[i], one);
		bool has_other = i < model->n && is_symbol(model, model->value[i], other);

		if (kind == 0) {
			piece->ends[i] = holds[which] ? 1U << i : 0;
		} else if (i < model->n &&
			   (kind == 1 || (kind == 2 ? !has && !has_other
						    : has || (kind <= 4 && has_other)))) {
			piece->ends[i] = 2U << i;
		}
	}
}

static void make(struct model *model, unsigned depth, struct piece *piece);

static void make_repeat(struct model *model, unsigned depth, struct piece *piece)
{
	static const struct {
		const char *text;
		unsigned min, max;
	} repeats[] = { { "*", 0, 99 }, { "+", 1, 99 }, { "?", 0, 1 }, { "{2}", 2, 2 },
		{ "{1,3}", 1, 3 }, { "{,2}", 0, 2 }, { "{2,}", 2, 99 }, { "{0}", 0, 0 } };
	unsigned which = pick(model, LENGTH(repeats));
	struct piece inner = { "" };

	make(model, depth + 1, &inner);
	add_text(piece->text, sizeof(piece->text), "(%s)%s", inner.text, repeats[which].text);
	for (unsigned i = 0; i <= model->n; i++) {
		places ends = 1U << i;

		for (unsigned j = 0; j < repeats[which].max; j++) {
			if (j >= repeats[which].min) {
				piece->ends[i] |= ends;
			}
			ends = after(&inner, ends);
		}
		piece->ends[i] |= ends;
	}
}

static void make(struct model *model, unsigned depth, struct piece *piece)
{
	unsigned kind = depth > 3 ? 0 : pick(model, 6);
	struct piece one = { "" }, other = { "" };

	memset(piece, 0, sizeof(*piece));
	if (kind < 2) {
		make_atom(model, piece);
	} else if (kind == 2) {
		make_repeat(model, depth, piece);
	} else {
		make(model, depth + 1, &one);
		make(model, depth + 1, &other);
		add_text(piece->text, sizeof(piece->text), kind == 3 ? "(%s|%s)" : "%s%s", one.text,
		    other.text);
		for (unsigned i = 0; i <= model->n; i++) {
			piece->ends[i] =
			    kind == 3 ? one.ends[i] | other.ends[i] : after(&other, one.ends[i]);
		}
	}
}

/* How a value is written, and where each symbol is in it. */
static size_t write_value(const struct model *model, char *out, size_t *offsets)
{
	size_t n = 0;

	for (unsigned i = 0; i < model->n; i++) {
		const char *symbol = symbols[model->value[i]];

		offsets[i] = n;
		memcpy(out + n, symbol, strlen(symbol));
		n += strlen(symbol);
	}
	offsets[model->n] = n;
	return n;
}

/* Leftmost and longest. */
static bool find(
    const struct model *model, const struct piece *piece, unsigned *begin, unsigned *end)
{
	for (*begin = 0; *begin <= model->n; ++*begin) {
		if (piece->ends[*begin] != 0) {
			*end = 31 - (unsigned)__builtin_clz(piece->ends[*begin]);
			return true;
		}
	}
	return false;
}

static void test_model(void **state)
{
	struct model model = { .seed = 3 };
	unsigned n_found = 0, n_made = 0;

	for (int i = 0; i < 30000; i++) {
		struct piece piece;
		size_t offsets[SYMBOLS_MAX + 1], n;
		char text[4 * SYMBOLS_MAX];
		unsigned begin, end;
		const struct regex *regex;
		struct captures captures;
		const char *error;
		bool is_there;

		model.folds = pick(&model, 2) == 1;
		model.n = pick(&model, SYMBOLS_MAX);
		for (unsigned j = 0; j < model.n; j++) {
			model.value[j] = pick(&model, LENGTH(symbols));
		}
		make(&model, 0, &piece);
		n = write_value(&model, text, offsets);
		if (regex_compile(&arena, (struct span){ piece.text, strlen(piece.text) },
			model.folds, &regex, &error) != 0) {
			continue; /* too large, or too many groups */
		}
		n_made++;
		is_there = find(&model, &piece, &begin, &end);
		n_found += is_there;
		if (search(regex, (struct span){ text, n }, &captures) !=
		    (is_there ? MATCH_YES : MATCH_NO)) {
			fail_msg("%s in %s: not %d", shown(piece.text, strlen(piece.text)),
			    shown(text, n), is_there);
		}
		expect_pieces(regex, (struct span){ text, n }, is_there ? MATCH_YES : MATCH_NO);
		if (is_there) {
			expect_bytes(shown(piece.text, strlen(piece.text)), captures.list[0].p,
			    captures.list[0].n, text + offsets[begin],
			    offsets[end] - offsets[begin]);
			assert_ptr_equal(captures.list[0].p, text + offsets[begin]);
		}
		for (unsigned j = 1; is_there && j < captures.n; j++) {
			assert_true(captures.list[j].p >= text &&
				    captures.list[j].p + captures.list[j].n <= text + n);
		}
		arena_reset(&arena);
	}
	assert_true(n_made > 25000 && n_found > 5000);
}

/* --- libc -------------------------------------------------------------------------------------------------------- */

static void test_libc(void **state)
{
	static const char *const parts[] = { "a", "b", "c", "a", "b", "B", ".", "*", "+", "?", "|",
		"(", ")", "(", ")", "[ab]", "[^a]", "[a-c]", "{2}", "{1,2}", "{,1}", "$", "^", "]",
		"}", "[[:upper:]]", "\\.", "\\w", "\\b", "[]b]" };
	uint64_t seed = 4;
	unsigned n_both = 0, n_found = 0;

	for (int i = 0; i < 30000; i++) {
		bool folds = random_below(&seed, 2) == 1;
		char text[200] = "", value[12];
		size_t n = random_below(&seed, sizeof(value) - 1);
		const struct regex *regex;
		struct captures captures;
		const char *error;
		regmatch_t found;
		regex_t theirs;

		for (size_t j = 1 + random_below(&seed, 9); j > 0; j--) {
			add_text(
			    text, sizeof(text), "%s", parts[random_below(&seed, LENGTH(parts))]);
		}
		for (size_t j = 0; j < n; j++) {
			value[j] = "abcB.]"[random_below(&seed, 6)];
		}
		value[n] = '\0';
		if (regex_compile(
			&arena, (struct span){ text, strlen(text) }, folds, &regex, &error) != 0) {
			/* What libc takes and this does not are the two that stand in the table. */
			arena_reset(&arena);
			continue;
		}
		if (regcomp(&theirs, text, REG_EXTENDED | (folds ? REG_ICASE : 0)) != 0) {
			fail_msg("libc does not take %s", text);
		}
		n_both++;
		if ((regexec(&theirs, value, 1, &found, 0) == 0) !=
		    (search(regex, (struct span){ value, n }, &captures) == MATCH_YES)) {
			print_message("%s in %s differs\n", text, value);
		} else if (search(regex, (struct span){ value, n }, &captures) == MATCH_YES) {
			n_found++;
			if ((size_t)(found.rm_eo - found.rm_so) != captures.list[0].n ||
			    value + found.rm_so != captures.list[0].p) {
				print_message(
				    "%s in %s: %d-%d\n", text, value, found.rm_so, found.rm_eo);
			}
		}
		regfree(&theirs);
		arena_reset(&arena);
	}
	print_message("%u %u\n", n_both, n_found);
	assert_true(n_both > 8000 && n_found > 3000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_broken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bombs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_model, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_libc, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("regex", tests, NULL, NULL);
}
