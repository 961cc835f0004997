/* SPDX-License-Identifier: MIT
 * What the caller of a run needs who carries commands out himself. */
#include "sieve/frames.h"

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
