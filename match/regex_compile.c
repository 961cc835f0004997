/* SPDX-License-Identifier: MIT
 * Regular expressions are compiled in one pass, without a tree: what a repeat or an alternative is about is the code at the
 * end, which moves by one instruction or is copied. */
#include <errno.h>
#include <string.h>

#include "match/regex_program.h"

struct group {
	size_t begin;    /* its first instruction */
	size_t branch;   /* that of the alternative that is being read */
	size_t jump;     /* the last of those that lead behind it, which are a list; 0: none */
	unsigned number; /* 0: the whole */
};

struct parser {
	struct arena *arena;
	struct span text;
	size_t at;
	unsigned letters;
	const char *error;
	int result;
	struct instruction code[REGEX_INSTRUCTIONS_MAX + 1];
	size_t n;
	struct group groups[REGEX_DEPTH_MAX + 1];
	unsigned depth, n_groups;
	size_t atom; /* what may be repeated begins there */
	bool has_atom;
};

static bool fail(struct parser *parser, const char *error)
{
	parser->error = error;
	parser->result = 1;
	return false;
}

static bool fail_memory(struct parser *parser)
{
	parser->result = -ENOMEM;
	return false;
}

/* --- code ------------------------------------------------------------------------------------------------------- */

static bool has_room(struct parser *parser, size_t n)
{
	return n <= REGEX_INSTRUCTIONS_MAX - parser->n || fail(parser, "it is too large");
}

static bool add(struct parser *parser, struct instruction instruction)
{
	if (!has_room(parser, 1)) {
		return false;
	}
	parser->code[parser->n++] = instruction;
	return true;
}

static bool add_atom(struct parser *parser, struct instruction instruction)
{
	parser->atom = parser->n;
	parser->has_atom = true;
	return add(parser, instruction);
}

static bool insert(struct parser *parser, size_t at, struct instruction instruction)
{
	if (!has_room(parser, 1)) {
		return false;
	}
	memmove(&parser->code[at + 1], &parser->code[at], (parser->n - at) * sizeof(instruction));
	parser->code[at] = instruction;
	parser->n++;
	return true;
}

/* --- groups and alternatives -------------------------------------------------------------------------------------- */

/* A group; (?: is one that is not remembered. */
static bool parse_open(struct parser *parser)
{
	bool is_nameless =
	    parser->text.n - parser->at >= 2 && memcmp(parser->text.p + parser->at, "?:", 2) == 0;

	if (parser->depth == REGEX_DEPTH_MAX) {
		return fail(parser, "its parentheses are nested too deep");
	}
	parser->has_atom = false;
	parser->groups[++parser->depth] = (struct group){ parser->n, parser->n, 0, 0 };
	if (is_nameless) {
		parser->at += 2;
		return true;
	}
	if (parser->n_groups == REGEX_GROUPS_MAX) {
		return fail(parser, "it has too many parentheses");
	}
	parser->groups[parser->depth].branch++;
	parser->groups[parser->depth].number = ++parser->n_groups;
	return add(parser, (struct instruction){ OP_SAVE, .slot = 2 * parser->n_groups });
}

/* The alternatives that came before end here. */
static void land_jumps(struct parser *parser, const struct group *group)
{
	size_t jump = group->jump;

	while (jump > 0) {
		size_t earlier = (size_t)parser->code[jump].to;

		parser->code[jump].to = (int16_t)(parser->n - jump);
		jump = earlier;
	}
}

static bool parse_close(struct parser *parser)
{
	const struct group *group = &parser->groups[parser->depth--];

	land_jumps(parser, group);
	parser->atom = group->begin;
	parser->has_atom = true;
	return group->number == 0 ||
	       add(parser, (struct instruction){ OP_SAVE, .slot = 2 * group->number + 1 });
}

static bool parse_alternative(struct parser *parser)
{
	struct group *group = &parser->groups[parser->depth];
	int16_t n = (int16_t)(parser->n - group->branch);

	parser->has_atom = false;
	if (!insert(
		parser, group->branch, (struct instruction){ OP_SPLIT, .to = (int16_t)(n + 2) }) ||
	    !add(parser, (struct instruction){ OP_JUMP, .to = (int16_t)group->jump })) {
		return false;
	}
	group->jump = parser->n - 1;
	group->branch = parser->n;
	return true;
}

/* --- repeats ---------------------------------------------------------------------------------------------------- */

enum {
	UNBOUNDED = REGEX_REPEAT_MAX + 1,
};

static bool add_copy(struct parser *parser, const size_t from, size_t n)
{
	if (!has_room(parser, n)) {
		return false;
	}
	memcpy(&parser->code[parser->n], &parser->code[from], n * sizeof(parser->code[0]));
	parser->n += n;
	return true;
}

/* The atom min to max times: copies of it, of which the optional ones stand behind a split each that leads to
 * the end. */
static bool repeat(struct parser *parser, unsigned min, unsigned max)
{
	const size_t atom = parser->atom, n = parser->n - atom;
	unsigned n_copies = 1;

	if (max == 0) {
		parser->n = atom;
		return true;
	}
	for (; n_copies < min; n_copies++) {
		if (!add_copy(parser, atom, n)) {
			return false;
		}
	}
	if (max == UNBOUNDED &&
	    !add(parser, (struct instruction){ OP_SPLIT_BACK, .to = (int16_t) - (int)n })) {
		return false;
	}
	for (; max != UNBOUNDED && n_copies < max; n_copies++) {
		size_t left = (max - n_copies) * (n + 1);

		if (!has_room(parser, left) ||
		    !add(parser, (struct instruction){ OP_SPLIT, .to = (int16_t)left }) ||
		    !add_copy(parser, atom, n)) {
			return false;
		}
	}
	return min > 0 ||
	       insert(parser, atom,
		   (struct instruction){ OP_SPLIT, .to = (int16_t)(parser->n - atom + 1) });
}

/* Reads a number. False: there is none, or it is too large. */
static bool parse_number(struct parser *parser, unsigned *number_r)
{
	size_t begin = parser->at;

	*number_r = 0;
	while (parser->at < parser->text.n && text_is_digit(parser->text.p[parser->at]) &&
	       *number_r <= REGEX_REPEAT_MAX) {
		*number_r = *number_r * 10 + (unsigned)(parser->text.p[parser->at++] - '0');
	}
	return parser->at > begin;
}

static bool takes(struct parser *parser, char c)
{
	bool is_there = parser->at < parser->text.n && parser->text.p[parser->at] == c;

	parser->at += is_there;
	return is_there;
}

/* What stands behind a {. */
static bool parse_bounds(struct parser *parser, unsigned *min_r, unsigned *max_r)
{
	bool has_min = parse_number(parser, min_r), has_comma = takes(parser, ',');
	bool has_max = has_comma && parse_number(parser, max_r);

	if (!has_max) {
		*max_r = has_comma ? UNBOUNDED : *min_r;
	}
	if (*min_r > REGEX_REPEAT_MAX || (has_max && *max_r > REGEX_REPEAT_MAX)) {
		return fail(parser, "a repeat in { } is larger than 255");
	}
	if (!takes(parser, '}') || (!has_min && !has_comma)) {
		return fail(parser, "a { is no repeat; write \\{ for the character");
	}
	return *min_r <= *max_r || fail(parser, "a repeat in { } ends before it begins");
}

static bool parse_repeat(struct parser *parser, char c)
{
	unsigned min = c == '+', max = c == '?' ? 1 : UNBOUNDED;

	if (!parser->has_atom) {
		return fail(parser, "there is nothing to repeat before *, +, ? or {");
	}
	return (c != '{' || parse_bounds(parser, &min, &max)) && repeat(parser, min, max);
}

/* --- atoms ------------------------------------------------------------------------------------------------------ */

static bool add_set(struct parser *parser, const struct set *set)
{
	struct set *kept = arena_alloc(parser->arena, sizeof(*kept));

	if (kept == NULL) {
		return fail_memory(parser);
	}
	*kept = *set;
	return add_atom(parser, (struct instruction){ OP_SET, .set = kept });
}

static bool parse_set(struct parser *parser)
{
	struct set set = { 0 };

	parser->result = set_parse(
	    parser->arena, parser->text, &parser->at, parser->letters, &set, &parser->error);
	return parser->result == 0 && add_set(parser, &set);
}

static bool add_assertion(struct parser *parser, enum assertion assertion)
{
	parser->has_atom = false;
	return add(parser, (struct instruction){ OP_ASSERT, .assertion = assertion });
}

static bool parse_symbol(struct parser *parser)
{
	const char *p = parser->text.p + parser->at;
	size_t n = symbol_length(p, parser->text.n - parser->at, false);

	parser->at += n;
	return add_atom(
	    parser, (struct instruction){ OP_SYMBOL, .symbol = symbol_of(p, n, parser->letters) });
}

/* \d and its like; capital letters are the opposite. */
static bool parse_class(struct parser *parser, char c, const char *name)
{
	struct set set = { .is_negated = c >= 'A' && c <= 'Z' };

	set_add_class(&set, span_of(name));
	parser->at++;
	return add_set(parser, &set);
}

static bool parse_escape(struct parser *parser)
{
	static const char assertions[] = "bB<>";
	char c = parser->at < parser->text.n ? parser->text.p[parser->at] : '\0';
	const char *assertion = c != '\0' ? strchr(assertions, c) : NULL;

	if (parser->at == parser->text.n) {
		return fail(parser, "a \\ stands at its end");
	}
	if (assertion != NULL) {
		parser->at++;
		return add_assertion(
		    parser, ASSERT_EDGE + (enum assertion)(assertion - assertions));
	}
	switch (c | ('a' - 'A')) {
	case 'd':
		return parse_class(parser, c, "digit");
	case 'w':
		return parse_class(parser, c, "word");
	case 's':
		return parse_class(parser, c, "space");
	default:
		break;
	}
	if (text_is_digit(c)) {
		return fail(parser, "back-references are not known");
	}
	if (text_is_letter(c)) {
		return fail(parser, "of letters behind \\, only b, d, s and w mean something");
	}
	return parse_symbol(parser);
}

static bool parse_next(struct parser *parser)
{
	char c = parser->text.p[parser->at++];

	switch (c) {
	case '(':
		return parse_open(parser);
	case ')':
		if (parser->depth > 0) {
			return parse_close(parser);
		}
		break;
	case '|':
		return parse_alternative(parser);
	case '*':
	case '+':
	case '?':
	case '{':
		return parse_repeat(parser, c);
	case '^':
		return add_assertion(parser, ASSERT_BEGIN);
	case '$':
		return add_assertion(parser, ASSERT_END);
	case '.':
		return add_atom(parser, (struct instruction){ OP_ANY });
	case '[':
		return parse_set(parser);
	case '\\':
		return parse_escape(parser);
	default:
		break;
	}
	parser->at--;
	return parse_symbol(parser);
}

/* --- the whole -------------------------------------------------------------------------------------------------- */

/* The symbol that every match begins with. */
static uint32_t find_first(const struct regex *regex)
{
	const struct instruction *in = regex->code;

	while (in->op == OP_SAVE) {
		in++;
	}
	return in->op == OP_SYMBOL ? in->symbol : SYMBOL_NONE;
}

static bool finish(struct parser *parser, struct regex *regex)
{
	const size_t size = (parser->n + 1) * sizeof(parser->code[0]);

	if (parser->depth > 0) {
		return fail(parser, "a ( has no )");
	}
	land_jumps(parser, &parser->groups[0]);
	parser->code[parser->n] = (struct instruction){ OP_MATCH };
	*regex = (struct regex){ arena_alloc(parser->arena, size), parser->n + 1, parser->n_groups,
		parser->letters };
	if (regex->code == NULL) {
		return fail_memory(parser);
	}
	memcpy(regex->code, parser->code, size);
	regex->is_anchored =
	    regex->code[0].op == OP_ASSERT && regex->code[0].assertion == ASSERT_BEGIN;
	regex->first = find_first(regex);
	return true;
}

int regex_compile(struct arena *arena, struct span text, bool ignores_case,
    const struct regex **regex_r, const char **error_r)
{
	struct regex *regex = arena_alloc(arena, sizeof(*regex));
	struct parser parser;

	/* Not its code, which is large. */
	parser.arena = arena;
	parser.text = text;
	parser.at = parser.n = parser.atom = 0;
	parser.letters = ignores_case ? LETTERS_FOLD : LETTERS_STAY;
	parser.error = NULL;
	parser.result = regex != NULL ? 0 : -ENOMEM;
	parser.groups[0] = (struct group){ 0 };
	parser.depth = parser.n_groups = 0;
	parser.has_atom = false;
	while (parser.result == 0 && parser.at < text.n) {
		parse_next(&parser);
	}
	if (parser.result == 0) {
		finish(&parser, regex);
	}
	*regex_r = regex;
	*error_r = parser.result == 1 ? parser.error : NULL;
	return parser.result;
}
