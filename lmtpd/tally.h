/* SPDX-License-Identifier: MIT
 * What a message does to the quotas of its places: it is charged to each of their mailboxes that has a limit before
 * it gets names, and settled when it has them. Of one delivery. */
#pragma once

#include <stddef.h>

#include "lmtpd/allowance.h"
#include "lmtpd/places.h"
#include "lmtpd/versions.h"

struct tally_row {
	struct allowance allowance;
	struct charge *charge;
	struct allowance_move move;
	struct quota used; /* when it was charged, or was not */
	uint64_t size;     /* of the message, as it is counted */
	bool has_moved;
	char doubt[256]; /* why it was let in without being counted; "" for none */
};

struct tally {
	struct tally_row *rows; /* of the places, in their order; NULL: none has a limit */
	size_t n;
};

/* Without memory for it all is let in. */
void tally_make(struct tally *tally, struct accounts *accounts, const struct lmtpd_config *config,
    const struct places *places);
void tally_drop(struct tally *tally);

/* Between prepare and commit, on a writer's thread: says of each place whether it is full. Nothing that has no place
 * to go to may be charged after all: settle it. */
void tally_charge(struct tally *tally, struct places *places, const struct versions *versions);

/* Behind the commit, as well. is_durable: nobody has given the message up meanwhile. */
void tally_settle(struct tally *tally, const struct places *places, bool is_durable);

/* Percents of the place's limit that are used now; -1: it has none, or nothing is known. */
int tally_percent(
    const struct tally *tally, const struct places *places, const struct maildir_place *place);

/* Writes event=quota for what has crossed a line, was full, or is in doubt. On the loop. Returns how many were in
 * doubt. */
unsigned tally_log(const struct tally *tally, const struct places *places);
