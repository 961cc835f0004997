/* SPDX-License-Identifier: MIT
 * What stands for a thing that was sent: the id that is remembered on the disk, which is Pigeonhole's, and keys of what is remembered in
 * memory. Pure; any thread. */
#pragma once

#include <stddef.h>

#include "base/text.h"
#include "sieve/sieve.h"

enum {
	IDS_DIGEST = 16, /* bytes: MD5, since Pigeonhole has that */
};

/* The id of what a run asks by SIEVE_NEED_SEEN. Returns 0 or a negative errno (-ENOMEM, or -ENOTSUP where OpenSSL is told to have no
 * MD5): what has no id cannot be remembered. */
int ids_of_text(struct span text, unsigned char digest_r[IDS_DIGEST]);

/* The id of an action that has one: of VACATION and MARK the digest, of REDIRECT its text, but for one that is longer than MARK_ID_MAX.
 * It points to the digest or to the action's, and is empty if the action's is, or on an error. Returns as ids_of_text(). */
int ids_of_action(
    const struct sieve_action *action, unsigned char digest_r[IDS_DIGEST], struct span *id_r);

/* Of strings that belong together, such as a mailbox and an id: as good as they, and of one size. */
struct key {
	unsigned char bytes[32];
};

/* Returns 0 or -ENOMEM. */
int ids_key(struct key *key_r, const struct span *parts, size_t n);
