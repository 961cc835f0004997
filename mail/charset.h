/* SPDX-License-Identifier: MIT
 * Bytes of other character sets into UTF-8, by tables of our own: what a stranger names never chooses code that is loaded.
 * UTF-8 (US-ASCII is taken for it), ISO 8859-1 to -16, Windows 1250 to 1258, KOI8-R, KOI8-U. */
#pragma once

#include "base/arena.h"
#include "base/symbol.h"

struct charset;

/* Never NULL: of one that is not known, what lies above ASCII becomes U+FFFD. Letters in either case. */
const struct charset *charset_find(struct span name);
const struct charset *charset_utf8(void);

enum {
	CHARSET_GROWTH = 3, /* so many bytes at most become of one, of one that is cut too */
};

/* A conversion that bytes may be fed to in pieces: it keeps what is left of a character that was cut. */
struct charset_stream {
	const struct charset *charset;
	struct symbols symbols; /* of UTF-8 */
};

/* Writes at most CHARSET_GROWTH * (in.n + 4) bytes to out; is_end: nothing follows. Returns how many. Invalid bytes
 * become U+FFFD, one each. */
size_t charset_decode(struct charset_stream *stream, struct span in, bool is_end, char *out);

/* All at once; what is valid UTF-8 already is not copied. p is NULL: no memory. */
struct span charset_text(const struct charset *charset, struct span bytes, struct arena *arena);
