/* SPDX-License-Identifier: MIT
 * Runs, one after the other: they share a processor with whatever else the thread has to do, and the client's patience
 * with the disk. */
#include "lmtpd/filter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "lmtpd/filing.h"
#include "lmtpd/folders.h"

enum {
	NOTE_MAX = 1024,
};

static const char *copy_text(struct filter *filter, const char *text)
{
	struct span copy = arena_copy(&filter->arena, span_of(text));

	if (copy.p == NULL) {
		filter->error = -ENOMEM;
	}
	return copy.p;
}

/* What runs must know of the envelope. */
static void copy_mailboxes(struct filter *filter, const struct envelope *envelope)
{
	const struct recipient *recipient;
	size_t slot = 0;

	filter->from = copy_text(filter, envelope->sender);
	STAILQ_FOREACH (recipient, &envelope->recipients, next) {
		const struct resolution *resolution = &recipient->resolution;
		const char *to = copy_text(filter, recipient->text);

		for (size_t i = 0; i < resolution->n_mailboxes && filter->error == 0; i++) {
			filter->mailboxes[slot].to = to;
			filter->mailboxes[slot++].address =
			    copy_text(filter, resolution->mailboxes[i].address.text);
		}
	}
}

struct filter *filter_new(struct scripts *scripts, struct outbound *outbound,
    const struct lmtpd_config *config, const struct places *places, const struct envelope *envelope)
{
	struct filter *filter = calloc(1, sizeof(*filter));
	size_t n = places->n_slots;

	if (filter == NULL) {
		return NULL;
	}
	filter->config = config;
	filter->scripts = scripts;
	filter->places = places;
	filter->outbox = (struct outbox){ .outbound = outbound, .arena = &filter->arena };
	filter->first = config->sieve.settings;
	if (filter->first.fuel > FILTER_FUEL_FIRST) {
		filter->first.fuel = FILTER_FUEL_FIRST;
	}
	filter->filing.n_versions = 1;
	arena_init(&filter->arena, FILTER_MEMORY_MAX);
	filter->mailboxes = arena_alloc(&filter->arena, n * sizeof(*filter->mailboxes));
	filter->runs = arena_alloc(&filter->arena, n * sizeof(*filter->runs));
	filter->filing.slots = arena_alloc(&filter->arena, n * sizeof(struct places_slot));
	if (filter->mailboxes == NULL || filter->runs == NULL || filter->filing.slots == NULL) {
		filter->error = -ENOMEM;
	} else {
		copy_mailboxes(filter, envelope);
	}
	if (filter->error != 0) {
		filter_free(filter);
		return NULL;
	}
	return filter;
}

void filter_free(struct filter *filter)
{
	if (filter != NULL) {
		outbox_drop(&filter->outbox);
		arena_deinit(&filter->arena);
		free(filter->filing.stores);
		free(filter->header);
		free(filter);
	}
}

/* --- one run ------------------------------------------------------------------------------------------------------- */

/* Seconds east of UTC. */
static int zone(time_t time)
{
	struct tm tm;

	return localtime_r(&time, &tm) != NULL ? (int)tm.tm_gmtoff : 0;
}

static struct sieve_facts facts_of(
    const struct filter *filter, size_t slot, const struct scripts_chain *chain)
{
	const struct filter_mailbox *mailbox = &filter->mailboxes[slot];
	const char *hostname = filter->config->hostname, *dot = strchr(hostname, '.');

	return (struct sieve_facts){
		.settings = filter->is_first ? &filter->first : &filter->config->sieve.settings,
		.from = span_of(filter->from),
		.to = span_of(mailbox->to),
		.original_to = span_of(mailbox->to),
		.delimiters = filter->config->lmtp.recipient_delimiter,
		.user = mailbox->address,
		.user_email = mailbox->address,
		.hostname = hostname,
		.domain = dot != NULL ? dot + 1 : hostname,
		.now = filter->now,
		.zone = zone,
		.header = { filter_header_of(filter), filter->n_header },
		.size = filter->message->wire_size,
		.library = chain->library,
		.n_library = chain->n_library,
	};
}

/* Tells a run what it wants to know. Returns 0 or a negative errno; -EBUSY: another delivery is about to know it. */
static int answer(struct filter *filter, size_t place, const struct scripts_home *home,
    struct sieve_run *run, enum sieve_need need, const struct sieve_question *question)
{
	const struct lmtpd_config *config = filter->config;
	struct span bytes;
	int result = 0;

	switch (need) {
	case SIEVE_NEED_BODY:
		result = filter_read(filter, question->offset, &bytes);
		if (result == 0) {
			sieve_give_body(run, bytes);
		}
		break;
	case SIEVE_NEED_MAILBOX:
		sieve_answer(run, folders_exist(config, filter->places, place, question->name));
		break;
	case SIEVE_NEED_SPECIAL_USE:
		sieve_answer_name(run, folders_with_use(config, filter->places, place,
					   question->name, question->folder));
		break;
	case SIEVE_NEED_SEEN:
	case SIEVE_NEED_ANSWERED:
		result = outbox_seen(&filter->outbox, home, question->name,
		    need == SIEVE_NEED_SEEN && !filter->is_first);
		if (need == SIEVE_NEED_ANSWERED && result == -EBUSY) {
			result = 1;
		}
		if (result >= 0) {
			sieve_answer(run, result > 0);
			result = 0;
		}
		break;
	default: /* no command is ours */
		sieve_answer(run, false);
		break;
	}
	return result;
}

/* Returns 0 when it is done, or a negative errno. */
static int carry_out(
    struct filter *filter, size_t place, const struct scripts_home *home, struct sieve_run *run)
{
	struct sieve_question question;
	int need;

	while ((need = sieve_step(run, &question)) > 0) {
		int result = answer(filter, place, home, run, (enum sieve_need)need, &question);

		if (result < 0) {
			return result;
		}
	}
	return need;
}

/* The first n_scripts of a chain. */
static const char *names_of(
    struct filter *filter, const struct scripts_chain *chain, size_t n_scripts)
{
	char names[NOTE_MAX] = "";
	size_t n = 0;

	for (size_t i = 0; i < n_scripts && n < sizeof(names); i++) {
		n += (size_t)snprintf(
		    names + n, sizeof(names) - n, "%s%s", i > 0 ? "," : "", chain->list[i].name);
	}
	return copy_text(filter, names);
}

/* A script that cannot run has failed, too. */
static void count(
    struct filter *filter, const struct scripts_chain *chain, const struct sieve_plan *plan)
{
	filter->counts.n_runs++;
	filter->counts.n_failed += plan->has_failed || chain->trouble[0] != '\0';
	filter->counts.n_exhausted += plan->is_exhausted;
	filter->counts.n_fuel += plan->fuel;
}

/* An error of the user's own scripts; the others' are logged as they are told (scripts_ran()). */
static bool is_own_error(const struct scripts_chain *chain, const struct sieve_note *note)
{
	return note->kind == SIEVE_NOTE_ERROR && scripts_is_own(chain, note->script);
}

/* What an admin should know of a run: what is wrong with scripts, the user's first error, and more. */
static const char *note_of(struct filter *filter, const struct scripts_chain *chain,
    const struct sieve_plan *plan, const char *filed)
{
	char note[2 * NOTE_MAX];
	size_t i = 0, n;

	if (chain->trouble[0] == '\0' && !plan->has_failed && filed[0] == '\0') {
		return "";
	}
	n = (size_t)snprintf(note, sizeof(note), "%s", chain->trouble);
	while (plan->has_failed && i < plan->n_notes && !is_own_error(chain, &plan->notes[i])) {
		i++;
	}
	if (plan->has_failed && i < plan->n_notes) {
		const struct sieve_note *error = &plan->notes[i];

		n += (size_t)snprintf(note + n, sizeof(note) - n, "%s%s line %u: %.300s",
		    n > 0 ? "; " : "", error->script, error->line, error->text.p);
	}
	snprintf(note + n, sizeof(note) - n, "%s%s", n > 0 && filed[0] != '\0' ? "; " : "", filed);
	return copy_text(filter, note);
}

/* A run that came to nothing, or for which there is no script that can run. */
static int give_up(struct filter *filter, size_t slot, const struct scripts_home *home,
    const struct scripts_chain *chain, const struct filter_run *run)
{
	filter->counts.n_runs++;
	filter->counts.n_failed++;
	filter->runs[slot] = *run;
	scripts_ran(
	    filter->scripts, filter->config, home, chain, NULL, NULL, 0, filter->facts->message_id);
	return filing_keep(filter, slot);
}

/* The mailbox must wait, and nothing else. */
static void refuse(struct filter *filter, size_t slot, const char *why)
{
	struct places_slot *own = &filter->filing.slots[slot];

	filter->filing.n_stores = own->first;
	own->n = 0;
	own->refusal = copy_text(filter, why);
}

/* Runs a chain that is not empty, and files the message. Returns 0; 1: it takes too long here; or a negative errno. */
static int run_chain(struct filter *filter, size_t slot, const struct scripts_home *home,
    const struct scripts_chain *chain)
{
	const struct places *places = filter->places;
	size_t place = (size_t)(places->of[places->slots[slot].first] - places->list);
	const struct sieve_facts facts = facts_of(filter, slot, chain);
	struct sieve_run *run = sieve_run_new(&facts, chain->list, chain->n);
	char filed[NOTE_MAX];
	int result = run == NULL ? -ENOMEM : carry_out(filter, place, home, run);

	if (filter->is_first && (result == -ENOMEM || result == -EBUSY ||
				    (result == 0 && sieve_run_plan(run)->is_exhausted))) {
		result = 1;
	} else if (result == 0) {
		const struct sieve_plan *plan = sieve_run_plan(run);

		count(filter, chain, plan);
		result = filing_add(filter, slot, home, chain, plan, filed, sizeof(filed));
		filter->runs[slot] = (struct filter_run){
			.scripts = names_of(filter, chain, plan->n_ran),
			.note = note_of(filter, chain, plan, filed),
		};
		scripts_ran(filter->scripts, filter->config, home, chain, plan, filter->undone,
		    filter->n_undone, filter->facts->message_id);
	} else if (result == -ENOMEM) {
		filter->counts.n_exhausted++;
		result = give_up(filter, slot, home, chain,
		    &(struct filter_run){ names_of(filter, chain, chain->n),
			"the scripts need too much memory for this message: INBOX keeps it" });
	} else if (result == -EBUSY) {
		refuse(filter, slot,
		    "another message that its script may take for the same is being delivered");
		result = 0;
	}
	if (run != NULL) {
		sieve_run_free(run);
	}
	return result;
}

/* --- all of them --------------------------------------------------------------------------------------------------- */

/* Looks for scripts of a slot's mailbox. is_late: they run no longer. Returns as file_slot(). */
static int run_slot(struct filter *filter, size_t slot, struct maildir_place *place, bool is_late)
{
	const char *address = filter->mailboxes[slot].address;
	size_t i = (size_t)(place - filter->places->list);
	char path[MAILDIR_PATH_MAX];
	const struct scripts_home home = { place->root, path, address };
	const uint64_t since = uv_hrtime();
	struct scripts_chain chain;
	struct error error;
	bool has_scripts = true;
	int result = 0;

	snprintf(path, sizeof(path), "%.*s", (int)filter->places->homes[i], place->mailbox);
	if (scripts_open(filter->scripts, filter->config, &home, &chain, &error) < 0) {
		refuse(filter, slot, error.text);
	} else if (chain.n > 0 && is_late) {
		filter->runs[slot].note = "the scripts of others have taken too much for one "
					  "message: INBOX keeps it";
		result = filing_keep(filter, slot);
	} else if (chain.n > 0) {
		result = filter_read_header(filter);
		result = result == 0 ? run_chain(filter, slot, &home, &chain) : result;
	} else if (chain.trouble[0] != '\0') {
		result = give_up(filter, slot, &home, &chain,
		    &(struct filter_run){ "", copy_text(filter, chain.trouble) });
	} else {
		has_scripts = false;
		result = filing_keep(filter, slot);
	}
	scripts_close(filter->scripts, &chain);
	filter->spent += has_scripts ? uv_hrtime() - since : 0;
	return result;
}

/* Returns 0; 1: it takes too long here; or a negative errno, with which nothing of the message can be delivered. */
static int file_slot(struct filter *filter, size_t slot, bool is_late)
{
	const struct places *places = filter->places;
	const struct places_slot *old = &places->slots[slot];
	struct places_slot *new = &filter->filing.slots[slot];

	*new = (struct places_slot){ .first = filter->filing.n_stores, .refusal = old->refusal };
	filter->runs[slot] = (struct filter_run){ "", "" };
	if (old->refusal != NULL) {
		return 0;
	}
	is_late = is_late || filter->filing.n_stores >= FILTER_STORES_MAX ||
		  filter->arena.used > FILTER_MEMORY_MAX / 2;
	return run_slot(filter, slot, places->of[old->first], is_late);
}

int filter_run(struct filter *filter, const struct maildir_message *message,
    const struct header_facts *facts, char *buffer, size_t cap, size_t n, bool is_first)
{
	const uint64_t ms = 1000000;
	int result = 0;

	filter->message = message;
	filter->facts = facts;
	filter->outbox.queue_id = facts->queue_id;
	filter->outbox.received = facts->received;
	filter->buffer = buffer;
	filter->cap = cap;
	filter->n_buffer = n;
	filter->is_first = is_first;
	filter->spent = 0;
	if (is_first) {
		filter->now = filter->outbox.now = time(NULL);
	}
	while (filter->n_filed < filter->places->n_slots && result == 0 && filter->error == 0) {
		uint64_t spent = filter->spent / ms;

		if (is_first && spent >= FILTER_FIRST_MS) {
			return 1;
		}
		result =
		    file_slot(filter, filter->n_filed, spent >= FILTER_PATIENCE * UINT64_C(1000));
		filter->n_filed += result == 0;
		filter->error = result < 0 ? result : 0;
	}
	return result > 0;
}
