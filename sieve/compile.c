/* SPDX-License-Identifier: MIT
 * From what a parser reads to a program: each command and test is checked against its word, and linked to those around
 * it. A stack stands for the blocks and tests that are open. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sieve/compile.h"

enum {
	PROGRAM_MAX = 4 << 20, /* bytes of its arena */
	/* Programs are many, most are short, and they are kept: this is about one rule of a webmail. */
	PROGRAM_CHUNK = 2048 - 64,
	LEVELS_MAX = 2 * (PARSE_BLOCKS_MAX + 1) + PARSE_TESTS_MAX,
};

/* What is known of a test. by_ihave: and why nobody need understand what depends on it. */
enum verdict {
	VERDICT_OPEN = 0,
	VERDICT_NO,
	VERDICT_YES,
};

struct level {
	enum {
		LEVEL_BLOCK,
		LEVEL_COMMAND,
		LEVEL_TEST
	} kind;
	const struct word *word; /* of a command or test that is known */
	struct node **link;      /* where the next of its tests or commands is put */
	struct node **block;     /* of a command */
	bool is_dead;            /* what is in it is read, and no more */
	bool has_bad_tests;
	enum verdict verdict;
	bool by_ihave;
	/* of a block */
	bool is_begun; /* by more than require */
	bool may_else; /* the last command was if or elsif */
	bool is_taken; /* ihave has chosen a branch */
};

struct compilation {
	struct compiler compiler;
	struct parser parser;
	struct level levels[LEVELS_MAX];
	size_t n_levels;
	struct node *nowhere; /* what is part of something wrong, or of nothing */
};

static bool is_word(const struct level *level, const char *name)
{
	return level->word != NULL && strcmp(level->word->name, name) == 0;
}

static bool is_branch(const struct level *level)
{
	return is_word(level, "if") || is_word(level, "elsif");
}

static struct level *top(struct compilation *compilation)
{
	return &compilation->levels[compilation->n_levels - 1];
}

static struct level *push(struct compilation *compilation, struct level level)
{
	compilation->levels[compilation->n_levels++] = level;
	return top(compilation);
}

/* --- what ihave decides (RFC 5463) ------------------------------------------------------------------------------ */

static void judge(struct level *level, const struct node *node)
{
	bool is_so;

	if (ihave_is(node, &is_so)) {
		level->verdict = is_so ? VERDICT_YES : VERDICT_NO;
		level->by_ihave = true;
	} else if (is_word(level, "true") || is_word(level, "allof")) {
		level->verdict = VERDICT_YES;
	} else if (is_word(level, "false") || is_word(level, "anyof")) {
		level->verdict = VERDICT_NO;
	}
}

/* A test has ended: what does that say of the one that it is in, or of the command? */
static void judge_parent(struct level *parent, const struct level *test)
{
	enum verdict decisive = is_word(parent, "allof") ? VERDICT_NO : VERDICT_YES;

	if (is_branch(parent)) {
		parent->verdict = test->verdict;
		parent->by_ihave = test->by_ihave;
	} else if (is_word(parent, "not")) {
		parent->verdict = test->verdict == VERDICT_OPEN ? VERDICT_OPEN
				  : test->verdict == VERDICT_NO ? VERDICT_YES
								: VERDICT_NO;
		parent->by_ihave = test->by_ihave;
	} else if ((is_word(parent, "allof") || is_word(parent, "anyof")) &&
		   parent->verdict != decisive) {
		if (test->verdict == decisive) {
			parent->by_ihave = test->by_ihave;
			parent->verdict = decisive;
		} else if (test->verdict == VERDICT_OPEN) {
			parent->verdict = VERDICT_OPEN;
		} else {
			parent->by_ihave |= test->by_ihave;
		}
	}
}

/* Is what follows in it never reached? */
static bool is_cut(const struct level *level)
{
	if (!level->by_ihave) {
		return false;
	}
	return (level->verdict == VERDICT_NO && (is_word(level, "allof") || is_branch(level))) ||
	       (level->verdict == VERDICT_YES && is_word(level, "anyof"));
}

/* --- commands and tests ----------------------------------------------------------------------------------------- */

static void say_unknown(struct compiler *compiler, const struct phrase *phrase, enum word_kind kind)
{
	enum word_kind other = kind == WORD_COMMAND ? WORD_TEST : WORD_COMMAND;
	struct near near = { .wanted = phrase->name };

	if (phrase->name.n == 0) {
		return; /* the parser has said more */
	}
	if (words_find(compiler->language, phrase->name, other) != NULL) {
		compile_error(compiler, phrase->at,
		    kind == WORD_COMMAND ? "%.*s is a test; write if %.*s ... { ... }"
					 : "%.*s is a command, no test; is ; or { missing in front "
					   "of %.*s?",
		    SPAN(phrase->name), SPAN(phrase->name));
		return;
	}
	words_try(compiler->language, kind, &near);
	compile_error(compiler, phrase->at, "there is no %s %.*s%s",
	    kind == WORD_COMMAND ? "command" : "test", SPAN(phrase->name),
	    near.name != NULL ? near_text(&near) : "; take it out");
}

/* Does it have the tests that its word wants? */
static bool check_tests(struct compilation *compilation, const struct word *word)
{
	const struct phrase *phrase = &compilation->parser.phrase;
	const struct token *token = &compilation->parser.token;
	struct compiler *compiler = &compilation->compiler;

	if (phrase->opens == OPENS_TEST && arguments_tag(word, token->text) != NULL) {
		compile_error(compiler, token->at,
		    "there is no colon in front of %.*s; write :%.*s", SPAN(token->text),
		    SPAN(token->text));
	} else if (word->tests == TESTS_NONE && phrase->opens == OPENS_TEST) {
		compile_error(compiler, token->at,
		    "%s takes no test; is ; missing in front of %.*s?", word->name,
		    SPAN(token->text));
	} else if (word->tests == TESTS_NONE && phrase->opens == OPENS_TESTS) {
		compile_error(compiler, phrase->at,
		    "%s takes no tests; take out what is in parentheses", word->name);
	} else if (word->tests == TESTS_ONE && phrase->opens == OPENS_NOTHING) {
		compile_error(
		    compiler, phrase->at, "%s wants a test; write one, such as true", word->name);
	} else if (word->tests == TESTS_ONE && phrase->opens == OPENS_TESTS) {
		compile_error(compiler, phrase->at,
		    "%s wants one test; write anyof or allof in front of the parentheses",
		    word->name);
	} else if (word->tests == TESTS_LIST && phrase->opens != OPENS_TESTS) {
		compile_error(compiler, phrase->at,
		    "%s wants tests in parentheses; write %s (true, true)", word->name, word->name);
	} else {
		return true;
	}
	return false;
}

/* Is this the place for require, elsif and else? */
static void check_place(struct compilation *compilation, struct level *block, struct level *level)
{
	const struct phrase *phrase = &compilation->parser.phrase;
	struct compiler *compiler = &compilation->compiler;
	bool is_require = is_word(level, "require");

	if (is_require && (block->is_begun || compilation->n_levels > 1)) {
		compile_error(compiler, phrase->at,
		    "require stands behind other commands; write it at the top");
	}
	if ((is_word(level, "elsif") || is_word(level, "else")) && !block->may_else) {
		compile_error(compiler, phrase->at,
		    "%s does not follow an if; write if in front of it", level->word->name);
	}
	block->is_begun |= !is_require;
}

/* How many loops stand around what is on top. */
static void count_loops(struct compilation *compilation)
{
	compilation->compiler.n_loops = 0;
	for (unsigned i = 0; i + 1 < compilation->n_levels; i++) {
		compilation->compiler.n_loops += is_word(&compilation->levels[i], "foreverypart");
	}
}

/* Gives a level the word of a phrase and makes a node of it. */
static void enter(struct compilation *compilation, struct level *level, struct node ***link)
{
	const struct phrase *phrase = &compilation->parser.phrase;
	struct compiler *compiler = &compilation->compiler;
	struct node *node;

	if (level->word == NULL) {
		say_unknown(compiler, phrase, level->kind == LEVEL_TEST ? WORD_TEST : WORD_COMMAND);
		level->has_bad_tests = true;
		return;
	}
	if (!compile_requires(compiler, level->word->extension)) {
		require_error(compiler, phrase->at, phrase->name, level->word->extension);
	}
	level->has_bad_tests = !check_tests(compilation, level->word);
	node = arena_alloc(&compiler->program->arena, sizeof(*node));
	if (node == NULL) {
		return;
	}
	*node = (struct node){ .word = level->word, .at = phrase->at };
	level->link = &node->tests;
	level->block = &node->block;
	**link = node;
	*link = &node->next;
	compiler->program->sends |= level->word->sends;
	count_loops(compilation);
	if (!level->has_bad_tests && arguments_fill(compiler, node, phrase) &&
	    level->word->check != NULL) {
		level->word->check(compiler, node);
	}
	judge(level, node);
}

static void on_command(struct compilation *compilation)
{
	struct level *block = top(compilation);
	struct level level = { LEVEL_COMMAND, .link = &compilation->nowhere,
		.block = &compilation->nowhere, .is_dead = block->is_dead };
	bool goes_on;

	level.word = words_find(
	    compilation->compiler.language, compilation->parser.phrase.name, WORD_COMMAND);
	goes_on = is_word(&level, "elsif") || is_word(&level, "else");
	if (!block->is_dead) {
		check_place(compilation, block, &level);
	}
	block->is_taken &= goes_on;
	level.is_dead |= block->is_taken;
	block->may_else = level.word == NULL || is_branch(&level);
	push(compilation, level);
	if (!level.is_dead) {
		enter(compilation, top(compilation), &block->link);
	}
}

static void on_test(struct compilation *compilation)
{
	struct level *parent = top(compilation);
	struct level level = { LEVEL_TEST, .link = &compilation->nowhere };

	level.is_dead = parent->is_dead || parent->has_bad_tests || is_cut(parent);
	level.word =
	    words_find(compilation->compiler.language, compilation->parser.phrase.name, WORD_TEST);
	push(compilation, level);
	if (!level.is_dead) {
		enter(compilation, top(compilation), &parent->link);
	}
}

static void on_test_end(struct compilation *compilation)
{
	struct level *test = top(compilation);

	compilation->n_levels--;
	if (!test->is_dead) {
		judge_parent(top(compilation), test);
	}
}

static void on_broken(struct compilation *compilation)
{
	while (top(compilation)->kind == LEVEL_TEST) {
		compilation->n_levels--;
	}
	top(compilation)->word = NULL;
}

static void on_block(struct compilation *compilation)
{
	struct level *command = top(compilation);
	struct level block = { LEVEL_BLOCK, .link = command->block };

	block.is_dead = command->is_dead || is_cut(command);
	if (command->word != NULL && !command->word->has_block) {
		block.is_dead = true;
		if (!command->is_dead) {
			compile_error(&compilation->compiler, compilation->parser.at,
			    "%s takes no block; write ; instead of {", command->word->name);
		}
	}
	push(compilation, block);
}

static void on_command_end(struct compilation *compilation)
{
	bool has_block = top(compilation)->kind == LEVEL_BLOCK;
	struct level *command, *block;

	compilation->n_levels -= has_block;
	command = top(compilation);
	if (command->word != NULL && command->word->has_block && !has_block && !command->is_dead) {
		compile_error(&compilation->compiler, compilation->parser.at,
		    "%s wants a block; write { ... } behind it", command->word->name);
	}
	compilation->n_levels--;
	block = top(compilation);
	block->is_taken |= is_branch(command) && command->by_ihave &&
			   command->verdict == VERDICT_YES && !command->is_dead;
}

/* --- scripts ---------------------------------------------------------------------------------------------------- */

static void read_all(struct compilation *compilation)
{
	const struct compiler *compiler = &compilation->compiler;
	enum parse_event event = PARSE_BLOCK;

	while (event != PARSE_END && !compiler->program->arena.is_out &&
	       compiler->errors->n_errors <= SIEVE_ERRORS_MAX) {
		event = parse_next(&compilation->parser);
		switch (event) {
		case PARSE_COMMAND:
			on_command(compilation);
			break;
		case PARSE_TEST:
			on_test(compilation);
			break;
		case PARSE_TEST_END:
			on_test_end(compilation);
			break;
		case PARSE_BROKEN:
			on_broken(compilation);
			break;
		case PARSE_BLOCK:
			on_block(compilation);
			break;
		case PARSE_COMMAND_END:
			on_command_end(compilation);
			break;
		case PARSE_END:
			break;
		}
	}
}

static int compile(struct compilation *compilation, struct span script)
{
	struct compiler *compiler = &compilation->compiler;

	if (script.n > SIEVE_SCRIPT_MAX) {
		compile_error(compiler, (struct position){ 0 },
		    "script is too large: more than %d bytes; shorten it", SIEVE_SCRIPT_MAX);
		return 1;
	}
	if (!parse_begin(&compilation->parser, compiler, script)) {
		return 1;
	}
	push(compilation, (struct level){ LEVEL_BLOCK, .link = &compiler->program->commands });
	read_all(compilation);
	if (compiler->program->arena.is_full) {
		compile_error(compiler, compilation->parser.at,
		    "script is too large: up to here it takes %d MiB of memory; shorten it",
		    PROGRAM_MAX >> 20);
		return 1;
	}
	compiler->program->extensions = compiler->required;
	return compiler->program->arena.is_out ? -ENOMEM : compiler->errors->n_errors > 0;
}

int sieve_compile(const struct sieve_language *language, struct span script,
    struct sieve_program **program_r, struct sieve_errors *errors_r)
{
	struct sieve_program *program = calloc(1, sizeof(*program));
	struct compilation compilation = { { program, language, errors_r } };
	int result;

	*program_r = NULL;
	*errors_r = (struct sieve_errors){ .n = 0 };
	if (program == NULL) {
		return -ENOMEM;
	}
	arena_init(&program->arena, PROGRAM_MAX);
	program->arena.chunk = PROGRAM_CHUNK;
	result = compile(&compilation, script);
	if (result == 0) {
		*program_r = program;
	} else {
		sieve_program_free(program);
	}
	return result;
}
