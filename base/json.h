/* SPDX-License-Identifier: MIT
 * Writes one JSON text (RFC 8259), bit by bit and without blanks. The writer knows what is open, so commas and
 * brackets are its business; the caller says names and values in their order. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	JSON_DEPTH_MAX = 16, /* objects and arrays within each other */
};

enum json_kind {
	JSON_OBJECT,
	JSON_ARRAY,
};

/* Where the text goes: n bytes, not ended by NUL. */
typedef void json_put(void *data, const char *text, size_t n);

struct json {
	json_put *put;
	void *data;
	bool is_ascii; /* what is no printable ASCII is written as '?', byte for byte */

	/* private; zero at the start */
	unsigned depth;
	enum json_kind open[JSON_DEPTH_MAX];
	bool needs_comma;
};

/* Values. name is plain ASCII, and NULL where a value has none: in an array, or for the whole text. */
void json_open(struct json *json, const char *name, enum json_kind kind);
void json_close(struct json *json); /* what was opened last */
void json_number(struct json *json, const char *name, uint64_t number);
void json_seconds(struct json *json, const char *name, uint64_t microseconds);

/* NULL is null. What is no UTF-8 becomes U+FFFD, the replacement character: section 8.1 allows nothing else. */
void json_text(struct json *json, const char *name, const char *text);
