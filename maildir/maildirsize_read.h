/* SPDX-License-Identifier: MIT
 * What Dovecot's maildirsize says, for people who ask: nothing is decided by it. Blocking. */
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

/* Reads the file of a mailbox below a root, but for the limits in its first line. Returns a maildirsize_outcome or a
 * negative errno. */
int maildirsize_read(
    const struct maildir_root *root, const char *mailbox, struct maildirsize *sum_r);
