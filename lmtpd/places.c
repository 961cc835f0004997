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

static int compare_places(const void *a, const void *b)
{
	const struct maildir_place *x = a, *y = b;
	int order = strcmp(x->mailbox, y->mailbox);

	if (order == 0) {
		order = strcmp(x->folder, y->folder);
	}
	return order != 0 ? order : (x->root > y->root) - (x->root < y->root);
}

/* The place of a mailbox or a folder of it, which may be one that is there already: a message reaches each once.
 * NULL when out of memory. */
static struct maildir_place *find_place(struct places *places, void **tree, const struct home *home)
{
	struct maildir_place *place = &places->list[places->n], **found = NULL;
	size_t n_path = strlen(home->path) + 1, n_folder = strlen(home->folder) + 1;
	char *copy = malloc(n_path + n_folder);

	if (copy == NULL) {
		return NULL;
	}
	place->root = home->root;
	memcpy(copy, home->path, n_path);
	memcpy(copy + n_path, home->folder, n_folder);
	place->mailbox = copy;
	place->folder = copy + n_path;
	place->if_absent = home->makes_folder ? MAILDIR_MAKE : MAILDIR_USE_INBOX;
	place->folders_max = home->folders_max;
	place->subscribes = true;
	found = tsearch(place, tree, compare_places);
	if (found != NULL && *found == place) {
		places->n++;
	} else {
		free(copy);
	}
	return found == NULL ? NULL : *found;
}

/* Only the tree goes, the places stay. */
static void keep(void *place)
{
}

int places_make(struct places *places, struct envelope *envelope, places_find *find,
    const struct lmtpd_config *config)
{
	size_t n_max = envelope->n_mailboxes, n = 0;
	struct recipient *recipient;
	void *tree = NULL;
	int result = 0;

	assert(n_max > 0); /* accepted recipients have a mailbox */
	/* One block holds all, since every message comes through here. */
	places->list =
	    calloc(1, n_max * (sizeof(*places->list) + 2 * sizeof(void *) + sizeof(enum reply)) +
			  (envelope->n_recipients + 1) * sizeof(*places->first));
	if (places->list == NULL) {
		return -ENOMEM;
	}
	places->of = (struct maildir_place **)&places->list[n_max];
	places->mailboxes = (const struct mailbox **)&places->of[n_max];
	places->first = (size_t *)&places->mailboxes[n_max];
	places->refusals = (enum reply *)&places->first[envelope->n_recipients + 1];
	STAILQ_FOREACH (recipient, &envelope->recipients, next) {
		const struct resolution *resolution = &recipient->resolution;

		places->first[places->n_recipients++] = recipient->first_mailbox = n;
		for (size_t i = 0; i < resolution->n_mailboxes && result == 0; i++, n++) {
			struct home home;
			struct error error;

			if (find(config, &resolution->mailboxes[i], &home, &error) == 0) {
				size_t n_before = places->n;

				places->of[n] = find_place(places, &tree, &home);
				result = places->of[n] == NULL ? -ENOMEM : 0;
				if (places->n > n_before) {
					places->mailboxes[n_before] = &resolution->mailboxes[i];
				}
			}
		}
	}
	places->first[places->n_recipients] = n;
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

static bool is_full(const struct places *places, const struct maildir_place *place)
{
	return place != NULL && place->result == 0 &&
	       places->refusals[place - places->list] != REPLY_NONE;
}

static bool is_reached(const struct places *places, size_t recipient)
{
	for (size_t i = places->first[recipient]; i < places->first[recipient + 1]; i++) {
		if (places->of[i] == NULL || places->of[i]->result != 0) {
			return false;
		}
	}
	return true;
}

void places_choose(struct places *places)
{
	for (size_t i = 0; i < places->n; i++) {
		places->list[i].is_unwanted = true;
	}
	for (size_t recipient = 0; recipient < places->n_recipients; recipient++) {
		size_t i = places->first[recipient], end = places->first[recipient + 1];

		for (bool is_wanted = is_reached(places, recipient); is_wanted && i < end; i++) {
			places->of[i]->is_unwanted = is_full(places, places->of[i]);
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

enum reply places_outcome(
    const struct places *places, const struct recipient *recipient, char *reason_r, size_t n)
{
	const struct resolution *resolution = &recipient->resolution;
	const struct maildir_place *full = NULL;
	enum reply refusal = REPLY_NONE;
	bool is_saved = false;

	reason_r[0] = '\0';
	for (size_t i = 0; i < resolution->n_mailboxes; i++) {
		const struct maildir_place *place = places->of[recipient->first_mailbox + i];

		if (place == NULL) {
			snprintf(reason_r, n, "the path of %s is refused",
			    resolution->mailboxes[i].address.text);
			return REPLY_NOT_WRITTEN;
		}
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
	if (is_saved || full == NULL) {
		return REPLY_SAVED;
	}
	snprintf(reason_r, n, "%s has no room for it",
	    places->mailboxes[full - places->list]->address.text);
	return refusal;
}
