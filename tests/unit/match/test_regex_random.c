/* SPDX-License-Identifier: MIT
 * Made-up regular expressions against a model, and against libc's. */
#include "match/regex.h"

#include <regex.h>
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
		if (search_whole(regex, (struct span){ text, n }, &arena, &captures) !=
		    (is_there ? MATCH_YES : MATCH_NO)) {
			fail_msg("%s in %s: not %d", shown(piece.text, strlen(piece.text)),
			    shown(text, n), is_there);
		}
		expect_pieces(
		    regex, (struct span){ text, n }, &arena, is_there ? MATCH_YES : MATCH_NO);
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
		bool folds = random_below(&seed, 2) == 1, is_taken, is_there;
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
		is_taken = regex_compile(&arena, (struct span){ text, strlen(text) }, folds, &regex,
			       &error) == 0;
		if (is_taken !=
		    (regcomp(&theirs, text, REG_EXTENDED | (folds ? REG_ICASE : 0)) == 0)) {
			fail_msg("%s: taken by one of both", text);
		}
		if (!is_taken) {
			arena_reset(&arena);
			continue;
		}
		n_both++;
		is_there = regexec(&theirs, value, 1, &found, 0) == 0;
		n_found += is_there;
		if (search_whole(regex, (struct span){ value, n }, &arena, &captures) !=
			(is_there ? MATCH_YES : MATCH_NO) ||
		    (is_there && (captures.list[0].p != value + found.rm_so ||
				     captures.list[0].n != (size_t)(found.rm_eo - found.rm_so)))) {
			fail_msg("%s in %s: not %d, %d to %d", text, value, is_there, found.rm_so,
			    found.rm_eo);
		}
		regfree(&theirs);
		arena_reset(&arena);
	}
	assert_true(n_both > 8000 && n_found > 3000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_model, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_libc, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("regex_random", tests, NULL, NULL);
}
