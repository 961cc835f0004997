/* SPDX-License-Identifier: MIT
 * A table of fixed size: a flood from many addresses costs a few of them their counts, nothing else. */
#include "auth/failures.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

#include "base/text.h"

/* What stands for a client: its IPv4 address, its IPv6 network, or the text as it is. */
static size_t identify(const char *rip, unsigned char *identity_r, size_t n)
{
	struct in6_addr v6;

	if (inet_pton(AF_INET6, rip, &v6) == 1) {
		/* One customer has a whole /64. */
		memcpy(identity_r, &v6, 8);
		return 8;
	}
	memcpy(identity_r, rip, strnlen(rip, n));
	return strnlen(rip, n);
}

static uint64_t mix_lower(uint64_t hash, const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		unsigned char c = (unsigned char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);

		hash = text_hash(hash, &c, 1);
	}
	return hash;
}

/* Of the address alone, or of the pair. The upper half is the key within the slot. */
static uint64_t hash_of(
    const struct failures *failures, const struct failures_login *login, bool is_pair)
{
	static const unsigned char divider[1] = { 0 };
	unsigned char identity[64] = { 0 };
	size_t n = identify(login->rip, identity, sizeof(identity));
	/* A secret start: nobody can make others share a slot. */
	uint64_t hash = text_hash(failures->seed ^ TEXT_HASH_START, identity, n);

	if (is_pair) {
		hash = mix_lower(text_hash(hash, divider, 1), login->user);
	}
	hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9u;
	return hash ^ (hash >> 31);
}

/* The failures of a hash that are not forgotten yet. */
static uint32_t recent(const struct failures *failures, uint64_t hash, uint64_t now)
{
	const struct failures_slot *slot = &failures->slots[hash % FAILURES_SLOTS];
	uint64_t forgotten = (now - slot->time) / FAILURES_FORGET_MS;

	return slot->key != (uint32_t)(hash >> 32) || forgotten >= slot->n
		   ? 0
		   : slot->n - (uint32_t)forgotten;
}

/* Adds one, and returns how many there were before. */
static uint32_t count(struct failures *failures, uint64_t hash, uint64_t now)
{
	uint32_t n = recent(failures, hash, now);

	failures->slots[hash % FAILURES_SLOTS] = (struct failures_slot){
		.key = (uint32_t)(hash >> 32),
		.n = n < FAILURES_TOTAL_MS / FAILURES_STEP_MS ? n + 1 : n,
		.time = now,
	};
	return n;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t failures_add(struct failures *failures, const struct failures_login *login, uint64_t now,
    uint64_t delay, uint64_t least)
{
	uint32_t n = count(failures, hash_of(failures, login, true), now);
	uint64_t total;

	if (!login->is_trusted) {
		uint32_t n_there = count(failures, hash_of(failures, login, false), now);

		n = n_there > n ? n_there : n;
	}
	total = larger(delay + (uint64_t)n * FAILURES_STEP_MS, least);
	return total < FAILURES_TOTAL_MS ? total : FAILURES_TOTAL_MS;
}

void failures_add_overload(
    struct failures *failures, const struct failures_login *login, uint64_t now)
{
	if (!login->is_trusted) {
		count(failures, hash_of(failures, login, false), now);
	}
}

unsigned failures_rank(
    const struct failures *failures, const struct failures_login *login, uint64_t now)
{
	bool has_failed = recent(failures, hash_of(failures, login, true), now) > 0;

	if (login->is_trusted) {
		return has_failed ? 1 : 0;
	}
	if (has_failed) {
		return 2;
	}
	return recent(failures, hash_of(failures, login, false), now) > 0 ? 1 : 0;
}

uint64_t failures_slowest(struct failures *failures, uint64_t now)
{
	uint64_t late = now / FAILURES_LATE_MS;

	if (late != failures->late) {
		failures->slowest_before = late == failures->late + 1 ? failures->slowest : 0;
		failures->slowest = 0;
		failures->late = late;
	}
	return larger(failures->slowest, failures->slowest_before);
}

void failures_hashed(struct failures *failures, uint64_t now, uint64_t took)
{
	failures_slowest(failures, now);
	failures->slowest = larger(failures->slowest, took);
}
