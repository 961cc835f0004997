/* SPDX-License-Identifier: MIT
 * The arguments of a command or test, as the tables of its word want them (RFC 5228 2.6). */
#include "mail/addresses.h"
#include "mail/fields.h"
#include "sieve/compile.h"

struct filling {
	struct compiler *compiler;
	struct node *node;
	const struct phrase *phrase;
};

static const struct {
	const char *name, *example;
} types[] = {
	[TYPE_NUMBER] = { "a number", " 100K" },
	[TYPE_STRING] = { "a string", " \"...\"" },
	[TYPE_STRINGS] = { "a list of strings", " [\"...\"]" },
	[TYPE_CONSTANT] = { "a string", " \"...\"" },
	[TYPE_CONSTANTS] = { "a list of strings", " [\"...\"]" },
};

static const char *item_name(const struct item *item)
{
	return item->type == TOKEN_TAG      ? "a tag"
	       : item->type == TOKEN_NUMBER ? types[TYPE_NUMBER].name
	       : item->type == TOKEN_STRING ? types[TYPE_STRING].name
					    : types[TYPE_STRINGS].name;
}

/* One string is a list, too (2.4.2.1). */
static bool fits(const struct item *item, enum argument_type type)
{
	switch (type) {
	case TYPE_NUMBER:
		return item->type == TOKEN_NUMBER;
	case TYPE_STRING:
	case TYPE_CONSTANT:
		return item->type == TOKEN_STRING;
	default:
		return item->type == TOKEN_STRING || item->type == '[';
	}
}

/* name: of the tag or command that wants it. */
static void take_value(struct filling *filling, const struct item *item, enum argument_type type,
    struct span name, struct argument *argument)
{
	struct compiler *compiler = filling->compiler;
	if (!fits(item, type)) {
		compile_error(compiler, item->at, "%.*s wants %s here, this is %s", SPAN(name),
		    types[type].name, item_name(item));
		return;
	}
	argument->number = item->number;
	if (item->type != TOKEN_NUMBER) {
		strings_read(compiler, item, argument);
	}
	for (size_t i = 0; i < argument->n_strings; i++) {
		if ((type == TYPE_CONSTANT || type == TYPE_CONSTANTS) &&
		    argument->strings[i].n_pieces > 0) {
			compile_error(compiler, item->at,
			    "%.*s wants constant strings; write it without ${...}", SPAN(name));
			break;
		}
	}
}

/* --- tags ------------------------------------------------------------------------------------------------------- */

const struct tag *arguments_tag(const struct word *word, struct span name)
{
	for (size_t i = 0; word->tags[i] != NULL; i++) {
		for (const struct tag *tag = word->tags[i]; tag->name != NULL; tag++) {
			if (span_is(name, tag->name + 1)) {
				return tag;
			}
		}
	}
	return NULL;
}

static void say_unknown(struct filling *filling, const struct item *item)
{
	const struct word *word = filling->node->word;
	struct near near = { .wanted = item->text };

	for (size_t i = 0; word->tags[i] != NULL; i++) {
		for (const struct tag *tag = word->tags[i]; tag->name != NULL; tag++) {
			near_try(&near, tag->name);
		}
	}
	compile_error(filling->compiler, item->at, "%s has no tag %.*s%s", word->name,
	    SPAN(item->text), near.name != NULL ? near_text(&near) : "; take it out");
}

/* May it stand here? */
static bool is_allowed(struct filling *filling, const struct item *item, const struct tag *tag)
{
	struct compiler *compiler = filling->compiler;

	if (!compile_requires(compiler, tag->extension)) {
		require_error(compiler, item->at, item->text, tag->extension);
		return false;
	}
	if (node_argument(filling->node, tag->slot) != NULL) {
		compile_error(compiler, item->at,
		    "%.*s is given twice, or beside a tag that it excludes; take one out",
		    SPAN(item->text));
		return false;
	}
	return true;
}

/* Takes the tag and what belongs to it. Returns how many items these are. */
static size_t take_tag(struct filling *filling, size_t i)
{
	const struct item *item = &filling->phrase->items[i];
	const struct tag *tag =
	    arguments_tag(filling->node->word, (struct span){ item->text.p + 1, item->text.n - 1 });
	struct argument *argument = &filling->node->arguments[filling->node->n_arguments];
	if (tag == NULL) {
		say_unknown(filling, item);
		return 1;
	}
	if (!is_allowed(filling, item, tag)) {
		return tag->type == TYPE_NONE || i + 1 == filling->phrase->n_items ? 1 : 2;
	}
	filling->node->n_arguments++;
	*argument = (struct argument){ tag->slot, tag->value, .at = item->at };
	if (tag->type == TYPE_NONE) {
		return 1;
	}
	if (i + 1 == filling->phrase->n_items) {
		compile_error(filling->compiler, item->at, "%s wants %s behind it", tag->name,
		    types[tag->type].name);
		return 1;
	}
	take_value(filling, item + 1, tag->type, item->text, argument);
	return 2;
}

/* --- positions -------------------------------------------------------------------------------------------------- */

static unsigned count_parameters(const struct word *word)
{
	unsigned n = 0;

	while (n < WORD_PARAMETERS_MAX && word->parameters[n] != TYPE_NONE) {
		n++;
	}
	return n;
}

static void say_number(struct filling *filling, size_t n_given, unsigned n_wanted)
{
	const struct word *word = filling->node->word;
	const char *wanted[WORD_PARAMETERS_MAX] = { "", "", "" };

	for (unsigned i = word->n_optional; i < n_wanted - word->n_optional_last; i++) {
		wanted[i] = types[word->parameters[i]].example;
	}
	if (n_wanted == 0) {
		compile_error(filling->compiler, filling->phrase->at,
		    "%s takes no argument here; take out what stands behind it", word->name);
		return;
	}
	compile_error(filling->compiler, filling->phrase->at,
	    "%s has %zu argument%s besides tags; write %s%s%s%s", word->name, n_given,
	    n_given == 1 ? "" : "s", word->name, wanted[0], wanted[1], wanted[2]);
}

/* Those behind the tags: the first or the last ones may be missing. */
static void take_positions(struct filling *filling, size_t i)
{
	const struct word *word = filling->node->word;
	const struct phrase *phrase = filling->phrase;
	unsigned n_wanted = count_parameters(word), slot;
	size_t n_given = phrase->n_items - i;
	for (size_t j = i; j < phrase->n_items; j++) {
		if (phrase->items[j].type == TOKEN_TAG) {
			compile_error(filling->compiler, phrase->items[j].at,
			    "%.*s stands behind other arguments; write tags in front of them",
			    SPAN(phrase->items[j].text));
			return;
		}
	}
	if (n_given > n_wanted || n_wanted - n_given > word->n_optional + word->n_optional_last) {
		say_number(filling, n_given, n_wanted);
		return;
	}
	slot = word->n_optional > 0 ? n_wanted - (unsigned)n_given : 0;
	for (; n_given > 0; n_given--, slot++) {
		const struct item *item = &phrase->items[i++];
		struct argument *argument = &filling->node->arguments[filling->node->n_arguments++];

		*argument = (struct argument){ (enum slot)(SLOT_FIRST + slot), .at = item->at };
		take_value(filling, item, word->parameters[slot], phrase->name, argument);
	}
}

bool arguments_fill(struct compiler *compiler, struct node *node, const struct phrase *phrase)
{
	struct filling filling = { compiler, node, phrase };
	struct arena *arena = &compiler->program->arena;
	size_t n_errors = compiler->errors->n_errors, i = 0;

	node->arguments = arena_alloc(arena, phrase->n_items * sizeof(*node->arguments));
	if (node->arguments == NULL) {
		return false;
	}
	while (i < phrase->n_items && phrase->items[i].type == TOKEN_TAG) {
		i += take_tag(&filling, i);
	}
	if (compiler->errors->n_errors == n_errors) {
		take_positions(&filling, i);
	}
	return compiler->errors->n_errors == n_errors && !arena->is_out;
}

/* --- what constant strings must be ------------------------------------------------------------------------------ */

void compile_address(struct compiler *compiler, const struct argument *argument)
{
	struct mail_address address;

	for (size_t i = 0; argument != NULL && i < argument->n_strings; i++) {
		const struct string *string = &argument->strings[i];

		if (string->n_pieces == 0 && addresses_parse_one(string->text, true,
						 &compiler->program->arena, &address) > 0) {
			compile_error(compiler, argument->at,
			    "\"%.*s\" is no address; write user@example.com or Name "
			    "<user@example.com>",
			    SPAN(string->text));
		}
	}
}

void compile_field_name(struct compiler *compiler, const struct argument *argument)
{
	for (size_t i = 0; argument != NULL && i < argument->n_strings; i++) {
		const struct string *string = &argument->strings[i];

		if (string->n_pieces == 0 && !field_name_is_valid(string->text)) {
			compile_error(compiler, argument->at,
			    "\"%.*s\" cannot be the name of a header field", SPAN(string->text));
		}
	}
}
