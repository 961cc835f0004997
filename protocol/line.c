/* SPDX-License-Identifier: MIT
 * A line that lies whole in the input is used where it lies; only parts are stored. Pure. */
#include "protocol/line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Length of in[0..n) up to and including the first CRLF, 0 if there is none; the CR may have been
 * the last byte before. */
static size_t find_end(const char *in, size_t n, bool is_after_cr)
{
	for (size_t at = 0; at < n;) {
		const char *lf = memchr(in + at, '\n', n - at);

		if (lf == NULL) {
			break;
		}
		at = (size_t)(lf - in) + 1;
		if (lf == in ? is_after_cr : lf[-1] == '\r') {
			return at;
		}
	}
	return 0;
}

/* Of a line that is too long only the length is kept. */
static int store(struct line *line, const char *in, size_t n)
{
	if (line->n + n > LINE_MAX_SIZE) {
		line->is_long = true;
		free(line->stored);
		line->stored = NULL;
	} else if (!line->is_long) {
		if (line->stored == NULL && (line->stored = malloc(LINE_MAX_SIZE)) == NULL) {
			return -ENOMEM;
		}
		memcpy(line->stored + line->n, in, n);
	}
	line->n += n;
	return 0;
}

static bool is_clean(const char *text, size_t n)
{
	return memchr(text, '\r', n) == NULL && memchr(text, '\n', n) == NULL &&
	       memchr(text, '\0', n) == NULL;
}

int line_take(struct line *line, const char *in, size_t n, size_t *n_taken_r, const char **text_r,
    size_t *n_text_r)
{
	size_t end = find_end(in, n, line->is_after_cr);
	size_t n_whole = line->n + end;
	const char *text = in;

	*n_taken_r = n;
	*text_r = NULL;
	*n_text_r = 0;
	if (end == 0) {
		if (n > 0) {
			line->is_after_cr = in[n - 1] == '\r';
		}
		return n == 0 || store(line, in, n) == 0 ? LINE_MORE : -ENOMEM;
	}
	*n_taken_r = end;
	line->n_before = line->n;
	if (line->n > 0) {
		if (store(line, in, end) != 0) {
			return -ENOMEM;
		}
		text = line->stored;
	}
	if (line->is_long || n_whole > LINE_MAX_SIZE || !is_clean(text, n_whole - 2)) {
		return LINE_BAD;
	}
	*text_r = text;
	*n_text_r = n_whole - 2;
	return LINE_WHOLE;
}

void line_done(struct line *line)
{
	free(line->stored);
	*line = (struct line){ .stored = NULL };
}

void line_hold(struct line *line)
{
	line->n = line->n_before;
}
