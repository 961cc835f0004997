/* SPDX-License-Identifier: MIT
 * The tests of a message's header (RFC 5228 5.1, 5.5, 5.7, 5.9; RFC 5703 4), and of its size. */
#include "mail/addresses.h"
#include "sieve/compare.h"

#include "sieve/select.h"

/* --- header ----------------------------------------------------------------------------------------------------- */

static void check_header(struct compiler *compiler, struct node *node)
{
	select_check(compiler, node);
	compare_check(compiler, node);
}

/* What :type and its like want of a structured field. */
static bool compare_structured(
    struct compare *compare, const struct field *field, const struct argument *wanted)
{
	struct sieve_run *run = compare->run;
	struct span text = field_value(field, &run->scratch, &run->fuel);
	struct mime_value value;
	bool is_found = false;

	mime_value_parse(text, &run->scratch, &run->fuel, &value);
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
	for (size_t i = 0; !is_found && i < wanted->n_strings; i++) {
		struct span name = run_string(run, compare->node, &wanted->strings[i]);

		for (size_t j = 0; !is_found && j < value.n_parameters; j++) {
			is_found = span_is_same(value.parameters[j].name, name) &&
				   compare_value(compare, value.parameters[j].value);
		}
	}
	return is_found;
}

static bool compare_field(struct compare *compare, const struct field *field)
{
	struct sieve_run *run = compare->run;
	const struct argument *part = node_argument(compare->node, SLOT_MIME_PART);

	return part != NULL ? compare_structured(compare, field, part)
			    : compare_value(compare, field_text(field, &run->scratch, &run->fuel));
}

/* Calls for each field of each name, until it says that one is what is looked for. */
static enum answer run_fields(struct sieve_run *run, const struct node *node,
    bool (*on_field)(struct compare *compare, const struct field *field))
{
	const struct argument *names = node_argument(node, SLOT_FIRST);
	struct compare compare = compare_begin(run, node);
	bool is_found = false;

	for (size_t i = 0; !is_found && i < names->n_strings; i++) {
		struct selection fields;
		enum answer answer =
		    select_fields(run, node, run_string(run, node, &names->strings[i]), &fields);

		if (answer != ANSWER_YES) {
			return answer;
		}
		for (size_t j = 0; !is_found && j < fields.n; j++) {
			is_found = on_field(&compare, fields.list[j]);
		}
	}
	return compare_end(&compare, is_found);
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

static void check_address(struct compiler *compiler, struct node *node)
{
	const struct argument *names = node_argument(node, SLOT_FIRST);

	for (size_t i = 0; i < names->n_strings; i++) {
		const struct string *name = &names->strings[i];

		if (name->n_pieces == 0 && span_find(name->text, address_fields) < 0) {
			compile_error(compiler, names->at,
			    "field \"%.*s\" holds no addresses; use the test header for it",
			    SPAN(name->text));
		}
	}
	check_header(compiler, node);
}

static bool compare_addresses(struct compare *compare, const struct field *field)
{
	struct sieve_run *run = compare->run;
	const struct argument *wanted = node_argument(compare->node, SLOT_ADDRESS_PART);
	enum address_part part = wanted != NULL ? (enum address_part)wanted->value : ADDRESS_ALL;
	struct span text = field_value(field, &run->scratch, &run->fuel);
	struct mail_address *list;
	bool is_found = false;
	size_t n;

	addresses_parse(text, &run->scratch, &run->fuel, &list, &n);
	/* What holds no address is still to be found by what it says. */
	if (n == 0 && part == ADDRESS_ALL) {
		return compare_value(compare, text);
	}
	for (size_t i = 0; !is_found && i < n; i++) {
		is_found =
		    compare_value(compare, address_part_of(&list[i], part, run->facts->delimiters));
	}
	return is_found;
}

static enum answer run_address(struct sieve_run *run, const struct node *node)
{
	return run_fields(run, node, compare_addresses);
}

/* --- exists, size ----------------------------------------------------------------------------------------------- */

static enum answer run_exists(struct sieve_run *run, const struct node *node)
{
	const struct argument *names = node_argument(node, SLOT_FIRST);

	for (size_t i = 0; i < names->n_strings; i++) {
		struct selection fields;
		enum answer answer =
		    select_fields(run, node, run_string(run, node, &names->strings[i]), &fields);

		if (answer != ANSWER_YES || fields.n == 0) {
			return answer == ANSWER_YES ? ANSWER_NO : answer;
		}
	}
	return ANSWER_YES;
}

static void check_size(struct compiler *compiler, struct node *node)
{
	if (node_argument(node, SLOT_SIZE) == NULL) {
		compile_error(
		    compiler, node->at, "size needs :over or :under; write size :over 100K");
	}
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
	    .check = select_check, .run = run_exists },
	{ "size", WORD_TEST, .tags = { size_tags }, .parameters = { TYPE_NUMBER },
	    .check = check_size, .run = run_size },
	{ NULL },
};
