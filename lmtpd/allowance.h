/* SPDX-License-Identifier: MIT
 * What mailboxes with a quota hold, as far as this process knows: what was counted, what was delivered since, and
 * what is being delivered right now.
 *
 * A count is good for ACCOUNT_SECONDS, or, where it matters, above ACCOUNT_CALM_PERCENT of the limit, for questions
 * that were asked before it began. In between the account adds what this process delivers; what others add or
 * remove the next count sees.
 *
 * A message is charged to its mailbox before it has a name there, and in the same step as it is found to fit: however
 * many come at once, they go over by no more than the grace of one. A count leaves out those that are charged, by
 * their names, since they are added already.
 *
 * Any thread; none waits here for a disk but in allowance_count(). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "lmtpd/account.h"
#include "mail/quota.h"
#include "maildir/maildir.h"
#include "maildir/usage.h"

enum {
	ACCOUNT_SECONDS = 60,
	ACCOUNT_CALM_PERCENT = 80,
};

/* How mailboxes are counted, and what the last message may take. Of a configuration. */
struct account_rules {
	struct usage_style style;
	struct quota_grace grace;
	uint64_t digest; /* of the style: numbers of another one are worth nothing */
};

/* Its style is set. */
void account_rules_init(struct account_rules *rules);

/* A mailbox, its limit and its account. Who has one may ask and charge; it must be let go of. */
struct allowance {
	struct accounts *accounts;
	struct account *account;         /* NULL: there is no limit, or no memory; all fits */
	const struct maildir_root *root; /* of its configuration, as are the rules */
	const struct account_rules *rules;
	struct quota limit;
};

/* Of the mailbox at a path below the root. */
void allowance_take(struct allowance *allowance_r, struct accounts *accounts,
    const struct account_rules *rules, const struct maildir_root *root, const char *path,
    const struct quota *limit);
void allowance_drop(struct allowance *allowance);

enum allowance_answer {
	ALLOWANCE_ROOM,
	ALLOWANCE_FULL,
	ALLOWANCE_FULL_NOW, /* with what is being delivered, which may fail yet */
	ALLOWANCE_UNKNOWN,  /* it must be counted first */
};

/* Has the mailbox room for one message more, of a size that may not be known yet (0)? since: uv_hrtime() of the
 * question; a count that began later answers it for sure. UINT64_MAX: only what is known and not near the limit is an answer. used_r: what is
 * known, not with ALLOWANCE_UNKNOWN. */
enum allowance_answer allowance_ask(
    const struct allowance *allowance, uint64_t size, uint64_t since, struct quota *used_r);

/* Counts it, unless another one has done so since. Blocking, but for no longer than the style's patience where the disk
 * answers; a count of another thread that takes long is not waited for. Returns 0, or -1 with the reason in error. */
int allowance_count(const struct allowance *allowance, uint64_t since, struct error *error);

struct allowance_move {
	struct quota before, after; /* what the mailbox held without and with the message */
};

/* Charges a message, whose name is known, if it fits. size: with every line ended by CRLF, since Dovecot tests that one
 * whatever it counts. Answers as allowance_ask(), for which any count of the last
 * ACCOUNT_SECONDS is good enough to let the message in; with ALLOWANCE_ROOM it is charged, and charge_r must be
 * settled. It is NULL where there is nothing to settle. */
enum allowance_answer allowance_charge(const struct allowance *allowance, const char *name,
    uint64_t size, uint64_t since, struct charge **charge_r, struct quota *used_r);

/* The message lies there, and takes up so many bytes as they are counted, or does not. NULL: nothing to do. */
void allowance_settle(const struct allowance *allowance, struct charge *charge, bool is_delivered,
    uint64_t size, struct allowance_move *move_r);
