/* SPDX-License-Identifier: MIT
 * Dovecot's maildirsize, where its quota driver is maildir: who adds a message says so in a line of it. The file is
 * never made here, since then expunges would be missing in it, and never written anew. */
#pragma once

#include <stdint.h>

#include "maildir/maildir.h"

enum {
	MAILDIRSIZE_MAX = 65536, /* bytes that are looked at; Dovecot writes it anew from 5120 on */
};

/* What the lines of the file add up to. */
struct maildirsize {
	uint64_t bytes, messages;
};

enum maildirsize_outcome {
	MAILDIRSIZE_READ = 0,
	MAILDIRSIZE_ABSENT,
	MAILDIRSIZE_UNUSABLE, /* it says nothing: whoever keeps it counts again */
};

/* For people who ask: nothing is decided by it. Reads the file of a mailbox below a root, but for the limits in its first line. Returns a maildirsize_outcome or a
 * negative errno. */
int maildirsize_read(
    const struct maildir_root *root, const char *mailbox, struct maildirsize *sum_r);

/* Says that a message of that size (S=) was delivered to the place, if its mailbox has such a file. The message must
 * have its name by then, so that who counts the mailbox meanwhile misses nothing. A file that was replaced meanwhile
 * did not get the line: the one that is there now is unlinked, and Dovecot counts again. So is one that could not take
 * the whole line. Nothing is synced: a line that a power cut takes away is one message until Dovecot counts again.
 * Returns 0, also where there is no file, or a negative errno: the line is not there, and where the file could not be
 * opened, or is no file, it stays. The place has a note then. */
int maildirsize_add(struct maildir_place *place, uint64_t size);
