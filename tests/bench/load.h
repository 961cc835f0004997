/* SPDX-License-Identifier: MIT
 * The parts of the load generator. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct plan {
	const char *socket;
	unsigned sessions;
	unsigned recipients;     /* of each message */
	size_t size;             /* of a message on the wire, without the dot */
	const char *to;          /* "u%lu@example.com" */
	unsigned long first;     /* number that goes into it first */
	unsigned long mailboxes; /* how many numbers, then from the first again */
	unsigned long messages;  /* 0: until the seconds are over */
	double seconds;          /* 0: until the messages are sent */
	bool is_smtp;            /* EHLO; one recipient, and so one reply, either way */
	bool reconnects;         /* a connection for each message */
	bool is_at_once;         /* no body begins before every session may send its own */
};

double now(void);
_Noreturn void die(const char *what);

/* Waits while the server's backlog is full, at most as long as the server may be silent. */
int connect_to(const char *path, double seconds);

void deliver(const struct plan *plan);

/* Opens connections, says LHLO on each, prints how many were answered, holds them until stdin
 * ends. */
void hold(const char *path, unsigned n);
