/* SPDX-License-Identifier: MIT
 * How long lanes live. */
#include "runtime/lanes.h"

#include <assert.h>

static void on_lane_closed(struct lane *lane)
{
	struct lanes *lanes = lane->owner;

	if (--lanes->n_open == 0) {
		lanes->on_closed(lanes);
	}
}

int lanes_init(struct lanes *lanes, uv_loop_t *loop, const struct lane_settings *settings, size_t n,
    void (*on_closed)(struct lanes *lanes))
{
	int result = 0;

	assert(n > 0 && n <= LANES_MAX);
	*lanes = (struct lanes){ .n_refs = 1, .on_closed = on_closed };
	for (size_t i = 0; i < n && result == 0; i++) {
		lanes->n_open++;
		result = lane_init(&lanes->lanes[i], loop, &settings[i], on_lane_closed);
		lanes->lanes[i].owner = lanes;
		lanes->n_lanes += result == 0;
	}
	if (result < 0) { /* the one that failed closes on its own */
		lanes_unref(lanes);
	}
	return result;
}

void lanes_ref(struct lanes *lanes)
{
	lanes->n_refs++;
}

void lanes_unref(struct lanes *lanes)
{
	assert(lanes->n_refs > 0);
	if (--lanes->n_refs > 0) {
		return;
	}
	for (size_t i = 0; i < lanes->n_lanes; i++) {
		lane_close(&lanes->lanes[i]);
	}
}
