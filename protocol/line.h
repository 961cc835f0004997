/* SPDX-License-Identifier: MIT
 * Lines, put together from however the input was cut. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum line_end {
	LINE_LF,
	LINE_CRLF, /* and nothing else (RFC 5321 2.3.8) */
};

/* Begins with these two alone. */
struct line {
	enum line_end end;
	size_t max; /* bytes of a line, its end included */

	/* The start of a line whose end has not come; NULL for none. It may hold a secret, so it is
	 * wiped before it is freed. */
	char *stored;
	size_t n; /* bytes of that line so far; of one that is too long only max are stored */
	size_t n_before;
	bool is_after_cr;
};

enum line_outcome {
	LINE_WHOLE = 0,
	LINE_LONG, /* whole, but longer than max */
	LINE_MORE, /* all input was taken and the end has not come */
};

/* Takes input up to and including the first end of a line. text_r[0..n_text_r) is the line without
 * its end, or the start of one that is too long, good until the next call.
 * Returns a line_outcome or -ENOMEM. After a whole line, long or not, line_done() or line_hold() is due. */
int line_take(struct line *line, const char *in, size_t n, size_t *n_taken_r, const char **text_r,
    size_t *n_text_r);

/* The line was dealt with, or will not be. */
void line_done(struct line *line);

/* The line must come again: its last input was not taken after all. */
void line_hold(struct line *line);
