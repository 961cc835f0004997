/* SPDX-License-Identifier: MIT
 * The test envelope (RFC 5228 5.4, RFC 5233). */
#include "mail/addresses.h"
#include "sieve/compare.h"

enum envelope_part {
	PART_FROM,
	PART_TO,
	PART_ORIGINAL_TO,
	PART_AUTH,
};

static const char *const parts[] = {
	[PART_FROM] = "from",
	[PART_TO] = "to",
	[PART_ORIGINAL_TO] = "orig_to",
	[PART_AUTH] = "auth",
	NULL,
};

static void check_envelope(struct compiler *compiler, struct node *node)
{
	const struct argument *names = node_argument(node, SLOT_FIRST);

	for (size_t i = 0; i < names->n_strings; i++) {
		const struct string *name = &names->strings[i];

		if (name->n_pieces == 0 && span_find(name->text, parts) < 0) {
			compile_error(compiler, names->at,
			    "\"%.*s\" is no part of an envelope; there are from, to and auth",
			    SPAN(name->text));
		}
	}
	compare_check(compiler, node);
}

/* p is NULL: there is none. */
static struct span value_of(const struct sieve_facts *facts, enum envelope_part part)
{
	switch (part) {
	case PART_FROM:
		return facts->from;
	case PART_TO:
		return facts->to;
	case PART_ORIGINAL_TO:
		return facts->original_to;
	default:
		return facts->auth;
	}
}

/* The null sender is one empty address, whatever part of it is wanted. */
static bool compare_part(struct compare *compare, struct span text)
{
	struct sieve_run *run = compare->run;
	const struct argument *wanted = node_argument(compare->node, SLOT_ADDRESS_PART);
	struct mail_address address = { .local = text, .domain = { "", 0 }, .text = text };
	struct span value = text;

	/* It was an address to those that have brought it: only where it divides is asked. */
	for (size_t i = text.n; i > 0 && address.domain.n == 0; i--) {
		if (text.p[i - 1] == '@') {
			address.local.n = i - 1;
			address.domain = (struct span){ text.p + i, text.n - i };
			break;
		}
	}
	if (address.local.n >= 2 && text.p[0] == '"' && text.p[address.local.n - 1] == '"') {
		address.local = (struct span){ text.p + 1, address.local.n - 2 };
	}
	if (text.n > 0 && wanted != NULL) {
		value = address_part_of(&address, wanted->value, run->facts->delimiters);
	}
	return compare_value(compare, value);
}

static enum answer run_envelope(struct sieve_run *run, const struct node *node)
{
	const struct argument *names = node_argument(node, SLOT_FIRST);
	struct compare compare = compare_begin(run, node);
	bool is_found = false;

	for (size_t i = 0; !is_found && i < names->n_strings; i++) {
		int part = span_find(run_string(run, node, &names->strings[i]), parts);
		struct span value = part >= 0 ? value_of(run->facts, part) : span_of(NULL);

		is_found = value.p != NULL && compare_part(&compare, value);
	}
	return compare_end(&compare, is_found);
}

const struct word words_envelope[] = {
	{ "envelope", WORD_TEST, EXTENSION_ENVELOPE, .tags = { compare_tags, address_part_tags },
	    .parameters = { TYPE_STRINGS, TYPE_STRINGS }, .check = check_envelope,
	    .run = run_envelope },
	{ NULL },
};
