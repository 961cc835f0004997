/* SPDX-License-Identifier: MIT
 * What the scripts of one message want to leave the mailbox: mail that is handed to Postfix, and marks of what was seen. Nothing of it
 * is done while a script may still fail; what is done when, delivery.h says.
 *
 * Who is about to send holds claims meanwhile, so that a second message does not send the same. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/arena.h"
#include "lmtpd/claims.h"
#include "lmtpd/marking.h"
#include "lmtpd/rates.h"
#include "lmtpd/scripts.h"

enum {
	OUTBOX_LETTERS_MAX = 1000, /* of one message, whatever the number of its mailboxes */
	OUTBOX_CLAIMS_MAX = 1000,
	OUTBOX_CLAIM_MS = 5000,    /* that a run waits for another delivery's claim */
	OUTBOX_NOTICES_MAX = 1000, /* that may wait to be sent, of all messages, */
	OUTBOX_NOTICE = 65536,     /* of that many bytes; one that is longer counts as several */
};

/* Of the process, and for all of its deliveries. */
struct outbound {
	struct claims *claims;
	struct rates *rates;
	struct marking *marking;
	_Atomic size_t n_waiting; /* notices, see OUTBOX_NOTICE */
	struct outbound_counts {
		_Atomic uint64_t n_redirected, n_redirects_refused, n_redirects_deferred;
		_Atomic uint64_t n_notices, n_notices_failed,
		    n_notices_held; /* vacation; held by a rate or a full queue */
		_Atomic uint64_t n_notified, n_notifications_failed;
	} counts;
};

/* Returns 0 or -ENOMEM. */
int outbound_init(struct outbound *outbound);

enum letter_state {
	LETTER_DUE,
	LETTER_SENT,    /* Postfix has it, maybe since an earlier try */
	LETTER_REFUSED, /* or not confirmed, and not for the first time */
	LETTER_DEFERRED,
};

struct letter {
	/* REDIRECT, VACATION, NOTIFY; MARK: nothing is sent, something is only remembered. */
	enum sieve_action_kind kind;
	enum letter_state state;
	unsigned version;      /* REDIRECT: of the message; its own fields in message come on top */
	unsigned line;         /* of the script */
	size_t slot;           /* of the places */
	const char *recipient; /* whose script wants it, as it was given */
	const char *from;      /* "": the null sender */
	const char *to;        /* NOTIFY: one a line */
	struct span message;
	struct span id; /* to be remembered; n is 0: nothing is */
	time_t until;
	struct scripts_home home; /* of the mailbox; whose address is the user of marks */
	const char *answer;       /* what the server has said to it; "" as a rule */
	const char *script;       /* REDIRECT: of the user's own that wants it; NULL: another one */
};

struct outbox {
	struct outbound *outbound;
	struct arena *arena;   /* the filter's: all that letters hold */
	const char *queue_id;  /* the client's for the message, */
	const char *received;  /* and when it got it; "" if they are unknown */
	const char *recipient; /* of the run whose actions are put in */
	time_t now;
	struct letter *list;
	size_t n, room;
	struct key *claims; /* that it holds */
	size_t n_claims, claims_room;
};

void outbox_drop(struct outbox *outbox);

/* Is what a run asks for by SIEVE_NEED_SEEN remembered? If not, it is claimed. waits: for another delivery that has the claim.
 * Returns 1, 0, -ENOMEM, or -EBUSY: the claim is not to be had now. */
int outbox_seen(
    struct outbox *outbox, const struct scripts_home *home, struct span text, bool waits);

enum outbox_answer {
	OUTBOX_TAKEN = 0,
	OUTBOX_DONE,  /* redirected at an earlier try to deliver the message */
	OUTBOX_KNOWN, /* nothing is sent: it was sent before, or is being sent by another delivery */
	OUTBOX_FULL,
};

/* Puts what an action sends or marks into the box, with the mailbox in slot at home, whose action it is. version: of the message.
 * is_own: a script of the user's own wants it. Returns an outbox_answer or -ENOMEM. */
int outbox_add(struct outbox *outbox, const struct scripts_home *home, size_t slot,
    unsigned version, const struct sieve_action *action, bool is_own);

/* Is there a redirect that is due? */
bool outbox_redirects(const struct outbox *outbox);

/* Postfix has taken it: remembers that, on the disk if it has an id, and in memory for a retry of the message. */
void outbox_redirected(const struct outbox *outbox, const struct letter *letter);

/* Postfix may have taken it, and has not said so. Returns whether that was so at an earlier try to deliver the message, too. */
bool outbox_is_unknown_again(const struct outbox *outbox, const struct letter *letter);

/* Remembers the ids of letters of one home, as marks_add() does. Failures are logged. Returns 0 if they are on the disk. */
int outbox_mark(const struct outbox *outbox, const struct letter *const *letters, size_t n);
