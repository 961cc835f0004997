/* SPDX-License-Identifier: MIT
 * The quota of a mailbox: what it may hold, and whether one message more fits, by the rules of Dovecot's delivery
 * agents. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a limit: 0 is no limit. */
struct quota {
	uint64_t bytes, messages;
};

/* By how much the last message may go over. */
struct quota_grace {
	bool is_percent; /* of the limit in bytes; else bytes */
	uint64_t n;
};

bool quota_is_limited(const struct quota *limit);

/* Reads "10%" (Dovecot 2.3), "10M" (2.4) or plain bytes; K, M, G and T are steps of 1024. False: it is none. */
bool quota_grace_read(const char *text, struct quota_grace *grace_r);

/* Does nothing more go in? */
bool quota_is_full(const struct quota *limit, const struct quota *used);

/* Does one message more of that size go in? */
bool quota_fits(const struct quota *limit, const struct quota_grace *grace,
    const struct quota *used, uint64_t size);

/* Of the limit that is nearer, rounded down; 0 where there is none, and at most 999. */
unsigned quota_percent(const struct quota *limit, const struct quota *used);
