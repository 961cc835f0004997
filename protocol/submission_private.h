/* SPDX-License-Identifier: MIT
 * What the parts of the client machine know of one another. */
#pragma once

#include "protocol/submission.h"

enum {
	SUBMISSION_COMMAND_MAX = SUBMISSION_ADDRESS_MAX + 300, /* bytes of a line, NUL included */
};

/* submission.c: puts a line out. */
void submission_put(struct submission *submission, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* submission.c: all recipients that have no outcome yet get this one. Is there such a recipient? */
void submission_decide(struct submission *submission, enum submission_result result,
    const struct response_words *words);
bool submission_has_pending(const struct submission *submission);

/* submission.c: of a code from 400 on. */
enum submission_result submission_result_of(int code);

/* submission.c: the transaction is over. Before that, reset: whatever the server may still hold of it goes. */
void submission_become_ready(struct submission *submission);
void submission_reset(struct submission *submission);

/* submission_envelope.c: deals with the reply to MAIL or to a RCPT. */
void submission_on_envelope(struct submission *submission, const struct response_words *words);
