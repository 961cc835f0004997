/* SPDX-License-Identifier: MIT
 * Leaves every field of one name out of a message's header, and nothing else, in one pass. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
	/* Bytes that are held back until it is known whether a field begins with them: its name, and blanks in front of the
	 * colon (RFC 5322 4.5). More blanks than fit make it another field. */
	OMISSION_HELD_MAX = 64,
};

enum omission_state {
	OMISSION_LINE_START,
	OMISSION_NAME,  /* so far it may be the name: held back */
	OMISSION_OTHER, /* the name of another field, or none at all */
	OMISSION_VALUE,
	OMISSION_BODY, /* all that follows stays: the header is over, by an empty line or by one that is no field */
};

/* Begins with the name alone, letters in either case, below OMISSION_HELD_MAX bytes. Lines end with LF, CRLF or CR: whoever
 * sends it makes CRLF of each (content.h). */
struct omission {
	const char *name;
	enum omission_state state;
	bool is_omitting; /* the field that began last, with its folded lines */
	bool has_field;   /* one has begun, so that a line may be folded */
	bool is_after_cr;
	bool is_after_blank; /* a name has ended, and its colon has not come */
	size_t n_held;
	char held[OMISSION_HELD_MAX];
};

/* Takes all of in[0..n). Returns the bytes put out, at most n and what was held: out has room for n + OMISSION_HELD_MAX. */
size_t omission_take(struct omission *omission, const char *in, size_t n, char *out);

/* The message is over: puts out what is held. */
size_t omission_finish(struct omission *omission, char *out);
