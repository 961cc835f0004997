/* SPDX-License-Identifier: MIT
 * What a run is made of, for the words' functions. Private to sieve.
 *
 * A function that needs something which is not there yet returns ANSWER_WAIT and is called again from its start; what it
 * was told by then is remembered. So it changes nothing before it knows all that it needs.
 *
 * A failure is remembered, too: whatever a function returns, the script ends behind it, and what was planned is taken back.
 * So one that has got an empty string for want of memory may go on with it. */
#pragma once

#include "base/fuel.h"
#include "mail/fields.h"
#include "mail/mime.h"
#include "sieve/word.h"

enum {
	RUN_VALUES_MAX = 32,       /* ${0} to ${31} */
	RUN_VARIABLES_MAX = 255,   /* of a script, and global ones */
	RUN_FRAMES_MAX = 768,      /* blocks and tests of a script and of those that it includes */
	RUN_ARENA_MAX = 8 << 20,   /* bytes that last for the run, and */
	RUN_BODY_MAX = 64 << 20,   /* bytes that are looked at */
	RUN_SCRATCH_MAX = 8 << 20, /* for a command or test; the whole is bounded by fuel, too */
};

/* A value that can be written anew, in the room that it has if that suffices. */
struct variable {
	struct span value;
	size_t room;
};

/* A script that runs. */
struct scope {
	const struct sieve_program *program;
	const char *name;
	struct variable **variables; /* of the program's; global ones are shared */
};

struct machine;

struct sieve_run {
	const struct sieve_facts *facts;
	const struct sieve_settings *settings;
	struct arena arena;   /* lasts as long as the run */
	struct arena scratch; /* is taken back when a command or test is done */
	struct fuel fuel;
	struct fields *fields; /* the header as the script sees it now: see editheader */
	int64_t growth;        /* of the message's size by edits */
	bool is_edited;        /* it is no version of the plan yet */
	bool has_failed;       /* run_fail() has said why */
	struct scope *scope;   /* of the script that runs */
	struct variable values[RUN_VALUES_MAX]; /* of the last match */
	unsigned n_values;
	struct span *flags; /* the variable of imap4flags that has no name */
	size_t n_flags;
	const struct part *part; /* that foreverypart is at; NULL: none */
	void *paused;            /* what a function that waits has kept; NULL at its first call */
	struct sieve_plan plan;
	struct machine *machine; /* frames.h */
};

/* Memory for the command or test that runs, and for the rest of the run. NULL: there is none, and the script fails. */
void *run_alloc(struct sieve_run *run, size_t n);
void *run_keep(struct sieve_run *run, size_t n);
struct span run_keep_copy(struct sieve_run *run, struct span bytes);

/* What the user should know. Returns ANSWER_BROKEN, which is for run_fail(). */
enum answer run_note(struct sieve_run *run, const struct node *node, int kind, const char *format,
    ...) __attribute__((format(printf, 4, 5)));

/* Why a script ends here; what it should be told though it goes on; what helps to find its mistakes. */
#define run_fail(run, node, ...)  run_note(run, node, SIEVE_NOTE_ERROR, __VA_ARGS__)
#define run_warn(run, node, ...)  run_note(run, node, SIEVE_NOTE_WARNING, __VA_ARGS__)
#define run_debug(run, node, ...) run_note(run, node, SIEVE_NOTE_DEBUG, __VA_ARGS__)

/* Memory or fuel is at its limit: says so, unless something else was wrong before. Returns ANSWER_BROKEN. */
enum answer run_exhausted(struct sieve_run *run, const struct node *node);

/* Has something failed, or somebody got no memory or fuel? */
bool run_has_failed(const struct sieve_run *run);

/* The bytes of a string with its variables filled in; a constant is not copied. "" where that fails. */
struct span run_string(struct sieve_run *run, const struct node *node, const struct string *string);

/* The same of the first string of an argument. ANSWER_YES; _NO: it was not given, and the value is "". */
enum answer run_text(
    struct sieve_run *run, const struct node *node, enum slot slot, struct span *value_r);

/* Sets a variable, cut at a character to the longest that it may be. */
void run_set_variable(struct sieve_run *run, struct variable *variable, struct span value);

/* Sets ${0} and on to copies. */
void run_set_values(struct sieve_run *run, const struct span *values, unsigned n_values);

/* The first field of that name, read by field_value() or field_text(). p is NULL: there is none. */
struct span run_field(struct sieve_run *run, struct span name,
    struct span (*read)(const struct field *field, struct arena *arena, struct fuel *fuel));

/* Asks, or knows the answer by now: ANSWER_YES or _NO; _WAIT, _BROKEN. answer_r, of SIEVE_NEED_SPECIAL_USE: which
 * folder; may be NULL. */
enum answer run_ask(struct sieve_run *run, const struct node *node, enum sieve_need need,
    struct span name, struct span folder, struct span *answer_r);

/* Bytes of the body from offset on: ANSWER_YES; _NO: it has ended; _WAIT. They stay until the next call. */
enum answer run_body(struct sieve_run *run, uint64_t offset, struct span *bytes_r);

/* The structure of the message, read once: ANSWER_YES; _WAIT, _BROKEN. */
enum answer run_parts(struct sieve_run *run, const struct node *node, const struct parts **parts_r);

/* What actions do to the implicit keep. */
enum plan_keep {
	PLAN_LEAVES_KEEP,
	PLAN_CANCELS_KEEP,
};

/* Adds an action, or merges it with one that is there: what it points to is copied; script, line and version are set here.
 * ANSWER_YES or _BROKEN: it cannot go with another one, or there are too many. */
enum answer plan_add(struct sieve_run *run, const struct node *node,
    const struct sieve_action *action, enum plan_keep keep);
