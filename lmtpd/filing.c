/* SPDX-License-Identifier: MIT
 * Whatever goes wrong here, and whatever a plan may lack, leaves the message in INBOX. */
#include "lmtpd/filing.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lmtpd/folders.h"
#include "runtime/log.h"

/* The place of a slot without scripts. */
static size_t origin_of(const struct filter *filter, size_t slot)
{
	const struct places *places = filter->places;

	return (size_t)(places->of[places->slots[slot].first] - places->list);
}

static int add_store(struct filter *filter, size_t slot, const struct store *store)
{
	struct filing *filing = &filter->filing;

	if (filing->n_stores == filter->room) {
		size_t room = filter->room == 0 ? 16 : 2 * filter->room;
		struct store *grown = reallocarray(filing->stores, room, sizeof(*grown));

		if (grown == NULL) {
			return -ENOMEM;
		}
		filing->stores = grown;
		filter->room = room;
	}
	filing->stores[filing->n_stores++] = *store;
	filing->slots[slot].n++;
	return 0;
}

static struct store inbox_of(const struct filter *filter, size_t slot)
{
	const struct maildir_place *place = &filter->places->list[origin_of(filter, slot)];

	return (struct store){ .folder = place->folder,
		.if_absent = place->if_absent,
		.folders_max = place->folders_max,
		.subscribes = place->subscribes,
		.flags = "" };
}

int filing_keep(struct filter *filter, size_t slot)
{
	const struct store store = inbox_of(filter, slot);

	return add_store(filter, slot, &store);
}

/* --- flags --------------------------------------------------------------------------------------------------------- */

static char letter_of(struct span flag)
{
	static const struct {
		const char *name;
		char letter;
	} system[] = { { "\\Draft", 'D' }, { "\\Flagged", 'F' }, { "\\Answered", 'R' },
		{ "\\Seen", 'S' }, { "\\Deleted", 'T' } };

	for (size_t i = 0; i < sizeof(system) / sizeof(system[0]); i++) {
		if (text_is(flag.p, flag.n, system[i].name)) {
			return system[i].letter;
		}
	}
	return '\0';
}

static int mark(
    struct filter *filter, struct store *store, const struct span *flags, size_t n_flags)
{
	char *letters = arena_alloc(&filter->arena, n_flags + 1);
	const char **keywords = arena_alloc(&filter->arena, n_flags * sizeof(*keywords));
	size_t n_letters = 0;

	if (letters == NULL || keywords == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < n_flags; i++) {
		char letter = letter_of(flags[i]);

		if (letter != '\0' && strchr(letters, letter) == NULL) {
			letters[n_letters++] = letter;
		} else if (letter == '\0') {
			struct span keyword = arena_copy(&filter->arena, flags[i]);

			if (keyword.p == NULL) {
				return -ENOMEM;
			}
			keywords[store->n_keywords++] = keyword.p;
		}
	}
	store->flags = letters;
	store->keywords = keywords;
	return 0;
}

/* --- versions ------------------------------------------------------------------------------------------------------ */

static size_t length_of(const struct sieve_version *version)
{
	size_t n = 0;

	for (size_t i = 0; i < version->n_header; i++) {
		n += version->header[i].n;
	}
	return n;
}

static bool is_same(const struct sieve_version *version, const char *text, size_t n)
{
	if (length_of(version) != n) {
		return false;
	}
	for (size_t i = 0; i < version->n_header; i++) {
		const struct span piece = version->header[i];

		if (memcmp(text, piece.p, piece.n) != 0) {
			return false;
		}
		text += piece.n;
	}
	return true;
}

/* Puts the pieces of a header together. False: no memory. */
static bool compose(
    struct filter *filter, const struct sieve_version *version, struct filter_header *header_r)
{
	size_t n = length_of(version);
	char *text = NULL;

	if (n < FILTER_MEMORY_MAX / 4 && filter->arena.used + n < FILTER_MEMORY_MAX / 2) {
		text = arena_alloc(&filter->arena, n);
	}
	*header_r = (struct filter_header){ text, n };
	for (size_t i = 0; text != NULL && i < version->n_header; i++) {
		memcpy(text, version->header[i].p, version->header[i].n);
		text += version->header[i].n;
	}
	return header_r->text != NULL;
}

/* The number of a version of the plan's among those of all runs: equal ones are one. False: there is no room for one more, and it
 * is the one that came. */
static bool find_version(
    struct filter *filter, const struct sieve_version *version, unsigned *number_r)
{
	unsigned n = filter->filing.n_versions;

	*number_r = 0;
	if (is_same(version, filter_header_of(filter), filter->n_header)) {
		return true;
	}
	for (unsigned i = 1; i < n; i++) {
		if (is_same(version, filter->headers[i].text, filter->headers[i].n)) {
			*number_r = i;
			return true;
		}
	}
	if (n == FILTER_VERSIONS_MAX || !compose(filter, version, &filter->headers[n])) {
		return false;
	}
	filter->filing.n_versions = n + 1;
	*number_r = n;
	return true;
}

/* --- plans --------------------------------------------------------------------------------------------------------- */

enum {
	WHERE_MAX = SIEVE_NAME_MAX + 32,
	REASON_MAX = 512,
};

struct note {
	char *text;
	size_t cap, n;
};

static void say(struct filter *filter, struct note *note, const struct sieve_action *action,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Why an action cannot be done as the script wants it: for the admin, and for the user. */
static void say(struct filter *filter, struct note *note, const struct sieve_action *action,
    const char *format, ...)
{
	char where[WHERE_MAX] = "", reason[REASON_MAX];
	struct span copy;
	va_list arguments;

	if (action->script != NULL) { /* the implicit keep stands in none */
		snprintf(where, sizeof(where), "%s line %u: ", action->script, action->line);
	}
	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	for (char *p = reason; *p != '\0'; p++) {
		*p = text_is_control(*p) ? ' ' : *p;
	}
	if (note->n < note->cap) {
		note->n += (size_t)snprintf(note->text + note->n, note->cap - note->n, "%s%s%s",
		    note->n > 0 ? "; " : "", where, reason);
	}
	copy = arena_copy(&filter->arena, span_of(reason));
	if (copy.p != NULL && action->script != NULL) {
		filter->undone[filter->n_undone++] =
		    (struct sieve_note){ action->script, action->line, SIEVE_NOTE_ERROR, copy };
	}
}

/* Where a store goes. */
static int choose(struct filter *filter, size_t slot, const struct sieve_action *action,
    struct store *store, struct note *note)
{
	const struct lmtpd_config *config = filter->config;
	char directory[FOLDER_DIRECTORY_MAX + 1];
	const char *why;
	struct span copy;
	bool is_auto;

	if (folders_find(config, filter->places, origin_of(filter, slot), action->folder, directory,
		&why) != 0) {
		say(filter, note, action, "the folder \"%.100s\" cannot be: %s, INBOX is used",
		    action->folder.p, why);
		return 0;
	}
	copy = arena_copy(&filter->arena, span_of(directory));
	is_auto = homes_is_auto(config, directory);
	*store = (struct store){ .folder = copy.p,
		.if_absent = is_auto || action->creates || config->sieve.creates_folders
				 ? MAILDIR_MAKE
				 : MAILDIR_USE_INBOX,
		.folders_max = is_auto ? 0 : (unsigned)config->folders_max,
		.subscribes = is_auto || config->sieve.subscribes_folders,
		.flags = "" };
	return copy.p == NULL ? -ENOMEM : 0;
}

static int add(struct filter *filter, size_t slot, const struct sieve_plan *plan,
    const struct sieve_action *action, struct note *note)
{
	struct store store = inbox_of(filter, slot);
	int result = 0;

	if (action->kind == SIEVE_STORE) {
		result = choose(filter, slot, action, &store, note);
	}
	if (result == 0) {
		result = mark(filter, &store, action->flags, action->n_flags);
	}
	if (result == 0 && action->version > 0 &&
	    !find_version(filter, &plan->versions[action->version], &store.version)) {
		say(filter, note, action,
		    "too many different headers for one message: the one that came is kept");
	}
	return result == 0 ? add_store(filter, slot, &store) : result;
}

/* --- what is sent -------------------------------------------------------------------------------------------------- */

/* What a plan comes to for one slot, so far. */
struct outcome {
	struct filter *filter;
	size_t slot;
	const struct scripts_home *home;
	const struct scripts_chain *chain;
	const struct sieve_plan *plan;
	struct note note;
	bool is_kept, keeps; /* in INBOX; that it shall be */
	bool
	    has_reason; /* why no place has it: a script has discarded, redirected or rejected it */
	bool may_come_back; /* a redirect is to be tried */
};

static int put_into_box(struct outcome *outcome, const struct sieve_action *action)
{
	struct filter *filter = outcome->filter;
	unsigned version = 0;
	int result;

	if (action->kind == SIEVE_VACATION && sieve_action_sends(action) == NULL) {
		return 0; /* nobody is answered */
	}
	if (action->kind == SIEVE_REDIRECT && action->version > 0 &&
	    !find_version(filter, &outcome->plan->versions[action->version], &version)) {
		say(filter, &outcome->note, action,
		    "too many different headers for one message: the one that came is sent");
	}
	filter->outbox.recipient = filter->mailboxes[outcome->slot].to;
	result = outbox_add(&filter->outbox, outcome->home, outcome->slot, version, action,
	    scripts_is_own(outcome->chain, action->script));
	switch (result) {
	case OUTBOX_TAKEN:
		outcome->has_reason = outcome->has_reason || action->kind == SIEVE_REDIRECT;
		outcome->may_come_back = outcome->may_come_back || action->kind == SIEVE_REDIRECT;
		return 0;
	case OUTBOX_DONE:
		outcome->has_reason = true;
		filter->filing.slots[outcome->slot].is_redirected = true;
		return 0;
	case OUTBOX_KNOWN:
		log_event(LOG_LEVEL_INFO, "redirect",
		    "%s has redirected the message to %.*s before: INBOX keeps it",
		    outcome->home->address, (int)action->to.n, action->to.p);
		outcome->keeps = true;
		return 0;
	case OUTBOX_FULL:
		say(filter, &outcome->note, action, "too much is to be sent of one message");
		outcome->keeps = true;
		return 0;
	default:
		return result;
	}
}

/* A sender who cannot be told would never know (Postfix drops what comes back to nobody). */
static int reject(struct outcome *outcome, const struct sieve_action *action)
{
	struct filter *filter = outcome->filter;
	struct span text;

	if (filter->from[0] == '\0') {
		say(filter, &outcome->note, action,
		    "a message without a sender is not rejected: INBOX keeps it");
		outcome->keeps = true;
		return 0;
	}
	text = arena_copy(&filter->arena, action->text);
	filter->filing.slots[outcome->slot].rejection = text.p;
	outcome->has_reason = true;
	return text.p == NULL ? -ENOMEM : 0;
}

static int carry_out(struct outcome *outcome, const struct sieve_action *action)
{
	switch (action->kind) {
	case SIEVE_KEEP:
	case SIEVE_STORE:
		outcome->is_kept = outcome->is_kept || sieve_action_is_inbox(action);
		return add(outcome->filter, outcome->slot, outcome->plan, action, &outcome->note);
	case SIEVE_DISCARD:
		outcome->has_reason = true;
		return 0;
	case SIEVE_REJECT:
		return reject(outcome, action);
	default:
		return put_into_box(outcome, action);
	}
}

int filing_add(struct filter *filter, size_t slot, const struct scripts_home *home,
    const struct scripts_chain *chain, const struct sieve_plan *plan, char *note_r, size_t n)
{
	const struct sieve_action inbox = { .kind = SIEVE_KEEP,
		.flags = plan->keep_flags,
		.n_flags = plan->n_keep_flags,
		.version = plan->keep_version };
	struct outcome outcome = { .filter = filter,
		.slot = slot,
		.home = home,
		.chain = chain,
		.plan = plan,
		.note = { .text = note_r, .cap = n } };
	struct places_slot *own = &filter->filing.slots[slot];
	int result;

	note_r[0] = '\0';
	/* Each action has one thing to say at most, and so has keep. */
	filter->n_undone = 0;
	filter->undone =
	    arena_alloc(&filter->arena, (plan->n_actions + 1) * sizeof(*filter->undone));
	result = filter->undone == NULL ? -ENOMEM : 0;
	for (size_t i = 0; i < plan->n_actions && result == 0; i++) {
		result = carry_out(&outcome, &plan->actions[i]);
	}
	/* A plan that says nothing at all would be a mistake of ours. */
	if (plan->keeps || (outcome.keeps && !outcome.is_kept) ||
	    (own->n == 0 && !outcome.has_reason)) {
		outcome.is_kept = true;
		result = result == 0 ? add(filter, slot, plan, &inbox, &outcome.note) : result;
	}
	if (outcome.may_come_back && !outcome.is_kept && result == 0) {
		result = add(filter, slot, plan, &inbox, &outcome.note);
		if (result == 0) {
			own->has_fallback = true;
			own->n--;
		}
	}
	return result;
}
