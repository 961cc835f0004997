/* SPDX-License-Identifier: MIT
 * Messages that a script sends, and fields that it adds. One place writes headers, so that no line end of a stranger gets into
 * one. Private to sieve. */
#pragma once

#include "mail/addresses.h"
#include "sieve/run.h"

struct composition {
	struct sieve_run *run;
	char *text; /* in the scratch memory */
	size_t n, room;
	bool has_failed; /* no memory or fuel */
};

void compose_begin(struct composition *composition, struct sieve_run *run);

/* Bytes as they are. */
void compose_bytes(struct composition *composition, struct span bytes);
void compose_text(struct composition *composition, const char *text);

/* A field whose value is text for people: control bytes become blanks, what is not ASCII encoded words (RFC 2047), and it is
 * folded. */
void compose_field(struct composition *composition, const char *name, struct span value);

/* An address, with its name if it has one, behind a prefix. */
void compose_address(
    struct composition *composition, const char *prefix, const struct mail_address *address);

/* As much of a subject as may be, with a mark that there is more. */
struct span compose_cut(struct composition *composition, struct span text);

/* A Message-ID that no other message of ours has. */
void compose_id(struct composition *composition);

/* The fields that every message of ours begins with: X-Sieve, Message-ID, Date. */
void compose_head(struct composition *composition);

/* A body: line ends become CRLF. */
void compose_body(struct composition *composition, struct span text);

/* False: it has failed. */
bool compose_end(const struct composition *composition, struct span *text_r);
