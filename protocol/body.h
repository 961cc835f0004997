/* SPDX-License-Identifier: MIT
 * The body of a message: from the wire to the form it has on disk. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum body_state {
	BODY_LINE_START,
	BODY_TEXT,
	BODY_CR,     /* a CR is held back: CRLF or data? */
	BODY_DOT,    /* a dot at the start of a line is held back: end, or stuffing? */
	BODY_DOT_CR, /* that dot and a CR */
	BODY_END,
};

/* Turns CRLF into LF and takes off dot-stuffing, in one pass and across any cut of the input.
 * Only CRLF.CRLF ends it (RFC 5321 4.1.1.4; the first line counts as preceded by CRLF);
 * a lone CR or LF is data. */
struct body {
	enum body_state state; /* BODY_LINE_START at first */
	bool has_dots;         /* DATA; BDAT has no end mark and no stuffing (RFC 3030) */
	uint64_t n_wire;       /* bytes of the message as sent: without stuffing and end mark */
};

/* Decodes from in[0..n_in) into out[0..cap), which must have room for 2 bytes at least.
 * Returns the bytes taken from in; the bytes put out are in n_out_r. Stops when in is used up, out
 * is full, or the end was met (body->state == BODY_END; what follows is not touched). */
size_t body_decode(
    struct body *body, const char *in, size_t n_in, char *out, size_t cap, size_t *n_out_r);

/* The last chunk of BDAT is over: puts out a CR that was held back. Returns 0 or 1 bytes. */
size_t body_finish(struct body *body, char *out);
