/* SPDX-License-Identifier: MIT
 * The one place that finds the end of a message. Two parsers that disagree on it let a sender
 * smuggle a second message into the first, so nothing but CRLF.CRLF ends one here.
 * Pure; owned by the session machine. */
#include "protocol/body.h"

#include <assert.h>
#include <string.h>

/* Copies text up to the next CR, as much as there is and fits. A lone LF is text like any other:
 * it does not start a line. */
static size_t copy_text(char *out, size_t room, const char *in, size_t n)
{
	const char *cr;

	n = n < room ? n : room;
	cr = memchr(in, '\r', n);
	if (cr != NULL) {
		n = (size_t)(cr - in);
	}
	memcpy(out, in, n);
	return n;
}

size_t body_decode(
    struct body *body, const char *in, size_t n_in, char *out, size_t cap, size_t *n_out_r)
{
	size_t i = 0, o = 0;

	assert(cap >= 2);
	/* A step puts out two bytes at most: a CR that was held back, and the byte after it. */
	while (i < n_in && cap - o >= 2 && body->state != BODY_END) {
		char c = in[i];
		size_t n;

		switch (body->state) {
		case BODY_LINE_START:
			if (c == '.' && body->has_dots) {
				body->state = BODY_DOT;
				i++;
				break;
			}
			body->state = BODY_TEXT;
			break;
		case BODY_TEXT:
			n = copy_text(out + o, cap - o, in + i, n_in - i);
			i += n;
			o += n;
			body->n_wire += n;
			if (i < n_in && in[i] == '\r') {
				body->state = BODY_CR;
				i++;
			}
			break;
		case BODY_CR:
			if (c == '\n') {
				out[o++] = '\n';
				body->n_wire += 2;
				body->state = BODY_LINE_START;
				i++;
				break;
			}
			out[o++] = '\r';
			body->n_wire++;
			body->state = c == '\r' ? BODY_CR : BODY_TEXT;
			i += c == '\r';
			break;
		case BODY_DOT:
			body->state = c == '\r' ? BODY_DOT_CR : BODY_TEXT;
			i += c == '\r';
			break;
		case BODY_DOT_CR:
			/* Without the LF it was stuffing before a line that starts with a CR. */
			body->state = c == '\n' ? BODY_END : BODY_CR;
			i += c == '\n';
			break;
		case BODY_END:
			break;
		}
	}
	*n_out_r = o;
	return i;
}

size_t body_finish(struct body *body, char *out)
{
	bool is_held = body->state == BODY_CR;

	body->state = BODY_END;
	if (is_held) {
		*out = '\r';
		body->n_wire++;
	}
	return is_held;
}
