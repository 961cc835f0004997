/* SPDX-License-Identifier: MIT
 * The action set and the test string (RFC 5229 4, 5). */
#include "sieve/set.h"

#include <string.h>

#include "base/utf8.h"
#include "sieve/compare.h"

enum modifier {
	MODIFIER_LOWER,
	MODIFIER_UPPER,
	MODIFIER_LOWER_FIRST,
	MODIFIER_UPPER_FIRST,
	MODIFIER_QUOTE_WILDCARD,
	MODIFIER_QUOTE_REGEX,
	MODIFIER_ENCODE_URL,
	MODIFIER_LENGTH,
};

/* Each slot is a precedence: of one, a command has one modifier at most. */
const struct tag set_tags[] = {
	{ ":lower", SLOT_MODIFIER_40, .value = MODIFIER_LOWER },
	{ ":upper", SLOT_MODIFIER_40, .value = MODIFIER_UPPER },
	{ ":lowerfirst", SLOT_MODIFIER_30, .value = MODIFIER_LOWER_FIRST },
	{ ":upperfirst", SLOT_MODIFIER_30, .value = MODIFIER_UPPER_FIRST },
	{ ":quotewildcard", SLOT_MODIFIER_20, .value = MODIFIER_QUOTE_WILDCARD },
	{ ":quoteregex", SLOT_MODIFIER_20, .value = MODIFIER_QUOTE_REGEX,
	    .extension = EXTENSION_REGEX },
	{ ":encodeurl", SLOT_MODIFIER_15, .value = MODIFIER_ENCODE_URL,
	    .extension = EXTENSION_ENOTIFY },
	{ ":length", SLOT_MODIFIER_10, .value = MODIFIER_LENGTH },
	{ NULL },
};

/* Letters of ASCII alone: the variable's owner may write in any language. */
static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static void change_case(char *p, size_t n, enum modifier modifier)
{
	bool is_lower = modifier == MODIFIER_LOWER || modifier == MODIFIER_LOWER_FIRST;

	if (modifier == MODIFIER_LOWER_FIRST || modifier == MODIFIER_UPPER_FIRST) {
		n = n > 0;
	}
	for (size_t i = 0; i < n; i++) {
		p[i] = is_lower ? text_lower(p[i]) : upper(p[i]);
	}
}

/* Puts a backslash before what would mean something. */
static size_t quote(char *out, size_t max, struct span value, const char *special)
{
	size_t n = 0;

	for (size_t i = 0; i < value.n; i++) {
		bool is_special = value.p[i] != '\0' && strchr(special, value.p[i]) != NULL;

		if (n + 1 + is_special > max) {
			break;
		}
		if (is_special) {
			out[n++] = '\\';
		}
		out[n++] = value.p[i];
	}
	return n;
}

/* Bytes of the character that a text begins with. */
static size_t first_character(struct span text)
{
	size_t length = utf8_length(text.p, text.n);

	return length > 0 ? length : 1;
}

/* RFC 5435 6: all but what is unreserved in an URI. */
static size_t encode_url(char *out, size_t max, struct span value)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t n = 0;

	for (size_t i = 0, length; i < value.n; i += length) {
		char c = value.p[i];

		length = first_character(span_from(value, i));
		if (text_is_letter(c) || text_is_digit(c) || c == '-' || c == '.' || c == '_' ||
		    c == '~') {
			out[n++] = c;
			continue;
		}
		if (n + 3 * length > max) {
			break;
		}
		for (size_t j = i; j < i + length; j++) {
			out[n++] = '%';
			out[n++] = digits[(unsigned char)value.p[j] >> 4];
			out[n++] = digits[(unsigned char)value.p[j] & 15];
		}
	}
	return n;
}

size_t set_length(struct span text, uint64_t n)
{
	size_t i = 0;

	while (i < text.n && n-- > 0) {
		i += first_character(span_from(text, i));
	}
	return i;
}

/* In characters, as a decimal. */
static size_t write_length(char *out, struct span value)
{
	size_t n_characters = 0;

	for (size_t i = 0; i < value.n; n_characters++) {
		i += first_character(span_from(value, i));
	}
	return text_write(out, n_characters, 1);
}

/* What is quoted is cut to max bytes where that breaks nothing in two. */
static size_t apply(char *out, size_t max, struct span value, enum modifier modifier)
{
	switch (modifier) {
	case MODIFIER_QUOTE_WILDCARD:
		return quote(out, max, value, "*?\\");
	case MODIFIER_QUOTE_REGEX:
		return quote(out, max, value, ".*+?^$[](){}|\\");
	case MODIFIER_ENCODE_URL:
		return encode_url(out, max, value);
	case MODIFIER_LENGTH:
		return write_length(out, value);
	default:
		memcpy(out, value.p, value.n);
		change_case(out, value.n, modifier);
		return value.n;
	}
}

static struct span modify(struct sieve_run *run, const struct node *node, struct span value)
{
	static const enum slot by_precedence[] = { SLOT_MODIFIER_40, SLOT_MODIFIER_30,
		SLOT_MODIFIER_20, SLOT_MODIFIER_15, SLOT_MODIFIER_10 };

	for (size_t i = 0; i < sizeof(by_precedence) / sizeof(by_precedence[0]); i++) {
		const struct argument *modifier = node_argument(node, by_precedence[i]);
		char *out;

		if (modifier == NULL) {
			continue;
		}
		out = fuel_take(&run->fuel, value.n) ? run_alloc(run, 3 * value.n + TEXT_NUMBER_MAX)
						     : NULL;
		if (out == NULL) {
			break;
		}
		value = (struct span){ out,
			apply(out, run->settings->value_max, value, modifier->value) };
	}
	return value;
}

void set_check(struct compiler *compiler, struct node *node)
{
	const struct argument *name = node_argument(node, SLOT_FIRST);
	unsigned *index = arena_alloc(&compiler->program->arena, sizeof(*index));

	if (index != NULL) {
		compile_variable(compiler, name->strings[0].text, name->at, index);
	}
	node->made = index;
}

enum answer set_value(struct sieve_run *run, const struct node *node, struct span value)
{
	const unsigned *index = node->made;

	run_set_variable(run, run->scope->variables[*index], modify(run, node, value));
	return ANSWER_YES;
}

static enum answer run_set(struct sieve_run *run, const struct node *node)
{
	struct span value;

	run_text(run, node, SLOT_SECOND, &value);
	return set_value(run, node, value);
}

/* --- string ----------------------------------------------------------------------------------------------------- */

/* RFC 5229 5: of :count, only strings that are not empty. */
static enum answer run_string_test(struct sieve_run *run, const struct node *node)
{
	const struct argument *sources = node_argument(node, SLOT_FIRST);
	struct compare compare = compare_begin(run, node);
	bool is_found = false;

	for (size_t i = 0; !is_found && i < sources->n_strings; i++) {
		struct span value = run_string(run, node, &sources->strings[i]);

		is_found = !(compare.counts && value.n == 0) && compare_value(&compare, value);
	}
	return compare_end(&compare, is_found);
}

const struct word words_variables[] = {
	{ "set", WORD_COMMAND, EXTENSION_VARIABLES, .tags = { set_tags },
	    .parameters = { TYPE_CONSTANT, TYPE_STRING }, .check = set_check, .run = run_set },
	{ "string", WORD_TEST, EXTENSION_VARIABLES, .tags = { compare_tags },
	    .parameters = { TYPE_STRINGS, TYPE_STRINGS }, .check = compare_check,
	    .run = run_string_test },
	{ NULL },
};
