/* SPDX-License-Identifier: MIT
 * From the plan that a run has ended in to the stores of its mailbox. Private to filter. */
#pragma once

#include "lmtpd/filter.h"

/* Writes what the plan of the chain says for a slot, whose list of stores begins where that of the filter ends, and puts into the filter's box what
 * is to be sent from its mailbox at home. What an admin should know of it stands in note_r[n] then. Returns 0 or -ENOMEM. */
int filing_add(struct filter *filter, size_t slot, const struct scripts_home *home,
    const struct scripts_chain *chain, const struct sieve_plan *plan, char *note_r, size_t n);

/* Where the mailbox's mail goes without scripts. Returns as filing_add(). */
int filing_keep(struct filter *filter, size_t slot);
