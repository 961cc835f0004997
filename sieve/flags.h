/* SPDX-License-Identifier: MIT
 * Flags of IMAP, in scripts (RFC 5232). Private to sieve. */
#pragma once

#include "sieve/run.h"

/* :flags, of the actions that store. */
extern const struct tag flags_tags[];

/* Warns of those that are none. */
void flags_check(struct compiler *compiler, struct node *node);

enum {
	FLAGS_MAX = 64, /* of a message; others are left out */
};

/* Those that an action is given by :flags, or else by the variable. */
void flags_of(
    struct sieve_run *run, const struct node *node, const struct span **flags_r, size_t *n_r);
