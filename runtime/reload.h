/* SPDX-License-Identifier: MIT
 * Changing to a new configuration without a gap: its lanes are tried first, then adopted. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "runtime/daemon.h"
#include "runtime/lanes.h"

enum reload_outcome {
	RELOAD_OK = 0,
	RELOAD_DOUBTFUL, /* cannot be tried now; adopted, with a warning */
	RELOAD_REFUSED,  /* does not work now, while the old configuration may: that stays */
	RELOAD_BAD,      /* can never work; the old configuration stays */
};

/* Runs on a thread of a lane, with its context. Says why in error unless it is RELOAD_OK. */
typedef enum reload_outcome reload_try(void *context, struct error *error);

/* Tries new lanes on a thread of lanes->lanes[lane], then gives their reference to adopt(), or drops
 * it. Logs the outcome and tells systemd. */
void reload_start(struct daemon *daemon, struct lanes *lanes, size_t lane, reload_try *try,
    void (*adopt)(struct daemon *daemon, struct lanes *lanes));

/* There is nothing to try: logs why the old configuration stays and tells systemd. */
void reload_refuse(const char *reason);
