/* SPDX-License-Identifier: MIT
 * Values and keys, in one go and in pieces: tables, and models that are as simple as can be. */
#include "match/match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "tests/unit/unit.h"

enum {
	ARENA_MAX = 1 << 20,
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

#define IS       .match = MATCH_IS
#define CONTAINS .match = MATCH_CONTAINS
#define MATCHES  .match = MATCH_MATCHES
#define VALUE(r) .match = MATCH_VALUE, .relation = RELATION_##r
#define OCTET    .comparator = COMPARATOR_OCTET
#define NUMERIC  .comparator = COMPARATOR_NUMERIC
#define KEY(s)   .key = TEXT(s)
#define FOUND(s) .captures = (s)

static const struct row {
	const char *captures; /* of :matches, each in < >, but the whole */
	struct text key, value;
	bool is_so;
	enum match match;
	enum relation relation;
	enum comparator comparator;
} rows[] = {
	/* RFC 5228 2.7.1 */
	{ IS, KEY("frop"), TEXT("FROP"), true },
	{ IS, KEY("frop"), TEXT("frop "), false },
	{ IS, KEY(""), TEXT(""), true },
	{ IS, KEY(""), TEXT("x"), false },
	{ IS, KEY("frop"), TEXT(""), false },
	{ IS, OCTET, KEY("frop"), TEXT("FROP"), false },
	{ IS, OCTET, KEY("a\0b"), TEXT("a\0b"), true },
	{ IS, KEY("\303\234"), TEXT("\303\274"), false }, /* letters beyond ASCII have one case */
	{ IS, KEY("[@`{"), TEXT("[@`{"), true },
	{ IS, KEY("["), TEXT("{"), false },
	{ CONTAINS, KEY(""), TEXT(""), true },
	{ CONTAINS, KEY(""), TEXT("x"), true },
	{ CONTAINS, KEY("x"), TEXT(""), false },
	{ CONTAINS, KEY("aab"), TEXT("aaaab"), true },
	{ CONTAINS, KEY("ABAB"), TEXT("xababy"), true },
	{ CONTAINS, KEY("abac"), TEXT("ababac"), true },
	{ CONTAINS, KEY("aabaaac"), TEXT("aabaaabaaac"), true },
	{ CONTAINS, KEY("abac"), TEXT("ababad"), false },
	{ CONTAINS, OCTET, KEY("A"), TEXT("aaa"), false },
	{ CONTAINS, OCTET, KEY("A"), TEXT("aaA"), true },
	{ MATCHES, KEY(""), TEXT(""), true, FOUND("") },
	{ MATCHES, KEY(""), TEXT("a"), false },
	{ MATCHES, KEY("*"), TEXT(""), true, FOUND("<>") },
	{ MATCHES, KEY("*"), TEXT("abc"), true, FOUND("<abc>") },
	{ MATCHES, KEY("**"), TEXT("abc"), true, FOUND("<><abc>") },
	{ MATCHES, KEY("*?"), TEXT("abc"), true, FOUND("<ab><c>") },
	{ MATCHES, KEY("?*"), TEXT("abc"), true, FOUND("<a><bc>") },
	{ MATCHES, KEY("?*?"), TEXT("a"), false },
	{ MATCHES, KEY("a?c"), TEXT("ABC"), true, FOUND("<B>") },
	{ MATCHES, KEY("a?c"), TEXT("ac"), false },
	{ MATCHES, KEY("*.com"), TEXT("a.com.com"), true, FOUND("<a.com>") },
	{ MATCHES, KEY("*.com*"), TEXT("a.com.com"), true, FOUND("<a><.com>") },
	{ MATCHES, KEY("*a*a*b"), TEXT("xaaaab"), true, FOUND("<x><><aa>") },
	/* RFC 5229 3.2 */
	{ MATCHES, KEY("*foo*bar*"), TEXT("frop foo fred bar baz"), true,
	    FOUND("<frop >< fred >< baz>") },
	{ MATCHES, KEY("[*] *"), TEXT("[acme-users] [fwd] x"), true,
	    FOUND("<acme-users><[fwd] x>") },
	/* A backslash takes the meaning away. */
	{ MATCHES, KEY("\\*"), TEXT("*"), true, FOUND("") },
	{ MATCHES, KEY("\\*"), TEXT("a"), false },
	{ MATCHES, KEY("\\?*"), TEXT("?x"), true, FOUND("<x>") },
	{ MATCHES, KEY("\\\\*"), TEXT("\\x"), true, FOUND("<x>") },
	{ MATCHES, KEY("\\a"), TEXT("A"), true, FOUND("") },
	{ MATCHES, KEY("a\\"), TEXT("a\\"), true, FOUND("") },
	/* ? is a character of UTF-8, or a byte that belongs to none. */
	{ MATCHES, KEY("?"), TEXT("\303\274"), true, FOUND("<\303\274>") },
	{ MATCHES, KEY("??"), TEXT("\303\274"), false },
	{ MATCHES, KEY("*??"), TEXT("\342\202\254"), false },
	{ MATCHES, KEY("??"), TEXT("\303\303"), true, FOUND("<\303><\303>") },
	{ MATCHES, KEY("?"), TEXT("\360\237\230\200"), true, FOUND("<\360\237\230\200>") },
	{ MATCHES, KEY("\303?"), TEXT("\303\274"), false },
	{ MATCHES, OCTET, KEY("??"), TEXT("\303\274"), true, FOUND("<\303><\274>") },
	{ MATCHES, OCTET, KEY("A*"), TEXT("ab"), false },
	/* RFC 5231, RFC 4790 */
	{ VALUE(GT), KEY("b"), TEXT("C"), true },
	{ VALUE(GT), KEY("b"), TEXT("B"), false },
	{ VALUE(GE), KEY("b"), TEXT("B"), true },
	{ VALUE(LT), KEY("abc"), TEXT("ab"), true },
	{ VALUE(LE), KEY("ab"), TEXT("abc"), false },
	{ VALUE(NE), KEY("ab"), TEXT("AB"), false },
	{ VALUE(EQ), KEY(""), TEXT(""), true },
	{ VALUE(LT), KEY("a"), TEXT("_"), false }, /* A is before _ */
	{ VALUE(LT), OCTET, KEY("a"), TEXT("_"), true },
	{ VALUE(GT), OCTET, KEY("\177"), TEXT("\200"), true },
	{ VALUE(GT), NUMERIC, KEY("9"), TEXT("10"), true },
	{ VALUE(EQ), NUMERIC, KEY("007"), TEXT("7 of 9"), true },
	{ VALUE(EQ), NUMERIC, KEY("0"), TEXT("000"), true },
	{ VALUE(GT), NUMERIC, KEY("0"), TEXT("000"), false },
	{ VALUE(LT), NUMERIC, KEY("123"), TEXT("12x"), true },
	{ VALUE(LT), NUMERIC, KEY("none"), TEXT("99999999999999999999999999"), true },
	{ VALUE(GT), NUMERIC, KEY("99999999999999999999999999"), TEXT("-1"), true },
	{ VALUE(EQ), NUMERIC, KEY("x"), TEXT(""), true },
	{ VALUE(GT), NUMERIC, KEY("18446744073709551615"), TEXT("18446744073709551616"), true },
	{ VALUE(LT), NUMERIC, KEY("18446744073709551615"), TEXT("018446744073709551614"), true },
	{ IS, NUMERIC, KEY("1"), TEXT("01"), true },
	{ IS, NUMERIC, KEY("1"), TEXT("2"), false },
	{ .match = MATCH_COUNT, .relation = RELATION_GE, NUMERIC, KEY("2"), TEXT("10"), true },
};

/* The value cut at two places. */
static enum match_outcome feed_cut(
    struct matcher *matcher, struct span value, size_t first, size_t second)
{
	const struct span pieces[] = { { value.p, first }, { value.p + first, second - first },
		{ value.p + second, value.n - second } };
	enum match_outcome outcome = MATCH_NO;

	for (size_t i = 0; outcome == MATCH_NO && i < LENGTH(pieces); i++) {
		outcome = matcher_feed(matcher, pieces[i], false);
	}
	return outcome == MATCH_NO ? matcher_feed(matcher, span_of(""), true) : outcome;
}

/* What match_value() says, after all ways to cut the value in two and in three have said the same. */
static enum match_outcome match(
    const struct key *key, struct span value, struct captures *captures_r)
{
	struct fuel fuel = { .left = FUEL };
	enum match_outcome whole = match_value(key, value, &arena, &fuel, captures_r);
	struct matcher *matcher = matcher_new(key, &arena, &fuel);

	assert_non_null(matcher);
	for (size_t i = 0; i <= value.n; i++) {
		for (size_t j = i; j <= value.n; j++) {
			enum match_outcome outcome = feed_cut(matcher, value, i, j);

			if (outcome != whole) {
				fail_msg("match %d comparator %d key %s value %s: %d, cut at %zu "
					 "and %zu %d",
				    key->match, key->comparator, shown(key->text.p, key->text.n),
				    shown(value.p, value.n), whole, i, j, outcome);
			}
			matcher_restart(matcher);
		}
	}
	return whole;
}

static void test_rows(void **state)
{
	for (size_t i = 0; i < LENGTH(rows); i++) {
		const struct row *row = &rows[i];
		const struct key key = { row->match, row->comparator, row->relation,
			{ row->key.p, row->key.n }, NULL };
		struct captures captures = { .n = 0 };
		char got[200] = "";
		enum match_outcome outcome =
		    match(&key, (struct span){ row->value.p, row->value.n }, &captures);

		if (outcome != (row->is_so ? MATCH_YES : MATCH_NO)) {
			fail_msg("row %zu: %s %s: %d", i, row->key.p, row->value.p, outcome);
		}
		for (unsigned j = 1; row->captures != NULL && j < captures.n; j++) {
			add_text(got, sizeof(got), "<%.*s>", (int)captures.list[j].n,
			    captures.list[j].p);
		}
		if (row->captures != NULL) {
			expect_text(row->key.p, got, row->captures);
			assert_ptr_equal(captures.list[0].p, row->value.p);
			assert_int_equal(captures.list[0].n, row->value.n);
		}
		arena_reset(&arena);
	}
}

static void test_captures_are_bounded(void **state)
{
	char key[MATCH_CAPTURES_MAX + 8];
	struct captures captures;
	struct fuel fuel = { .left = FUEL };
	struct key wildcards = { .match = MATCH_MATCHES, .text = { key, sizeof(key) } };

	memset(key, '?', sizeof(key));
	assert_int_equal(
	    match_value(&wildcards, (struct span){ key, sizeof(key) }, &arena, &fuel, &captures),
	    MATCH_YES);
	assert_int_equal(captures.n, MATCH_CAPTURES_MAX);
	assert_ptr_equal(captures.list[MATCH_CAPTURES_MAX - 1].p, key + MATCH_CAPTURES_MAX - 2);
}

/* --- models ------------------------------------------------------------------------------------------------------ */

static char upper(char c, const struct key *key)
{
	return key->comparator == COMPARATOR_CASEMAP && c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

static bool is_same(const char *a, const char *b, size_t n, const struct key *key)
{
	for (size_t i = 0; i < n; i++) {
		if (upper(a[i], key) != upper(b[i], key)) {
			return false;
		}
	}
	return true;
}

static size_t character(struct span text, const struct key *key)
{
	size_t n = key->comparator == COMPARATOR_OCTET ? 1 : utf8_length(text.p, text.n);

	return n == 0 ? 1 : n;
}

static struct span behind(struct span text, size_t n)
{
	return (struct span){ text.p + n, text.n - n };
}

/* By trying everything. The shortest for each * is tried first. */
static bool glob_model(const struct key *key, struct span text, struct span value,
    struct captures *captures, unsigned n)
{
	size_t n_text, n_value = value.n > 0 ? character(value, key) : 0;

	captures->n = n;
	if (text.n == 0) {
		return value.n == 0;
	}
	if (text.p[0] == '*') {
		struct span rest = value;

		for (;;) {
			captures->list[n] = (struct span){ value.p, (size_t)(rest.p - value.p) };
			if (glob_model(key, behind(text, 1), rest, captures, n + 1)) {
				return true;
			}
			if (rest.n == 0) {
				return false;
			}
			rest = behind(rest, character(rest, key));
		}
	}
	if (text.p[0] == '?') {
		captures->list[n] = (struct span){ value.p, n_value };
		return n_value > 0 &&
		       glob_model(key, behind(text, 1), behind(value, n_value), captures, n + 1);
	}
	if (text.p[0] == '\\' && text.n > 1) {
		text = behind(text, 1);
	}
	n_text = character(text, key);
	return n_text == n_value && is_same(text.p, value.p, n_text, key) &&
	       glob_model(key, behind(text, n_text), behind(value, n_value), captures, n);
}

static bool contains_model(const struct key *key, struct span value)
{
	for (size_t i = 0; i + key->text.n <= value.n; i++) {
		if (is_same(key->text.p, value.p + i, key->text.n, key)) {
			return true;
		}
	}
	return false;
}

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

/* Numbers here are short. */
static int order_model(enum comparator comparator, struct span a, struct span b)
{
	const struct span texts[] = { a, b };
	char copies[2][40] = { "", "" };
	uint64_t numbers[2];

	for (int i = 0; i < 2; i++) {
		const struct key key = { .comparator = comparator };

		for (size_t j = 0; j < texts[i].n; j++) {
			copies[i][j] = upper(texts[i].p[j], &key);
		}
		numbers[i] = copies[i][0] >= '0' && copies[i][0] <= '9'
				 ? strtoull(copies[i], NULL, 10)
				 : UINT64_MAX;
	}
	return comparator == COMPARATOR_NUMERIC
		   ? (numbers[0] > numbers[1]) - (numbers[0] < numbers[1])
		   : sign(strcmp(copies[0], copies[1]));
}

/* A few letters, so that they repeat; characters of two and three bytes, and halves of them. */
static struct span random_text(uint64_t *seed, char *out, size_t max, bool has_wildcards)
{
	static const char *const parts[] = { "a", "b", "A", "\303\274", "\342\202\254", "\303",
		"\254", "1", "0", "*", "*", "?", "\\" };
	size_t n = 0, n_parts = random_below(seed, max);

	for (size_t i = 0; i < n_parts; i++) {
		const char *part = parts[random_below(seed, has_wildcards ? LENGTH(parts) : 9)];

		memcpy(out + n, part, strlen(part));
		n += strlen(part);
	}
	return (struct span){ out, n };
}

static void test_random_globs(void **state)
{
	uint64_t seed = 1;
	unsigned n_matches = 0;

	for (int i = 0; i < 20000; i++) {
		char texts[2][40];
		struct key key = { .match = MATCH_MATCHES,
			.comparator = (enum comparator)random_below(&seed, 2),
			.text = random_text(&seed, texts[0], 8, true) };
		struct span value = random_text(&seed, texts[1], 8, false);
		struct captures got, want;
		bool is_so = glob_model(&key, key.text, value, &want, 1);

		if (match(&key, value, &got) != (is_so ? MATCH_YES : MATCH_NO)) {
			fail_msg("%s %s: not %d", shown(key.text.p, key.text.n),
			    shown(value.p, value.n), is_so);
		}
		n_matches += is_so;
		for (unsigned j = 1; is_so && j < want.n; j++) {
			assert_int_equal(got.n, want.n);
			expect_bytes(shown(key.text.p, key.text.n), got.list[j].p, got.list[j].n,
			    want.list[j].p, want.list[j].n);
		}
		arena_reset(&arena);
	}
	assert_true(n_matches > 1000);
}

static void test_random_rest(void **state)
{
	uint64_t seed = 2;
	unsigned n_found = 0;

	for (int i = 0; i < 20000; i++) {
		char texts[2][40];
		struct key key = { .match = MATCH_CONTAINS,
			.comparator = (enum comparator)random_below(&seed, 2),
			.text = random_text(&seed, texts[0], 5, false) };
		struct span value = random_text(&seed, texts[1], 12, false);
		bool is_so = contains_model(&key, value);
		int order;

		n_found += is_so;
		assert_int_equal(match(&key, value, NULL), is_so ? MATCH_YES : MATCH_NO);
		key.match = MATCH_VALUE;
		key.relation = (enum relation)random_below(&seed, 6);
		key.comparator = (enum comparator)random_below(&seed, 3);
		order = order_model(key.comparator, value, key.text);
		assert_int_equal(match(&key, value, NULL),
		    relation_holds(key.relation, order) ? MATCH_YES : MATCH_NO);

		key.match = MATCH_IS;
		assert_int_equal(match(&key, value, NULL), order == 0 ? MATCH_YES : MATCH_NO);
		arena_reset(&arena);
	}
	assert_true(n_found > 1000);
}

/* --- limits ------------------------------------------------------------------------------------------------------ */

/* The longest of keys and values: nothing is looked at without fuel, and none takes more than it may. */
static void test_costs(void **state)
{
	enum {
		N = 4096
	};
	static const struct {
		const char *key, *value;
		enum match match;
		uint64_t most; /* fuel for a byte of the value */
	} cases[] = {
		{ "b", "a", MATCH_CONTAINS, 1 },
		{ "aaaaaaaaaaaaaaab", "aaaaaaaaaaaaaaaa", MATCH_CONTAINS, 1 },
		{ "a*a*a*a*a*a*a*b", "a", MATCH_MATCHES, 2 },
		{ "*aaaaaaaaaaaaaaab*", "a", MATCH_MATCHES, 18 },
		{ "*b", "a", MATCH_MATCHES, 2 },
	};

	for (size_t i = 0; i < LENGTH(cases); i++) {
		char value[N];
		size_t n = strlen(cases[i].value);
		struct key key = { .match = cases[i].match,
			.text = { cases[i].key, strlen(cases[i].key) } };
		struct fuel fuel = { .left = FUEL };

		for (size_t j = 0; j < N; j++) {
			value[j] = cases[i].value[j % n];
		}
		assert_int_equal(
		    match_value(&key, (struct span){ value, N }, &arena, &fuel, NULL), MATCH_NO);
		assert_in_range(FUEL - fuel.left, N / 2, N * cases[i].most + 100);
		fuel = (struct fuel){ .left = N / 2 };
		assert_int_equal(match_value(&key, (struct span){ value, N }, &arena, &fuel, NULL),
		    MATCH_EXHAUSTED);
		assert_true(fuel.is_empty);
	}
}

static void test_long_keys(void **state)
{
	enum {
		N = 5000
	};
	static char key_text[N], value[2 * N];
	struct key key = { .match = MATCH_CONTAINS, .text = { key_text, N } };
	struct fuel fuel = { .left = FUEL };
	struct arena none;

	memset(key_text, 'a', N);
	key_text[N - 1] = 'b';
	memset(value, 'A', sizeof(value));
	assert_int_equal(
	    match_value(&key, (struct span){ value, sizeof(value) }, &arena, &fuel, NULL),
	    MATCH_NO);
	value[sizeof(value) - 1] = 'B';
	assert_int_equal(
	    match_value(&key, (struct span){ value, sizeof(value) }, &arena, &fuel, NULL),
	    MATCH_YES);
	arena_init(&none, 16);
	assert_int_equal(
	    match_value(&key, (struct span){ value, sizeof(value) }, &none, &fuel, NULL),
	    MATCH_EXHAUSTED);
	for (enum match m = MATCH_IS; m <= MATCH_MATCHES; m++) {
		key.match = m;
		assert_null(matcher_new(&key, &none, &fuel));
	}
	arena_deinit(&none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_captures_are_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_random_globs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_random_rest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_costs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_long_keys, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("match", tests, NULL, NULL);
}
