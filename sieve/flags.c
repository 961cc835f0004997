/* SPDX-License-Identifier: MIT
 * setflag, addflag, removeflag, hasflag and :flags (RFC 5232). What holds the flags is a list of words in a variable, or in
 * that of the run, which an action takes as it stands when it is carried out. */
#include "sieve/flags.h"

#include <string.h>

#include "sieve/compare.h"

const struct tag flags_tags[] = {
	{ ":flags", SLOT_FLAGS, TYPE_STRINGS, .extension = EXTENSION_IMAP4FLAGS },
	{ NULL },
};

struct list {
	struct span flags[FLAGS_MAX];
	size_t n;
};

/* RFC 3501 2.3.2: a system flag that may be set, or an atom. */
static bool is_flag(struct span flag)
{
	static const char *const system[] = { "\\answered", "\\flagged", "\\deleted", "\\seen",
		"\\draft", NULL };

	if (flag.n > 0 && flag.p[0] == '\\') {
		return span_find(flag, system) >= 0;
	}
	for (size_t i = 0; i < flag.n; i++) {
		if (flag.p[i] <= ' ' || flag.p[i] == '\x7f' ||
		    strchr("(){%*\"\\]", flag.p[i]) != NULL) {
			return false;
		}
	}
	return flag.n > 0;
}

static size_t find(const struct list *list, struct span flag)
{
	size_t i = 0;

	while (i < list->n && !span_is_same(list->flags[i], flag)) {
		i++;
	}
	return i;
}

static void add(struct list *list, struct span flag)
{
	if (list->n < FLAGS_MAX && find(list, flag) == list->n) {
		list->flags[list->n++] = flag;
	}
}

static void take_out(struct list *list, struct span flag)
{
	size_t i = find(list, flag);

	if (i < list->n) {
		list->n--;
		for (; i < list->n; i++) {
			list->flags[i] = list->flags[i + 1];
		}
	}
}

/* Takes the next word off. False: there is none. */
static bool take_word(struct span *words, struct span *word_r)
{
	size_t begin = 0, end;

	while (begin < words->n && words->p[begin] == ' ') {
		begin++;
	}
	end = begin;
	while (end < words->n && words->p[end] != ' ') {
		end++;
	}
	*word_r = (struct span){ words->p + begin, end - begin };
	*words = (struct span){ words->p + end, words->n - end };
	return end > begin;
}

/* Changes a list by each of the words of a string. */
static void change(struct sieve_run *run, struct list *list, struct span words,
    void (*with)(struct list *list, struct span flag))
{
	struct span word;

	if (!fuel_take(&run->fuel, 2 * words.n)) {
		return;
	}
	while (take_word(&words, &word) && fuel_take(&run->fuel, list->n)) {
		if (is_flag(word)) {
			with(list, word);
		}
	}
}

static void change_by(struct sieve_run *run, const struct node *node,
    const struct argument *argument, struct list *list,
    void (*with)(struct list *list, struct span flag))
{
	for (size_t i = 0; i < argument->n_strings; i++) {
		change(run, list, run_string(run, node, &argument->strings[i]), with);
	}
}

/* The variable that a string names; NULL: that of the run. */
static struct variable *variable_of(struct sieve_run *run, const struct string *string)
{
	return string != NULL ? run->scope->variables[string->pieces[0].index] : NULL;
}

/* What stands in it. */
static void read_list(struct sieve_run *run, struct variable *variable, struct list *list)
{
	list->n = 0;
	if (variable != NULL) {
		change(run, list, variable->value, add);
		return;
	}
	for (; list->n < run->n_flags && list->n < FLAGS_MAX; list->n++) {
		list->flags[list->n] = run->flags[list->n];
	}
}

static void write_variable(
    struct sieve_run *run, struct variable *variable, const struct list *list)
{
	size_t n = 0;
	char *p, *end;

	for (size_t i = 0; i < list->n; i++) {
		n += list->flags[i].n + 1;
	}
	p = end = run_alloc(run, n + 1);
	for (size_t i = 0; p != NULL && i < list->n; i++) {
		if (i > 0) {
			*end++ = ' ';
		}
		end = mempcpy(end, list->flags[i].p, list->flags[i].n);
	}
	run_set_variable(run, variable, (struct span){ p, (size_t)(end - p) });
}

static void write_own(struct sieve_run *run, const struct list *list)
{
	struct span *flags = run_keep(run, list->n * sizeof(*flags));

	for (size_t i = 0; flags != NULL && i < list->n; i++) {
		flags[i] = run_keep_copy(run, list->flags[i]);
	}
	run->flags = flags;
	run->n_flags = flags != NULL ? list->n : 0;
}

static enum answer run_change(struct sieve_run *run, const struct node *node, bool is_new,
    void (*with)(struct list *list, struct span flag))
{
	const struct argument *name = node_argument(node, SLOT_FIRST);
	struct variable *variable = variable_of(run, name != NULL ? name->strings : NULL);
	struct list list = { .n = 0 };

	if (!is_new) {
		read_list(run, variable, &list);
	}
	change_by(run, node, node_argument(node, SLOT_SECOND), &list, with);
	if (variable != NULL) {
		write_variable(run, variable, &list);
	} else {
		write_own(run, &list);
	}
	return ANSWER_YES;
}

static enum answer run_setflag(struct sieve_run *run, const struct node *node)
{
	return run_change(run, node, true, add);
}

static enum answer run_addflag(struct sieve_run *run, const struct node *node)
{
	return run_change(run, node, false, add);
}

static enum answer run_removeflag(struct sieve_run *run, const struct node *node)
{
	return run_change(run, node, false, take_out);
}

void flags_of(
    struct sieve_run *run, const struct node *node, const struct span **flags_r, size_t *n_r)
{
	const struct argument *argument = node_argument(node, SLOT_FLAGS);
	struct list *list = argument != NULL ? run_alloc(run, sizeof(*list)) : NULL;

	*flags_r = run->flags;
	*n_r = run->n_flags;
	if (list != NULL) {
		change_by(run, node, argument, list, add);
		*flags_r = list->flags;
		*n_r = list->n;
	}
}

/* --- hasflag ---------------------------------------------------------------------------------------------------- */

static bool compare_list(struct compare *compare, struct variable *variable)
{
	struct list list;
	bool is_found = false;

	read_list(compare->run, variable, &list);
	for (size_t i = 0; !is_found && i < list.n; i++) {
		is_found = compare_value(compare, list.flags[i]);
	}
	return is_found;
}

/* Keys are lists of flags, too: each of their words is one (RFC 5232 4). */
static void split_keys(struct compare *compare)
{
	size_t n = 0, n_max = 0;
	struct key *keys;

	for (size_t i = 0; i < compare->n_keys; i++) {
		if (compare->keys[i].match > MATCH_MATCHES) {
			return;
		}
		n_max += compare->keys[i].text.n / 2 + 1;
	}
	keys = run_alloc(compare->run, n_max * sizeof(*keys));
	for (size_t i = 0; keys != NULL && i < compare->n_keys; i++) {
		struct span words = compare->keys[i].text, word;

		while (take_word(&words, &word)) {
			keys[n] = compare->keys[i];
			keys[n++].text = word;
		}
	}
	compare->keys = keys;
	compare->n_keys = n;
}

static enum answer run_hasflag(struct sieve_run *run, const struct node *node)
{
	const struct argument *names = node_argument(node, SLOT_FIRST);
	struct compare compare = compare_begin(run, node);
	bool is_found;

	split_keys(&compare);
	is_found = names == NULL && compare_list(&compare, NULL);
	for (size_t i = 0; !is_found && names != NULL && i < names->n_strings; i++) {
		is_found = compare_list(&compare, variable_of(run, &names->strings[i]));
	}
	return compare_end(&compare, is_found);
}

/* --- checks ----------------------------------------------------------------------------------------------------- */

/* Makes strings that name variables to such that are their values. */
static void resolve(struct compiler *compiler, struct argument *names)
{
	struct arena *arena = &compiler->program->arena;
	struct string *strings = arena_alloc(arena, names->n_strings * sizeof(*strings));
	struct piece *pieces = arena_alloc(arena, names->n_strings * sizeof(*pieces));

	if (strings == NULL || pieces == NULL) {
		return;
	}
	for (size_t i = 0; i < names->n_strings; i++) {
		pieces[i].kind = PIECE_VARIABLE;
		compile_variable(compiler, names->strings[i].text, names->at, &pieces[i].index);
		strings[i] = (struct string){ names->strings[i].text, &pieces[i], 1 };
	}
	names->strings = strings;
}

/* A name that IMAP does not know is left out later; who wrote it should hear of it. */
static void warn_of(struct compiler *compiler, const struct argument *flags)
{
	for (size_t i = 0; flags != NULL && i < flags->n_strings; i++) {
		struct span words = flags->strings[i].text, word;

		while (flags->strings[i].n_pieces == 0 && take_word(&words, &word)) {
			if (!is_flag(word)) {
				compile_warning(compiler, flags->at,
				    "\"%.*s\" is no flag that a message can have; it is left out",
				    SPAN(word));
			}
		}
	}
}

void flags_check(struct compiler *compiler, struct node *node)
{
	warn_of(compiler, node_argument(node, SLOT_FLAGS));
}

static void check_names(struct compiler *compiler, struct node *node)
{
	const struct argument *names = node_argument(node, SLOT_FIRST);

	if (names != NULL && !compile_requires(compiler, EXTENSION_VARIABLES)) {
		compile_error(
		    compiler, names->at, "the name of a variable needs require \"variables\"");
	} else if (names != NULL) {
		resolve(compiler, (struct argument *)names);
	}
}

static void check_change(struct compiler *compiler, struct node *node)
{
	warn_of(compiler, node_argument(node, SLOT_SECOND));
	check_names(compiler, node);
}

static void check_hasflag(struct compiler *compiler, struct node *node)
{
	check_names(compiler, node);
	compare_check(compiler, node);
}

const struct word words_flags[] = {
	{ "setflag", WORD_COMMAND, EXTENSION_IMAP4FLAGS,
	    .parameters = { TYPE_CONSTANT, TYPE_STRINGS }, .n_optional = 1, .check = check_change,
	    .run = run_setflag },
	{ "addflag", WORD_COMMAND, EXTENSION_IMAP4FLAGS,
	    .parameters = { TYPE_CONSTANT, TYPE_STRINGS }, .n_optional = 1, .check = check_change,
	    .run = run_addflag },
	{ "removeflag", WORD_COMMAND, EXTENSION_IMAP4FLAGS,
	    .parameters = { TYPE_CONSTANT, TYPE_STRINGS }, .n_optional = 1, .check = check_change,
	    .run = run_removeflag },
	{ "hasflag", WORD_TEST, EXTENSION_IMAP4FLAGS, .tags = { compare_tags },
	    .parameters = { TYPE_CONSTANTS, TYPE_STRINGS }, .n_optional = 1, .check = check_hasflag,
	    .run = run_hasflag },
	{ NULL },
};
