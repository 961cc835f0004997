/* SPDX-License-Identifier: MIT
 * How often logins have failed from where, and for whom: who keeps guessing has to wait longer for each
 * FAIL, and is verified after others when not all can be at once. Only failures wait, and a rank changes
 * nothing but an order, so that nobody can lock the owner of an account out.
 *
 * An address alone says little: many have one together, behind a router or a webmail. So it is counted
 * beside the pair of address and user, where the user is whatever name was tried.
 *
 * Behind a trusted address, all of whose users have no other, the address is not counted at all. A pair
 * is, or who guesses there would go before everybody; but the owner is in the same pair with who guesses
 * his password there, so it ranks before those who guess elsewhere.
 *
 * Hashing takes longer for whoever has several passwords, or costlier hashes. Hashing as much for everybody
 * would let strangers burn the processor; waiting costs nothing. So each FAIL waits until its hashing could
 * have taken as long as the slowest of late: its time does not tell whose password was tried, nor whether
 * there is such a user. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	FAILURES_SLOTS = 8192,      /* addresses and pairs that are remembered; more share slots */
	FAILURES_STEP_MS = 500,     /* more for every failure before */
	FAILURES_FORGET_MS = 30000, /* after which one failure is forgotten */
	FAILURES_TOTAL_MS = 4500,   /* no FAIL waits for longer, counted from its request */
	FAILURES_LATE_MS = 600000,  /* "of late" is once or twice as long */
};

struct failures {
	struct failures_slot {
		uint32_t key;
		uint32_t n;
		uint64_t time;
	} slots[FAILURES_SLOTS];
	uint64_t seed; /* random, so that nobody can choose whom he shares a slot with */
	/* The slowest hashing of a time of FAILURES_LATE_MS, and of the time before. */
	uint64_t late, slowest, slowest_before;
};

struct failures_login {
	const char *rip;  /* an IPv4 or IPv6 address, of which the /64 counts; or anything else */
	const char *user; /* in any case of ASCII */
	bool is_trusted;  /* rip is */
};

/* Counts a failure at @now, in milliseconds, and returns for how long the FAIL has to wait, counted from the
 * request: @delay and what came on top, or @least if that is more. */
uint64_t failures_add(struct failures *failures, const struct failures_login *login, uint64_t now,
    uint64_t delay, uint64_t least);

/* Hashing for a login took so many milliseconds, whatever came of it. */
void failures_hashed(struct failures *failures, uint64_t now, uint64_t took);

/* What the slowest took of late. */
uint64_t failures_slowest(struct failures *failures, uint64_t now);

/* Counts a login that was given up for overload: at its address alone. Its password may have been right, and the
 * pair of an owner whom a flood has held up once must not rank behind that of a guesser's next name. */
void failures_add_overload(
    struct failures *failures, const struct failures_login *login, uint64_t now);

/* The rank of a login that begins at @now, see runtime/queue.h: 0 when nothing has failed lately, 1 when
 * something has at its address or, if that is trusted, for its pair, 2 when something has for its pair. */
unsigned failures_rank(
    const struct failures *failures, const struct failures_login *login, uint64_t now);
