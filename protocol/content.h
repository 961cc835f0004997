/* SPDX-License-Identifier: MIT
 * The content of a message on its way to a server: the opposite of body.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CONTENT_ROOM = 2, /* bytes of output that a step may need */
};

/* Makes every line end CRLF: a CR and an LF that stand alone end a line, too, so that no two readers can differ on where one
 * ends; a last line without an end gets one. For DATA a dot at the start of a line is doubled (RFC 5321 4.5.2).
 * Begins with has_dots alone. */
struct content {
	bool has_dots;
	bool is_after_cr; /* its line has ended: an LF belongs to it */
	bool is_in_line;
	bool is_8bit; /* a byte above 127 has come */
	uint64_t
	    n_wire; /* bytes so far with CRLF, without doubled dots: as SIZE counts them (RFC 1870) */
};

/* Encodes from in[0..n_in) into out[0..cap) and returns the bytes taken; the bytes put out are in n_out_r. Stops when in is
 * used up, or less than CONTENT_ROOM is left: where it stops depends on the bytes alone, not on how they were cut. */
size_t content_encode(
    struct content *content, const char *in, size_t n_in, char *out, size_t cap, size_t *n_out_r);

/* The content is over: ends its last line, into out[CONTENT_ROOM]. Returns 0 or 2 bytes. */
size_t content_finish(struct content *content, char *out);
