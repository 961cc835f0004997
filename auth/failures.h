/* SPDX-License-Identifier: MIT
 * How often logins have failed from where: who keeps guessing has to wait longer for each FAIL.
 * Only failures wait, so that nobody can lock the owner of an account out. Pure. */
#pragma once

#include <stdint.h>

enum {
	FAILURES_SLOTS = 4096,      /* addresses that are remembered; more share slots */
	FAILURES_STEP_MS = 500,     /* more for every failure before */
	FAILURES_FORGET_MS = 30000, /* after which one failure is forgotten */
	FAILURES_TOTAL_MS = 4500,   /* no FAIL waits for longer, counted from its request */
};

struct failures {
	struct failures_slot {
		uint32_t key;
		uint32_t n;
		uint64_t time;
	} slots[FAILURES_SLOTS];
	uint64_t seed; /* random, so that nobody can choose whom he shares a slot with */
};

/* Counts a failure from rip (an IPv4 or IPv6 address, the latter by its /64; or anything else) at
 * @now, in milliseconds, and returns for how long the FAIL has to wait, counted from the request:
 * @delay and what came on top. */
uint64_t failures_add(struct failures *failures, const char *rip, uint64_t now, uint64_t delay);
