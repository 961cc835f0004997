/* SPDX-License-Identifier: MIT
 * A small edge for the auth protocol: it feeds the machine, keeps what is out, answers it when told
 * to or when the machine waits for it, and writes down what it heard and what was sent. */
#pragma once

#include "protocol/dovecot.h"
#include "tests/unit/unit.h"

enum {
	MACHINE_OUT_MAX = DOVECOT_REQUESTS_MAX + 1,
};

struct bytes {
	char *p; /* NUL-terminated once something was put */
	size_t n, cap;
};

void bytes_put(struct bytes *bytes, const void *more, size_t n);
void bytes_free(struct bytes *bytes);

/* How the output is taken. */
enum machine_reading {
	MACHINE_READS_AT_ONCE,
	MACHINE_READS_BYTES, /* one at a time */
	MACHINE_READS_LATE,  /* only when it must */
	MACHINE_READINGS
};

struct machine {
	struct dovecot protocol;
	enum machine_reading reading;
	bool answers_at_once;
	bool drops_rest; /* nothing is read any more once the machine wants to close */
	uint64_t now;
	struct dovecot_request *out[MACHINE_OUT_MAX];
	size_t n_out;
	struct bytes output, events;
	bool is_closed;
	unsigned n_flushes;
};

/* What each call of the protocol is wrapped in, so that a test can let memory fail there and only
 * there. NULL: nothing. */
extern void (*machine_enter)(void);
extern void (*machine_leave)(void);

/* The handshake is the first of the output. */
void machine_init(struct machine *machine, const struct dovecot_settings *settings);
void machine_deinit(struct machine *machine);

void machine_feed(struct machine *machine, const char *in, size_t n);

/* Gives one of those that are out its outcome, as its password says. */
void machine_answer(struct machine *machine, size_t i);

/* Reads all output. */
void machine_read(struct machine *machine);
