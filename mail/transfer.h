/* SPDX-License-Identifier: MIT
 * Content transfer encodings (RFC 2045 6), decoded in pieces. */
#pragma once

#include "base/arena.h"

enum transfer {
	TRANSFER_PLAIN = 0, /* 7bit, 8bit, binary */
	TRANSFER_BASE64,
	TRANSFER_QUOTED_PRINTABLE,
	TRANSFER_UNKNOWN, /* what nobody knows is passed on as it is */
};

enum {
	TRANSFER_BLANKS_MAX = 64,
};

struct transfer_stream {
	enum transfer transfer;
	unsigned char kept[4]; /* what belongs together with bytes to come */
	unsigned n_kept;
	unsigned n_blanks; /* of quoted-printable: at the end of a line they do not count */
	uint64_t tabs;     /* a bit for each of them */
};

enum transfer transfer_find(struct span name);

/* Writes what in means to out, which has room for in.n + 4 + n_blanks bytes. What is wrong is passed over, so that the rest is still
 * read. Returns how many. */
size_t transfer_decode(struct transfer_stream *stream, struct span in, bool is_end, char *out);

/* Escapes of a mark and two hexadecimal digits: with "=" as Q of RFC 2047 4.2, with "%" as RFC 2231 4 and RFC 3986 2.1 have them. All at
 * once, into in.n bytes. What is no escape stays as it is. */
size_t transfer_unescape(struct span in, char mark, char *out);
