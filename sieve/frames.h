/* SPDX-License-Identifier: MIT
 * What is being carried out: a stack of frames instead of recursion, so that a run can wait anywhere. For control.c and
 * its like, which push. Private to sieve. */
#pragma once

#include "sieve/run.h"

enum frame_kind {
	FRAME_BLOCK,  /* node: the command that is next; NULL: it is done */
	FRAME_TEST,   /* node: the test */
	FRAME_SCRIPT, /* one that was included */
	FRAME_PARTS,  /* foreverypart; node: the loop */
};

struct frame {
	enum frame_kind kind;
	bool has_answer, answer; /* of the test that was pushed on top of this frame */
	bool is_taken;           /* BLOCK: a branch of the if that is under way */
	bool is_hosts;           /* BLOCK: the host has let the run enter it */
	const struct node *node;
	const struct node *child; /* TEST: of its tests, the one that was pushed */
	struct scope *scope;      /* SCRIPT: the one to go back to */
	const struct part *part;  /* PARTS: the part to go back to, and */
	size_t next, end;         /* those that are still to come, as indexes */
};

enum leave {
	LEAVE_NOTHING = 0,
	LEAVE_LOOP, /* break: down to machine->loop */
	LEAVE_SCRIPT,
	LEAVE_HOST, /* the innermost block that is the host's */
	LEAVE_ALL,
};

/* An answer that was given. */
struct memo {
	struct memo *next;
	enum sieve_need need;
	struct span name, folder;
	bool is_so;
	struct span answer;
};

/* What a script that fails takes back. */
struct checkpoint {
	struct sieve_action *actions;
	size_t n_actions, n_versions;
	bool keeps;
	struct span *flags;
	size_t n_flags;
	struct fields *fields;
	bool is_edited;
	int64_t growth;
};

struct global {
	struct global *next;
	struct span name;
	struct variable variable;
};

struct machine {
	size_t n_frames;
	enum leave leave;
	size_t loop; /* that is left */
	const struct sieve_script *chain;
	size_t n_chain, next; /* program of the chain */
	struct checkpoint checkpoint;
	struct global *globals;
	unsigned n_globals;
	unsigned n_included, depth; /* of includes */
	/* What is asked, and what was answered. */
	enum sieve_need need;
	struct sieve_question question;
	struct memo *memos;
	bool has_host_answer, host_answer;
	struct span window; /* of the body, at */
	uint64_t window_offset;
	uint64_t body_end; /* UINT64_MAX: not known */
	struct mime_scan *scan;
	uint64_t scan_offset;
	const struct parts *parts;
	/* From here on nothing is read that was not written: most of it is never touched. */
	struct frame frames[RUN_FRAMES_MAX];
	const struct sieve_program *included[SIEVE_INCLUDES_MAX];
};

/* ANSWER_AGAIN, or _BROKEN: it is nested too deep. */
enum answer frames_push(struct sieve_run *run, const struct node *node, const struct frame *frame);
enum answer frames_push_block(struct sieve_run *run, const struct node *node);
enum answer frames_push_test(struct sieve_run *run, const struct node *test);
struct frame *frames_top(struct sieve_run *run);

/* Makes the scope of a program. NULL: no memory. */
struct scope *scope_new(
    struct sieve_run *run, const struct sieve_program *program, const char *name);

/* Beginning and failure of one of the chain's programs; false: no memory. */
bool plan_begin_program(struct sieve_run *run);
void plan_fail_program(struct sieve_run *run);

/* Is the message still to lie in INBOX, so that the next program runs? */
bool plan_goes_on(const struct sieve_run *run);

/* All programs have run. False: no memory. */
bool plan_finish(struct sieve_run *run);

/* What a script can ask of the server (RFC 5183), of a name that begins with "env.". p is NULL: there is none. */
struct span environment_variable(struct sieve_run *run, struct span name);

/* A foreverypart has come to the end of its block. */
enum answer run_end_of_part(struct sieve_run *run, struct frame *frame);
