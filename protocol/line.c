/* SPDX-License-Identifier: MIT
 * A line that lies whole in the input is used where it lies; only parts are stored. Pure. */
#include "protocol/line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Length of in[0..n) up to and including the first end of a line, 0 if there is none. A CR may have
 * been the last byte before. */
static size_t find_end(const struct line *line, const char *in, size_t n)
{
	for (size_t at = 0; at < n;) {
		const char *lf = memchr(in + at, '\n', n - at);

		if (lf == NULL) {
			break;
		}
		at = (size_t)(lf - in) + 1;
		if (line->end == LINE_LF || (lf == in ? line->is_after_cr : lf[-1] == '\r')) {
			return at;
		}
	}
	return 0;
}

/* Of a line that is too long the start is kept, and its length. */
static int store(struct line *line, const char *in, size_t n)
{
	size_t room = line->n < line->max ? line->max - line->n : 0;

	if (n == 0) {
		return 0;
	}
	if (line->stored == NULL && (line->stored = malloc(line->max)) == NULL) {
		return -ENOMEM;
	}
	memcpy(line->stored + (line->max - room), in, n < room ? n : room);
	line->n += n;
	return 0;
}

int line_take(struct line *line, const char *in, size_t n, size_t *n_taken_r, const char **text_r,
    size_t *n_text_r)
{
	size_t end = find_end(line, in, n), n_line;

	*n_taken_r = end > 0 ? end : n;
	*text_r = in;
	*n_text_r = 0;
	line->n_before = line->n;
	n_line = line->n + *n_taken_r;
	if (end == 0 || line->n > 0) {
		if (store(line, in, *n_taken_r) != 0) {
			return -ENOMEM;
		}
		*text_r = line->stored;
	}
	if (end == 0) {
		line->is_after_cr = n > 0 ? in[n - 1] == '\r' : line->is_after_cr;
		return LINE_MORE;
	}
	if (n_line > line->max) {
		*n_text_r = line->max;
		return LINE_LONG;
	}
	*n_text_r = n_line - (line->end == LINE_LF ? 1 : 2);
	return LINE_WHOLE;
}

void line_done(struct line *line)
{
	if (line->stored != NULL) {
		explicit_bzero(line->stored, line->max);
		free(line->stored);
	}
	*line = (struct line){ .end = line->end, .max = line->max };
}

void line_hold(struct line *line)
{
	line->n = line->n_before;
}
