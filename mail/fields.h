/* SPDX-License-Identifier: MIT
 * A header, taken apart into fields (RFC 5322 2.2), and what a field says. */
#pragma once

#include "base/arena.h"
#include "base/fuel.h"

enum {
	FIELDS_MAX = 10000,
	FIELD_COMMENTS_MAX = 16, /* nested */
};

struct field {
	struct span raw;  /* all of it, with its line ends */
	struct span name; /* without the colon and blanks in front of it */
	struct span body; /* behind the colon, folds and the last line end included */
};

struct fields {
	struct field *list;
	size_t n;
	struct span rest; /* the empty line, and what cannot be read as a field before it */
};

/* Takes a header apart: lines end in LF or CRLF, and it in an empty one or with its bytes. What is no field belongs to the one before as
 * if it was folded, or is passed over. NULL: no memory or fuel. More than FIELDS_MAX: the others are not seen. */
struct fields *fields_parse(struct arena *arena, struct fuel *fuel, struct span header);

/* Most are told apart by their lengths: each field is asked by each test. */
static inline bool field_is(const struct field *field, struct span name)
{
	return field->name.n == name.n && span_is_same(field->name, name);
}

/* What it says: unfolded, without blanks at both ends. NULL: no memory or fuel. */
struct span field_value(const struct field *field, struct arena *arena, struct fuel *fuel);

/* The same as people read it: encoded words (RFC 2047) are decoded into UTF-8, bytes that are no UTF-8 become U+FFFD. */
struct span field_text(const struct field *field, struct arena *arena, struct fuel *fuel);

/* The id that one like Message-ID names, in its angle brackets and without blanks. n is 0: it is none as programs write them, "<left@right>"
 * without quotes and comments. p is NULL: no memory or fuel. */
struct span field_id(const struct field *field, struct arena *arena, struct fuel *fuel);

/* Its bytes behind the blanks that follow the colon, folded as they are, with LF line ends but the last. NULL: no memory or fuel. */
struct span field_bytes(const struct field *field, struct arena *arena, struct fuel *fuel);

/* Of a structured value: where white space and comments (RFC 5322 3.2.2) end that begin at a place. Comments that nest too deep go on
 * to the end. */
size_t field_skip(struct span value, size_t at);

/* The nth field of that name, from 1, or from the end. NULL: there is none. */
const struct field *fields_find(
    const struct fields *fields, struct span name, uint64_t index, bool is_last);

/* Can it be the name of a field (RFC 5322 3.6.8)? */
bool field_name_is_valid(struct span name);
