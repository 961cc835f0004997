/* SPDX-License-Identifier: MIT
 * What Dovecot's LMTP does with scripts, as section sieve, and the folders that they store into, as section maildir. Private to
 * adopt, and pure. */
#pragma once

#include "adopt/source.h"

/* for_place, for_settings: what doveconf -NP printed, twice, since each reading cuts it. Without the plugin in its LMTP there is
 * nothing to say. */
void scripts_adopt(struct source *source, char *for_place, char *for_settings);
