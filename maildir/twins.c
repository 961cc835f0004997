/* SPDX-License-Identifier: MIT
 * Lists are long, and a folder that is nowhere there is left in every mailbox of one: a tree finds the twins. Any
 * thread. */
#include "maildir/twins.h"

#include <errno.h>
#include <search.h>
#include <string.h>

#include "maildir/place.h"

static int compare(const void *a, const void *b)
{
	const struct maildir_place *one = a, *other = b;
	int result = strcmp(one->mailbox, other->mailbox);

	return result != 0 ? result : (one->root > other->root) - (one->root < other->root);
}

/* Does it lie in the mailbox itself, or will it? */
static bool is_in_mailbox(const struct maildir_place *place)
{
	return place->result == 0 && place->same == NULL && place->where[0] == '\0';
}

static bool has_left(const struct maildir_place *places, size_t n_places)
{
	size_t i = 0;

	while (i < n_places && (places[i].folder[0] == '\0' || !is_in_mailbox(&places[i]))) {
		i++;
	}
	return i < n_places;
}

/* Only the tree goes, the places stay. */
static void keep(void *place)
{
}

void twins_find(struct maildir_place *places, size_t n_places)
{
	bool is_needed = has_left(places, n_places);
	struct maildir_place **found;
	void *tree = NULL;

	for (size_t i = 0; i < n_places && is_needed; i++) {
		struct maildir_place *place = &places[i];

		if (!is_in_mailbox(place)) {
			continue;
		}
		found = tsearch(place, &tree, compare);
		if (found == NULL) {
			place_check(place, -ENOMEM, "compare with others", "");
		} else if (*found != place) {
			place->same = *found;
			place_close(place);
		}
	}
	tdestroy(tree, keep);
}

struct maildir_place *twins_of(
    struct maildir_place *places, size_t n_places, const struct maildir_place *place)
{
	for (size_t i = 0; i < n_places; i++) {
		if (&places[i] != place && is_in_mailbox(&places[i]) && !places[i].is_unwanted &&
		    compare(&places[i], place) == 0) {
			return &places[i];
		}
	}
	return NULL;
}

void twins_want(struct maildir_place *places, size_t n_places)
{
	for (size_t i = 0; i < n_places; i++) {
		if (places[i].same != NULL && !places[i].is_unwanted) {
			places[i].same->is_unwanted = false;
		}
	}
}

void twins_share(struct maildir_place *places, size_t n_places)
{
	for (size_t i = 0; i < n_places; i++) {
		struct maildir_place *place = &places[i];

		if (place->same != NULL) {
			place->result = place->same->result;
			place->step = place->same->step;
			place->part = place->same->part;
			memcpy(place->name, place->same->name, sizeof(place->name));
		}
	}
}
