/* SPDX-License-Identifier: MIT
 * A table of fixed size: a flood from many addresses costs a few of them their count, nothing else. */
#include "auth/failures.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

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

static uint64_t mix(uint64_t seed, const unsigned char *data, size_t n)
{
	uint64_t hash = seed ^ 0xcbf29ce484222325u;

	for (size_t i = 0; i < n; i++) { /* FNV-1a, with a secret start */
		hash = (hash ^ data[i]) * 0x100000001b3u;
	}
	hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9u;
	return hash ^ (hash >> 31);
}

uint64_t failures_add(struct failures *failures, const char *rip, uint64_t now, uint64_t delay)
{
	unsigned char identity[64] = { 0 };
	size_t n_identity = identify(rip, identity, sizeof(identity));
	uint64_t hash = mix(failures->seed, identity, n_identity);
	struct failures_slot *slot = &failures->slots[hash % FAILURES_SLOTS];
	uint32_t key = (uint32_t)(hash >> 32);
	uint64_t forgotten, total;

	if (slot->key != key) {
		*slot = (struct failures_slot){ .key = key, .time = now };
	}
	forgotten = (now - slot->time) / FAILURES_FORGET_MS;
	slot->n = forgotten >= slot->n ? 0 : slot->n - (uint32_t)forgotten;
	total = delay + (uint64_t)slot->n * FAILURES_STEP_MS;
	if (slot->n < FAILURES_TOTAL_MS / FAILURES_STEP_MS) {
		slot->n++;
	}
	slot->time = now;
	return total < FAILURES_TOTAL_MS ? total : FAILURES_TOTAL_MS;
}
