/* SPDX-License-Identifier: MIT
 * What a run wants to know of the world, and what it was told. */
#include <string.h>

#include "sieve/frames.h"

enum answer run_ask(struct sieve_run *run, const struct node *node, enum sieve_need need,
    struct span name, struct span folder, struct span *answer_r)
{
	struct machine *machine = run->machine;
	struct memo *memo;

	for (memo = machine->memos; memo != NULL; memo = memo->next) {
		if (memo->need == need && span_equals(memo->name, name) &&
		    span_equals(memo->folder, folder)) {
			if (answer_r != NULL) {
				*answer_r = memo->answer;
			}
			return memo->is_so ? ANSWER_YES : ANSWER_NO;
		}
	}
	memo = run_keep(run, sizeof(*memo));
	if (memo == NULL) {
		return run_exhausted(run, node);
	}
	memo->need = need;
	memo->name = run_keep_copy(run, name);
	memo->folder = run_keep_copy(run, folder);
	if (memo->name.p == NULL || memo->folder.p == NULL) {
		return run_exhausted(run, node);
	}
	memo->next = machine->memos;
	machine->memos = memo;
	machine->need = need;
	machine->question = (struct sieve_question){ .name = memo->name, .folder = memo->folder };
	return ANSWER_WAIT;
}

void sieve_answer(struct sieve_run *run, bool is_so)
{
	struct machine *machine = run->machine;

	if (machine->need == SIEVE_NEED_HOST) {
		machine->has_host_answer = true;
		machine->host_answer = is_so;
	} else {
		machine->memos->is_so = is_so;
	}
}

void sieve_answer_name(struct sieve_run *run, struct span name)
{
	struct memo *memo = run->machine->memos;

	if (name.p != NULL) {
		memo->answer = run_keep_copy(run, name);
		memo->is_so = memo->answer.p != NULL;
	}
}

void sieve_give_body(struct sieve_run *run, struct span bytes)
{
	struct machine *machine = run->machine;

	machine->window = bytes;
	machine->window_offset = machine->question.offset;
	if (bytes.n == 0) {
		machine->body_end = machine->question.offset;
	}
}

enum answer run_body(struct sieve_run *run, uint64_t offset, struct span *bytes_r)
{
	struct machine *machine = run->machine;

	if (offset >= machine->body_end || offset >= RUN_BODY_MAX) {
		return ANSWER_NO;
	}
	if (offset >= machine->window_offset &&
	    offset - machine->window_offset < machine->window.n) {
		size_t skipped = offset - machine->window_offset;

		*bytes_r =
		    (struct span){ machine->window.p + skipped, machine->window.n - skipped };
		return ANSWER_YES;
	}
	machine->need = SIEVE_NEED_BODY;
	machine->question = (struct sieve_question){ .offset = offset };
	return ANSWER_WAIT;
}

enum answer run_parts(struct sieve_run *run, const struct node *node, const struct parts **parts_r)
{
	struct machine *machine = run->machine;
	struct span bytes;
	enum answer answer;

	if (machine->parts == NULL && machine->scan == NULL) {
		machine->scan = mime_scan_new(&run->arena, &run->fuel, run->fields);
		if (machine->scan == NULL) {
			return run_exhausted(run, node);
		}
	}
	while (machine->parts == NULL) {
		answer = run_body(run, machine->scan_offset, &bytes);
		if (answer == ANSWER_WAIT) {
			return ANSWER_WAIT;
		}
		if (answer == ANSWER_NO) {
			machine->parts = mime_scan_end(machine->scan);
			if (machine->parts == NULL) {
				return run_exhausted(run, node);
			}
		} else if (mime_scan_feed(machine->scan, bytes)) {
			machine->scan_offset += bytes.n;
		} else {
			return run_exhausted(run, node);
		}
	}
	*parts_r = machine->parts;
	return ANSWER_YES;
}

/* --- whoever carries commands out himself ------------------------------------------------------------------------ */

bool sieve_host_text(
    struct sieve_run *run, const struct node *node, unsigned slot, struct span *text_r)
{
	return run_text(run, node, slot, text_r) == ANSWER_YES && !run_has_failed(run);
}

bool sieve_host_leave(struct sieve_run *run)
{
	struct machine *machine = run->machine;

	for (size_t i = 0; i < machine->n_frames; i++) {
		if (machine->frames[i].is_hosts) {
			machine->leave = LEAVE_HOST;
			return true;
		}
	}
	return false;
}
