/* SPDX-License-Identifier: MIT
 * A table by hashes: who collides is taken for somebody of another device now and then. */
#include "lmtpd/devices.h"

#include <string.h>

#include "base/text.h"

/* Of the first n bytes of a path; never 0, which stands for an empty slot. */
static uint32_t hash_of(const char *path, size_t n)
{
	return (uint32_t)text_hash(TEXT_HASH_START, path, n) | 1;
}

/* Its first directory, which is that of the domain in the usual layout. */
static uint32_t hash_of_domain(const char *mailbox)
{
	return hash_of(mailbox, strcspn(mailbox, "/"));
}

static unsigned find(const struct devices *devices, uint32_t hash)
{
	unsigned slot = hash / 2 % DEVICES_SLOTS;

	return devices->slots[slot].key == hash ? devices->slots[slot].share : DEVICES_UNKNOWN;
}

static void keep(struct devices *devices, uint32_t hash, unsigned share)
{
	unsigned slot = hash / 2 % DEVICES_SLOTS;

	devices->slots[slot].key = hash;
	devices->slots[slot].share = (uint8_t)share;
}

unsigned devices_share(const struct devices *devices, const char *mailbox)
{
	unsigned share = find(devices, hash_of(mailbox, strlen(mailbox)));

	return share != DEVICES_UNKNOWN ? share : find(devices, hash_of_domain(mailbox));
}

bool devices_learn(struct devices *devices, const char *mailbox, dev_t device)
{
	bool is_new = false;
	unsigned i = 0;

	while (i < devices->n && devices->known[i] != device) {
		i++;
	}
	if (i == devices->n && i < DEVICES_MAX) {
		devices->known[devices->n++] = device;
		is_new = true;
	} else if (i == devices->n) {
		i = (unsigned)(device % DEVICES_MAX);
	}
	keep(devices, hash_of(mailbox, strlen(mailbox)), 1 + i);
	keep(devices, hash_of_domain(mailbox), 1 + i);
	return is_new;
}

unsigned devices_limit(const struct devices *devices, unsigned share, unsigned n_threads)
{
	/* Nothing is reserved as long as nothing is known: no device is slower than another one then. */
	unsigned n_unknown = devices->n == 0 ? n_threads : n_threads / 8;
	unsigned n_each = (n_threads - n_threads / 8) / (devices->n == 0 ? 1 : devices->n);
	unsigned n = share == DEVICES_UNKNOWN ? n_unknown : n_each;

	return n == 0 ? 1 : n;
}
