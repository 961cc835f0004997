/* SPDX-License-Identifier: MIT
 * The places of a message: each mailbox once, however many recipients lead to it, and for each recipient
 * the outcome of its own. Pure; lists are long and this runs on the loop, so what is compared is no more
 * than a search takes. */
#pragma once

#include "lmtpd/homes.h"
#include "mail/envelope.h"
#include "maildir/maildir.h"
#include "protocol/reply.h"

struct lmtpd_config;

struct places {
	struct maildir_place *list; /* in the order of the envelope */
	size_t n;
	/* Of each of them: the mailbox that led there first, of the envelope's; and the reply that it has no room for the
	 * message, as is known between prepare and commit, REPLY_NONE as a rule. */
	const struct mailbox **mailboxes;
	enum reply *refusals;
	size_t n_recipients;
	/* Private: that of each mailbox of each recipient, in their order. NULL: its path is refused. And
	 * where the mailboxes of each recipient begin there; one more stands for the end. */
	struct maildir_place **of;
	size_t *first;
};

/* Where the mail of a mailbox goes, as homes_find() says it. */
typedef int places_find(const struct lmtpd_config *config, const struct mailbox *mailbox,
    struct home *home_r, struct error *error);

/* Of an envelope that is complete; each recipient keeps where its mailboxes begin. @places is zero before.
 * Returns 0 or -ENOMEM; places_free() is due in both cases. */
int places_make(struct places *places, struct envelope *envelope, places_find *find,
    const struct lmtpd_config *config);
void places_free(struct places *places);

/* Between prepare and commit: a place that only recipients lead to who will be told that it failed, since
 * another one of theirs cannot take the message, is not wanted. They get it at the next try, and once. One that is
 * full is left out. */
void places_choose(struct places *places);

/* The reply for one recipient: saved when the message is durable in every one of its mailboxes but those that are
 * full. reason_r[n] says why not. */
enum reply places_outcome(
    const struct places *places, const struct recipient *recipient, char *reason_r, size_t n);
