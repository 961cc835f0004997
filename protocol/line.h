/* SPDX-License-Identifier: MIT
 * Command lines, put together from however the input was cut. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
	/* RFC 5321 4.5.3.1.4 asks for 512 and more with extensions; Postfix sends up to 2048. */
	LINE_MAX_SIZE = 4096, /* CRLF included */
};

struct line {
	char *stored; /* the start of a line whose end has not come; NULL for none */
	size_t n;     /* of that, or of what was skipped of a line that is too long */
	size_t n_before;
	bool is_long, is_after_cr;
};

enum line_outcome {
	LINE_WHOLE = 0,
	LINE_BAD,  /* whole, but too long, or with a lone CR or LF or a NUL in it */
	LINE_MORE, /* all input was taken and the end has not come */
};

/* Takes input up to and including the first CRLF; nothing else ends a line (RFC 5321 2.3.8).
 * Of a whole line, text_r[0..n_text_r) is its text without CRLF, good until the next call.
 * Returns a line_outcome or -ENOMEM. After a whole or bad line call line_done() or line_hold(). */
int line_take(struct line *line, const char *in, size_t n, size_t *n_taken_r, const char **text_r,
    size_t *n_text_r);

/* The line was dealt with. */
void line_done(struct line *line);

/* The line must come again: its last input was not taken after all. */
void line_hold(struct line *line);
