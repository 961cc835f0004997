/* SPDX-License-Identifier: MIT
 * What a part of a message says: its bytes, decoded as they are read, in pieces. Private to sieve. */
#pragma once

#include "sieve/run.h"

enum content_form {
	CONTENT_RAW,     /* the whole body, as it is */
	CONTENT_DECODED, /* without its transfer encoding; text in UTF-8 */
	CONTENT_TEXT,    /* HTML as its text, too */
};

struct content;

/* Of a part; of a multipart what is around its parts, of a message in a message its header (RFC 5173 5.2). part is NULL for
 * CONTENT_RAW. Lives in the scratch memory. NULL: there is none left. */
struct content *content_new(struct sieve_run *run, const struct part *part, enum content_form form);

/* The next piece: ANSWER_YES; _NO: that was all; _WAIT, _BROKEN. It stays until the next call. */
enum answer content_next(struct content *content, const struct node *node, struct span *piece_r);
