/* SPDX-License-Identifier: MIT
 * setflag, addflag, removeflag, hasflag and :flags (RFC 5232). What holds the flags is a list of words in a variable, or in
 * that of the run, which an action takes as it stands when it is carried out. */
#include "sieve/flags.h"

#include <errno.h>
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
static bool change(struct sieve_run *run, struct list *list, struct span words,
    void (*with)(struct list *list, struct span flag))
{
	struct span word;

	if (!fuel_take(&run->fuel, 2 * words.n)) {
		return false;
	}
	while (take_word(&words, &word)) {
		if (!fuel_take(&run->fuel, list->n)) {
			return false;
		}
		if (is_flag(word)) {
			with(list, word);
		}
	}
	return true;
}

static enum answer change_by(struct sieve_run *run, const struct node *node,
    const struct argument *argument, struct list *list,
    void (*with)(struct list *list, struct span flag))
{
	for (size_t i = 0; i < argument->n_strings; i++) {
		struct span words;

		if (run_string(run, node, &argument->strings[i], &words) == ANSWER_BROKEN) {
			return ANSWER_BROKEN;
		}
		if (!change(run, list, words, with)) {
			return run_exhausted(run, node);
		}
	}
	return ANSWER_YES;
}

/* The variable that a string names; NULL: that of the run. */
static struct variable *variable_of(struct sieve_run *run, const struct string *string)
{
	return string != NULL ? run->scope->variables[string->pieces[0].index] : NULL;
}

/* What stands in it. */
static bool read_list(struct sieve_run *run, struct variable *variable, struct list *list)
{
	list->n = 0;
	if (variable != NULL) {
		return change(run, list, variable->value, add);
	}
	for (; list->n < run->n_flags && list->n < FLAGS_MAX; list->n++) {
		list->flags[list->n] = run->flags[list->n];
	}
	return true;
}

static enum answer write_variable(struct sieve_run *run, const struct node *node,
    struct variable *variable, const struct list *list)
{
	size_t n = 0;
	char *p;

	for (size_t i = 0; i < list->n; i++) {
		n += list->flags[i].n + 1;
	}
	p = run_alloc(run, n + 1);
	if (p == NULL) {
		return run_exhausted(run, node);
	}
	n = 0;
	for (size_t i = 0; i < list->n; i++) {
		if (i > 0) {
			p[n++] = ' ';
		}
		for (size_t j = 0; j < list->flags[i].n; j++) {
			p[n++] = list->flags[i].p[j];
		}
	}
	return run_set_variable(run, node, variable, (struct span){ p, n });
}

static enum answer write_own(
    struct sieve_run *run, const struct node *node, const struct list *list)
{
	struct span *flags = run_keep(run, list->n * sizeof(*flags));

	if (flags == NULL) {
		return run_exhausted(run, node);
	}
	for (size_t i = 0; i < list->n; i++) {
		flags[i] = run_keep_copy(run, list->flags[i]);
		if (flags[i].p == NULL) {
			return run_exhausted(run, node);
		}
	}
	run->flags = flags;
	run->n_flags = list->n;
	return ANSWER_YES;
}

static enum answer run_change(struct sieve_run *run, const struct node *node, bool is_new,
    void (*with)(struct list *list, struct span flag))
{
	const struct argument *name = node_argument(node, SLOT_FIRST);
	struct variable *variable = variable_of(run, name != NULL ? name->strings : NULL);
	struct list list = { .n = 0 };

	if (!is_new && !read_list(run, variable, &list)) {
		return run_exhausted(run, node);
	}
	if (change_by(run, node, node_argument(node, SLOT_SECOND), &list, with) == ANSWER_BROKEN) {
		return ANSWER_BROKEN;
	}
	return variable != NULL ? write_variable(run, node, variable, &list)
				: write_own(run, node, &list);
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

enum answer flags_of(
    struct sieve_run *run, const struct node *node, const struct span **flags_r, size_t *n_r)
{
	const struct argument *argument = node_argument(node, SLOT_FLAGS);
	struct list *list;

	*flags_r = run->flags;
	*n_r = run->n_flags;
	if (argument == NULL) {
		return ANSWER_YES;
	}
	list = run_alloc(run, sizeof(*list));
	if (list == NULL) {
		return run_exhausted(run, node);
	}
	*flags_r = list->flags;
	if (change_by(run, node, argument, list, add) == ANSWER_BROKEN) {
		return ANSWER_BROKEN;
	}
	*n_r = list->n;
	return ANSWER_YES;
}

/* --- hasflag ---------------------------------------------------------------------------------------------------- */

static enum answer compare_list(
    struct compare *compare, struct sieve_run *run, struct variable *variable)
{
	struct list list;
	enum answer answer = ANSWER_NO;

	if (!read_list(run, variable, &list)) {
		return run_exhausted(run, compare->node);
	}
	for (size_t i = 0; answer == ANSWER_NO && i < list.n; i++) {
		answer = compare_value(compare, list.flags[i]);
	}
	return answer;
}

/* Keys are lists of flags, too: each of their words is one (RFC 5232 4). */
static enum answer split_keys(struct compare *compare)
{
	struct sieve_run *run = compare->run;
	size_t n = 0, n_max = 0;
	struct key *keys;

	for (size_t i = 0; i < compare->n_keys; i++) {
		if (compare->keys[i].match > MATCH_MATCHES) {
			return ANSWER_NO;
		}
		n_max += compare->keys[i].text.n / 2 + 1;
	}
	keys = run_alloc(run, n_max * sizeof(*keys));
	if (keys == NULL) {
		return run_exhausted(run, compare->node);
	}
	for (size_t i = 0; i < compare->n_keys; i++) {
		struct span words = compare->keys[i].text, word;

		while (take_word(&words, &word)) {
			keys[n] = compare->keys[i];
			keys[n++].text = word;
		}
	}
	compare->keys = keys;
	compare->n_keys = n;
	return ANSWER_NO;
}

static enum answer run_hasflag(struct sieve_run *run, const struct node *node)
{
	const struct argument *names = node_argument(node, SLOT_FIRST);
	struct compare compare;
	enum answer answer = compare_begin(run, node, SLOT_SECOND, &compare);

	if (answer == ANSWER_NO) {
		answer = split_keys(&compare);
	}
	if (answer == ANSWER_NO && names == NULL) {
		answer = compare_list(&compare, run, NULL);
	}
	for (size_t i = 0; answer == ANSWER_NO && names != NULL && i < names->n_strings; i++) {
		answer = compare_list(&compare, run, variable_of(run, &names->strings[i]));
	}
	return compare_end(&compare, answer);
}

/* --- checks ----------------------------------------------------------------------------------------------------- */

/* Makes strings that name variables to such that are their values. Returns 0 or -ENOMEM. */
static int resolve(struct compiler *compiler, struct argument *names)
{
	struct string *strings =
	    arena_alloc(&compiler->program->arena, names->n_strings * sizeof(*strings));
	struct piece *pieces =
	    arena_alloc(&compiler->program->arena, names->n_strings * sizeof(*pieces));

	if (strings == NULL || pieces == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < names->n_strings; i++) {
		int result =
		    compile_variable(compiler, names->strings[i].text, names, &pieces[i].index);

		if (result < 0) {
			return result;
		}
		pieces[i].kind = PIECE_VARIABLE;
		strings[i] = (struct string){ names->strings[i].text, &pieces[i], 1 };
	}
	names->strings = strings;
	return 0;
}

/* A name that IMAP does not know is left out later; who wrote it should hear of it. */
static void warn_of(struct compiler *compiler, const struct argument *flags)
{
	for (size_t i = 0; flags != NULL && i < flags->n_strings; i++) {
		struct span words = flags->strings[i].text, word;

		while (flags->strings[i].n_pieces == 0 && take_word(&words, &word)) {
			if (!is_flag(word)) {
				compile_warning(compiler, flags->line, flags->column,
				    "\"%.*s\" is no flag that a message can have; it is left out",
				    SPAN(word));
			}
		}
	}
}

int flags_check(struct compiler *compiler, struct node *node)
{
	warn_of(compiler, node_argument(node, SLOT_FLAGS));
	return 0;
}

static int check_names(struct compiler *compiler, struct node *node)
{
	const struct argument *names = node_argument(node, SLOT_FIRST);

	if (names == NULL) {
		return 0;
	}
	if (!compile_requires(compiler, EXTENSION_VARIABLES)) {
		compile_error(compiler, names->line, names->column,
		    "the name of a variable needs require \"variables\"");
		return 0;
	}
	return resolve(compiler, (struct argument *)names);
}

static int check_change(struct compiler *compiler, struct node *node)
{
	warn_of(compiler, node_argument(node, SLOT_SECOND));
	return check_names(compiler, node);
}

static int check_hasflag(struct compiler *compiler, struct node *node)
{
	int result = check_names(compiler, node);

	return result != 0 ? result : compare_check(compiler, node, SLOT_SECOND);
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
