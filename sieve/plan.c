/* SPDX-License-Identifier: MIT
 * The plan: actions as they are added, which go together and which do not, and what is taken back when a script
 * fails. */
#include <errno.h>
#include <string.h>

#include "sieve/frames.h"

/* --- versions --------------------------------------------------------------------------------------------------- */

/* The number of the message's version with its header as it is now. False: no memory. */
static bool find_version(struct sieve_run *run, unsigned *version_r)
{
	struct sieve_plan *plan = &run->plan;
	struct sieve_version *versions;
	struct span *pieces;
	size_t n = 0;

	if (!run->is_edited) {
		*version_r = (unsigned)plan->n_versions - 1;
		return true;
	}
	versions = arena_grow(&run->arena, plan->versions, plan->n_versions, sizeof(*versions));
	pieces = run_keep(run, (run->fields->n + 1) * sizeof(*pieces));
	if (versions == NULL || pieces == NULL) {
		return false;
	}
	for (size_t i = 0; i <= run->fields->n; i++) {
		struct span piece =
		    i < run->fields->n ? run->fields->list[i].raw : run->fields->rest;

		if (n > 0 && pieces[n - 1].p + pieces[n - 1].n == piece.p) {
			pieces[n - 1].n += piece.n;
		} else {
			pieces[n++] = piece;
		}
	}
	run->is_edited = false;
	plan->versions = versions;
	*version_r = (unsigned)plan->n_versions - 1;
	versions += *version_r;
	if (versions->n_header == n && memcmp(versions->header, pieces, n * sizeof(*pieces)) == 0) {
		return true;
	}
	versions[1] = (struct sieve_version){ pieces, n };
	*version_r = (unsigned)plan->n_versions++;
	return true;
}

/* --- actions ---------------------------------------------------------------------------------------------------- */

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

static void copy_flags(struct sieve_run *run, const struct span **flags, size_t n)
{
	struct span *list = run_keep(run, n * sizeof(*list));

	for (size_t i = 0; list != NULL && i < n; i++) {
		list[i] = run_keep_copy(run, (*flags)[i]);
	}
	*flags = list;
}

static void copy_action(struct sieve_run *run, struct sieve_action *action)
{
	struct span *const spans[] = { &action->folder, &action->special_use, &action->from,
		&action->to, &action->message, &action->id, &action->text };

	for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		*spans[i] = run_keep_copy(run, *spans[i]);
	}
	copy_flags(run, &action->flags, action->n_flags);
}

/* Do both come to one effect? */
static bool is_twin(const struct sieve_action *a, const struct sieve_action *b)
{
	if (sieve_action_is_inbox(a) || sieve_action_is_inbox(b)) {
		return sieve_action_is_inbox(a) && sieve_action_is_inbox(b) &&
		       a->version == b->version;
	}
	if (a->kind != b->kind) {
		return false;
	}
	switch (a->kind) {
	case SIEVE_STORE:
		return span_equals(a->folder, b->folder) && a->version == b->version;
	case SIEVE_REDIRECT:
		return span_equals(a->to, b->to);
	case SIEVE_MARK:
		return span_equals(a->id, b->id);
	case SIEVE_DISCARD:
	/* A second one is from another script, see conflict(). */
	case SIEVE_VACATION:
		return true;
	default:
		return false;
	}
}

static bool delivers(enum sieve_action_kind kind)
{
	return kind == SIEVE_KEEP || kind == SIEVE_STORE || kind == SIEVE_REDIRECT;
}

/* What is wrong with both in one script (RFC 5429 2.4, 5230 4.7), NULL: nothing. */
static const char *conflict(enum sieve_action_kind old, enum sieve_action_kind new)
{
	if (new == SIEVE_REJECT && old == SIEVE_REJECT) {
		return "a message can be rejected once only";
	}
	if (new == SIEVE_VACATION && old == SIEVE_VACATION) {
		return "vacation can be used once only";
	}
	if ((new == SIEVE_REJECT && (delivers(old) || old == SIEVE_VACATION)) ||
	    (old == SIEVE_REJECT && (delivers(new) || new == SIEVE_VACATION))) {
		return "a message that is rejected can be neither kept, stored, redirected nor "
		       "answered by "
		       "vacation";
	}
	return NULL;
}

static void count(struct sieve_run *run, const struct node *node, const struct sieve_action *action)
{
	const struct sieve_plan *plan = &run->plan;
	size_t n_redirects = 0, n_notifies = 0;

	for (size_t i = 0; i < plan->n_actions; i++) {
		n_redirects += plan->actions[i].kind == SIEVE_REDIRECT;
		n_notifies += plan->actions[i].kind == SIEVE_NOTIFY;
	}
	if (plan->n_actions >= run->settings->actions_max) {
		run_fail(run, node, "there are more than %u actions for one message",
		    run->settings->actions_max);
	}
	if (action->kind == SIEVE_REDIRECT && n_redirects >= run->settings->redirects_max) {
		run_fail(run, node, "a message can be redirected to %u addresses at most",
		    run->settings->redirects_max);
	}
	if (action->kind == SIEVE_NOTIFY && n_notifies >= run->settings->notifies_max) {
		run_fail(run, node, "there are more than %u notifications for one message",
		    run->settings->notifies_max);
	}
}

/* How many of the actions are of scripts that ran before. */
static size_t n_earlier(const struct sieve_run *run)
{
	return run->machine->checkpoint.n_actions;
}

enum answer plan_add(struct sieve_run *run, const struct node *node,
    const struct sieve_action *action, enum plan_keep keep)
{
	struct sieve_plan *plan = &run->plan;
	struct sieve_action new = *action, *actions;
	const char *problem;

	new.script = run->scope->name;
	new.line = node->at.line;
	if (!find_version(run, &new.version)) {
		return run_exhausted(run, node);
	}
	for (size_t i = n_earlier(run); i < plan->n_actions; i++) {
		problem = conflict(plan->actions[i].kind, new.kind);
		if (problem != NULL) {
			return run_fail(run, node, "%s", problem);
		}
	}
	/* What another script has done cannot be undone by the reply. */
	for (size_t i = 0; i < n_earlier(run); i++) {
		if (new.kind == SIEVE_REJECT && conflict(plan->actions[i].kind, new.kind) != NULL) {
			new.kind = SIEVE_DISCARD;
		}
	}
	if (keep == PLAN_CANCELS_KEEP) {
		plan->keeps = false;
	}
	for (size_t i = 0; i < plan->n_actions; i++) {
		if (is_twin(&plan->actions[i], &new)) {
			struct sieve_action *old = &plan->actions[i];

			if (delivers(new.kind) && new.kind != SIEVE_REDIRECT) {
				old->n_flags = new.n_flags;
				old->flags = new.flags;
				old->creates = old->creates || new.creates;
				old->is_both = old->is_both || old->kind != new.kind;
				copy_flags(run, &old->flags, old->n_flags);
			}
			return ANSWER_YES;
		}
	}
	count(run, node, &new);
	copy_action(run, &new);
	actions = arena_grow(&run->arena, plan->actions, plan->n_actions, sizeof(*actions));
	if (run_has_failed(run)) {
		return run_exhausted(run, node);
	}
	plan->actions = actions;
	actions[plan->n_actions++] = new;
	return ANSWER_YES;
}

/* --- programs --------------------------------------------------------------------------------------------------- */

/* Explicit keeps of an earlier script come to what the implicit one does, which a later script may cancel. */
static void put_keeps_off(struct sieve_plan *plan)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n_actions; i++) {
		struct sieve_action action = plan->actions[i];

		plan->keeps = plan->keeps || action.kind == SIEVE_KEEP || action.is_both;
		if (action.is_both) {
			action.kind = SIEVE_STORE;
			action.is_both = false;
		}
		if (action.kind != SIEVE_KEEP) {
			plan->actions[n++] = action;
		}
	}
	plan->n_actions = n;
}

bool plan_goes_on(const struct sieve_run *run)
{
	const struct sieve_plan *plan = &run->plan;
	bool is_kept = plan->keeps;

	for (size_t i = 0; i < plan->n_actions; i++) {
		is_kept =
		    is_kept || plan->actions[i].kind == SIEVE_KEEP || plan->actions[i].is_both;
	}
	return is_kept;
}

bool plan_begin_program(struct sieve_run *run)
{
	struct sieve_plan *plan = &run->plan;
	struct checkpoint *old = &run->machine->checkpoint;

	put_keeps_off(plan);
	*old = (struct checkpoint){ .n_actions = plan->n_actions,
		.n_versions = plan->n_versions,
		.flags = run->flags,
		.n_flags = run->n_flags,
		.fields = run->fields,
		.is_edited = run->is_edited,
		.growth = run->growth };
	old->actions =
	    arena_copy_list(&run->arena, plan->actions, plan->n_actions, sizeof(*old->actions));
	return old->actions != NULL;
}

void plan_fail_program(struct sieve_run *run)
{
	struct sieve_plan *plan = &run->plan;
	const struct checkpoint *old = &run->machine->checkpoint;

	if (old->n_actions > 0) {
		memcpy(plan->actions, old->actions, old->n_actions * sizeof(*old->actions));
	}
	plan->n_actions = old->n_actions;
	plan->n_versions = old->n_versions;
	plan->keeps = true;
	plan->has_failed = true;
	run->flags = old->flags;
	run->n_flags = old->n_flags;
	run->fields = old->fields;

	run->is_edited = old->is_edited;
	run->growth = old->growth;
	run->machine->n_frames = 0;
	run->paused = NULL;
	run->has_failed = run->arena.is_out = false;
	arena_reset(&run->scratch);
}

/* What the implicit keep comes to. False: no memory. */
static bool find_keep(struct sieve_run *run)
{
	struct sieve_plan *plan = &run->plan;

	plan->keep_flags = run->flags;
	plan->n_keep_flags = run->n_flags;
	return find_version(run, &plan->keep_version);
}

bool plan_finish(struct sieve_run *run)
{
	struct sieve_plan *plan = &run->plan;
	struct sieve_action inbox = { .kind = SIEVE_KEEP };

	if (!find_keep(run)) {
		return false;
	}
	inbox.version = plan->keep_version;
	for (size_t i = 0; plan->keeps && i < plan->n_actions; i++) {
		struct sieve_action *action = &plan->actions[i];

		if (action->version == plan->keep_version && is_twin(action, &inbox)) {
			action->flags = plan->keep_flags;
			action->n_flags = plan->n_keep_flags;
			plan->keeps = false;
		}
	}
	return true;
}

const struct sieve_plan *sieve_run_plan(struct sieve_run *run)
{
	find_keep(run);
	return &run->plan;
}

int sieve_run_set_plan(struct sieve_run *run, const struct sieve_plan *plan)
{
	struct sieve_plan *own = &run->plan;
	struct sieve_version *original;

	run->is_edited = own->n_versions > 0; /* for all that the run knows */
	*own = (struct sieve_plan){ .keeps = true };
	if (plan == NULL) {
		original = arena_grow(&run->arena, NULL, 0, sizeof(*original));
		if (original == NULL) {
			return -ENOMEM;
		}
		*original = (struct sieve_version){ &run->facts->header, 1 };
		own->versions = original;
		own->n_versions = 1;
		return 0;
	}
	*own = *plan;
	own->actions =
	    arena_copy_list(&run->arena, plan->actions, plan->n_actions, sizeof(*own->actions));
	own->versions =
	    arena_copy_list(&run->arena, plan->versions, plan->n_versions, sizeof(*own->versions));
	own->notes = NULL;
	own->n_notes = 0;
	own->has_failed = own->is_exhausted = false;
	if (own->actions == NULL || own->versions == NULL) {
		return -ENOMEM;
	}
	return 0;
}
