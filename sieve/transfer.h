/* SPDX-License-Identifier: MIT
 * Content transfer encodings (RFC 2045 6), decoded in pieces. Private to sieve. */
#pragma once

#include "sieve/arena.h"

enum transfer {
	TRANSFER_PLAIN = 0, /* 7bit, 8bit, binary, and what nobody knows */
	TRANSFER_BASE64,
	TRANSFER_QUOTED_PRINTABLE,
};

struct transfer_stream {
	enum transfer transfer;
	unsigned char kept[4]; /* what belongs together with bytes to come */
	unsigned n_kept;
	unsigned n_blanks; /* of quoted-printable: at the end of a line they do not count */
};

enum transfer transfer_find(struct span name);

/* Writes what in means to out, which has room for in.n + 4 + n_blanks bytes. What is wrong is passed over, so that the rest is still
 * read. Returns how many. */
size_t transfer_decode(struct transfer_stream *stream, struct span in, bool is_end, char *out);

/* The two of RFC 2047, of one encoded word: B is base64; Q is quoted-printable with _ for a blank. As above. */
size_t transfer_decode_q(struct span in, char *out);
