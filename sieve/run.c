/* SPDX-License-Identifier: MIT
 * A run: frames are carried out until something is needed or all is done. */
#include "sieve/sieve.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "sieve/frames.h"

enum answer frames_push(struct sieve_run *run, const struct node *node, const struct frame *frame)
{
	struct machine *machine = run->machine;

	if (machine->n_frames == RUN_FRAMES_MAX) {
		return run_fail(
		    run, node, "blocks, tests and included scripts are nested too deep");
	}
	machine->frames[machine->n_frames++] = *frame;
	return ANSWER_AGAIN;
}

enum answer frames_push_block(struct sieve_run *run, const struct node *node)
{
	struct frame frame = { .kind = FRAME_BLOCK, .node = node->block };

	return frames_push(run, node, &frame);
}

enum answer frames_push_test(struct sieve_run *run, const struct node *test)
{
	struct frame frame = { .kind = FRAME_TEST, .node = test };

	return frames_push(run, test, &frame);
}

struct frame *frames_top(struct sieve_run *run)
{
	return &run->machine->frames[run->machine->n_frames - 1];
}

static bool begin_program(struct sieve_run *run)
{
	struct machine *machine = run->machine;
	const struct sieve_script *script = &machine->chain[machine->next++];

	run->scope = scope_new(run, script->program, script->name);
	machine->frames[0] = (struct frame){ FRAME_BLOCK, .node = script->program->commands };
	machine->n_frames = 1;
	machine->leave = LEAVE_NOTHING;
	machine->depth = 0;
	run->part = NULL;
	run->n_values = 0;
	return run->scope != NULL && plan_begin_program(run);
}

static struct machine *machine_new(void)
{
	struct machine *machine = malloc(sizeof(*machine));

	return machine == NULL ? NULL : memset(machine, 0, offsetof(struct machine, frames));
}

struct sieve_run *sieve_run_new(
    const struct sieve_facts *facts, const struct sieve_script *chain, size_t n_chain)
{
	struct sieve_run *run = calloc(1, sizeof(*run));

	if (run == NULL) {
		return NULL;
	}
	arena_init(&run->arena, RUN_ARENA_MAX);
	arena_init(&run->scratch, RUN_SCRATCH_MAX);
	run->settings = facts->settings;
	run->fuel.left = run->settings->fuel;
	run->machine = machine_new();
	if (run->machine == NULL || sieve_run_set_facts(run, facts) != 0 ||
	    sieve_run_set_plan(run, NULL) != 0) {
		sieve_run_free(run);
		return NULL;
	}
	run->machine->chain = chain;
	run->machine->n_chain = n_chain;
	return run;
}

void sieve_run_free(struct sieve_run *run)
{
	arena_deinit(&run->scratch);
	arena_deinit(&run->arena);
	free(run->machine);
	free(run);
}

/* Goes down to where the script that was left goes on. */
static void unwind(struct sieve_run *run)
{
	struct machine *machine = run->machine;

	while (machine->n_frames > 0) {
		struct frame *frame = frames_top(run);

		if ((machine->leave == LEAVE_SCRIPT && frame->kind == FRAME_SCRIPT) ||
		    (machine->leave == LEAVE_LOOP && machine->n_frames == machine->loop)) {
			break;
		}
		if (frame->kind == FRAME_SCRIPT) {
			run->scope = frame->scope;
			machine->depth--;
		} else if (frame->kind == FRAME_PARTS) {
			run->part = frame->part;
		}
		machine->n_frames--;
		if (machine->leave == LEAVE_HOST && frame->is_hosts) {
			break;
		}
	}
	machine->leave = LEAVE_NOTHING;
}

/* The host has carried a command out: what it told of the world before may have changed. */
static enum answer end_of_host(struct sieve_run *run, const struct node *node)
{
	const struct frame block = { FRAME_BLOCK, .node = node->block, .is_hosts = true };
	struct machine *machine = run->machine;

	machine->has_host_answer = false;
	machine->memos = NULL;
	if (machine->host_answer && node->word->has_block && machine->leave == LEAVE_NOTHING) {
		frames_push(run, node, &block);
	}
	return machine->host_answer ? ANSWER_YES : ANSWER_NO;
}

static enum answer call(struct sieve_run *run, const struct node *node)
{
	struct machine *machine = run->machine;
	enum answer answer;

	if (!fuel_take(&run->fuel, FUEL_NODE)) {
		return run_exhausted(run, node);
	}
	if (node->word->run != NULL) {
		answer = node->word->run(run, node);
	} else if (machine->has_host_answer) {
		answer = end_of_host(run, node);
	} else {
		machine->need = SIEVE_NEED_HOST;
		machine->question = (struct sieve_question){ .node = node };
		answer = ANSWER_WAIT;
	}
	if (answer != ANSWER_WAIT && answer != ANSWER_AGAIN) {
		run->paused = NULL;
		if (node->word->run != NULL && !run_has_failed(run)) {
			arena_reset(&run->scratch);
		}
	}
	return run_has_failed(run) ? run_exhausted(run, node) : answer;
}

static enum answer step_block(struct sieve_run *run)
{
	size_t i = run->machine->n_frames - 1;
	struct frame *frame = &run->machine->frames[i];
	enum answer answer;

	if (frame->node == NULL) {
		run->machine->n_frames--;
		return ANSWER_YES;
	}
	answer = call(run, frame->node);
	if (answer == ANSWER_YES || answer == ANSWER_NO) {
		frame->node = frame->node->next;
		frame->has_answer = false;
	}
	return answer;
}

static enum answer step_test(struct sieve_run *run)
{
	struct frame *frame = frames_top(run);
	enum answer answer = call(run, frame->node);

	if (answer == ANSWER_YES || answer == ANSWER_NO) {
		run->machine->n_frames--;
		frame[-1].has_answer = true;
		frame[-1].answer = answer == ANSWER_YES;
	}
	return answer;
}

static enum answer step(struct sieve_run *run)
{
	struct frame *frame = frames_top(run);

	switch (frame->kind) {
	case FRAME_BLOCK:
		return step_block(run);
	case FRAME_TEST:
		return step_test(run);
	case FRAME_SCRIPT:
		run->scope = frame->scope;
		run->machine->depth--;
		run->machine->n_frames--;
		return ANSWER_YES;
	case FRAME_PARTS:
		break;
	}
	return run_end_of_part(run, frame);
}

/* Goes on until a program has ended. */
static enum answer run_program(struct sieve_run *run)
{
	while (run->machine->n_frames > 0) {
		enum answer answer = step(run);

		if (answer == ANSWER_WAIT || answer == ANSWER_BROKEN) {
			return answer;
		}
		if (run->machine->leave != LEAVE_NOTHING) {
			unwind(run);
		}
	}
	return ANSWER_YES;
}

int sieve_step(struct sieve_run *run, struct sieve_question *question_r)
{
	struct machine *machine = run->machine;

	for (;;) {
		enum answer answer = run_program(run);

		if (answer == ANSWER_WAIT) {
			*question_r = machine->question;
			return (int)machine->need;
		}
		if (answer == ANSWER_BROKEN) {
			plan_fail_program(run);
		}
		if (machine->next == machine->n_chain || run->fuel.is_empty ||
		    (machine->next > 0 && !plan_goes_on(run))) {
			run->plan.n_ran = machine->next;
			run->plan.fuel = run->settings->fuel - run->fuel.left;
			return plan_finish(run) ? SIEVE_DONE : -ENOMEM;
		}
		if (!begin_program(run)) {
			return -ENOMEM;
		}
	}
}

int sieve_run_set_facts(struct sieve_run *run, const struct sieve_facts *facts)
{
	struct machine *machine = run->machine;
	size_t n = 0;

	run->facts = facts;
	run->settings = facts->settings;
	machine->window = (struct span){ NULL, 0 };
	machine->body_end = UINT64_MAX;
	machine->scan = NULL;
	machine->scan_offset = 0;
	machine->parts = NULL;
	machine->memos = NULL;
	run->is_edited = run->plan.n_versions > 0;
	run->growth = 0;

	run->fields = fields_parse(&run->arena, &run->fuel, facts->header);
	while (facts->flags != NULL && facts->flags[n] != NULL) {
		n++;
	}
	run->flags = run_keep(run, n * sizeof(*run->flags));
	if (run->fields == NULL || run->flags == NULL) {
		return -ENOMEM;
	}
	for (run->n_flags = 0; run->n_flags < n; run->n_flags++) {
		const char *flag = facts->flags[run->n_flags];

		run->flags[run->n_flags] = (struct span){ flag, strlen(flag) };
	}
	return 0;
}
