/* SPDX-License-Identifier: MIT
 * The places of a message: each mailbox, or folder of one, once, however many recipients lead to it, and for each
 * recipient the outcome of its own. Pure; lists are long and this runs on the loop, so what is compared is no more
 * than a search takes. */
#pragma once

#include "base/arena.h"
#include "lmtpd/homes.h"
#include "mail/envelope.h"
#include "maildir/maildir.h"
#include "protocol/reply.h"

struct lmtpd_config;

/* A mailbox of a recipient: its places are n of those in places.of, from first on. Without scripts it is one; with them
 * it may be several folders, or none, since the message was discarded, rejected or sent elsewhere. */
struct places_slot {
	size_t first, n;
	/* Why the message cannot go there now, in words; "": its path is refused. NULL as a rule. */
	const char *refusal;
	/* What the mailbox' script says to the sender instead of taking the message; NULL: it does take it. */
	const char *rejection;
	bool is_redirected;     /* somebody else has it now */
	bool is_held_by_others; /* the refusal is of whom it should be redirected to */
	/* Behind its last place stands one more, for when nobody else takes it: see places_fall_back(). */
	bool has_fallback;
};

struct places {
	/* In the order of the envelope; what gets another version of the message stands behind. */
	struct maildir_place *list;
	size_t n;
	/* Of each of them: the mailbox that led there first, of the envelope's; how many bytes of its path are the home;
	 * which version of the message it gets; and the reply that it has no room for the message, as is known between
	 * prepare and commit, REPLY_NONE as a rule. */
	const struct mailbox **mailboxes;
	unsigned *homes, *versions;
	enum reply *refusals;
	/* The mailboxes of all recipients, in their order; where those of each recipient begin, and one more for the end. */
	struct places_slot *slots;
	size_t n_slots, n_recipients;
	size_t *first;
	struct maildir_place **of;
};

/* Where the mail of a mailbox goes, as homes_find() says it. */
typedef int places_find(const struct lmtpd_config *config, const struct mailbox *mailbox,
    struct home *home_r, struct error *error);

/* Of an envelope that is complete; each recipient keeps where its mailboxes begin. @places is zero before.
 * Returns 0 or -ENOMEM; places_free() is due in both cases. */
int places_make(struct places *places, struct envelope *envelope, places_find *find,
    const struct lmtpd_config *config);
void places_free(struct places *places);

/* What a script wants: a folder of the mailbox in some slot. */
struct store {
	const char *folder; /* as a directory; "" for INBOX */
	const char *flags;  /* letters; these and keywords as in a place */
	const char *const *keywords;
	size_t n_keywords;
	enum maildir_if_absent if_absent;
	unsigned folders_max;
	unsigned version;
	bool subscribes;
};

/* What scripts have made of a message: for each slot of its places those in stores that are its own. */
struct filing {
	struct store *stores;
	size_t n_stores;
	struct places_slot *slots; /* as many as before */
	unsigned n_versions;       /* 1: there is only the one that came */
};

/* Is that what the places are for anyway? Then they can stay as they are. */
bool places_stay(const struct places *places, const struct filing *filing);

/* The places after that: a folder gets a version once, with the flags of all that want it there, which are taken from the
 * arena and must outlive them, as must @from. @places is zero before. Returns as places_make(). */
int places_refile(struct places *places, const struct places *from, const struct filing *filing,
    struct arena *arena);

/* Between prepare and commit: does the message get everywhere where a recipient's mailboxes want it, as far as is known? */
bool places_reach(const struct places *places, size_t recipient);

/* The same of the recipient that a slot is of; and has one of the slot's own places room, if it has any? */
bool places_reach_slot(const struct places *places, size_t slot);

/* The same time: what should be redirected from a slot was refused for good, so its mailbox keeps it. */
void places_fall_back(struct places *places, size_t slot);

/* Between prepare and commit: a place that only recipients lead to who will be told that it failed, since
 * another one of theirs cannot take the message, is not wanted. They get it at the next try, and once. One that is
 * full is left out. */
void places_choose(struct places *places);

/* The reply for one recipient: saved when the message is durable in every one of its mailboxes but those that are
 * full. reason_r[n] says why not. */
enum reply places_outcome(
    const struct places *places, const struct recipient *recipient, char *reason_r, size_t n);

/* What a recipient's mailboxes have made of a message that is saved for it. */
enum places_fate {
	PLACES_KEPT,
	PLACES_REDIRECTED, /* and none keeps it */
	PLACES_DISCARDED,
};
enum places_fate places_fate(const struct places *places, const struct recipient *recipient);

/* What the first of a recipient's mailboxes that reject it says; NULL: none does. */
const char *places_rejection(const struct places *places, const struct recipient *recipient);
