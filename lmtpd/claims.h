/* SPDX-License-Identifier: MIT
 * What keeps two messages at once from being answered or redirected twice. A delivery that has asked whether an id is remembered, and has
 * heard that it is not, holds a claim to it until it is remembered or the delivery is over: whoever asks meanwhile is told that it is
 * taken. It is memory of the process: after a crash nobody holds any.
 *
 * And what redirects were done already of a message that was not taken in the end: Postfix brings it again under the same queue id, with the
 * date that it was given then, and it is no duplicate. Any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lmtpd/ids.h"

enum {
	CLAIMS_MAX = 10000,
	CLAIMS_REDIRECTS_MAX = 10000,
	CLAIMS_REDIRECTS_SECONDS = 24 * 60 * 60,
};

struct claims;

/* NULL: out of memory. */
struct claims *claims_new(void);
void claims_free(struct claims *claims);

/* Takes a claim to a mailbox and an id. False: somebody has it, or there are as many as may be, or no memory: who does not get it must not
 * send. Who gets it lets go of it with claims_release(). */
bool claims_take(struct claims *claims, const struct key *key);

/* The same, but waits until it is let go of, for ms at most. */
bool claims_wait(struct claims *claims, const struct key *key, unsigned ms);

void claims_release(struct claims *claims, const struct key *key);

/* The key of a message, a mailbox and a target: it was redirected. now is in seconds, of when the delivery began: another one may have begun
 * later. When there are too many the oldest are forgotten. */
void claims_note_redirect(struct claims *claims, const struct key *key, uint64_t now);
bool claims_has_redirected(struct claims *claims, const struct key *key, uint64_t now);
