/* SPDX-License-Identifier: MIT
 * reject and ereject (RFC 5429): the reason becomes the reply to the recipient, whichever of both says it. */
#include "sieve/run.h"

static enum answer refuse(struct sieve_run *run, const struct node *node, bool is_ereject)
{
	struct sieve_action action = { .kind = SIEVE_REJECT, .is_ereject = is_ereject };

	run_text(run, node, SLOT_FIRST, &action.text);
	return plan_add(run, node, &action, PLAN_CANCELS_KEEP);
}

static enum answer run_reject(struct sieve_run *run, const struct node *node)
{
	return refuse(run, node, false);
}

static enum answer run_ereject(struct sieve_run *run, const struct node *node)
{
	return refuse(run, node, true);
}

const struct word words_reject[] = {
	{ "reject", WORD_COMMAND, EXTENSION_REJECT, .parameters = { TYPE_STRING }, .sends = true,
	    .run = run_reject },
	{ "ereject", WORD_COMMAND, EXTENSION_EREJECT, .parameters = { TYPE_STRING }, .sends = true,
	    .run = run_ereject },
	{ NULL },
};
