/* SPDX-License-Identifier: MIT
 * The replies of a session that have not been sent. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "protocol/reply.h"

struct output {
	char *bytes; /* NULL when all is sent: idle sessions hold nothing */
	size_t n, n_sent, cap;
	bool is_out_of_memory; /* a reply was lost: the session must be closed */
};

/* Room for n more bytes, NULL when out of memory; count what was used with output->n. */
char *output_reserve(struct output *output, size_t n);

/* Appends one reply; see reply_format(). */
void output_reply(struct output *output, enum reply reply, const char *address, const char *word);

/* The first n of the bytes that waited are on their way. */
void output_sent(struct output *output, size_t n);
