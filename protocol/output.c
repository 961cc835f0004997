/* SPDX-License-Identifier: MIT
 * A buffer that grows with what is put out and goes when that is sent. Pure. */
#include "protocol/output.h"

#include <assert.h>
#include <stdlib.h>

char *output_reserve(struct output *output, size_t n)
{
	/* Clients count replies: after one that was lost, none may follow. */
	if (output->is_out_of_memory) {
		return NULL;
	}
	if (output->n + n > output->cap) {
		size_t cap = 2 * (output->n + n);
		char *grown = realloc(output->bytes, cap);

		if (grown == NULL) {
			output->is_out_of_memory = true;
			return NULL;
		}
		output->bytes = grown;
		output->cap = cap;
	}
	return output->bytes + output->n;
}

const char *output_unsent(const struct output *output, size_t *n_r)
{
	*n_r = output->n - output->n_sent;
	return *n_r == 0 ? "" : output->bytes + output->n_sent;
}

void output_sent(struct output *output, size_t n)
{
	assert(n <= output->n - output->n_sent);
	output->n_sent += n;
	if (output->n_sent == output->n) {
		free(output->bytes);
		output->bytes = NULL;
		output->n = output->n_sent = output->cap = 0;
	}
}
