/* SPDX-License-Identifier: MIT
 * One pass over the bytes, and no state but where in a line it is. A message that is smuggled needs a line end that one reader
 * sees and another does not: here none is left. Pure. */
#include "protocol/content.h"

#include <assert.h>

static size_t end_line(struct content *content, char *out)
{
	out[0] = '\r';
	out[1] = '\n';
	content->n_wire += 2;
	content->is_in_line = false;
	return 2;
}

/* Bytes of one line; a step's room is kept. */
static size_t copy_line(struct content *content, const char *in, size_t n, char *out, size_t room)
{
	unsigned char all = 0;
	size_t i = 0;

	n = n < room - CONTENT_ROOM + 1 ? n : room - CONTENT_ROOM + 1;
	while (i < n && in[i] != '\r' && in[i] != '\n') {
		all |= (unsigned char)in[i];
		out[i] = in[i];
		i++;
	}
	content->is_8bit = content->is_8bit || all >= 0x80;
	content->is_in_line = true;
	content->n_wire += i;
	return i;
}

size_t content_encode(
    struct content *content, const char *in, size_t n_in, char *out, size_t cap, size_t *n_out_r)
{
	size_t i = 0, o = 0;

	assert(cap >= CONTENT_ROOM);
	while (i < n_in && cap - o >= CONTENT_ROOM) {
		bool is_after_cr = content->is_after_cr;

		content->is_after_cr = in[i] == '\r';
		if (in[i] == '\n' && is_after_cr) {
			i++;
		} else if (in[i] == '\r' || in[i] == '\n') {
			o += end_line(content, out + o);
			i++;
		} else if (in[i] == '.' && content->has_dots && !content->is_in_line) {
			out[o++] = '.';
			out[o++] = '.';
			content->is_in_line = true;
			content->n_wire++;
			i++;
		} else {
			size_t n = copy_line(content, in + i, n_in - i, out + o, cap - o);

			i += n;
			o += n;
		}
	}
	*n_out_r = o;
	return i;
}

size_t content_finish(struct content *content, char *out)
{
	return content->is_in_line ? end_line(content, out) : 0;
}
