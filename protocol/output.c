/* SPDX-License-Identifier: MIT
 * A buffer that grows with the replies and goes when they are sent. Pure. */
#include "protocol/output.h"

#include <assert.h>
#include <stdlib.h>

char *output_reserve(struct output *output, size_t n)
{
	if (output->is_out_of_memory) { /* after a reply that was lost, none may follow */
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

void output_reply(struct output *output, enum reply reply, const char *address, const char *word)
{
	char *out = output_reserve(output, REPLY_LINE_MAX);

	if (out != NULL) {
		output->n += reply_format(out, reply, address, word);
	}
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
