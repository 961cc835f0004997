/* SPDX-License-Identifier: MIT
 * Bracket expressions of regular expressions (IEEE 1003.1 9.3.5); classes are those of ASCII. */
#include <errno.h>
#include <string.h>

#include "match/regex_program.h"

#define PAIRS(literal) literal, sizeof(literal) - 1

/* Pairs of first and last. */
static const struct class
{
	const char *name, *pairs;
	size_t n;
} classes[] = {
	{ "alpha", PAIRS("AZaz") },
	{ "digit", PAIRS("09") },
	{ "alnum", PAIRS("09AZaz") },
	{ "upper", PAIRS("AZ") },
	{ "lower", PAIRS("az") },
	{ "space", PAIRS("\t\r  ") },
	{ "blank", PAIRS("\t\t  ") },
	{ "punct", PAIRS("!/:@[`{~") },
	{ "print", PAIRS(" ~") },
	{ "graph", PAIRS("!~") },
	{ "cntrl", PAIRS("\0\037\177\177") },
	{ "xdigit", PAIRS("09AFaf") },
	{ "word", PAIRS("09AZ__az") },
};

static void add_ascii(struct set *set, uint32_t first, uint32_t last)
{
	for (uint32_t symbol = first; symbol <= last && symbol < 0x80; symbol++) {
		set->ascii[symbol / 32] |= UINT32_C(1) << symbol % 32;
	}
}

bool set_add(struct arena *arena, struct set *set, uint32_t first, uint32_t last)
{
	struct range *range;

	add_ascii(set, first, last);
	if (last < 0x80) {
		return true;
	}
	range = arena_alloc(arena, sizeof(*range));
	if (range == NULL) {
		return false;
	}
	*range = (struct range){ set->ranges, first < 0x80 ? 0x80 : first, last };
	set->ranges = range;
	set->n_ranges++;
	return true;
}

bool set_add_class(struct set *set, struct span name)
{
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		const struct class *class = &classes[i];

		if (span_equals(span_of(class->name), name)) {
			for (size_t j = 0; j < class->n; j += 2) {
				add_ascii(set, (unsigned char)class->pairs[j],
				    (unsigned char)class->pairs[j + 1]);
			}
			return true;
		}
	}
	return false;
}

/* Letters that fold are there in both cases. */
static void fold(struct set *set)
{
	for (uint32_t upper = 'A'; upper <= 'Z'; upper++) {
		uint32_t lower = upper + 'a' - 'A';
		uint32_t has = (set->ascii[upper / 32] >> upper % 32 & 1) |
			       (set->ascii[lower / 32] >> lower % 32 & 1);

		set->ascii[upper / 32] |= has << upper % 32;
		set->ascii[lower / 32] |= has << lower % 32;
	}
}

static bool stands(struct span text, size_t at, char first, char second)
{
	return text.n - at >= 2 && text.p[at] == first && text.p[at + 1] == second;
}

/* [:name:], of which *at is at the first [. Returns an error, or NULL. */
static const char *parse_class(struct span text, size_t *at, struct set *set)
{
	size_t begin = *at + 2, end = begin;

	while (end < text.n && !stands(text, end, ':', ']')) {
		end++;
	}
	if (end == text.n || !set_add_class(set, (struct span){ text.p + begin, end - begin })) {
		return "there is no such class in [: :]";
	}
	*at = end + 2;
	return NULL;
}

/* One end of a range. False: there is none at *at. */
static bool parse_symbol(struct span text, size_t *at, uint32_t *symbol_r)
{
	size_t n;

	if (*at == text.n || stands(text, *at, '[', ':') || stands(text, *at, '[', '.') ||
	    stands(text, *at, '[', '=')) {
		return false;
	}
	n = symbol_length(text.p + *at, text.n - *at, false);
	*symbol_r = symbol_of(text.p + *at, n, LETTERS_STAY);
	*at += n;
	return true;
}

/* A symbol or a range. Returns as set_parse(). */
static int parse_range(
    struct arena *arena, struct span text, size_t *at, struct set *set, const char **error_r)
{
	uint32_t first, last;

	*error_r = "[. and [= are not known inside of [ ]";
	if (!parse_symbol(text, at, &first)) {
		return 1;
	}
	last = first;
	if (*at + 1 < text.n && text.p[*at] == '-' && text.p[*at + 1] != ']') {
		++*at;
		*error_r = "a range in [ ] ends in no character";
		if (!parse_symbol(text, at, &last)) {
			return 1;
		}
		*error_r = "a range in [ ] ends before it begins";
		if (last < first) {
			return 1;
		}
	}
	return set_add(arena, set, first, last) ? 0 : -ENOMEM;
}

int set_parse(struct arena *arena, struct span text, size_t *at, unsigned letters, struct set *set,
    const char **error_r)
{
	size_t begin;
	int result = 0;

	if (*at < text.n && text.p[*at] == '^') {
		set->is_negated = true;
		++*at;
	}
	/* A ] that comes first is one of them. */
	begin = *at;
	while (result == 0 && *at < text.n && (*at == begin || text.p[*at] != ']')) {
		if (stands(text, *at, '[', ':')) {
			*error_r = parse_class(text, at, set);
			result = *error_r != NULL;
		} else {
			result = parse_range(arena, text, at, set, error_r);
		}
	}
	if (result != 0) {
		return result;
	}
	if (*at == text.n) {
		*error_r = "a [ has no ]";
		return 1;
	}
	++*at;
	if (letters == LETTERS_FOLD) {
		fold(set);
	}
	return 0;
}
