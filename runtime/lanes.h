/* SPDX-License-Identifier: MIT
 * The lanes of one configuration. A reload makes new ones; who works with the old ones holds a
 * reference, and the last to leave ends them. Loop's thread. */
#pragma once

#include "runtime/lane.h"

enum {
	LANES_MAX = 2
};

struct lanes {
	struct lane lanes[LANES_MAX];
	size_t n_lanes, n_open;
	unsigned n_refs;
	void (*on_closed)(struct lanes *lanes); /* the memory may be reused */
};

/* Starts n lanes, with one reference. Returns 0 or a negative errno; on_closed() is due in both
 * cases: after the last lanes_unref(), or on its own. */
int lanes_init(struct lanes *lanes, uv_loop_t *loop, const struct lane_settings *settings, size_t n,
    void (*on_closed)(struct lanes *lanes));

void lanes_ref(struct lanes *lanes);

/* The last reference must be dropped when none of the lanes' work is out. */
void lanes_unref(struct lanes *lanes);
