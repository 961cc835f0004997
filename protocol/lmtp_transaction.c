/* SPDX-License-Identifier: MIT
 * The recipients of a transaction: RCPTs that wait for their reply, in order, and those that were
 * accepted, in order. A recipient is on one of the two lists and on no other. Pure. */
#include <assert.h>

#include "protocol/lmtp_private.h"

void lmtp_end_transaction(struct lmtp *lmtp)
{
	envelope_clear(&lmtp->envelope);
	lmtp->has_begun = lmtp->is_chunked = lmtp->is_last_chunk = lmtp->is_too_big = false;
}

/* Puts out the replies of the RCPTs at the head of the queue that have one. */
void lmtp_answer_attempts(struct lmtp *lmtp)
{
	struct recipient *first;

	while ((first = STAILQ_FIRST(&lmtp->attempts)) != NULL && first->reply != REPLY_NONE) {
		STAILQ_REMOVE_HEAD(&lmtp->attempts, next);
		lmtp->n_attempts--;
		lmtp_put_reply(lmtp, first->reply, first->text, NULL);
		if (first->reply == REPLY_RECIPIENT_OK) {
			envelope_add(&lmtp->envelope, first);
		} else {
			STAILQ_INSERT_TAIL(&lmtp->refused, first, next);
		}
	}
}

void lmtp_recipient_done(struct lmtp *lmtp, struct recipient *recipient, enum reply reply)
{
	assert(recipient->reply == REPLY_NONE && reply != REPLY_NONE);
	recipient->reply = reply;
	if (reply == REPLY_RECIPIENT_OK) {
		lmtp->envelope.n_mailboxes += recipient->resolution.n_mailboxes;
	}
	lmtp_answer_attempts(lmtp);
}
