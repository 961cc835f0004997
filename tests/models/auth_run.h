/* SPDX-License-Identifier: MIT
 * One run of the auth protocol under the fuzzer: it feeds the machine, keeps what is out, and writes
 * down what is sent and what the edge hears. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/dovecot.h"

enum {
	AUTH_WAIT_MS = 60000,
};

/* The first byte of an input. */
enum auth_flags {
	AUTH_PLAIN = 1,    /* PLAIN is offered */
	AUTH_LOGIN = 2,    /* LOGIN is offered; neither: both are */
	AUTH_AT_ONCE = 4,  /* logins are answered at once; else at a line "ANSWER" and at the end */
	AUTH_REVERSED = 8, /* the last one first */
	AUTH_READS_LATE = 16, /* the output is read only when it must be */
};

struct auth_bytes {
	char *p;
	size_t n, cap;
};

/* One run of the machine. */
struct auth_run {
	struct dovecot_settings settings;
	struct dovecot protocol;
	unsigned char flags;
	uint64_t now;
	struct dovecot_request *out[DOVECOT_REQUESTS_MAX + 1];
	size_t n_out;
	struct auth_bytes output, events;
	struct dovecot_step step; /* the last one that was not DOVECOT_INPUT */
	unsigned n_steps;         /* of these */
	bool is_closed;
};

struct auth_line {
	const char *p;
	size_t n; /* with its LF, if it has one */
	bool has_end;
};

void auth_put(struct auth_bytes *bytes, const void *more, size_t n);

void auth_start(struct auth_run *run, unsigned char flags);
void auth_end(struct auth_run *run);

/* Feeds a piece; logins that it brings are answered if that is to be at once. */
void auth_feed(struct auth_run *run, const char *in, size_t n);

/* Answers one of those that are out: a password that begins with r is right. */
void auth_answer(struct auth_run *run, size_t i);
bool auth_is_right(const struct dovecot_request *request);

void auth_read(struct auth_run *run);

struct auth_line auth_next_line(const char *p, size_t n);
bool auth_line_is(struct auth_line line, const char *text);
