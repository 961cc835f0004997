/* SPDX-License-Identifier: MIT
 * The recipients of a transaction: RCPTs that wait for their reply, in order, and those that were
 * accepted, in order. A recipient is on one of the two lists and on no other. Pure. */
#include <assert.h>
#include <stdlib.h>

#include "protocol/lmtp_private.h"

static void free_recipient(struct lmtp *lmtp, struct lmtp_recipient *recipient)
{
	if (recipient->data != NULL) {
		lmtp->callbacks->release(recipient->data);
	}
	free(recipient);
}

void lmtp_free_recipients(struct lmtp *lmtp, struct lmtp_recipients *list)
{
	struct lmtp_recipient *recipient;

	while ((recipient = STAILQ_FIRST(list)) != NULL) {
		STAILQ_REMOVE_HEAD(list, next);
		free_recipient(lmtp, recipient);
	}
}

void lmtp_end_transaction(struct lmtp *lmtp)
{
	free(lmtp->sender);
	lmtp->sender = NULL;
	lmtp_free_recipients(lmtp, &lmtp->recipients);
	lmtp->n_recipients = 0;
	lmtp->has_begun = lmtp->is_chunked = lmtp->is_last_chunk = lmtp->is_too_big = false;
}

/* Puts out the replies of the RCPTs at the head of the queue that have one. */
void lmtp_answer_attempts(struct lmtp *lmtp)
{
	struct lmtp_recipient *first;

	while ((first = STAILQ_FIRST(&lmtp->attempts)) != NULL && first->reply != REPLY_NONE) {
		STAILQ_REMOVE_HEAD(&lmtp->attempts, next);
		lmtp->n_attempts--;
		output_reply(&lmtp->output, first->reply, first->text, NULL);
		if (first->reply == REPLY_RECIPIENT_OK) {
			STAILQ_INSERT_TAIL(&lmtp->recipients, first, next);
			lmtp->n_recipients++;
			continue;
		}
		lmtp->callbacks->refused(lmtp->callbacks->context, first);
		free_recipient(lmtp, first);
	}
}

void lmtp_recipient_done(struct lmtp *lmtp, struct lmtp_recipient *recipient, enum reply reply)
{
	assert(recipient->reply == REPLY_NONE && reply != REPLY_NONE);
	recipient->reply = reply;
	lmtp_answer_attempts(lmtp);
}
