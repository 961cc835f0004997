/* SPDX-License-Identifier: MIT
 * Fuzz target of Sieve's matchers: a regular expression is one or there is a reason; it finds the same with and without
 * groups and however a value is cut; what it finds is in the value, and is found again where it stands alone.
 * The same text as a key of :matches and :contains answers the same in pieces, too.
 *
 * The first byte of an input says whether letters fold, and where the value is cut. The expression follows, up
 * to a NUL, and the value. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "match/regex.h"

enum {
	ARENA_MAX = 8 << 20,
	FUEL = 1 << 22,
	VALUE_MAX = 2048,
};

static void check_pieces(const struct key *key, struct span value, size_t cut, struct arena *arena,
    enum match_outcome want)
{
	struct fuel fuel = { .left = FUEL };
	struct matcher *matcher = matcher_new(key, arena, &fuel);
	enum match_outcome got = MATCH_NO;
	char *first = fuzz_copy(value.p, cut), *second = fuzz_copy(value.p + cut, value.n - cut);

	fuzz_require(matcher != NULL, "there is memory");
	got = matcher_feed(matcher, (struct span){ first, cut }, false);
	if (got == MATCH_NO) {
		got = matcher_feed(matcher, (struct span){ second, value.n - cut }, false);
	}
	if (got == MATCH_NO) {
		got = matcher_feed(matcher, span_of(""), true);
	}
	fuzz_require(got == want || got == MATCH_EXHAUSTED || want == MATCH_EXHAUSTED,
	    "pieces say what the whole says");
	free(first);
	free(second);
}

static void check_key(const struct key *key, struct span value, size_t cut, struct arena *arena)
{
	struct fuel fuel = { .left = FUEL };
	struct captures captures = { .n = 0 };
	enum match_outcome outcome = match_value(key, value, arena, &fuel, &captures);

	for (unsigned i = 0; outcome == MATCH_YES && i < captures.n; i++) {
		const struct span part = captures.list[i];

		fuzz_require(part.p >= value.p && part.p + part.n <= value.p + value.n,
		    "what is captured is in the value");
	}
	check_pieces(key, value, cut, arena, outcome);
}

static void check_regex(const struct key *key, struct span value, struct arena *arena)
{
	struct fuel fuel = { .left = FUEL };
	struct captures captures, again;
	enum match_outcome outcome = regex_search(key->regex, value, arena, &fuel, &captures);
	struct fuel other = { .left = FUEL };

	if (outcome == MATCH_EXHAUSTED) {
		return;
	}
	fuzz_require(regex_search(key->regex, value, arena, &other, NULL) == outcome,
	    "groups make no difference");
	/* Whether it stands alone is seen by ^ and its like. */
	if (outcome == MATCH_YES && strpbrk(key->text.p, "^$\\") == NULL) {
		fuzz_require(
		    regex_search(key->regex, captures.list[0], arena, &fuel, &again) != MATCH_YES ||
			again.list[0].n == captures.list[0].n,
		    "what is found is found again");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const uint8_t *nul = n > 0 ? memchr(data + 1, '\0', n - 1) : NULL;
	struct key key = { 0 };
	struct arena arena;
	struct span value;
	const char *error;
	size_t cut;
	int result;

	if (nul == NULL || (size_t)(data + n - nul) > VALUE_MAX) {
		return 0;
	}
	arena_init(&arena, ARENA_MAX);
	value.n = (size_t)(data + n - nul) - 1;
	value.p = fuzz_copy(nul + 1, value.n);
	key.text.n = (size_t)(nul - data) - 1;
	key.text.p = fuzz_string(data + 1, key.text.n);
	key.comparator = (data[0] & 1) != 0 ? COMPARATOR_CASEMAP : COMPARATOR_OCTET;
	cut = (data[0] >> 1) % (value.n + 1);
	for (key.match = MATCH_IS; key.match <= MATCH_MATCHES; key.match++) {
		check_key(&key, value, cut, &arena);
	}
	result = regex_compile(&arena, key.text, (data[0] & 1) != 0, &key.regex, &error);
	fuzz_require(result == 0 || result == 1, "there is memory");
	fuzz_require((error != NULL) == (result == 1), "there is a reason");
	if (result == 0) {
		key.match = MATCH_REGEX;
		check_key(&key, value, cut, &arena);
		check_regex(&key, value, &arena);
	}
	arena_deinit(&arena);
	free((char *)value.p);
	free((char *)key.text.p);
	return 0;
}
