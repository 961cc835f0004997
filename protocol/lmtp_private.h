/* SPDX-License-Identifier: MIT
 * What the parts of the session machine know of one another. What the machine wants next is what its
 * functions return: LMTP_NOTHING where they have dealt with all. */
#pragma once

#include "protocol/lmtp.h"

/* lmtp_commands.c: deals with one line. text is NULL for a line that is no command at all. Sets the
 * recipient of LMTP_RECIPIENT. */
enum lmtp_want lmtp_on_command(
    struct lmtp *lmtp, const char *text, size_t n, struct lmtp_step *step);

/* lmtp.c: the reply as the settings want it. */
enum reply lmtp_soften(const struct lmtp *lmtp, enum reply reply);

/* lmtp.c: puts a reply out; @address and @word as for reply_format(). */
void lmtp_put_reply(struct lmtp *lmtp, enum reply reply, const char *address, const char *word);

/* lmtp.c: answers a command that is no RCPT, counting errors; says a last word. Both return
 * LMTP_NOTHING. */
enum lmtp_want lmtp_answer(struct lmtp *lmtp, enum reply reply);
enum lmtp_want lmtp_close_with(struct lmtp *lmtp, enum reply reply);

/* lmtp.c: returns LMTP_ABANDON for a transaction whose body had begun, else LMTP_NOTHING. */
enum lmtp_want lmtp_end_transaction(struct lmtp *lmtp);
