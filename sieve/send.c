/* SPDX-License-Identifier: MIT
 * What leaves the mailbox. Nothing that is not sent is lost: the implicit keep stays then. */
#include "sieve/send.h"

#include <string.h>

#include "sieve/compose.h"

enum {
	HOPS_MAX = 40, /* Postfix bounces at 50, its hopcount_limit */
	REDIRECT_SECONDS = 12 * 60 * 60,
};

/* Ours, for marks: the user's own one if it is known, since aliases are many. */
static struct span own_address(struct sieve_run *run)
{
	struct span own = span_of(run->facts->user_email);

	return own.n > 0 ? own : run->facts->to;
}

struct span send_from(struct sieve_run *run, const char *setting)
{
	const struct sieve_facts *facts = run->facts;
	struct span text = span_of(setting);

	if (facts->from.n == 0 || text.n == 0 || strcmp(setting, "sender") == 0) {
		return facts->from;
	}
	if (strcmp(setting, "recipient") == 0) {
		return facts->to;
	}
	if (strcmp(setting, "orig_recipient") == 0) {
		return facts->original_to;
	}
	if (strcmp(setting, "user_email") == 0) {
		return own_address(run);
	}
	if (strcmp(setting, "postmaster") == 0) {
		return span_of(run->settings->postmaster);
	}
	if (text.n >= 2 && text.p[0] == '<' && text.p[text.n - 1] == '>') {
		return (struct span){ text.p + 1, text.n - 2 };
	}
	return text;
}

/* Was it sent from here before? False in *is_sound_r: no memory or fuel. */
static bool is_loop(struct sieve_run *run, bool *is_sound_r)
{
	const struct span mark = span_of("X-Sieve-Redirected-From"), hop = span_of("Received");
	const struct span own = own_address(run);
	const struct fields *fields = run->fields;
	size_t n_hops = 0;

	*is_sound_r = true;
	for (size_t i = 0; i < fields->n; i++) {
		struct span value;

		if (field_is(&fields->list[i], hop)) {
			n_hops++;
		}
		if (!field_is(&fields->list[i], mark)) {
			continue;
		}
		value = field_value(&fields->list[i], &run->scratch, &run->fuel);
		if (value.p == NULL) {
			*is_sound_r = false;
			return false;
		}
		if (span_is_same(value, own) || span_is_same(value, run->facts->to)) {
			return true;
		}
	}
	return n_hops >= HOPS_MAX;
}

enum answer send_redirect(struct sieve_run *run, const struct node *node,
    struct sieve_action *action, enum plan_keep keep)
{
	bool is_sound, loops = is_loop(run, &is_sound);
	struct composition fields;

	if (!is_sound) {
		return run_exhausted(run, node);
	}
	if (loops) {
		run_warn(run, node,
		    "not redirected to %.*s: the message has been here before, or has gone through "
		    "too many servers",
		    SPAN(action->to));
		return ANSWER_YES;
	}
	compose_begin(&fields, run);
	compose_field(&fields, "X-Sieve-Redirected-From", own_address(run));
	if (fields_find(run->fields, span_of("Message-ID"), 1, false) == NULL) {
		compose_id(&fields);
	}
	if (!compose_end(&fields, &action->message)) {
		return run_exhausted(run, node);
	}
	if (!redirect_id(run, action->to, &action->id)) {
		return run_exhausted(run, node);
	}
	action->seconds = REDIRECT_SECONDS;
	action->from = send_from(run, run->settings->redirect_from);
	return plan_add(run, node, action, keep);
}
