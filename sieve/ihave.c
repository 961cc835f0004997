/* SPDX-License-Identifier: MIT
 * Extensions that are used where they are to be had (RFC 5463): which, is known when a script is compiled. */
#include "sieve/compile.h"
#include "sieve/run.h"

static const bool yes = true, no = false;

/* 4: what changes how a script is read cannot be had this way. */
static bool is_available(const struct compiler *compiler, struct span name)
{
	const uint64_t grammar =
	    EXTENSION_BIT(EXTENSION_VARIABLES) | EXTENSION_BIT(EXTENSION_ENCODED_CHARACTER);
	enum sieve_extension extension = require_find(compiler, name);

	return extension != EXTENSION_NONE &&
	       ((grammar & EXTENSION_BIT(extension)) == 0 || compile_requires(compiler, extension));
}

/* One that is missing leaves the others out, too. */
static void check_ihave(struct compiler *compiler, struct node *node)
{
	const struct argument *names = node_argument(node, SLOT_FIRST);

	node->made = &no;
	for (size_t i = 0; i < names->n_strings; i++) {
		if (!is_available(compiler, names->strings[i].text)) {
			return;
		}
	}
	for (size_t i = 0; i < names->n_strings; i++) {
		require_add(compiler, extension_find(names->strings[i].text));
	}
	node->made = &yes;
}

static enum answer run_ihave(struct sieve_run *run, const struct node *node)
{
	return node->made == &yes ? ANSWER_YES : ANSWER_NO;
}

bool ihave_is(const struct node *test, bool *is_so_r)
{
	*is_so_r = test->made == &yes;
	return test->word->check == check_ihave;
}

static enum answer run_error(struct sieve_run *run, const struct node *node)
{
	struct span text;

	run_text(run, node, SLOT_FIRST, &text);
	return run_fail(run, node, "%.*s", text.n < 1000 ? (int)text.n : 1000, text.p);
}

const struct word words_ihave[] = {
	{ "ihave", WORD_TEST, EXTENSION_IHAVE, .parameters = { TYPE_CONSTANTS },
	    .check = check_ihave, .run = run_ihave },
	{ "error", WORD_COMMAND, EXTENSION_IHAVE, .parameters = { TYPE_STRING }, .run = run_error },
	{ NULL },
};
