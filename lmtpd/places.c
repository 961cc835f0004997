/* SPDX-License-Identifier: MIT
 * From mailboxes to places and from errnos to replies. */
#include "lmtpd/places.h"

#include <assert.h>
#include <errno.h>
#include <search.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	LETTERS = 5, /* DFRST */
};

static int compare_places(const void *a, const void *b)
{
	const struct maildir_place *x = a, *y = b;
	int order = strcmp(x->mailbox, y->mailbox);

	if (order == 0) {
		order = strcmp(x->folder, y->folder);
	}
	return order != 0 ? order : (x->root > y->root) - (x->root < y->root);
}

/* One block holds all, since every message comes through here. n: of places; the slots' are set. */
static int make_room(struct places *places, size_t n)
{
	size_t n_recipients = places->n_recipients;

	places->list =
	    calloc(1, n * (sizeof(*places->list) + 2 * sizeof(void *) + 3 * sizeof(unsigned)) +
			  places->n_slots * sizeof(*places->slots) +
			  (n_recipients + 1) * sizeof(*places->first));
	if (places->list == NULL) {
		return -ENOMEM;
	}
	places->slots = (struct places_slot *)&places->list[n];
	places->of = (struct maildir_place **)&places->slots[places->n_slots];
	places->mailboxes = (const struct mailbox **)&places->of[n];
	places->first = (size_t *)&places->mailboxes[n];
	places->homes = (unsigned *)&places->first[n_recipients + 1];
	places->versions = &places->homes[n];
	places->refusals = (enum reply *)&places->versions[n];
	return 0;
}

/* The place of a mailbox or a folder of it, which may be one that is there already: a message reaches each once.
 * NULL when out of memory. */
static struct maildir_place *add_place(
    struct places *places, void **tree, const struct maildir_place *wanted)
{
	struct maildir_place *place = &places->list[places->n], **found = NULL;
	size_t n_path = strlen(wanted->mailbox) + 1, n_folder = strlen(wanted->folder) + 1;
	char *copy = malloc(n_path + n_folder);

	if (copy == NULL) {
		return NULL;
	}
	*place = *wanted;
	memcpy(copy, wanted->mailbox, n_path);
	memcpy(copy + n_path, wanted->folder, n_folder);
	place->mailbox = copy;
	place->folder = copy + n_path;
	found = tsearch(place, tree, compare_places);
	if (found == NULL || *found != place) {
		free(copy);
		return found == NULL ? NULL : *found;
	}
	places->n++;
	return place;
}

/* Only the tree goes, the places stay. */
static void keep(void *place)
{
}

static struct maildir_place *add_home(struct places *places, void **tree, const struct home *home)
{
	const struct maildir_place wanted = {
		.root = home->root,
		.mailbox = home->path,
		.folder = home->folder,
		.if_absent = home->makes_folder ? MAILDIR_MAKE : MAILDIR_USE_INBOX,
		.folders_max = home->folders_max,
		.subscribes = true,
	};

	return add_place(places, tree, &wanted);
}

int places_make(struct places *places, struct envelope *envelope, places_find *find,
    const struct lmtpd_config *config)
{
	struct recipient *recipient;
	size_t n = 0, recipients = 0;
	void *tree = NULL;
	int result;

	assert(envelope->n_mailboxes > 0); /* accepted recipients have a mailbox */
	places->n_recipients = envelope->n_recipients;
	places->n_slots = envelope->n_mailboxes;
	result = make_room(places, places->n_slots);
	if (result < 0) {
		return result;
	}
	STAILQ_FOREACH (recipient, &envelope->recipients, next) {
		const struct resolution *resolution = &recipient->resolution;

		places->first[recipients++] = recipient->first_mailbox = n;
		for (size_t i = 0; i < resolution->n_mailboxes && result == 0; i++, n++) {
			struct home home;
			struct error error;
			size_t n_before = places->n;

			if (find(config, &resolution->mailboxes[i], &home, &error) != 0) {
				places->slots[n].refusal = ""; /* its path */
				continue;
			}
			places->slots[n] = (struct places_slot){ .first = n, .n = 1 };
			places->of[n] = add_home(places, &tree, &home);
			result = places->of[n] == NULL ? -ENOMEM : 0;
			if (places->n > n_before) {
				places->mailboxes[n_before] = &resolution->mailboxes[i];
				places->homes[n_before] = (unsigned)home.n_home;
			}
		}
	}
	places->first[recipients] = n;
	tdestroy(tree, keep);
	return result;
}

void places_free(struct places *places)
{
	for (size_t i = 0; i < places->n; i++) {
		free((void *)places->list[i].mailbox); /* and its folder */
	}
	free(places->list);
}

/* --- what scripts want --------------------------------------------------------------------------------------------- */

/* Only a folder can be absent. */
static bool is_same(const struct maildir_place *place, const struct store *store)
{
	return strcmp(place->folder, store->folder) == 0 && store->flags[0] == '\0' &&
	       store->n_keywords == 0 && store->version == 0 &&
	       (store->folder[0] == '\0' || (place->if_absent == store->if_absent &&
						place->folders_max == store->folders_max &&
						place->subscribes == store->subscribes));
}

bool places_stay(const struct places *places, const struct filing *filing)
{
	for (size_t i = 0; i < places->n_slots; i++) {
		const struct places_slot *old = &places->slots[i], *new = &filing->slots[i];

		if (new->n != old->n || new->has_fallback || new->refusal != old->refusal ||
		    new->rejection != NULL || new->is_redirected ||
		    (new->n == 1 &&
			!is_same(places->of[old->first], &filing->stores[new->first]))) {
			return false;
		}
	}
	return true;
}

static bool has_keyword(const struct maildir_place *place, size_t n, const char *keyword)
{
	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(place->keywords[i], keyword) == 0) {
			return true;
		}
	}
	return false;
}

/* Adds what a further store marks the message with. Returns 0 or -ENOMEM. */
static int unite(struct maildir_place *place, const struct store *store, struct arena *arena)
{
	size_t n = place->n_keywords, n_flags = strlen(place->flags);
	const char **keywords = arena_alloc(arena, (n + store->n_keywords) * sizeof(*keywords));
	char *flags = arena_alloc(arena, n_flags + LETTERS + 1);

	if (keywords == NULL || flags == NULL) {
		return -ENOMEM;
	}
	memcpy(flags, place->flags, n_flags);
	for (const char *p = store->flags; *p != '\0' && n_flags < LETTERS; p++) {
		if (strchr(flags, *p) == NULL) {
			flags[n_flags++] = *p;
		}
	}
	for (size_t i = 0; i < n; i++) {
		keywords[i] = place->keywords[i];
	}
	for (size_t i = 0; i < store->n_keywords; i++) {
		if (!has_keyword(place, place->n_keywords, store->keywords[i])) {
			keywords[n++] = store->keywords[i];
		}
	}
	place->flags = flags;
	place->keywords = keywords;
	place->n_keywords = n;
	return 0;
}

/* The place of a store of the mailbox that another one is of. */
static int file_store(struct places *places, const struct places *from, size_t origin,
    const struct store *store, void **tree, struct arena *arena, struct maildir_place **place_r)
{
	const struct maildir_place wanted = {
		.root = from->list[origin].root,
		.mailbox = from->list[origin].mailbox,
		.folder = store->folder,
		.if_absent = store->if_absent,
		.folders_max = store->folders_max,
		.subscribes = store->subscribes,
		.flags = store->flags,
		.keywords = store->keywords,
		.n_keywords = store->n_keywords,
	};
	size_t n_before = places->n;
	struct maildir_place *place = add_place(places, tree, &wanted);

	*place_r = place;
	if (place == NULL) {
		return -ENOMEM;
	}
	if (places->n > n_before) {
		places->mailboxes[n_before] = from->mailboxes[origin];
		places->homes[n_before] = from->homes[origin];
		places->versions[n_before] = store->version;
		return 0;
	}
	if (store->if_absent == MAILDIR_MAKE) {
		place->if_absent = MAILDIR_MAKE;
		place->folders_max = store->folders_max;
	}
	place->subscribes = place->subscribes || store->subscribes;
	return unite(place, store, arena);
}

int places_refile(struct places *places, const struct places *from, const struct filing *filing,
    struct arena *arena)
{
	int result;

	places->n_recipients = from->n_recipients;
	places->n_slots = from->n_slots;
	result = make_room(places, filing->n_stores);
	if (result < 0) {
		return result;
	}
	memcpy(places->slots, filing->slots, places->n_slots * sizeof(*places->slots));
	memcpy(places->first, from->first, (places->n_recipients + 1) * sizeof(*places->first));
	/* The places of one version stand side by side. */
	for (unsigned version = 0; version < filing->n_versions && result == 0; version++) {
		void *tree = NULL;

		for (size_t i = 0; i < places->n_slots && result == 0; i++) {
			const struct places_slot *slot = &places->slots[i];

			size_t end = slot->first + slot->n + slot->has_fallback;

			for (size_t k = slot->first; k < end && result == 0; k++) {
				if (filing->stores[k].version == version) {
					result = file_store(places, from,
					    (size_t)(from->of[from->slots[i].first] - from->list),
					    &filing->stores[k], &tree, arena, &places->of[k]);
				}
			}
		}
		tdestroy(tree, keep);
	}
	return result;
}

/* --- outcomes ------------------------------------------------------------------------------------------------------ */

static bool is_full(const struct places *places, const struct maildir_place *place)
{
	return place->result == 0 && places->refusals[place - places->list] != REPLY_NONE;
}

/* Those that are full are left out. */
bool places_reach(const struct places *places, size_t recipient)
{
	for (size_t i = places->first[recipient]; i < places->first[recipient + 1]; i++) {
		const struct places_slot *slot = &places->slots[i];

		if (slot->refusal != NULL) {
			return false;
		}
		for (size_t k = slot->first; k < slot->first + slot->n; k++) {
			if (places->of[k]->result != 0) {
				return false;
			}
		}
	}
	return true;
}

bool places_reach_slot(const struct places *places, size_t slot)
{
	const struct places_slot *own = &places->slots[slot];
	size_t recipient = 0, n_full = 0;

	while (places->first[recipient + 1] <= slot) {
		recipient++;
	}
	for (size_t k = own->first; k < own->first + own->n; k++) {
		n_full += is_full(places, places->of[k]);
	}
	return (own->n == 0 || n_full < own->n) && places_reach(places, recipient);
}

void places_fall_back(struct places *places, size_t slot)
{
	places->slots[slot].n += places->slots[slot].has_fallback;
	places->slots[slot].has_fallback = false;
}

void places_choose(struct places *places)
{
	for (size_t i = 0; i < places->n; i++) {
		places->list[i].is_unwanted = true;
	}
	for (size_t recipient = 0; recipient < places->n_recipients; recipient++) {
		size_t i = places->first[recipient], end = places->first[recipient + 1];

		for (bool is_wanted = places_reach(places, recipient); is_wanted && i < end; i++) {
			const struct places_slot *slot = &places->slots[i];

			for (size_t k = slot->first; k < slot->first + slot->n; k++) {
				places->of[k]->is_unwanted = is_full(places, places->of[k]);
			}
		}
	}
}

static enum reply reply_to(int result)
{
	switch (result) {
	case 0:
		return REPLY_SAVED;
	case -ENOSPC: /* blocks or inodes */
	case -EDQUOT: /* of the filesystem: the admin's to mend, not the sender's to be told off for */
		return REPLY_DISK_FULL;
	default:
		return REPLY_NOT_WRITTEN;
	}
}

static void describe_refusal(
    const struct places_slot *slot, const struct mailbox *mailbox, char *reason_r, size_t n)
{
	if (slot->refusal[0] == '\0') {
		snprintf(reason_r, n, "the path of %s is refused", mailbox->address.text);
	} else {
		snprintf(reason_r, n, "%s", slot->refusal);
	}
}

enum reply places_outcome(
    const struct places *places, const struct recipient *recipient, char *reason_r, size_t n)
{
	const struct resolution *resolution = &recipient->resolution;
	const struct maildir_place *full = NULL;
	const char *rejection = NULL;
	enum reply refusal = REPLY_NONE;
	bool is_saved = false;

	reason_r[0] = '\0';
	for (size_t i = 0; i < resolution->n_mailboxes; i++) {
		const struct places_slot *slot = &places->slots[recipient->first_mailbox + i];

		if (slot->refusal != NULL) {
			describe_refusal(slot, &resolution->mailboxes[i], reason_r, n);
			return slot->is_held_by_others ? REPLY_NOT_SENT : REPLY_NOT_WRITTEN;
		}
		is_saved = is_saved || slot->is_redirected;
		for (size_t k = slot->first; k < slot->first + slot->n; k++) {
			const struct maildir_place *place = places->of[k];

			if (place->result != 0) {
				maildir_describe(place, reason_r, n);
				return reply_to(place->result);
			}
			if (!is_full(places, place)) {
				is_saved = true;
			} else if (full == NULL || reply_is_permanent(refusal)) {
				/* Of several one that may have room soon decides. */
				full = place;
				refusal = places->refusals[place - places->list];
			}
		}
	}
	rejection = places_rejection(places, recipient);
	if (!is_saved && full == NULL && rejection != NULL) {
		snprintf(reason_r, n, "a script rejects it: %s", rejection);
		return REPLY_REJECTED;
	}
	if (is_saved || full == NULL) {
		return REPLY_SAVED;
	}
	snprintf(reason_r, n, "%s has no room for it",
	    places->mailboxes[full - places->list]->address.text);
	return refusal;
}

static const struct places_slot *slot_of(
    const struct places *places, const struct recipient *recipient, size_t i)
{
	return &places->slots[recipient->first_mailbox + i];
}

enum places_fate places_fate(const struct places *places, const struct recipient *recipient)
{
	enum places_fate fate = PLACES_DISCARDED;

	for (size_t i = 0; i < recipient->resolution.n_mailboxes; i++) {
		const struct places_slot *slot = slot_of(places, recipient, i);

		if (slot->n > 0 || slot->refusal != NULL) {
			return PLACES_KEPT;
		}
		fate = slot->is_redirected ? PLACES_REDIRECTED : fate;
	}
	return fate;
}

const char *places_rejection(const struct places *places, const struct recipient *recipient)
{
	const char *rejection = NULL;

	for (size_t i = 0; rejection == NULL && i < recipient->resolution.n_mailboxes; i++) {
		rejection = slot_of(places, recipient, i)->rejection;
	}
	return rejection;
}
