/* SPDX-License-Identifier: MIT
 * What a script says of others (RFC 6609): include, return, global. */

#include <string.h>

#include "base/utf8.h"
#include "sieve/compile.h"
#include "sieve/frames.h"

static const struct tag include_tags[] = {
	{ ":personal", SLOT_PLACE, .value = SIEVE_PERSONAL },
	{ ":global", SLOT_PLACE, .value = SIEVE_GLOBAL },
	{ ":once", SLOT_ONCE },
	{ ":optional", SLOT_OPTIONAL },
	{ NULL },
};

/* RFC 5804 1.6: controls of ASCII and above it, what separates lines and paragraphs; and / leads elsewhere. */
static bool is_forbidden(const char *p, size_t n)
{
	switch (n) {
	case 1:
		return *p == '/' || text_is_control(*p);
	case 2:
		return p[0] == '\xc2' && (unsigned char)p[1] < 0xa0;
	case 3:
		return memcmp(p, "\xe2\x80\xa8", 3) == 0 || memcmp(p, "\xe2\x80\xa9", 3) == 0;
	default:
		return n == 0;
	}
}

static bool is_name(struct span name)
{
	size_t length;

	for (size_t i = 0; i < name.n; i += length) {
		length = utf8_length(name.p + i, name.n - i);
		if (is_forbidden(name.p + i, length)) {
			return false;
		}
	}
	return name.n > 0 && name.n <= SIEVE_NAME_MAX;
}

/* A script that is included several times is in the list once. */
static void add(
    struct compiler *compiler, const struct node *node, const struct sieve_include *wanted)
{
	struct sieve_program *program = compiler->program;
	struct sieve_include *includes;

	for (size_t i = 0; i < program->n_includes; i++) {
		struct sieve_include *include = &program->includes[i];

		if (include->place == wanted->place && span_equals(include->name, wanted->name)) {
			include->is_optional &= wanted->is_optional;
			include->is_once &= wanted->is_once;
			return;
		}
	}
	if (program->n_includes == SIEVE_INCLUDES_MAX) {
		compile_error(compiler, node->at,
		    "more than %d scripts are included; include fewer", SIEVE_INCLUDES_MAX);
		return;
	}
	includes =
	    arena_grow(&program->arena, program->includes, program->n_includes, sizeof(*includes));
	if (includes != NULL) {
		program->includes = includes;
		includes[program->n_includes++] = *wanted;
	}
}

static void check_include(struct compiler *compiler, struct node *node)
{
	const struct argument *place = node_argument(node, SLOT_PLACE);
	const struct argument *name = node_argument(node, SLOT_FIRST);
	const struct sieve_include include = {
		.place = place != NULL ? (enum sieve_place)place->value : SIEVE_PERSONAL,
		.name = name->strings[0].text,
		.is_optional = node_argument(node, SLOT_OPTIONAL) != NULL,
		.is_once = node_argument(node, SLOT_ONCE) != NULL,
		.line = node->at.line,
	};

	if (!is_name(include.name)) {
		compile_error(compiler, name->at,
		    "\"%.*s\" is no name of a script; write up to %d bytes without / and control "
		    "characters",
		    SPAN(include.name), SIEVE_NAME_MAX);
		return;
	}
	add(compiler, node, &include);
}

static bool was_included(const struct machine *machine, const struct sieve_program *program)
{
	for (unsigned i = 0; i < machine->n_included; i++) {
		if (machine->included[i] == program) {
			return true;
		}
	}
	return false;
}

static enum answer run_include(struct sieve_run *run, const struct node *node)
{
	struct machine *machine = run->machine;
	const struct argument *place = node_argument(node, SLOT_PLACE);
	const struct span name = node_argument(node, SLOT_FIRST)->strings[0].text;
	const struct sieve_library *found = sieve_library_find(run->facts->library,
	    run->facts->n_library, place != NULL ? place->value : SIEVE_PERSONAL, name);
	struct frame frame = { .kind = FRAME_SCRIPT, .node = node, .scope = run->scope };
	struct frame block = { .kind = FRAME_BLOCK };

	if (found == NULL) {
		return node_argument(node, SLOT_OPTIONAL) != NULL
			   ? ANSWER_YES
			   : run_fail(
				 run, node, "there is no script \"%.*s\" to include", SPAN(name));
	}
	if (was_included(machine, found->program)) {
		if (node_argument(node, SLOT_ONCE) != NULL) {
			return ANSWER_YES;
		}
	} else if (machine->n_included < SIEVE_INCLUDES_MAX) {
		machine->included[machine->n_included++] = found->program;
	} else {
		return run_fail(run, node, "more than %d scripts are included", SIEVE_INCLUDES_MAX);
	}
	block.node = found->program->commands;
	if (machine->depth == SIEVE_INCLUDE_DEPTH_MAX) {
		return run_fail(run, node, "scripts include each other too deep");
	}
	frames_push(run, node, &frame);
	frames_push(run, node, &block);
	run->scope = scope_new(run, found->program, found->name.p);
	machine->depth++;
	return run->scope != NULL ? ANSWER_YES : run_exhausted(run, node);
}

static enum answer run_return(struct sieve_run *run, const struct node *node)
{
	run->machine->leave = LEAVE_SCRIPT;
	return ANSWER_YES;
}

static void check_global(struct compiler *compiler, struct node *node)
{
	const struct argument *names = node_argument(node, SLOT_FIRST);

	if (!compile_requires(compiler, EXTENSION_VARIABLES)) {
		require_error(compiler, node->at, span_of("global"), EXTENSION_VARIABLES);
		return;
	}
	for (size_t i = 0; i < names->n_strings; i++) {
		variables_share(compiler, names->strings[i].text, names->at);
	}
}

const struct word words_include[] = {
	{ "include", WORD_COMMAND, EXTENSION_INCLUDE, .tags = { include_tags },
	    .parameters = { TYPE_CONSTANT }, .check = check_include, .run = run_include },
	{ "return", WORD_COMMAND, EXTENSION_INCLUDE, .run = run_return },
	{ "global", WORD_COMMAND, EXTENSION_INCLUDE, .parameters = { TYPE_CONSTANTS },
	    .check = check_global, .run = run_nothing },
	{ NULL },
};
