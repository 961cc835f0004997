/* SPDX-License-Identifier: MIT
 * Fields of a header. Each byte is looked at a fixed number of times. Pure: any thread. */
#include "mail/fields.h"

#include <string.h>

#include "mail/encoded.h"

/* The line at the start of a text, with its end; of bytes without an end all of them. */
static size_t line_length(struct span text)
{
	const char *lf = memchr(text.p, '\n', text.n);

	return lf == NULL ? text.n : (size_t)(lf - text.p) + 1;
}

static bool is_empty_line(const char *line, size_t n)
{
	return (n == 1 && line[0] == '\n') || (n == 2 && line[0] == '\r' && line[1] == '\n');
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_end(char c)
{
	return c == '\r' || c == '\n';
}

static bool is_space(char c)
{
	return is_blank(c) || is_end(c);
}

bool field_name_is_valid(struct span name)
{
	size_t i = 0;

	while (i < name.n && name.p[i] > ' ' && name.p[i] < 0x7f && name.p[i] != ':') {
		i++;
	}
	return name.n > 0 && i == name.n;
}

/* Does a field begin with this line? Blanks in front of the colon are obsolete syntax (RFC 5322 4.5). */
static bool begins_field(struct span line, struct field *field_r)
{
	const char *colon = memchr(line.p, ':', line.n);
	struct span name = { line.p, colon == NULL ? 0 : (size_t)(colon - line.p) };

	while (name.n > 0 && is_blank(name.p[name.n - 1])) {
		name.n--;
	}
	if (!field_name_is_valid(name)) {
		return false;
	}
	*field_r = (struct field){ .raw = line, .name = name, .body.p = colon + 1 };
	return true;
}

struct fields *fields_parse(struct arena *arena, struct fuel *fuel, struct span header)
{
	struct fields *fields = arena_alloc(arena, sizeof(*fields));
	struct field *field = NULL, next;
	bool is_folded = false;
	struct span left = { header.p != NULL ? header.p : "", header.n };
	size_t n;

	if (fields == NULL || !fuel_take(fuel, header.n)) {
		return NULL;
	}
	while (left.n > 0) {
		n = line_length(left);
		if (is_empty_line(left.p, n)) {
			left.n = n;
			break;
		}
		if (fields->rest.p != NULL) {
			/* One too many was before this line. */
		} else if (!begins_field((struct span){ left.p, n }, &next)) {
			/* What is neither a field nor folded says nothing, though it stays where it is. */
			is_folded = is_folded && is_blank(left.p[0]);
			if (field != NULL) {
				field->raw.n += n;
				field->body.n += is_folded ? n : 0;
			}
		} else if (fields->n == FIELDS_MAX) {
			fields->rest.p = left.p;
		} else {
			field = arena_grow(arena, fields->list, fields->n, sizeof(*field));
			if (field == NULL) {
				return NULL;
			}
			fields->list = field;
			field += fields->n++;
			*field = next;
			field->body.n = n - (size_t)(field->body.p - left.p);
			is_folded = true;
		}
		left = span_from(left, n);
	}
	fields->rest.p = fields->rest.p == NULL ? left.p : fields->rest.p;
	fields->rest.n = (size_t)(left.p + left.n - fields->rest.p);
	return fields;
}

size_t field_skip(struct span value, size_t at)
{
	unsigned depth = 0;

	for (; at < value.n; at++) {
		char c = value.p[at];

		if (c == '(' && ++depth > FIELD_COMMENTS_MAX) {
			return value.n;
		}
		if (c == ')' && depth > 0) {
			depth--;
		} else if (c == '\\' && depth > 0) {
			at += at + 1 < value.n;
		} else if (depth == 0 && !is_space(c)) {
			break;
		}
	}
	return at;
}

/* An end of a line and the blank that folds the next one are one space: scripts look for "a b", and most servers fold by a tab, which
 * would stay by the letter of RFC 5322 2.2.3. Dovecot's Sieve does so. A line that was passed over, as no field, gets a space, too. */
struct span field_value(const struct field *field, struct arena *arena, struct fuel *fuel)
{
	struct span value = span_trim(field->body);
	size_t n = 0;
	char *out;

	if (!fuel_take(fuel, field->body.n)) {
		return (struct span){ NULL, 0 };
	}
	if (value.n == 0) {
		return (struct span){ "", 0 };
	}
	if (memchr(value.p, '\n', value.n) == NULL && memchr(value.p, '\r', value.n) == NULL) {
		return value;
	}
	out = arena_alloc(arena, value.n);
	for (size_t i = 0; out != NULL && i < value.n; i++) {
		if (!is_end(value.p[i])) {
			out[n++] = value.p[i];
		} else if (!is_end(value.p[i + 1])) { /* a value ends in none */
			out[n++] = ' ';
			i += is_blank(value.p[i + 1]);
		}
	}
	return (struct span){ out, n };
}

struct span field_text(const struct field *field, struct arena *arena, struct fuel *fuel)
{
	struct span value = field_value(field, arena, fuel);

	if (value.p == NULL || !fuel_take(fuel, value.n)) {
		return (struct span){ NULL, 0 };
	}
	value = encoded_decode(value, arena);
	return value.p == NULL ? value : span_trim(value);
}

const struct field *fields_find(
    const struct fields *fields, struct span name, uint64_t index, bool is_last)
{
	for (size_t i = 0; i < fields->n; i++) {
		const struct field *field = &fields->list[is_last ? fields->n - 1 - i : i];

		if (field_is(field, name) && --index == 0) {
			return field;
		}
	}
	return NULL;
}
