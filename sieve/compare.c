/* SPDX-License-Identifier: MIT
 * Comparisons: their tags, what of them can be made when a script is compiled, and values against keys. */
#include "sieve/compare.h"

#include "match/regex.h"

const struct tag compare_tags[] = {
	{ ":comparator", SLOT_COMPARATOR, TYPE_CONSTANT },
	{ ":is", SLOT_MATCH, .value = MATCH_IS },
	{ ":contains", SLOT_MATCH, .value = MATCH_CONTAINS },
	{ ":matches", SLOT_MATCH, .value = MATCH_MATCHES },
	{ ":regex", SLOT_MATCH, .value = MATCH_REGEX, .extension = EXTENSION_REGEX },
	{ ":value", SLOT_MATCH, TYPE_CONSTANT, MATCH_VALUE, EXTENSION_RELATIONAL },
	{ ":count", SLOT_MATCH, TYPE_CONSTANT, MATCH_COUNT, EXTENSION_RELATIONAL },
	{ NULL },
};

/* In node->made: all keys, ready but for those with variables in them. */
struct made {
	enum match match;
	struct key *keys;
	size_t n_keys;
	bool has_variables;
};

/* --- compiling -------------------------------------------------------------------------------------------------- */

static const char *const comparators[] = {
	[COMPARATOR_CASEMAP] = "i;ascii-casemap",
	[COMPARATOR_OCTET] = "i;octet",
	[COMPARATOR_NUMERIC] = "i;ascii-numeric",
	NULL,
};

static const char *const relations[] = {
	[RELATION_GT] = "gt",
	[RELATION_GE] = "ge",
	[RELATION_LT] = "lt",
	[RELATION_LE] = "le",
	[RELATION_EQ] = "eq",
	[RELATION_NE] = "ne",
	NULL,
};

static void read_comparator(struct compiler *compiler, const struct node *node, struct key *key)
{
	const struct argument *given = node_argument(node, SLOT_COMPARATOR);
	int found;

	if (given == NULL || given->n_strings == 0) {
		key->comparator =
		    key->match == MATCH_COUNT ? COMPARATOR_NUMERIC : COMPARATOR_CASEMAP;
		return;
	}
	found = span_find(given->strings[0].text, comparators);
	if (found < 0) {
		compile_error(compiler, given->at,
		    "there is no comparator \"%.*s\"; those that there are: \"i;ascii-casemap\", "
		    "\"i;octet\" and \"i;ascii-numeric\"",
		    SPAN(given->strings[0].text));
		return;
	}
	key->comparator = (enum comparator)found;
	/* RFC 5228 2.7.3: the others are always there. */
	if (key->comparator == COMPARATOR_NUMERIC &&
	    !compile_requires(compiler, EXTENSION_ASCII_NUMERIC)) {
		compile_error(compiler, given->at, "comparator \"%s\" needs require \"%s\"",
		    comparators[found], extension_names[EXTENSION_ASCII_NUMERIC]);
	}
	/* RFC 4790 9.1.1: it has no substrings. */
	if (key->comparator == COMPARATOR_NUMERIC &&
	    (key->match == MATCH_CONTAINS || key->match == MATCH_MATCHES ||
		key->match == MATCH_REGEX)) {
		compile_error(compiler, given->at,
		    "\"i;ascii-numeric\" cannot be used with :contains, :matches and :regex; use "
		    "it with :is, :value or :count");
	}
}

static void read_match(struct compiler *compiler, const struct node *node, struct key *key)
{
	const struct argument *given = node_argument(node, SLOT_MATCH);
	int found;

	key->match = given != NULL ? (enum match)given->value : MATCH_IS;
	if (given == NULL || given->n_strings == 0) {
		return;
	}
	found = span_find(given->strings[0].text, relations);
	if (found < 0) {
		compile_error(compiler, given->at,
		    "\"%.*s\" is no relation; write \"gt\", \"ge\", \"lt\", \"le\", \"eq\" or "
		    "\"ne\"",
		    SPAN(given->strings[0].text));
		return;
	}
	key->relation = (enum relation)found;
}

/* Makes a constant key. */
static void make_key(
    struct compiler *compiler, struct position at, struct span text, struct key *key)
{
	const char *error;

	key->text = text;
	if (key->match == MATCH_REGEX &&
	    regex_compile(&compiler->program->arena, text, key->comparator == COMPARATOR_CASEMAP,
		&key->regex, &error) > 0) {
		compile_error(
		    compiler, at, "\"%.*s\" is no regular expression: %s", SPAN(text), error);
	}
}

/* Arguments stand in their order, tags in front. */
static const struct argument *keys_of(const struct node *node)
{
	return &node->arguments[node->n_arguments - 1];
}

void compare_check(struct compiler *compiler, struct node *node)
{
	const struct argument *list = keys_of(node);
	struct arena *arena = &compiler->program->arena;
	struct made *made = arena_alloc(arena, sizeof(*made));
	struct key key = { 0 }, *keys = arena_alloc(arena, list->n_strings * sizeof(key));

	read_match(compiler, node, &key);
	read_comparator(compiler, node, &key);
	if (made == NULL || keys == NULL) {
		return;
	}
	*made = (struct made){ key.match, keys, list->n_strings, false };
	for (size_t i = 0; i < list->n_strings; i++) {
		keys[i] = key;
		if (list->strings[i].n_pieces > 0) {
			made->has_variables = true;
		} else {
			make_key(compiler, list->at, list->strings[i].text, &keys[i]);
		}
	}
	node->made = made;
}

/* --- running ---------------------------------------------------------------------------------------------------- */

/* Fills in a key with variables. False: it cannot match. */
static bool expand(
    struct sieve_run *run, const struct node *node, const struct string *string, struct key *key)
{
	const char *error;
	int result = 0;

	key->text = run_string(run, node, string);
	if (key->match == MATCH_REGEX &&
	    fuel_take(&run->fuel, key->text.n + REGEX_INSTRUCTIONS_MAX)) {
		result = regex_compile(&run->scratch, key->text,
		    key->comparator == COMPARATOR_CASEMAP, &key->regex, &error);
	}
	if (result > 0) {
		/* What a variable holds is not the script's mistake. */
		run_warn(run, node, "\"%.*s\" is no regular expression: %s; it matches nothing",
		    SPAN(key->text), error);
	}
	return result == 0 && !run_has_failed(run);
}

struct compare compare_begin(struct sieve_run *run, const struct node *node)
{
	const struct argument *list = keys_of(node);
	const struct made *made = node->made;
	uint64_t extensions = run->scope->program->extensions;
	struct compare compare = { .run = run,
		.node = node,
		.keys = made->keys,
		.n_keys = made->n_keys,
		.counts = made->match == MATCH_COUNT,
		.sets_values = (extensions & EXTENSION_BIT(EXTENSION_VARIABLES)) != 0 &&
			       (made->match == MATCH_MATCHES || made->match == MATCH_REGEX) };
	struct key *own;

	if (!made->has_variables) {
		return compare;
	}
	own = run_alloc(run, made->n_keys * sizeof(*own));
	compare.keys = own;
	compare.n_keys = 0;
	for (size_t i = 0; own != NULL && i < made->n_keys && fuel_take(&run->fuel, 1); i++) {
		struct key *key = &own[compare.n_keys];

		*key = made->keys[i];
		compare.n_keys +=
		    list->strings[i].n_pieces == 0 || expand(run, node, &list->strings[i], key);
	}
	return compare;
}

/* Is one of the keys matched? */
static bool match_keys(struct compare *compare, struct span value, struct captures *captures_r)
{
	struct sieve_run *run = compare->run;
	enum match_outcome outcome = MATCH_NO;

	for (size_t i = 0; outcome == MATCH_NO && i < compare->n_keys; i++) {
		outcome =
		    match_value(&compare->keys[i], value, &run->scratch, &run->fuel, captures_r);
	}
	if (outcome == MATCH_EXHAUSTED) {
		run_exhausted(run, compare->node);
	}
	return outcome == MATCH_YES;
}

bool compare_value(struct compare *compare, struct span value)
{
	struct captures captures = { .n = 0 };
	bool is_found;

	if (value.p == NULL) {
		return false;
	}
	if (compare->counts) {
		compare->n_values++;
		return false;
	}
	is_found = match_keys(compare, value, compare->sets_values ? &captures : NULL);
	if (is_found && compare->sets_values) {
		run_set_values(compare->run, captures.list, captures.n);
	}
	return is_found;
}

/* RFC 5231 4.2: the number of values is compared, as text. */
enum answer compare_end(struct compare *compare, bool is_found)
{
	char digits[TEXT_NUMBER_MAX];

	if (compare->counts) {
		is_found = match_keys(compare,
		    (struct span){ digits, text_write(digits, compare->n_values, 1) }, NULL);
	}
	return is_found ? ANSWER_YES : ANSWER_NO;
}

enum answer compare_one(struct sieve_run *run, const struct node *node, struct span value)
{
	struct compare compare = compare_begin(run, node);

	return compare_end(&compare, compare_value(&compare, value));
}
