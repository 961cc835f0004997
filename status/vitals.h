/* SPDX-License-Identifier: MIT
 * What every daemon tells of itself: its process, its connections, its lanes, the database, and what
 * went wrong last. Loop's thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "runtime/daemon.h"
#include "status/document.h"
#include "runtime/lane.h"

struct vitals {
	time_t started;
	uint64_t began; /* uv_hrtime() */

	/* The database: how the last question went, and what kept it from answering last. */
	bool is_answering;
	uint64_t n_errors; /* 0, and it is not answering: it was not asked yet */
	time_t last_error_time;
	char last_error[512];
};

void vitals_begin(struct vitals *vitals);

/* The database was asked: NULL, it has answered; or why it has not. */
void vitals_asked(struct vitals *vitals, const char *why_not);

/* Group "process". */
void vitals_write_process(
    const struct vitals *vitals, struct document *document, const struct daemon *daemon);

/* Group "connections". */
void vitals_write_connections(struct document *document, const struct daemon *daemon);

/* Of the group that is open: the queue of a lane and its threads; metric is Prometheus's name for what
 * the lane does, "lookup". */
void vitals_write_lane(struct document *document, struct lane *lane, const char *metric);

/* Group "database". */
void vitals_write_database(const struct vitals *vitals, struct document *document);

/* Group "problems". */
void vitals_write_problems(struct document *document);
