/* SPDX-License-Identifier: MIT
 * addheader and deleteheader (RFC 5293). Later tests see the header as it is then, and so do later actions: what a run changes is its own
 * list of fields, whose bytes are those of the message or new ones. */
#include <string.h>

#include "base/utf8.h"
#include "sieve/compare.h"
#include "sieve/compose.h"
#include "sieve/frames.h"
#include "sieve/select.h"

static const struct tag last_tags[] = {
	{ ":last", SLOT_LAST },
	{ NULL },
};

static const struct tag delete_tags[] = {
	{ ":index", SLOT_INDEX, TYPE_NUMBER },
	{ ":last", SLOT_LAST },
	{ NULL },
};

static void check_addheader(struct compiler *compiler, struct node *node)
{
	const struct argument *value = node_argument(node, SLOT_SECOND);
	const struct span text = value->strings[0].text;

	if (text.n > 0 && value->strings[0].n_pieces == 0 && memchr(text.p, '\0', text.n) != NULL) {
		compile_error(compiler, value->at,
		    "the value of a header field cannot hold a NUL; take it out");
	}
	compile_field_name(compiler, node_argument(node, SLOT_FIRST));
}

static void check_deleteheader(struct compiler *compiler, struct node *node)
{
	select_check(compiler, node);
	if (node_argument(node, SLOT_SECOND) != NULL) {
		compare_check(compiler, node);
	}
}

/* The name, if the field may be changed. ANSWER_NO: it may not, and the script goes on. */
static enum answer find_name(
    struct sieve_run *run, const struct node *node, bool deletes, struct span *name_r)
{
	const struct sieve_settings *settings = run->settings;
	bool is_forbidden;

	run_text(run, node, SLOT_FIRST, name_r);
	if (!field_name_is_valid(*name_r)) {
		return run_fail(
		    run, node, "\"%.*s\" cannot be the name of a header field", SPAN(*name_r));
	}
	/* What loops are found by (RFC 5293 4): two scripts that took it off could redirect to each other without end. */
	is_forbidden =
	    deletes && (span_is(*name_r, "received") || span_is(*name_r, "auto-submitted") ||
			   span_is(*name_r, "x-sieve-redirected-from"));
	for (size_t i = 0; i < settings->n_header_rules; i++) {
		const struct sieve_header_rule *rule = &settings->header_rules[i];

		if (span_is(*name_r, rule->name)) {
			is_forbidden =
			    is_forbidden || (deletes ? rule->forbids_delete : rule->forbids_add);
		}
	}
	if (is_forbidden) {
		run_warn(run, node, "field %.*s may not be %s; it stays as it is", SPAN(*name_r),
		    deletes ? "deleted" : "added");
		return ANSWER_NO;
	}
	return ANSWER_YES;
}

/* Makes the list of fields one that may be changed: what a script began with must stay, for when it fails. */
static bool own_fields(struct sieve_run *run)
{
	const struct fields *old = run->fields;
	struct fields *fields;

	if (old != run->machine->checkpoint.fields) {
		return true;
	}
	fields = fuel_take(&run->fuel, old->n) ? run_keep(run, sizeof(*fields)) : NULL;
	if (fields == NULL) {
		return false;
	}
	*fields =
	    (struct fields){ arena_copy_list(&run->arena, old->list, old->n, sizeof(*old->list)),
		    old->n, old->rest };
	run->fields = fields;
	return fields->list != NULL;
}

/* Bytes of a field where lines end in CRLF, as sizes of messages count. */
static int64_t size_of(const struct field *field)
{
	int64_t n = (int64_t)field->raw.n;

	for (size_t i = 0; i < field->raw.n; i++) {
		n += field->raw.p[i] == '\n' && (i == 0 || field->raw.p[i - 1] != '\r');
	}
	return n;
}

/* --- addheader -------------------------------------------------------------------------------------------------- */

/* Writes NAME: VALUE with the line ends that the message has. False: no memory or fuel. */
static bool write_field(
    struct sieve_run *run, struct span name, struct span value, struct field *field_r)
{
	const struct span header = run->facts->header;
	const char *end = header.n > 0 ? memchr(header.p, '\n', header.n) : NULL;
	bool is_lf = end != NULL && (end == header.p || end[-1] != '\r');
	struct composition text;
	struct span raw;
	char *p;
	size_t n = 0;

	compose_begin(&text, run);
	name = run_keep_copy(run, name);
	if (name.p == NULL) {
		return false;
	}
	compose_field(&text, name.p, value);
	if (!compose_end(&text, &raw)) {
		return false;
	}
	raw = run_keep_copy(run, raw);
	if (raw.p == NULL) {
		return false;
	}
	p = (char *)raw.p;
	for (size_t i = 0; is_lf && i < raw.n; i++) {
		if (p[i] != '\r') {
			p[n++] = p[i];
		}
	}
	raw.n = is_lf ? n : raw.n;
	*field_r =
	    (struct field){ raw, { raw.p, name.n }, { raw.p + name.n + 1, raw.n - name.n - 1 } };
	return true;
}

static enum answer run_addheader(struct sieve_run *run, const struct node *node)
{
	bool is_last = node_argument(node, SLOT_LAST) != NULL;
	struct span name, value;
	struct field field, *list;
	struct fields *fields;
	enum answer answer = find_name(run, node, false, &name);

	if (answer != ANSWER_YES) {
		return answer;
	}
	run_text(run, node, SLOT_SECOND, &value);
	if (!utf8_is_valid(value.p, value.n)) {
		return run_fail(run, node, "the value of field %.*s is no UTF-8", SPAN(name));
	}
	if (name.n + value.n > run->settings->edited_header_max) {
		return run_fail(run, node, "field %.*s is longer than %zu bytes", SPAN(name),
		    run->settings->edited_header_max);
	}
	if (!own_fields(run) || !write_field(run, name, value, &field)) {
		return run_exhausted(run, node);
	}
	fields = run->fields;
	list = arena_grow(&run->arena, fields->list, fields->n, sizeof(*list));
	if (list == NULL || !fuel_take(&run->fuel, fields->n)) {
		return run_exhausted(run, node);
	}
	if (!is_last) {
		memmove(list + 1, list, fields->n * sizeof(*list));
	}
	list[is_last ? fields->n : 0] = field;
	fields->list = list;
	fields->n++;
	run->growth += size_of(&field);
	run->is_edited = true;
	return ANSWER_YES;
}

/* --- deleteheader ----------------------------------------------------------------------------------------------- */

/* Does its value match, where values are named? */
static bool is_unwanted(struct sieve_run *run, const struct node *node, const struct field *field)
{
	struct compare compare;
	struct span text;

	if (node_argument(node, SLOT_SECOND) == NULL) {
		return true;
	}
	text = field_text(field, &run->scratch, &run->fuel);
	compare = compare_begin(run, node);
	compare.sets_values = false;
	return compare_end(&compare, compare_value(&compare, text)) == ANSWER_YES;
}

static void take_out(struct sieve_run *run, size_t i)
{
	struct fields *fields = run->fields;

	run->growth -= size_of(&fields->list[i]);
	fields->n--;
	memmove(&fields->list[i], &fields->list[i + 1], (fields->n - i) * sizeof(*fields->list));
	run->is_edited = true;
}

static enum answer run_deleteheader(struct sieve_run *run, const struct node *node)
{
	const struct argument *index = node_argument(node, SLOT_INDEX);
	const struct field *only = NULL;
	struct span name;
	enum answer answer = find_name(run, node, true, &name);

	if (answer != ANSWER_YES) {
		return answer;
	}
	if (!own_fields(run)) {
		return run_exhausted(run, node);
	}
	if (index != NULL) {
		only = fields_find(
		    run->fields, name, index->number, node_argument(node, SLOT_LAST) != NULL);
		if (only == NULL) {
			return ANSWER_YES;
		}
	}
	for (size_t i = run->fields->n; i > 0; i--) {
		const struct field *field = &run->fields->list[i - 1];

		if (!(only != NULL ? field == only : field_is(field, name))) {
			continue;
		}
		if (fuel_take(&run->fuel, run->fields->n) && is_unwanted(run, node, field)) {
			take_out(run, i - 1);
		}
		if (only != NULL) {
			break;
		}
	}
	return ANSWER_YES;
}

const struct word words_editheader[] = {
	{ "addheader", WORD_COMMAND, EXTENSION_EDITHEADER, .tags = { last_tags },
	    .parameters = { TYPE_STRING, TYPE_STRING }, .check = check_addheader,
	    .run = run_addheader },
	{ "deleteheader", WORD_COMMAND, EXTENSION_EDITHEADER, .tags = { compare_tags, delete_tags },
	    .parameters = { TYPE_STRING, TYPE_STRINGS }, .n_optional_last = 1,
	    .check = check_deleteheader, .run = run_deleteheader },
	{ NULL },
};
