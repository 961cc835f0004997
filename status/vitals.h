/* SPDX-License-Identifier: MIT
 * What every daemon tells of itself: its process, its connections, its lanes, the database, and what
 * went wrong last; and the control socket where it does. Loop's thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "runtime/daemon.h"
#include "status/control.h"
#include "status/document.h"
#include "status/health.h"

struct vitals {
	struct daemon *daemon;
	struct control control;
	struct health health;
	void (*write)(struct daemon *daemon, struct document *document);
	time_t started;
	uint64_t began; /* uv_hrtime() */

	/* The database: how the last question went, and what kept it from answering last. */
	bool is_answering;
	uint64_t n_errors; /* 0, and it is not answering: it was not asked yet */
	time_t last_error_time;
	char last_error[512];
};

/* At the beginning of a daemon; at its end vitals_end() is due. write() tells what this one has of its
 * own, in the middle of the document; prefix is that of Prometheus's names. Without listeners there is no
 * control socket either. */
void vitals_begin(struct vitals *vitals, struct daemon *daemon, const char *prefix,
    void (*write)(struct daemon *daemon, struct document *document));

void vitals_end(struct vitals *vitals);

/* The database was asked: NULL, it has answered; or why it has not. */
void vitals_asked(struct vitals *vitals, const char *why_not);

/* Of the group that is open: the queue of a lane and its threads; metric is Prometheus's name for what
 * the lane does, "lookup". */
void vitals_write_lane(const struct vitals *vitals, struct document *document,
    enum service_lane lane, const char *metric);
