/* SPDX-License-Identifier: MIT
 * The scripts of a message's mailboxes: a run for each mailbox that a recipient leads to, since scripts see the
 * address that the recipient was given by. What they want becomes a filing, from which places are made.
 *
 * No script loses mail: one that is broken, fails or takes too long leaves the message in INBOX, and so does what cannot be
 * done. A detail that chose a folder makes it what INBOX is to the script's keep.
 *
 * It is made on the loop, and copies what it must know of the envelope, since the session may be gone meanwhile. A thread of
 * the writers looks for scripts and runs them, too, which as a rule takes less than a trip to another thread; what takes
 * longer goes on with a thread of the scripts. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lmtpd/config.h"
#include "lmtpd/outbox.h"
#include "lmtpd/places.h"
#include "lmtpd/scripts.h"
#include "mail/header.h"

enum {
	FILTER_PATIENCE = 20,        /* seconds for the scripts of one message; the rest is kept */
	FILTER_FUEL_FIRST = 1 << 20, /* of a run on a writer's thread: some milliseconds */
	FILTER_FIRST_MS = 5,         /* that a writer's thread takes for all runs */
	FILTER_STORES_MAX = 10000,   /* of one message, and one more for each mailbox */
	FILTER_VERSIONS_MAX = 64,    /* headers of one message; others keep the one that came */
	FILTER_MEMORY_MAX = 64 << 20,
};

/* A header that editheader has made. */
struct filter_header {
	const char *text;
	size_t n;
};

/* What became of a run, for log and counters. */
struct filter_run {
	const char *scripts; /* that ran, divided by commas; "" if none did */
	const char *note;    /* what an admin should know; "" for nothing */
};

struct filter {
	const struct lmtpd_config *config;
	struct scripts *scripts;
	const struct places *places;

	/* Of the envelope, copied. */
	const char *from;
	struct filter_mailbox {
		const char *address, *to; /* the mailbox's, and the recipient's as it was given */
	} * mailboxes;                    /* of each slot */

	/* The message: all of it, or what a window of it is read with. */
	const struct maildir_message *message;
	const struct header_facts *facts;
	char *buffer;
	size_t cap;
	size_t n_buffer; /* bytes of the message there, from its start; 0: they are not all there */
	char *header;    /* that was read for itself; NULL: it stands in the buffer */
	size_t n_header;

	/* The outcome. */
	int error; /* of the message or the memory, negative: nothing can be delivered */
	struct filing filing;
	struct filter_header headers[FILTER_VERSIONS_MAX]; /* of versions; the first is not there */
	struct filter_run *runs;                           /* of each slot */
	struct outbox outbox; /* of what is to be sent and remembered */
	struct {
		uint64_t n_runs, n_failed, n_exhausted, n_fuel;
	} counts;

	/* Private. */
	struct arena arena;
	struct sieve_settings first; /* of runs on a writer's thread */
	bool is_first;
	size_t n_filed;            /* slots that are done */
	uint64_t spent;            /* nanoseconds of this thread, for mailboxes that have scripts */
	struct sieve_note *undone; /* of the last run: what it wanted and cannot be */
	size_t n_undone;
	size_t room; /* of the list of stores */
	time_t now;
};

/* For the places that were made of an envelope, and outlive it. NULL: no memory. */
struct filter *filter_new(struct scripts *scripts, struct outbound *outbound,
    const struct lmtpd_config *config, const struct places *places,
    const struct envelope *envelope);

/* Looks for scripts, and runs them. facts: of the message, which outlive the filter. buffer[cap] holds the whole message of n bytes, or n is 0 and pieces
 * of it are read into it; it is the filter's until the end. is_first: on a writer's thread. Returns 1 if that takes too long, or has to
 * wait for another delivery: then it must go on elsewhere with another call, the buffer as it is; else 0, and the outcome stands in the
 * filter. */
int filter_run(struct filter *filter, const struct maildir_message *message,
    const struct header_facts *facts, char *buffer, size_t cap, size_t n, bool is_first);

void filter_free(struct filter *filter); /* NULL: nothing to do */

/* Private to filter: the header, once it is read, which the next one does where that is not done yet; and bytes of the body, none at
 * its end. Return 0 or a negative errno. */
const char *filter_header_of(const struct filter *filter);
int filter_read_header(struct filter *filter);
int filter_read(struct filter *filter, uint64_t offset, struct span *bytes_r);
