/* SPDX-License-Identifier: MIT
 * What scripts read of a message: most are in memory still, others are read again from their file, piece by piece. */
#include "lmtpd/filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	HEADER_FIRST = 65536, /* bytes that are read of it; most are shorter */
};

/* Where the header ends, its empty line included, looking from a place on that is a line's start; 0: not here. from_r:
 * where to go on. */
static size_t find_end(const char *text, size_t n, size_t *from_r)
{
	const char *line = text + *from_r, *end;

	while ((end = memchr(line, '\n', n - (size_t)(line - text))) != NULL) {
		if (end == line || (end == line + 1 && line[0] == '\r')) {
			return (size_t)(end - text) + 1;
		}
		line = end + 1;
	}
	*from_r = (size_t)(line - text);
	return 0;
}

const char *filter_header_of(const struct filter *filter)
{
	return filter->header != NULL ? filter->header : filter->buffer;
}

/* Of a message that is not in memory. */
static int read_header(struct filter *filter)
{
	size_t n = 0, from = 0, cap = HEADER_FIRST;
	ssize_t got = 1;

	while (filter->n_header == 0 && got > 0 && n < SIEVE_HEADER_MAX) {
		char *grown = realloc(filter->header, cap);

		if (grown == NULL) {
			return -ENOMEM;
		}
		filter->header = grown;
		got = maildir_read(filter->message, n, grown + n, cap - n);
		if (got < 0) {
			return (int)got;
		}
		n += (size_t)got;
		cap *= 2;
		filter->n_header = find_end(filter->header, n, &from);
	}
	if (filter->n_header == 0) {
		filter->n_header = n; /* nothing else, or all that is looked at */
	}
	return 0;
}

int filter_read_header(struct filter *filter)
{
	size_t from = 0;

	if (filter->n_header > 0) {
		return 0;
	}
	if (filter->n_buffer == 0) {
		return read_header(filter);
	}
	filter->n_header = find_end(filter->buffer, filter->n_buffer, &from);
	if (filter->n_header == 0) {
		filter->n_header = filter->n_buffer;
	}
	return 0;
}

int filter_read(struct filter *filter, uint64_t offset, struct span *bytes_r)
{
	uint64_t at = filter->n_header + offset;
	ssize_t got;

	if (filter->n_buffer > 0) {
		size_t start = at < filter->n_buffer ? (size_t)at : filter->n_buffer;

		*bytes_r = (struct span){ filter->buffer + start, filter->n_buffer - start };
		return 0;
	}
	got = maildir_read(filter->message, at, filter->buffer, filter->cap);
	if (got < 0) {
		return (int)got;
	}
	*bytes_r = (struct span){ filter->buffer, (size_t)got };
	return 0;
}
