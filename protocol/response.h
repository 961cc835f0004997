/* SPDX-License-Identifier: MIT
 * What a server of SMTP answers, as its client reads it (RFC 5321 4.2): a code, and text of one line or of many. The server is
 * a stranger: lines and their number have limits, and its words are made harmless before anybody sees them. */
#pragma once

#include "base/text.h"
#include "protocol/line.h"

enum {
	RESPONSE_LINE_MAX = 2048, /* CRLF included; RFC 5321 4.5.3.1.5 has 512 */
	RESPONSE_LINES_MAX = 100, /* of one response */
	RESPONSE_TEXT_MAX = 512,  /* of all its lines, NUL included; what is longer is cut */
	RESPONSE_ENHANCED_MAX = 12,
};

/* What it says, fit for a log and for a reply: printable ASCII, all else is '?'. */
struct response_words {
	int code;                             /* 200 to 599; 0: the words are our own */
	char enhanced[RESPONSE_ENHANCED_MAX]; /* "5.1.1" (RFC 2034), "" where there is none */
	char text[RESPONSE_TEXT_MAX];         /* of all lines, a blank between them */
};

/* Begins empty: { .line = { .end = LINE_CRLF, .max = RESPONSE_LINE_MAX } }. */
struct response {
	struct line line;
	struct response_words words; /* of what has come so far */
	struct span current;         /* the text of the line that was just taken, as it came */
	unsigned n_lines;
	bool has_line,
	    is_over; /* of the last call: current is to be let go, the next line begins a response */
};

enum response_outcome {
	RESPONSE_WHOLE = 0,
	RESPONSE_LINE, /* a line that is not the last: go on with the rest of the input */
	RESPONSE_MORE, /* all input was taken, and a line is not whole */
	RESPONSE_BAD, /* that is none of SMTP; or beyond a limit. Nothing can be said of what follows */
};

/* Takes input up to the end of a line. Words and current are good until the next call. Returns a response_outcome or -ENOMEM. */
int response_take(struct response *response, const char *in, size_t n, size_t *n_taken_r);

void response_deinit(struct response *response);

/* Words of our own. */
void response_words_set(struct response_words *words_r, const char *enhanced, const char *text);
