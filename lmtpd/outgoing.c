/* SPDX-License-Identifier: MIT
 * A message is read twice, since its size is told before it is sent (RFC 1870), and line ends and fields that are left out change
 * it. The second time it comes from memory: it was written a moment ago. */
#include "lmtpd/outgoing.h"

#include <string.h>

#include "protocol/content.h"

void outgoing_begin(struct outgoing *outgoing, const struct outgoing_message *message)
{
	memset(outgoing, 0, offsetof(struct outgoing, read));
	outgoing->message = message;
	outgoing->omission.name = "Return-Path";
}

static size_t next_leading(struct outgoing *outgoing, char *out)
{
	const struct span *leading = &outgoing->message->leading;
	size_t n = leading->n - outgoing->n_led;

	n = n < OUTGOING_PIECE ? n : OUTGOING_PIECE;
	memcpy(out, leading->p + outgoing->n_led, n);
	outgoing->n_led += n;
	return n;
}

static ssize_t next_content(struct outgoing *outgoing, char *out)
{
	const struct outgoing_message *message = outgoing->message;
	ssize_t n = message->read == NULL ? 0
					  : message->read(message->source, outgoing->offset,
						outgoing->read, sizeof(outgoing->read));

	if (n < 0) {
		return n;
	}
	outgoing->offset += (size_t)n;
	outgoing->is_over = n == 0;
	if (!message->omits_return_path) {
		memcpy(out, outgoing->read, (size_t)n);
		return n;
	}
	return (ssize_t)(outgoing->is_over
			     ? omission_finish(&outgoing->omission, out)
			     : omission_take(&outgoing->omission, outgoing->read, (size_t)n, out));
}

ssize_t outgoing_next(struct outgoing *outgoing, char *out)
{
	ssize_t n = 0;

	if (outgoing->n_led < outgoing->message->leading.n) {
		return (ssize_t)next_leading(outgoing, out);
	}
	while (n == 0 && !outgoing->is_over) {
		n = next_content(outgoing, out); /* 0: all of it was left out */
	}
	return n;
}

int outgoing_measure(struct outgoing *outgoing, const struct outgoing_message *message,
    uint64_t *size_r, bool *is_8bit_r)
{
	struct content content = { .has_dots = false };
	char bytes[OUTGOING_ROOM], sent[OUTGOING_PIECE];
	ssize_t n;

	outgoing_begin(outgoing, message);
	while ((n = outgoing_next(outgoing, bytes)) > 0) {
		for (size_t at = 0, n_sent; at < (size_t)n;) {
			at += content_encode(
			    &content, bytes + at, (size_t)n - at, sent, sizeof(sent), &n_sent);
		}
	}
	content_finish(&content, sent);
	*size_r = content.n_wire;
	*is_8bit_r = content.is_8bit;
	return (int)n;
}
