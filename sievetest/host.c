/* SPDX-License-Identifier: MIT
 * The commands and tests that the language of tests has besides those of Sieve. */
#include <stdio.h>
#include <string.h>

#include "sieve/compare.h"
#include "sievetest/tester.h"

/* As Pigeonhole calls them. */
static const char *const action_names[] = {
	[SIEVE_KEEP] = "keep",
	[SIEVE_STORE] = "store",
	[SIEVE_DISCARD] = "discard",
	[SIEVE_REDIRECT] = "redirect",
	[SIEVE_REJECT] = "reject",
	[SIEVE_VACATION] = "vacation",
	[SIEVE_NOTIFY] = "notify",
	[SIEVE_MARK] = "duplicate_mark",
};

/* "" where it was not given. */
static struct span text_of(struct tester *tester, const struct node *node, enum slot slot)
{
	struct span text = { "", 0 };

	sieve_host_text(tester->run, node, slot, &text);
	return text;
}

/* --- cases ------------------------------------------------------------------------------------------------------ */

void host_fail(struct tester *tester, struct span reason)
{
	reason = tester->n_errors == 0
		     ? tester_copy(tester, reason)
		     : tester_format(tester, "%.*s; errors: %.*s", (int)reason.n, reason.p,
			   (int)tester->errors[0].n, tester->errors[0].p);
	if (tester->current != NULL && tester->current->state == CASE_PASSED) {
		tester->current->state = CASE_FAILED;
		tester->current->reason = reason;
	}
	if (!sieve_host_leave(tester->run)) {
		tester->broken = reason;
	}
}

static bool fail(struct tester *tester, const struct node *node)
{
	host_fail(tester, text_of(tester, node, SLOT_FIRST));
	return true;
}

static bool begin_case(struct tester *tester, const struct node *node)
{
	for (size_t i = 0; i < tester->n_cases; i++) {
		if (tester->cases[i].node == node) {
			tester->current = &tester->cases[i];
			tester->current->state = CASE_PASSED;
			return true;
		}
	}
	host_fail(tester, span_of("a test can stand at the top level only"));
	return false;
}

/* --- the world -------------------------------------------------------------------------------------------------- */

static bool set(struct tester *tester, const struct node *node)
{
	const struct span name = node_argument(node, SLOT_FIRST)->strings[0].text;
	struct span value = tester_copy(tester, text_of(tester, node, SLOT_SECOND));

	if (text_is(name.p, name.n, "message")) {
		world_set_message(tester, value, NULL, true);
	} else if (text_is(name.p, name.n, "envelope.from")) {
		tester->facts->from = world_path(tester, value);
	} else if (text_is(name.p, name.n, "envelope.to")) {
		tester->facts->to = tester->facts->original_to = world_path(tester, value);
	} else if (text_is(name.p, name.n, "envelope.orig_to")) {
		tester->facts->original_to = world_path(tester, value);
	} else {
		tester->facts->auth = value;
	}
	return true;
}

static bool set_config(struct tester *tester, const struct node *node)
{
	config_set(tester, text_of(tester, node, SLOT_FIRST), text_of(tester, node, SLOT_SECOND));
	return true;
}

static bool unset_config(struct tester *tester, const struct node *node)
{
	config_unset(tester, text_of(tester, node, SLOT_FIRST));
	return true;
}

static bool reload_config(struct tester *tester, const struct node *node)
{
	config_reload(tester);
	return true;
}

static bool set_mail(struct tester *tester, const struct node *node)
{
	const struct argument *number = node_argument(node, SLOT_FIRST);
	const struct argument *from = node_argument(node, SLOT_HOST);
	const struct folder *folder = NULL;
	const struct mail *mail;
	const char *reason;

	if (from != NULL && from->value == 0) {
		folder = world_folder(tester, text_of(tester, node, SLOT_HOST), false, &reason);
		mail = folder != NULL ? world_find_mail(folder->mails, number->number) : NULL;
	} else {
		mail = world_find_mail(tester->sent, number->number);
	}
	if (mail == NULL) {
		if (node->word->kind == WORD_COMMAND) {
			host_fail(tester, span_of("test_message: there is no such message"));
		}
		return false;
	}
	world_set_message(tester, mail->bytes, mail->flags, false);
	if (folder == NULL) {
		tester->facts->from = mail->from;
		tester->facts->to = tester->facts->original_to = mail->to;
	}
	return true;
}

static bool print_message(struct tester *tester, const struct node *node)
{
	const char *text = tester->facts->header.p;
	const size_t n = tester->facts->header.n + tester->body.n;

	for (size_t start = 0, i = 0; i <= n; i++) {
		if (i == n || text[i] == '\n') {
			printf("# %.*s\n", (int)(i - start), text + start);
			start = i + 1;
		}
	}
	return true;
}

static bool make_mailbox(struct tester *tester, const struct node *node)
{
	const char *reason;

	if (world_folder(tester, text_of(tester, node, SLOT_FIRST), true, &reason) == NULL) {
		host_fail(tester, tester_format(tester, "test_mailbox_create: %s", reason));
	}
	return true;
}

static bool save(struct tester *tester, const struct node *node)
{
	struct saved *saved = tester_alloc(tester, sizeof(*saved));

	*saved = (struct saved){ tester->saved,
		tester_copy(tester, text_of(tester, node, SLOT_FIRST)), tester->compiled };
	tester->saved = saved;
	return true;
}

static bool load(struct tester *tester, const struct node *node)
{
	const struct span name = text_of(tester, node, SLOT_FIRST);
	const struct saved *saved = tester->saved;

	while (saved != NULL && !span_equals(saved->name, name)) {
		saved = saved->next;
	}
	if (saved != NULL) {
		tester->compiled = saved->program;
	} else {
		host_fail(tester, span_of("test_binary_load: nothing was saved as that"));
	}
	return true;
}

/* --- scripts and their result ----------------------------------------------------------------------------------- */

/* NULL: an empty one. */
static void set_result(struct tester *tester, const struct sieve_plan *plan)
{
	if (plan == NULL) {
		tester->sent = NULL;
		tester->n_done = 0;
		tester->has_kept = false;
	}
	tester->keep = plan;
	if (sieve_run_set_plan(tester->run, plan) != 0) {
		tester_check(tester, NULL);
	}
}

static bool reset(struct tester *tester, const struct node *node)
{
	set_result(tester, NULL);
	return true;
}

static bool compile(struct tester *tester, const struct node *node)
{
	return scripts_compile(tester, text_of(tester, node, SLOT_FIRST), &tester->compiled);
}

/* Keeps that were carried out are no actions of the longer result, but its implicit keep. */
static void put_keeps_off(struct tester *tester)
{
	const struct sieve_plan *plan = sieve_run_plan(tester->run);
	size_t n = 0;

	for (size_t i = 0; i < tester->n_done; i++) {
		if (plan->actions[i].kind == SIEVE_KEEP) {
			tester->has_kept = true;
		} else {
			n++;
		}
	}
	tester->n_done = n;
}

static bool run_script(struct tester *tester, const struct node *node)
{
	struct sieve_script *script = tester_alloc(tester, sizeof(*script));
	bool appends = node_argument(node, SLOT_HOST) != NULL, is_fine;
	const struct sieve_plan *plan;

	scripts_forget_errors(tester);
	if (tester->compiled == NULL) {
		host_fail(tester, span_of("test_script_run: nothing was compiled"));
		return false;
	}
	if (appends) {
		put_keeps_off(tester);
	} else {
		set_result(tester, NULL);
	}
	*script = (struct sieve_script){ tester->compiled, "script" };
	is_fine = scripts_run(tester, script, 1, appends, &plan);
	set_result(tester, plan);
	return is_fine;
}

/* A script that is broken ends the chain; one that is not there is passed over. */
static bool run_scripts(struct tester *tester, const struct node *node)
{
	const struct argument *names = node_argument(node, SLOT_FIRST);
	struct sieve_script *chain = tester_alloc(tester, names->n_strings * sizeof(*chain));
	const struct sieve_plan *plan;
	size_t n = 0, n_done = 0;
	bool has_kept = false, is_fine = true;

	for (size_t i = 0; is_fine && i < names->n_strings; i++) {
		struct span name = run_string(tester->run, node, &names->strings[i]);

		is_fine = scripts_compile(tester, name, &chain[n].program);
		chain[n].name = tester_copy(tester, name).p;
		n += is_fine;
	}
	is_fine = scripts_run(tester, chain, n, false, &plan) && is_fine;
	return world_execute(tester, plan, plan, &n_done, &has_kept) && is_fine;
}

static bool execute(struct tester *tester, const struct node *node)
{
	const struct sieve_plan *plan = sieve_run_plan(tester->run);

	scripts_forget_errors(tester);
	return world_execute(tester, plan, tester->keep != NULL ? tester->keep : plan,
	    &tester->n_done, &tester->has_kept);
}

/* --- looking at results and errors ------------------------------------------------------------------------------ */

static bool compare(
    struct tester *tester, const struct node *node, const struct span *list, size_t n, size_t count)
{
	const struct argument *index = node_argument(node, SLOT_INDEX);
	struct compare compare = compare_begin(tester->run, node);
	bool is_found = false;

	compare.sets_values = false;
	if (compare.counts) {
		compare.n_values = (unsigned)count;
		n = 0;
	}
	for (size_t i = 0; i < n && !is_found; i++) {
		if (index == NULL || index->number == i + 1) {
			is_found = compare_value(&compare, list[i]);
		}
	}
	return compare_end(&compare, is_found) == ANSWER_YES;
}

/* Unless numbers matter, some errors are as many as the test wants. */
static bool compare_errors(struct tester *tester, const struct node *node)
{
	const struct span wanted = text_of(tester, node, SLOT_FIRST);
	size_t count = tester->n_errors;
	uint64_t number;

	if (!tester->is_strict && count > 0 && text_number(wanted.p, wanted.n, &number) &&
	    number > 0) {
		count = number;
	}
	return compare(tester, node, tester->errors, tester->n_errors, count);
}

static bool compare_actions(struct tester *tester, const struct node *node)
{
	const struct sieve_plan *plan = sieve_run_plan(tester->run);
	struct span *names = tester_alloc(tester, plan->n_actions * sizeof(*names));

	for (size_t i = 0; i < plan->n_actions; i++) {
		names[i] = span_of(action_names[plan->actions[i].kind]);
	}
	return compare(tester, node, names, plan->n_actions, plan->n_actions);
}

static bool print_result(struct tester *tester, const struct node *node)
{
	const struct sieve_plan *plan = sieve_run_plan(tester->run);

	for (size_t i = 0; i < plan->n_actions; i++) {
		const struct sieve_action *action = &plan->actions[i];

		const struct span what = action->folder.n > 0 ? action->folder : action->to;

		printf("# %zu: %s %.*s\n", i + 1, action_names[action->kind],
		    (int)strcspn(what.p, "\n"), what.p);
	}
	printf("# implicit keep: %s\n", plan->keeps ? "yes" : "no");
	return true;
}

/* --- the table -------------------------------------------------------------------------------------------------- */

static const struct tag message_tags[] = {
	{ ":smtp", SLOT_HOST, .value = 1 },
	{ ":folder", SLOT_HOST, TYPE_STRING },
	{ NULL },
};

static const struct tag extension_tags[] = {
	{ ":extension", SLOT_HOST, TYPE_STRING },
	{ NULL },
};

static const struct tag append_tags[] = {
	{ ":append_result", SLOT_HOST },
	{ NULL },
};

static const struct tag index_tags[] = {
	{ ":index", SLOT_INDEX, TYPE_NUMBER },
	{ NULL },
};

static void check_set(struct compiler *compiler, struct node *node)
{
	static const char *const names[] = { "message", "envelope.from", "envelope.to",
		"envelope.orig_to", "envelope.auth" };
	const struct argument *name = node_argument(node, SLOT_FIRST);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (text_is(name->strings[0].text.p, name->strings[0].text.n, names[i])) {
			return;
		}
	}
	compile_error(
	    compiler, name->at, "test_set knows message, envelope.from, .to, .orig_to and .auth");
}

/* What each is, and who carries it out. */
#define COMMANDS(DO)                                                                           \
	DO(COMMAND, "test", begin_case, .parameters = { TYPE_STRING }, .has_block = true)      \
	DO(COMMAND, "test_fail", fail, .parameters = { TYPE_STRING })                          \
	DO(COMMAND, "test_set", set, .parameters = { TYPE_CONSTANT, TYPE_STRING },             \
	    .check = check_set)                                                                \
	DO(COMMAND, "test_config_set", set_config, .parameters = { TYPE_STRING, TYPE_STRING }) \
	DO(COMMAND, "test_config_unset", unset_config, .parameters = { TYPE_STRING })          \
	DO(COMMAND, "test_config_reload", reload_config, .tags = { extension_tags })           \
	DO(COMMAND, "test_message", set_mail, .tags = { message_tags },                        \
	    .parameters = { TYPE_NUMBER })                                                     \
	DO(TEST, "test_message", set_mail, .tags = { message_tags },                           \
	    .parameters = { TYPE_NUMBER })                                                     \
	DO(COMMAND, "test_message_print", print_message)                                       \
	DO(COMMAND, "test_result_print", print_result)                                         \
	DO(COMMAND, "test_result_reset", reset)                                                \
	DO(COMMAND, "test_mailbox_create", make_mailbox, .parameters = { TYPE_STRING })        \
	DO(COMMAND, "test_binary_save", save, .parameters = { TYPE_STRING })                   \
	DO(COMMAND, "test_binary_load", load, .parameters = { TYPE_STRING })                   \
	DO(TEST, "test_script_compile", compile, .parameters = { TYPE_STRING })                \
	DO(TEST, "test_script_run", run_script, .tags = { append_tags })                       \
	DO(TEST, "test_multiscript", run_scripts, .parameters = { TYPE_STRINGS })              \
	DO(TEST, "test_result_execute", execute)                                               \
	DO(TEST, "test_result_action", compare_actions, .tags = { compare_tags, index_tags },  \
	    .parameters = { TYPE_STRINGS }, .check = compare_check)                            \
	DO(TEST, "test_error", compare_errors, .tags = { compare_tags, index_tags },           \
	    .parameters = { TYPE_STRINGS }, .check = compare_check)

#define WORD(KIND, NAME, FUNCTION, ...) \
	{ NAME, WORD_##KIND, EXTENSION_DOVECOT_TESTSUITE, __VA_ARGS__ },
#define FUNCTION(KIND, NAME, FUNCTION, ...) FUNCTION,

static const struct word words[] = { COMMANDS(WORD){ NULL } };
static bool (*const functions[])(struct tester *, const struct node *) = { COMMANDS(FUNCTION) };
static const struct word *const tables[] = { words, NULL };

const struct sieve_language host_language = {
	.extensions = EXTENSION_BIT(EXTENSIONS) - 2, /* all but EXTENSION_NONE */
	.host = tables,
};

bool host_is_case(const struct node *node)
{
	return node->word == words;
}

bool host_command(struct tester *tester, const struct node *node)
{
	return functions[node->word - words](tester, node);
}
