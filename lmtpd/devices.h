/* SPDX-License-Identifier: MIT
 * The devices that mail lies on. The writers are shared among them, so that one that stands still (a frozen
 * filesystem, a server of NFS that is away) does not stop mail for all others.
 *
 * A mailbox belongs to the device that it was on last time, or that another one of its domain was on, or that
 * is mounted there: to look would be to wait for the device. Of others nothing is known; they share a few
 * writers. Loop's thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "maildir/maildir.h"
#include "runtime/queue.h"

enum {
	DEVICES_MAX = QUEUE_SHARES - 1, /* that are told apart; more share with these */
	DEVICES_UNKNOWN = 0,            /* the share of mailboxes of which nothing is known */
	DEVICES_SLOTS =
	    8192, /* mailboxes that are remembered; a slot that is lost costs nothing else */
};

struct devices {
	dev_t known[DEVICES_MAX];
	unsigned n; /* that were seen, at most DEVICES_MAX */
	struct {
		uint32_t key;
		uint8_t share;
	} slots[DEVICES_SLOTS];
};

/* The filesystems that mail below a root may lie on, before any was seen to. */
void devices_expect(struct devices *devices, const struct maildir_root *root);

/* The share of a mailbox: its place's root and path count. */
unsigned devices_share(const struct devices *devices, const struct maildir_place *place);

/* A mailbox lies on that device. True if it is the first there: devices_limit() says something else then. */
bool devices_learn(struct devices *devices, const struct maildir_place *place, dev_t device);

/* How many of n_threads may work for a share. */
unsigned devices_limit(const struct devices *devices, unsigned share, unsigned n_threads);
