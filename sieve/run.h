/* SPDX-License-Identifier: MIT
 * What a run is made of, for the words' functions. Private to sieve.
 *
 * A function that needs something which is not there yet returns ANSWER_WAIT and is called again from its start; what it
 * was told by then is remembered. So it changes nothing before it knows all that it needs. */
#pragma once

#include "sieve/fields.h"
#include "sieve/fuel.h"
#include "sieve/mime.h"
#include "sieve/word.h"

enum {
	RUN_VALUES_MAX = 32,       /* ${0} to ${31} */
	RUN_VARIABLES_MAX = 255,   /* of a script, and global ones */
	RUN_FRAMES_MAX = 768,      /* blocks and tests of a script and of those that it includes */
	RUN_ARENA_MAX = 8 << 20,   /* bytes that last for the run, and */
	RUN_SCRATCH_MAX = 8 << 20, /* for a command or test; the whole is bounded by fuel, too */
};

/* A value that can be written anew, in the room that it has if that suffices. */
struct variable {
	struct span value;
	size_t room;
};

struct scope {
	const struct sieve_program *program;
	const char *name;           /* of the script */
	struct variable *variables; /* of the program's, but global ones */
};

struct frame;
struct memo;

struct sieve_run {
	const struct sieve_facts *facts;
	const struct sieve_settings *settings;
	struct arena arena;   /* lasts as long as the run */
	struct arena scratch; /* is taken back when a command, or the test of one, is done */
	struct fuel fuel;
	struct fields *fields; /* the header as the script sees it now; see editheader */
	unsigned version;      /* of it in the plan */
	struct scope *scope;   /* of the script that runs */
	struct variable values[RUN_VALUES_MAX]; /* of the last match */
	unsigned n_values;
	struct span *flags; /* of imap4flags' own variable */
	size_t n_flags;
	const struct part *part; /* that foreverypart is at; NULL: none */
	void *
	    paused; /* what a function has kept for when it is called again; NULL at its first call */
	struct sieve_plan plan;
	/* Private to run.c and its sisters. */
	struct run_private *private;
};

/* Memory for the command that runs. NULL: there is none, ANSWER_NO_MEMORY is due. */
void *run_alloc(struct sieve_run *run, size_t n);
/* Memory for the rest of the run. */
void *run_keep(struct sieve_run *run, size_t n);
struct span run_keep_copy(struct sieve_run *run, struct span bytes);

/* Says why a script ends here. Returns ANSWER_BROKEN. */
enum answer run_fail(struct sieve_run *run, const struct node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void run_warn(struct sieve_run *run, const struct node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* After a function has found fuel->is_empty or memory at its limit. Returns ANSWER_BROKEN. */
enum answer run_exhausted(struct sieve_run *run, const struct node *node);

/* The bytes of a string with its variables filled in. ANSWER_YES, or _NO_MEMORY, _BROKEN. */
enum answer run_string(struct sieve_run *run, const struct node *node, const struct string *string,
    struct span *value_r);
/* The same of the first string of an argument. */
enum answer run_text(
    struct sieve_run *run, const struct node *node, enum slot slot, struct span *value_r);

/* Sets a variable by its number in the program that runs, cut at a character to the longest that it may be. */
enum answer run_set_variable(
    struct sieve_run *run, const struct node *node, unsigned index, struct span value);

/* Sets ${0} and on. Spans may point anywhere: they are copied. */
enum answer run_set_values(
    struct sieve_run *run, const struct node *node, const struct span *values, unsigned n_values);

/* Asks, or knows the answer by now: ANSWER_YES or _NO, _WAIT the first time. folder_r, of SIEVE_NEED_SPECIAL_USE:
 * which. */
enum answer run_ask(struct sieve_run *run, enum sieve_need need, struct span name,
    struct span folder, struct span *folder_r);

/* Bytes of the body from offset on: ANSWER_YES; _NO: it has ended; _WAIT. They stay until the next call. */
enum answer run_body(struct sieve_run *run, uint64_t offset, struct span *bytes_r);

/* The structure of the message, read once: ANSWER_YES, _WAIT, _BROKEN, _NO_MEMORY. */
enum answer run_parts(struct sieve_run *run, const struct node *node, const struct parts **parts_r);

/* Adds an action to the plan; what it points to is copied. At most actions_max: ANSWER_BROKEN then. *action_r may be changed
 * until the next call. cancels: the implicit keep is off. */
enum answer plan_add(struct sieve_run *run, const struct node *node,
    const struct sieve_action *action, bool cancels);
