/* SPDX-License-Identifier: MIT
 * What a run tells the user, and why a script ends. */
#include <stdarg.h>
#include <stdio.h>

#include "sieve/frames.h"

enum {
	NOTES_MAX = 100,
	NOTE_MAX = 1000, /* bytes */
};

static void add_note(struct sieve_run *run, const struct node *node, int kind, char *text, size_t n)
{
	struct sieve_plan *plan = &run->plan;
	struct sieve_note *notes;

	if (plan->n_notes == NOTES_MAX) {
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (text_is_control(text[i])) {
			text[i] = ' ';
		}
	}
	notes = arena_grow(&run->arena, plan->notes, plan->n_notes, sizeof(*notes));
	if (notes == NULL) {
		return;
	}
	plan->notes = notes;
	notes[plan->n_notes] =
	    (struct sieve_note){ .script = run->scope != NULL ? run->scope->name : "",
		    .line = node != NULL ? node->at.line : 0,
		    .kind = kind,
		    .text = run_keep_copy(run, (struct span){ text, n }) };
	plan->n_notes += notes[plan->n_notes].text.p != NULL;
}

enum answer run_note(
    struct sieve_run *run, const struct node *node, int kind, const char *format, ...)
{
	char text[NOTE_MAX];
	va_list arguments;
	int n;

	/* What is wrong behind a failure comes of it. */
	if (run_has_failed(run)) {
		return run_exhausted(run, node);
	}
	run->has_failed = kind == SIEVE_NOTE_ERROR;
	va_start(arguments, format);
	n = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	add_note(run, node, kind, text, n < NOTE_MAX ? (size_t)n : NOTE_MAX - 1);
	return ANSWER_BROKEN;
}

bool run_has_failed(const struct sieve_run *run)
{
	return run->has_failed || run->fuel.is_empty || run->arena.is_out || run->scratch.is_out;
}

enum answer run_exhausted(struct sieve_run *run, const struct node *node)
{
	char time[] = "the script needs too much time for this message",
	     memory[] = "the script needs too much memory for this message";

	if (!run->has_failed) {
		run->has_failed = run->plan.is_exhausted = true;
		run->plan.exhausted = run->machine->next - 1;
		add_note(run, node, SIEVE_NOTE_ERROR, run->fuel.is_empty ? time : memory,
		    run->fuel.is_empty ? sizeof(time) - 1 : sizeof(memory) - 1);
	}
	return ANSWER_BROKEN;
}
