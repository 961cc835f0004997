/* SPDX-License-Identifier: MIT
 * What the parts of the session machine know of one another. */
#pragma once

#include "protocol/lmtp.h"

/* commands.c: deals with one line. text is NULL for a line that is no command at all. */
void lmtp_on_command(struct lmtp *lmtp, const char *text, size_t n, struct lmtp_step *step);

/* lmtp.c: puts a reply out; @address and @word as for reply_format(). */
void lmtp_put_reply(struct lmtp *lmtp, enum reply reply, const char *address, const char *word);

/* lmtp.c: answers a command that is no RCPT, counting errors; says a last word. */
void lmtp_answer(struct lmtp *lmtp, enum reply reply);
void lmtp_close_with(struct lmtp *lmtp, enum reply reply);

/* transaction.c: puts out the replies of the RCPTs at the head of the queue that have one. */
void lmtp_answer_attempts(struct lmtp *lmtp);
void lmtp_end_transaction(struct lmtp *lmtp);
