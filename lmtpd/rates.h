/* SPDX-License-Identifier: MIT
 * How many notices go out, in all and from one mailbox to one sender, whatever scripts say and marks remember: two programs that
 * answer each other come to rest. Any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lmtpd/ids.h"

enum {
	RATES_PAIRS_MAX = 20000, /* those that were not asked for the longest time are forgotten */
};

/* A bucket holds tokens, gets new ones as time passes, and gives one for each thing that may be done. Pure. */
struct bucket_size {
	uint64_t burst; /* tokens of a full one */
	uint64_t ms;    /* in which it gets one */
};

struct bucket {
	uint64_t used; /* ms that are missing to be full; 0: a new one */
	uint64_t time; /* when that was so, ms; does not go back */
};

extern const struct bucket_size rates_all;  /* 50 a second, 500 at once */
extern const struct bucket_size rates_pair; /* 10 a day, at once if need be */

/* Is there a token? */
bool bucket_has(struct bucket *bucket, const struct bucket_size *size, uint64_t now);

/* Takes one that is there, or puts it back. */
void bucket_take(struct bucket *bucket, const struct bucket_size *size);
void bucket_give(struct bucket *bucket, const struct bucket_size *size);

struct rates;

/* NULL: out of memory. */
struct rates *rates_new(void);
void rates_free(struct rates *rates);

/* May a notice be sent now, in ms of a clock that does not go back? The key is that of the mailbox and the sender. Only what may be
 * sent counts. Without memory it may not. */
bool rates_allow(struct rates *rates, const struct key *pair, uint64_t now);

/* What was allowed is not sent after all. */
void rates_give_back(struct rates *rates, const struct key *pair);
