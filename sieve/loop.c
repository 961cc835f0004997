/* SPDX-License-Identifier: MIT
 * foreverypart, break and extracttext (RFC 5703). */
#include <errno.h>
#include <string.h>

#include "sieve/content.h"
#include "sieve/frames.h"
#include "sieve/set.h"

enum {
	LOOPS_MAX = 4, /* in each other */
};

static const struct tag name_tags[] = {
	{ ":name", SLOT_NAME, TYPE_CONSTANT },
	{ NULL },
};

/* Those below the part that an outer loop is at, or all of the message. */
static enum answer run_foreverypart(struct sieve_run *run, const struct node *node)
{
	const struct parts *parts;
	enum answer answer = run_parts(run, node, &parts);
	struct frame frame = { .kind = FRAME_PARTS, .node = node, .part = run->part };
	unsigned n_loops = 0;

	if (answer != ANSWER_YES) {
		return answer;
	}
	for (size_t i = 0; i < run->machine->n_frames; i++) {
		n_loops += run->machine->frames[i].kind == FRAME_PARTS;
	}
	if (n_loops == LOOPS_MAX) {
		return run_fail(
		    run, node, "more than %d foreverypart stand in each other", LOOPS_MAX);
	}
	if (run->part == NULL) {
		frame.end = parts->n;
	} else {
		frame.next = (size_t)(run->part - parts->list) + 1;
		frame.end = frame.next + run->part->n_inside;
	}
	frames_push(run, node, &frame);
	return ANSWER_YES;
}

enum answer run_end_of_part(struct sieve_run *run, struct frame *frame)
{
	if (frame->next == frame->end) {
		run->part = frame->part;
		run->machine->n_frames--;
		return ANSWER_YES;
	}
	run->part = &run->machine->parts->list[frame->next++];
	return frames_push_block(run, frame->node);
}

static void check_foreverypart(struct compiler *compiler, struct node *node)
{
	if (compiler->n_loops >= LOOPS_MAX) {
		compile_error(compiler, node->at,
		    "more than %d foreverypart stand in each other; take one out", LOOPS_MAX);
	}
}

static bool stands_in_loop(struct compiler *compiler, const struct node *node)
{
	if (compiler->n_loops == 0) {
		compile_error(compiler, node->at,
		    "%s stands in no foreverypart; write it in the block of one", node->word->name);
	}
	return compiler->n_loops > 0;
}

static void check_break(struct compiler *compiler, struct node *node)
{
	stands_in_loop(compiler, node);
}

static bool has_name(const struct node *loop, struct span name)
{
	const struct argument *argument = node_argument(loop, SLOT_NAME);

	return argument != NULL && span_equals(argument->strings[0].text, name);
}

static enum answer run_break(struct sieve_run *run, const struct node *node)
{
	struct machine *machine = run->machine;
	const struct argument *name = node_argument(node, SLOT_NAME);

	for (size_t i = machine->n_frames; i > 0 && machine->frames[i - 1].kind != FRAME_SCRIPT;
	     i--) {
		struct frame *frame = &machine->frames[i - 1];

		if (frame->kind == FRAME_PARTS &&
		    (name == NULL || has_name(frame->node, name->strings[0].text))) {
			frame->next = frame->end;
			machine->loop = i;
			machine->leave = LEAVE_LOOP;
			return ANSWER_YES;
		}
	}
	return run_fail(run, node, "break stands in no such foreverypart");
}

/* --- extracttext ------------------------------------------------------------------------------------------------ */

static const struct tag first_tags[] = {
	{ ":first", SLOT_LIMIT, TYPE_NUMBER },
	{ NULL },
};

struct extract {
	struct content *content;
	size_t n, max;
	char text[];
};

/* NULL: there is no memory. */
static struct extract *begin(struct sieve_run *run, const struct node *node)
{
	const struct argument *first = node_argument(node, SLOT_LIMIT);
	size_t max = run->settings->value_max;
	struct extract *extract;

	if (first != NULL && first->number < max / 4) {
		/* In characters, of at most four bytes. */
		max = 4 * first->number;
	}
	extract = run_alloc(run, sizeof(*extract) + max);
	if (extract != NULL) {
		extract->max = max;
		extract->content = content_new(run, run->part, CONTENT_TEXT);
	}
	run->paused = extract;
	return run_has_failed(run) ? NULL : extract;
}

/* Whatever is no text is "". */
static enum answer read_text(struct sieve_run *run, const struct node *node, struct span *text_r)
{
	struct extract *extract;
	enum answer answer = ANSWER_YES;

	*text_r = (struct span){ "", 0 };
	if (!span_is(run->part->type.type, "text")) {
		return ANSWER_YES;
	}
	extract = run->paused != NULL ? run->paused : begin(run, node);
	if (extract == NULL) {
		return ANSWER_BROKEN;
	}
	while (answer == ANSWER_YES && extract->n < extract->max) {
		struct span piece;

		answer = content_next(extract->content, node, &piece);
		if (answer == ANSWER_YES) {
			if (piece.n > extract->max - extract->n) {
				piece.n = extract->max - extract->n;
			}
			memcpy(extract->text + extract->n, piece.p, piece.n);
			extract->n += piece.n;
		}
	}
	if (answer == ANSWER_WAIT || answer == ANSWER_BROKEN) {
		return answer;
	}
	*text_r = (struct span){ extract->text, extract->n };
	return ANSWER_YES;
}

static void check_extracttext(struct compiler *compiler, struct node *node)
{
	if (!stands_in_loop(compiler, node)) {
		return;
	}
	if (!compile_requires(compiler, EXTENSION_VARIABLES)) {
		compile_error(compiler, node->at, "extracttext needs require \"variables\"");
		return;
	}
	set_check(compiler, node);
}

static enum answer run_extracttext(struct sieve_run *run, const struct node *node)
{
	const struct argument *first = node_argument(node, SLOT_LIMIT);
	struct span text;
	enum answer answer;

	if (run->part == NULL) {
		return run_fail(run, node, "extracttext stands in no foreverypart");
	}
	answer = read_text(run, node, &text);
	if (answer != ANSWER_YES) {
		return answer;
	}
	if (first != NULL) {
		text.n = set_length(text, first->number);
	}
	return set_value(run, node, text);
}

const struct word words_loop[] = {
	{ "foreverypart", WORD_COMMAND, EXTENSION_FOREVERYPART, .tags = { name_tags },
	    .has_block = true, .check = check_foreverypart, .run = run_foreverypart },
	{ "break", WORD_COMMAND, EXTENSION_FOREVERYPART, .tags = { name_tags },
	    .check = check_break, .run = run_break },
	{ "extracttext", WORD_COMMAND, EXTENSION_EXTRACTTEXT, .tags = { set_tags, first_tags },
	    .parameters = { TYPE_CONSTANT }, .check = check_extracttext, .run = run_extracttext },
	{ NULL },
};
