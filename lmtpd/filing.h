/* SPDX-License-Identifier: MIT
 * From the plan that a run has ended in to the stores of its mailbox. Private to filter. */
#pragma once

#include "lmtpd/filter.h"

/* Writes what the plan says for a slot, whose list of stores begins where that of the filter ends. What is to be sent is
 * not: the message is kept then, and note_r[n] says so, and what else an admin should know. Returns 0 or -ENOMEM. */
int filing_add(
    struct filter *filter, size_t slot, const struct sieve_plan *plan, char *note_r, size_t n);

/* Where the mailbox's mail goes without scripts. Returns as filing_add(). */
int filing_keep(struct filter *filter, size_t slot);
