/* SPDX-License-Identifier: MIT
 * Which fields of the message a test is about: those of its own header, of the part that a loop is at, or of all
 * parts below that. */
#include "sieve/select.h"

const struct tag select_index_tags[] = {
	{ ":index", SLOT_INDEX, TYPE_NUMBER, .extension = EXTENSION_INDEX },
	{ ":last", SLOT_LAST, .extension = EXTENSION_INDEX },
	{ NULL },
};

const struct tag select_mime_tags[] = {
	{ ":mime", SLOT_MIME, .extension = EXTENSION_MIME },
	{ ":anychild", SLOT_ANYCHILD, .extension = EXTENSION_MIME },
	{ NULL },
};

const struct tag select_mime_part_tags[] = {
	{ ":type", SLOT_MIME_PART, .value = MIME_PART_TYPE, .extension = EXTENSION_MIME },
	{ ":subtype", SLOT_MIME_PART, .value = MIME_PART_SUBTYPE, .extension = EXTENSION_MIME },
	{ ":contenttype", SLOT_MIME_PART, .value = MIME_PART_CONTENT_TYPE,
	    .extension = EXTENSION_MIME },
	{ ":param", SLOT_MIME_PART, TYPE_STRINGS, MIME_PART_PARAMETERS, EXTENSION_MIME },
	{ NULL },
};

void select_check(struct compiler *compiler, struct node *node)
{
	const struct argument *index = node_argument(node, SLOT_INDEX);
	const struct argument *list = node_argument(node, SLOT_FIRST);

	if (index != NULL && index->number == 0) {
		compile_error(compiler, index->at,
		    ":index counts from 1; write :index 1 for the first field");
	}
	if (index == NULL && node_argument(node, SLOT_LAST) != NULL) {
		compile_error(compiler, node->at,
		    ":last needs :index; write :index 1 :last for the last field");
	}
	if (node_argument(node, SLOT_MIME) == NULL &&
	    (node_argument(node, SLOT_ANYCHILD) != NULL ||
		node_argument(node, SLOT_MIME_PART) != NULL)) {
		compile_error(compiler, node->at,
		    ":anychild, :type, :subtype, :contenttype and :param need :mime in front of "
		    "them");
	}
	for (size_t i = 0; i < list->n_strings; i++) {
		const struct string *name = &list->strings[i];

		if (name->n_pieces == 0 && !field_name_is_valid(name->text)) {
			compile_warning(compiler, list->at,
			    "\"%.*s\" cannot be the name of a header field; no message has one",
			    SPAN(name->text));
		}
	}
}

static void add(struct sieve_run *run, struct selection *selection, const struct field *field)
{
	const struct field **list =
	    arena_grow(&run->scratch, selection->list, selection->n, sizeof(struct field *));

	if (field != NULL && list != NULL) {
		selection->list = list;
		list[selection->n++] = field;
	}
}

/* Adds those of one header. */
static void select_of(struct sieve_run *run, const struct node *node, const struct fields *fields,
    struct span name, struct selection *selection)
{
	const struct argument *index = node_argument(node, SLOT_INDEX);
	bool is_last = node_argument(node, SLOT_LAST) != NULL;

	if (!fuel_take(&run->fuel, fields->n)) {
		return;
	}
	if (index != NULL) {
		add(run, selection, fields_find(fields, name, index->number, is_last));
	}
	for (size_t i = 0; index == NULL && i < fields->n; i++) {
		if (field_is(&fields->list[i], name)) {
			add(run, selection, &fields->list[i]);
		}
	}
}

enum answer select_fields(
    struct sieve_run *run, const struct node *node, struct span name, struct selection *selection_r)
{
	const struct parts *parts;
	const struct part *part = run->part;
	enum answer answer;
	size_t n = 0;

	*selection_r = (struct selection){ 0 };
	if (node_argument(node, SLOT_MIME) == NULL ||
	    (part == NULL && node_argument(node, SLOT_ANYCHILD) == NULL)) {
		select_of(run, node, run->fields, name, selection_r);
		return ANSWER_YES;
	}
	answer = run_parts(run, node, &parts);
	if (answer != ANSWER_YES) {
		return answer;
	}
	if (part == NULL) {
		part = parts->list;
	}
	n = node_argument(node, SLOT_ANYCHILD) != NULL ? part->n_inside : 0;
	for (size_t i = 0; i <= n; i++) {
		const struct fields *fields =
		    &part[i] == parts->list ? run->fields : part[i].fields;

		select_of(run, node, fields, name, selection_r);
	}
	return ANSWER_YES;
}
