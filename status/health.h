/* SPDX-License-Identifier: MIT
 * Is the daemon well: does the database answer a question, and can the store be written to? It is tried at
 * the moment that somebody asks, by the very threads that serve, and one examination at a time: what hangs
 * costs one thread, however often it is asked. Loop's thread. */
#pragma once

#include <stdbool.h>

#include "runtime/daemon.h"
#include "status/control.h"

enum {
	HEALTH_PATIENCE_MS = 8000, /* who asks waits no longer; --status itself waits 10 s */
};

/* One of the two things that are tried. */
struct health_trial {
	struct work work; /* first: its outcome gets back to the trial */
	struct health *health;
	bool is_out;
	int result;
	struct error error;
};

struct health {
	struct daemon *daemon;
	struct control *control; /* gets the answers */
	struct service *service; /* held while a trial is out */
	uv_timer_t patience;
	bool is_begun;
	struct health_trial database, store;
	char answer[2 * sizeof(struct error) + 64];
};

void health_begin(struct health *health, struct daemon *daemon, struct control *control);

/* The answer, or NULL: control_conclude() brings it. */
const char *health_examine(struct health *health);

/* At the end of the daemon; also when it was not begun. */
void health_end(struct health *health);
