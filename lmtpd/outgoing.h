/* SPDX-License-Identifier: MIT
 * A message that is handed in to a server: what it is made of, and its bytes from the first to the last, as often as wanted. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/text.h"
#include "mail/omission.h"

enum {
	OUTGOING_PIECE = 16384, /* bytes that are read at once */
	OUTGOING_ROOM = OUTGOING_PIECE + OMISSION_HELD_MAX,
};

/* Lines end with LF or CRLF. */
struct outgoing_message {
	struct span
	    leading; /* bytes that come first, such as fields on top of the message's own; or all of it */
	/* Reads content from an offset on. Returns how many bytes, 0 at its end, or a negative errno. NULL: there is none. */
	ssize_t (*read)(void *source, uint64_t offset, char *buffer, size_t n);
	void *source;
	bool
	    omits_return_path; /* the content's header loses every Return-Path: its next delivery writes its own (RFC 5321 4.4) */
};

struct outgoing {
	const struct outgoing_message *message;
	size_t n_led; /* bytes of leading that were given */
	uint64_t offset;
	bool is_over;
	struct omission omission;
	char read[OUTGOING_PIECE];
};

void outgoing_begin(struct outgoing *outgoing, const struct outgoing_message *message);

/* The next bytes, into out[OUTGOING_ROOM]. Returns how many, 0 at the end, or a negative errno. */
ssize_t outgoing_next(struct outgoing *outgoing, char *out);

/* Goes through a message as it will be sent (content.h). Returns 0 or a negative errno. */
int outgoing_measure(struct outgoing *outgoing, const struct outgoing_message *message,
    uint64_t *size_r, bool *is_8bit_r);
