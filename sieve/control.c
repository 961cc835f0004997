/* SPDX-License-Identifier: MIT
 * What decides which command comes next (RFC 5228 3, 5), by tests and blocks. */
#include <string.h>

#include "sieve/frames.h"

/* --- commands --------------------------------------------------------------------------------------------------- */

/* Of if and elsif: the block when the test is true. */
static enum answer run_branch(struct sieve_run *run, const struct node *node)
{
	struct frame *frame = frames_top(run);
	bool is_true = frame->answer;

	if (!frame->has_answer) {
		return frames_push_test(run, node->tests);
	}
	frame->is_taken = is_true;
	if (is_true) {
		frames_push_block(run, node);
	}
	return ANSWER_YES;
}

static enum answer run_elsif(struct sieve_run *run, const struct node *node)
{
	return frames_top(run)->is_taken ? ANSWER_YES : run_branch(run, node);
}

static enum answer run_else(struct sieve_run *run, const struct node *node)
{
	if (!frames_top(run)->is_taken) {
		frames_push_block(run, node);
	}
	return ANSWER_YES;
}

static enum answer run_stop(struct sieve_run *run, const struct node *node)
{
	run->machine->leave = LEAVE_ALL;
	return ANSWER_YES;
}

/* --- tests ------------------------------------------------------------------------------------------------------ */

enum answer run_nothing(struct sieve_run *run, const struct node *node)
{
	return ANSWER_YES;
}

static enum answer run_false(struct sieve_run *run, const struct node *node)
{
	return ANSWER_NO;
}

static enum answer run_not(struct sieve_run *run, const struct node *node)
{
	struct frame *frame = frames_top(run);

	if (!frame->has_answer) {
		return frames_push_test(run, node->tests);
	}
	return frame->answer ? ANSWER_NO : ANSWER_YES;
}

/* From the left, until one decides it: match variables depend on that. */
static enum answer run_list(struct sieve_run *run, const struct node *node, bool decides)
{
	struct frame *frame = frames_top(run);

	if (frame->has_answer && frame->answer == decides) {
		return decides ? ANSWER_YES : ANSWER_NO;
	}
	frame->child = frame->has_answer ? frame->child->next : node->tests;
	frame->has_answer = false;
	if (frame->child == NULL) {
		return decides ? ANSWER_NO : ANSWER_YES;
	}
	return frames_push_test(run, frame->child);
}

static enum answer run_allof(struct sieve_run *run, const struct node *node)
{
	return run_list(run, node, false);
}

static enum answer run_anyof(struct sieve_run *run, const struct node *node)
{
	return run_list(run, node, true);
}

/* --- the table -------------------------------------------------------------------------------------------------- */

const struct word words_control[] = {

	{ "if", WORD_COMMAND, .tests = TESTS_ONE, .has_block = true, .run = run_branch },
	{ "elsif", WORD_COMMAND, .tests = TESTS_ONE, .has_block = true, .run = run_elsif },
	{ "else", WORD_COMMAND, .has_block = true, .run = run_else },
	{ "stop", WORD_COMMAND, .run = run_stop },
	{ "true", WORD_TEST, .run = run_nothing },
	{ "false", WORD_TEST, .run = run_false },
	{ "not", WORD_TEST, .tests = TESTS_ONE, .run = run_not },
	{ "allof", WORD_TEST, .tests = TESTS_LIST, .run = run_allof },
	{ "anyof", WORD_TEST, .tests = TESTS_LIST, .run = run_anyof },
	{ NULL },
};
