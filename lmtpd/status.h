/* SPDX-License-Identifier: MIT
 * What lmtpd counts, and what it tells of itself (--status). Of the process, so a reload changes
 * nothing of it. Loop's thread. */
#pragma once

#include <stdint.h>

#include "protocol/reply.h"
#include "status/document.h"
#include "status/histogram.h"
#include "status/vitals.h"

struct delivery;
struct envelope;
struct lookup;

struct lmtpd_status {
	struct vitals vitals;
	uint64_t n_sessions; /* that have ended and had said LHLO */
	uint64_t n_messages; /* whose data was complete and not too big */
	uint64_t n_stalled;  /* that the disk did not take in time */
	uint64_t n_untold;   /* mailboxes whose use of their quota could not be told */
	uint64_t n_bytes;    /* of those that were saved, on disk, once for each */
	uint64_t recipients[REPLIES];
	struct {
		uint64_t n_questions; /* that were answered */
		uint64_t n_full, n_disabled;
	} policy;
	struct {
		uint64_t n_runs, n_failed, n_exhausted, n_fuel;
		uint64_t n_discarded; /* recipients whose message they discarded */
	} scripts;
	struct histogram lookups, commits;
};

/* A look-up is back, its resolution still with it. */
void status_looked_up(struct lmtpd_status *status, const struct lookup *lookup);

/* A transaction has its end and each of its recipients its reply. delivery may be NULL. */
void status_delivered(
    struct lmtpd_status *status, const struct envelope *envelope, const struct delivery *delivery);

/* What only this daemon has to tell. */
void status_write(struct daemon *daemon, struct document *document);
