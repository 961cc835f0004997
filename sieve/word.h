/* SPDX-License-Identifier: MIT
 * The commands and tests of the language, as tables: what each takes, what is checked when it is compiled, and what
 * it does. An extension is a table of words, beside the functions that carry them out. Private to sieve. */
#pragma once

#include "sieve/program.h"

struct compiler;
struct sieve_run;

/* What a test says, and a command. */
enum answer {
	ANSWER_NO = 0,
	ANSWER_YES,    /* of a command: it is done */
	ANSWER_WAIT,   /* the run has asked for something, and wants to be called again */
	ANSWER_BROKEN, /* run_fail() has said why: the script ends */
	ANSWER_AGAIN,  /* frames.h: something was pushed that comes first */
};

enum word_kind {
	WORD_COMMAND = 1,
	WORD_TEST,
};

enum argument_type {
	TYPE_NONE = 0,
	TYPE_NUMBER,
	TYPE_STRING,
	TYPE_STRINGS,
	/* Constant ones: a variable in it is an error. */
	TYPE_CONSTANT,
	TYPE_CONSTANTS,
};

/* A tagged argument. A table of them ends with a name of NULL; several tables make up a command's. */
struct tag {
	const char *name; /* with its colon, lower case */
	enum slot slot;   /* two tags of the same slot exclude each other */
	enum argument_type type;
	int value;
	enum sieve_extension extension; /* that it needs besides the command's */
};

enum {
	WORD_TAGS_MAX = 6,
	WORD_PARAMETERS_MAX = 3,
};

struct word {
	const char *name; /* lower case; NULL ends a table */
	enum word_kind kind;
	enum sieve_extension extension;            /* that it needs */
	const struct tag *tags[WORD_TAGS_MAX + 1]; /* tables; NULL ends them */
	enum argument_type
	    parameters[WORD_PARAMETERS_MAX]; /* by position: SLOT_FIRST ...; TYPE_NONE ends them */
	/* So many of the first may be missing, as in "setflag [variable] list", and of the last; all keep their slots. */
	unsigned n_optional, n_optional_last;
	enum {
		TESTS_NONE,
		TESTS_ONE,
		TESTS_LIST
	} tests;
	bool has_block;
	bool sends; /* leaves a mark or a message outside of the mailbox */
	/* Checks what the table cannot say, and prepares node->made. Errors go to compile_error(); want of memory is known to the
	 * program's arena. */
	void (*check)(struct compiler *compiler, struct node *node);
	/* NULL: the host's, SIEVE_NEED_HOST */
	enum answer (*run)(struct sieve_run *run, const struct node *node);
};

/* All tables, NULL at the end; words.c. */
extern const struct word *const word_tables[];

/* --- for check functions; compile.c --------------------------------------------------------------------------- */

struct compiler {
	struct sieve_program *program;
	const struct sieve_language *language;
	struct sieve_errors *errors;
	uint64_t required; /* extensions, so far */
	unsigned n_loops;  /* foreverypart that the command stands in */
	/* What else a compiler knows is in compile.c's own struct around this one. */
};

/* Says that a script is broken: what is wrong, and what to write instead. */
void compile_error(struct compiler *compiler, struct position at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void compile_warning(struct compiler *compiler, struct position at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

bool compile_requires(const struct compiler *compiler, enum sieve_extension extension);

/* The number of a variable of the program, made if it is new. False: there are too many, or the name is none, and an error was said;
 * or there is no memory. */
bool compile_variable(
    struct compiler *compiler, struct span name, struct position at, unsigned *index_r);

/* Says so if a string of an argument, which may be NULL, is constant and no address (RFC 5322 3.4), or cannot be the name of a
 * header field. */
void compile_address(struct compiler *compiler, const struct argument *argument);
void compile_field_name(struct compiler *compiler, const struct argument *argument);

/* Of words that have done all that they can when a script is compiled. */
enum answer run_nothing(struct sieve_run *run, const struct node *node);

/* A printf width and string for a span: "%.*s". What is long is cut. */
#define SPAN(span) (int)((span).n < 100 ? (span).n : 100), (span).p
