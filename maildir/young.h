/* SPDX-License-Identifier: MIT
 * Which directories are young: their parents may not have been synced yet, so a power cut may take
 * them and the mail in them. maildir_root_settle() stands here too. Private to maildir. */
#pragma once

#include <stdint.h>

#include "maildir/linux.h"

/* Returns 0 when the parents of this directory are durable, else a number that tells it from every other
 * directory, and from a successor by the same name and inode. */
uint64_t young_identify(const struct linux_status *status);

/* The parents of the one with that number have been synced: to this process it is young no more. */
void young_forget(uint64_t identity);
