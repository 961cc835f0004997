/* SPDX-License-Identifier: MIT
 * What a machine has put out and the client was not sent yet. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct output {
	char *bytes; /* NULL when all is sent: idle sessions hold nothing; to be freed in the end */
	size_t n, n_sent, cap;
	/* Something was lost, of the output or of what it should answer: the session must be closed. */
	bool is_out_of_memory;
};

/* Room for n more bytes, NULL when out of memory; count what was used with output->n. */
char *output_reserve(struct output *output, size_t n);

/* The bytes that wait. */
const char *output_unsent(const struct output *output, size_t *n_r);

/* The first n of them are on their way. */
void output_sent(struct output *output, size_t n);
