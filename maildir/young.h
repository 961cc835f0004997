/* SPDX-License-Identifier: MIT
 * Directories that may not have been synced since they were made. Private to maildir; any thread. */
#pragma once

#include <stdint.h>

#include "maildir/linux.h"

/* Returns 0 when the parents of this directory are durable, else a number that tells it from every other
 * directory, and from a successor by the same name and inode. */
uint64_t young_identify(const struct linux_status *status);

/* Its parents are durable by now. */
void young_is_synced(uint64_t identity);
