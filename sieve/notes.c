/* SPDX-License-Identifier: MIT
 * What a run tells the user, and why a script ends. */
#include <stdarg.h>
#include <stdio.h>

#include "sieve/frames.h"

enum {
	NOTES_MAX = 100,
	NOTE_MAX = 1000, /* bytes */
};

static void add_note(struct sieve_run *run, const struct node *node, int kind, const char *format,
    va_list arguments) __attribute__((format(printf, 4, 0)));
static void add_note(
    struct sieve_run *run, const struct node *node, int kind, const char *format, va_list arguments)
{
	struct sieve_plan *plan = &run->plan;
	char text[NOTE_MAX];
	int n = vsnprintf(text, sizeof(text), format, arguments);
	struct sieve_note *notes;

	if (n < 0 || plan->n_notes == NOTES_MAX) {
		return;
	}
	if ((size_t)n >= sizeof(text)) {
		n = sizeof(text) - 1;
	}
	for (int i = 0; i < n; i++) {
		if (text_is_control(text[i])) {
			text[i] = ' ';
		}
	}
	notes = plan_grow(run, plan->notes, plan->n_notes, sizeof(*notes));
	if (notes == NULL) {
		return;
	}
	plan->notes = notes;
	notes[plan->n_notes] =
	    (struct sieve_note){ .script = run->scope != NULL ? run->scope->name : "",
		    .line = node != NULL ? node->line : 0,
		    .kind = kind,
		    .text = run_keep_copy(run, (struct span){ text, (size_t)n }) };
	plan->n_notes += notes[plan->n_notes].text.p != NULL;
}

enum answer run_fail(struct sieve_run *run, const struct node *node, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add_note(run, node, SIEVE_NOTE_ERROR, format, arguments);
	va_end(arguments);
	return ANSWER_BROKEN;
}

void run_warn(struct sieve_run *run, const struct node *node, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add_note(run, node, SIEVE_NOTE_WARNING, format, arguments);
	va_end(arguments);
}

void run_debug(struct sieve_run *run, const struct node *node, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add_note(run, node, SIEVE_NOTE_DEBUG, format, arguments);
	va_end(arguments);
}

enum answer run_exhausted(struct sieve_run *run, const struct node *node)
{
	run->plan.is_exhausted = true;
	return run_fail(run, node, "the script needs too much %s for this message",
	    run->fuel.is_empty ? "time" : "memory");
}
