/* SPDX-License-Identifier: MIT
 * The tests of a message's header (RFC 5228 5.1, 5.5, 5.7, 5.9; RFC 5703 4), and of its size. */
#include "sieve/addresses.h"
#include "sieve/compare.h"
#include "sieve/header.h"
#include "sieve/select.h"

/* --- header ----------------------------------------------------------------------------------------------------- */

static int check_header(struct compiler *compiler, struct node *node)
{
	int result = select_check(compiler, node, SLOT_FIRST);

	return result != 0 ? result : compare_check(compiler, node, SLOT_SECOND);
}

/* What :type and its like want of a structured field. */
static enum answer compare_structured(
    struct compare *compare, const struct field *field, const struct argument *wanted)
{
	struct sieve_run *run = compare->run;
	struct span text = field_value(field, &run->scratch, &run->fuel);
	struct mime_value value;
	enum answer answer = ANSWER_NO;

	if (text.p == NULL || !mime_value_parse(text, &run->scratch, &run->fuel, &value)) {
		return run_exhausted(run, compare->node);
	}
	switch (wanted->value) {
	case MIME_PART_TYPE:
		/* Content-Disposition has one word alone. */
		return compare_value(compare, value.type.n > 0 ? value.type : value.first);
	case MIME_PART_SUBTYPE:
		return compare_value(compare, value.subtype);
	case MIME_PART_CONTENT_TYPE:
		return compare_value(compare, value.first);
	default:
		break;
	}
	for (size_t i = 0; answer == ANSWER_NO && i < wanted->n_strings; i++) {
		struct span name;

		if (run_string(run, compare->node, &wanted->strings[i], &name) == ANSWER_BROKEN) {
			return ANSWER_BROKEN;
		}
		for (size_t j = 0; answer == ANSWER_NO && j < value.n_parameters; j++) {
			const struct mime_parameter *parameter = &value.parameters[j];

			if (span_is_same(parameter->name, name)) {
				answer = compare_value(compare, parameter->value);
			}
		}
	}
	return answer;
}

static enum answer compare_field(struct compare *compare, const struct field *field)
{
	struct sieve_run *run = compare->run;
	const struct argument *part = node_argument(compare->node, SLOT_MIME_PART);
	struct span text;

	if (part != NULL) {
		return compare_structured(compare, field, part);
	}
	text = field_text(field, &run->scratch, &run->fuel);
	return text.p != NULL ? compare_value(compare, text) : run_exhausted(run, compare->node);
}

/* Calls for each field of each name. */
static enum answer for_each_field(struct compare *compare, const struct argument *names,
    enum answer (*on_field)(struct compare *compare, const struct field *field))
{
	struct sieve_run *run = compare->run;
	enum answer answer = ANSWER_NO;

	for (size_t i = 0; answer == ANSWER_NO && i < names->n_strings; i++) {
		struct selection fields;
		struct span name;

		answer = run_string(run, compare->node, &names->strings[i], &name);
		if (answer == ANSWER_YES) {
			answer = select_fields(run, compare->node, name, &fields);
		}
		if (answer != ANSWER_YES) {
			return answer;
		}
		answer = ANSWER_NO;
		for (size_t j = 0; answer == ANSWER_NO && j < fields.n; j++) {
			answer = on_field(compare, fields.list[j]);
		}
	}
	return answer;
}

static enum answer run_fields(struct sieve_run *run, const struct node *node,
    enum answer (*on_field)(struct compare *compare, const struct field *field))
{
	struct compare compare;
	enum answer answer = compare_begin(run, node, SLOT_SECOND, &compare);

	if (answer == ANSWER_NO) {
		answer = for_each_field(&compare, node_argument(node, SLOT_FIRST), on_field);
	}
	return answer == ANSWER_WAIT ? answer : compare_end(&compare, answer);
}

static enum answer run_header(struct sieve_run *run, const struct node *node)
{
	return run_fields(run, node, compare_field);
}

/* --- address ---------------------------------------------------------------------------------------------------- */

/* Fields that hold addresses: of others the test is an error, so that a slip is found. */
static const char *const address_fields[] = { "from", "to", "cc", "bcc", "sender", "reply-to",
	"resent-from", "resent-to", "resent-cc", "resent-bcc", "resent-sender", "resent-reply-to",
	"delivered-to", "x-original-to", "x-original-from", "x-beenthere", "errors-to",
	"apparently-to", "mail-reply-to", "mail-followup-to", "disposition-notification-to",
	"return-receipt-to", "return-receipt-requested", "read-receipt-to", "x-confirm-reading-to",
	"registered-mail-reply-requested-by", "for-approval", "for-handling", "for-comment",
	"x-admin", "abuse-reports-to", "x-complaints-to", "x-report-abuse-to", NULL };

static int check_address(struct compiler *compiler, struct node *node)
{
	const struct argument *names = node_argument(node, SLOT_FIRST);

	for (size_t i = 0; i < names->n_strings; i++) {
		const struct string *name = &names->strings[i];

		if (name->n_pieces == 0 && span_find(name->text, address_fields) < 0) {
			compile_error(compiler, names->line, names->column,
			    "field \"%.*s\" holds no addresses; use the test header for it",
			    SPAN(name->text));
		}
	}
	return check_header(compiler, node);
}

static enum answer compare_addresses(struct compare *compare, const struct field *field)
{
	struct sieve_run *run = compare->run;
	const struct argument *wanted = node_argument(compare->node, SLOT_ADDRESS_PART);
	enum address_part part = wanted != NULL ? (enum address_part)wanted->value : ADDRESS_ALL;
	struct span text = field_value(field, &run->scratch, &run->fuel);
	struct mail_address *list;
	enum answer answer = ANSWER_NO;
	size_t n;

	if (text.p == NULL || !addresses_parse(text, &run->scratch, &run->fuel, &list, &n)) {
		return run_exhausted(run, compare->node);
	}
	/* What holds no address is still to be found by what it says. */
	if (n == 0 && part == ADDRESS_ALL) {
		return compare_value(compare, text);
	}
	for (size_t i = 0; answer == ANSWER_NO && i < n; i++) {
		struct span value = address_part_of(&list[i], part, run->facts->delimiters);

		if (value.p != NULL) {
			answer = compare_value(compare, value);
		}
	}
	return answer;
}

static enum answer run_address(struct sieve_run *run, const struct node *node)
{
	return run_fields(run, node, compare_addresses);
}

/* --- exists, size ----------------------------------------------------------------------------------------------- */

static int check_exists(struct compiler *compiler, struct node *node)
{
	return select_check(compiler, node, SLOT_FIRST);
}

static enum answer run_exists(struct sieve_run *run, const struct node *node)
{
	const struct argument *names = node_argument(node, SLOT_FIRST);

	for (size_t i = 0; i < names->n_strings; i++) {
		struct selection fields;
		struct span name;
		enum answer answer = run_string(run, node, &names->strings[i], &name);

		if (answer == ANSWER_YES) {
			answer = select_fields(run, node, name, &fields);
		}
		if (answer != ANSWER_YES || fields.n == 0) {
			return answer == ANSWER_YES ? ANSWER_NO : answer;
		}
	}
	return ANSWER_YES;
}

static int check_size(struct compiler *compiler, struct node *node)
{
	if (node_argument(node, SLOT_SIZE) == NULL) {
		compile_error(compiler, node->line, node->column,
		    "size needs :over or :under; write size :over 100K");
	}
	return 0;
}

static enum answer run_size(struct sieve_run *run, const struct node *node)
{
	uint64_t limit = node_argument(node, SLOT_FIRST)->number;
	uint64_t size = run->facts->size + (uint64_t)run->growth;
	bool is_so = node_argument(node, SLOT_SIZE)->value == 1 ? size > limit : size < limit;

	return is_so ? ANSWER_YES : ANSWER_NO;
}

/* --- the table -------------------------------------------------------------------------------------------------- */

const struct tag address_part_tags[] = {
	{ ":all", SLOT_ADDRESS_PART, .value = ADDRESS_ALL },
	{ ":localpart", SLOT_ADDRESS_PART, .value = ADDRESS_LOCALPART },
	{ ":domain", SLOT_ADDRESS_PART, .value = ADDRESS_DOMAIN },
	{ ":user", SLOT_ADDRESS_PART, .value = ADDRESS_USER, .extension = EXTENSION_SUBADDRESS },
	{ ":detail", SLOT_ADDRESS_PART, .value = ADDRESS_DETAIL,
	    .extension = EXTENSION_SUBADDRESS },
	{ NULL },
};

static const struct tag size_tags[] = {
	{ ":over", SLOT_SIZE, .value = 1 },
	{ ":under", SLOT_SIZE, .value = 0 },
	{ NULL },
};

const struct word words_header[] = {
	{ "header", WORD_TEST,
	    .tags = { compare_tags, select_index_tags, select_mime_tags, select_mime_part_tags },
	    .parameters = { TYPE_STRINGS, TYPE_STRINGS }, .check = check_header,
	    .run = run_header },
	{ "address", WORD_TEST,
	    .tags = { compare_tags, address_part_tags, select_index_tags, select_mime_tags },
	    .parameters = { TYPE_STRINGS, TYPE_STRINGS }, .check = check_address,
	    .run = run_address },
	{ "exists", WORD_TEST, .tags = { select_mime_tags }, .parameters = { TYPE_STRINGS },
	    .check = check_exists, .run = run_exists },
	{ "size", WORD_TEST, .tags = { size_tags }, .parameters = { TYPE_NUMBER },
	    .check = check_size, .run = run_size },
	{ NULL },
};
