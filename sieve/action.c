/* SPDX-License-Identifier: MIT
 * What an action comes to. Pure: any thread. */
#include "sieve/sieve.h"

bool sieve_action_is_inbox(const struct sieve_action *action)
{
	return action->kind == SIEVE_KEEP ||
	       (action->kind == SIEVE_STORE &&
		   (action->folder.n == 0 || span_is(action->folder, "INBOX")));
}

const char *sieve_action_sends(const struct sieve_action *action)
{
	switch (action->kind) {
	case SIEVE_REDIRECT:
		return "redirect";
	case SIEVE_REJECT:
		return action->is_ereject ? "ereject" : "reject";
	case SIEVE_VACATION:
		return action->message.n > 0 ? "vacation" : NULL;
	case SIEVE_NOTIFY:
		return "notify";
	default:
		return NULL;
	}
}
