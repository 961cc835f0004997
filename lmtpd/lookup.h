/* SPDX-License-Identifier: MIT
 * The look-up of one recipient: the resolver on a thread of the look-up lane. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lmtpd/config.h"
#include "mail/envelope.h"
#include "protocol/reply.h"

struct lookup {
	struct work work;
	struct service *service;
	struct address address; /* lower-cased */
	uint64_t submitted;     /* uv_hrtime() */
	bool is_asked;          /* the database was, which took so many nanoseconds */
	uint64_t took;
	enum reply reply; /* the outcome */
	struct resolution resolution;
	void (*done)(struct lookup *lookup);
	void *owner;                 /* the submitter's */
	struct recipient *recipient; /* as well: the thread works on a copy of its address */
};

/* Submits the look-up. done() gets it back on the loop, takes what it wants of the resolution, and
 * frees it with lookup_free(). NULL when out of memory. */
struct lookup *lookup_start(struct service *service, struct recipient *recipient,
    void (*done)(struct lookup *lookup), void *owner);
void lookup_free(struct lookup *lookup);

/* For the lane: look-ups that wait side by side. */
void lookup_run_together(struct work_queue *queue, void *context);

/* A resolver_ask whose source is a struct directory. */
int lookup_ask(
    void *source, enum resolver_table table, const char *key, row_handler *on_row, void *data);

/* The look-up itself, for the lane and for --check. Blocking. When the database gave no
 * answer, the resolution's note says why. */
enum reply lookup_resolve(struct directory *directory, const struct lmtpd_config *config,
    const struct address *address, resolver_trace *trace, void *trace_data,
    struct resolution *resolution_r);
