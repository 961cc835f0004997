/* SPDX-License-Identifier: MIT
 * A table by hashes: who collides is taken for somebody of another device now and then. */
#include "lmtpd/devices.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* Of the first n bytes of a mailbox's path and its root; never 0, which stands for an empty slot. */
static uint32_t hash_of(const struct maildir_place *place, size_t n)
{
	uint64_t hash =
	    text_hash(TEXT_HASH_START, place->root->base, strlen(place->root->base) + 1);

	return (uint32_t)text_hash(hash, place->mailbox, n) | 1;
}

static uint32_t hash_of_mailbox(const struct maildir_place *place)
{
	return hash_of(place, strlen(place->mailbox));
}

/* Its first directory, which is that of the domain in the usual layout. */
static uint32_t hash_of_domain(const struct maildir_place *place)
{
	return hash_of(place, strcspn(place->mailbox, "/"));
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

/* DEVICES_UNKNOWN: it was not seen. */
static unsigned share_of(const struct devices *devices, dev_t device)
{
	for (unsigned i = 0; i < devices->n; i++) {
		if (devices->known[i] == device) {
			return 1 + i;
		}
	}
	return devices->n < DEVICES_MAX ? DEVICES_UNKNOWN : 1 + (unsigned)(device % DEVICES_MAX);
}

/* True if it was not seen before, and can be told apart. */
static bool see(struct devices *devices, dev_t device)
{
	if (share_of(devices, device) != DEVICES_UNKNOWN) {
		return false;
	}
	devices->known[devices->n++] = device;
	return true;
}

void devices_expect(struct devices *devices, const struct maildir_root *root)
{
	const struct storage *storage = &root->storage;

	for (size_t i = 0; i < storage->n; i++) {
		const struct storage_filesystem *filesystem = &storage->filesystems[i];
		bool is_ours = i == storage->base || text_is_below(filesystem->where, root->base);

		/* One that another is mounted over is nobody's. */
		if (is_ours && filesystem->has_one_device &&
		    (i == storage->base ||
			storage_of_path(storage, filesystem->where) == filesystem)) {
			see(devices, filesystem->device);
		}
	}
}

unsigned devices_share(const struct devices *devices, const struct maildir_place *place)
{
	const struct maildir_root *root = place->root;
	const struct storage_filesystem *filesystem;
	unsigned share = find(devices, hash_of_mailbox(place));
	char path[PATH_MAX];

	if (share == DEVICES_UNKNOWN) {
		share = find(devices, hash_of_domain(place));
	}
	if (share == DEVICES_UNKNOWN) {
		snprintf(path, sizeof(path), "%s/%s", root->base, place->mailbox);
		filesystem = storage_of_path(&root->storage, path);
		share =
		    filesystem == NULL ? DEVICES_UNKNOWN : share_of(devices, filesystem->device);
	}
	return share;
}

bool devices_learn(struct devices *devices, const struct maildir_place *place, dev_t device)
{
	bool is_new = see(devices, device);
	unsigned share = share_of(devices, device);

	keep(devices, hash_of_mailbox(place), share);
	keep(devices, hash_of_domain(place), share);
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
