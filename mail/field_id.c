/* SPDX-License-Identifier: MIT
 * Fields by which messages are told apart. What is remembered of a message must not change when a mailbox moves, so both functions
 * read a field as Pigeonhole does. */
#include "mail/fields.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Where an id ends that begins with the bracket at a place: behind its other bracket. 0: it is none. *at_r is where to look on, so
 * that all of a field is looked at once. */
static size_t end_of_id(struct span body, size_t begin, size_t *at_r)
{
	bool has_at = false;

	size_t i = begin + 1;

	while (i < body.n && body.p[i] != '>' && body.p[i] != '"' && body.p[i] != '(') {
		has_at = has_at || body.p[i] == '@';
		i++;
	}
	*at_r = i + (i < body.n);
	return has_at && i < body.n && body.p[i] == '>' ? i + 1 : 0;
}

struct span field_id(const struct field *field, struct arena *arena, struct fuel *fuel)
{
	struct span body = field->body, id = { "", 0 };
	char *p;

	if (!fuel_take(fuel, body.n) || (p = arena_alloc(arena, body.n + 1)) == NULL) {
		return (struct span){ NULL, 0 };
	}
	for (size_t at = 0, end = 0; at < body.n && end == 0;) {
		size_t begin = at;

		if (body.p[at++] != '<') {
			continue;
		}
		end = end_of_id(body, begin, &at);
		for (size_t i = begin; i < end; i++) {
			p[id.n] = body.p[i];
			id.n += !is_blank(body.p[i]);
		}
	}
	id.p = p;
	return id;
}

struct span field_bytes(const struct field *field, struct arena *arena, struct fuel *fuel)
{
	struct span body = field->body;
	size_t at = 0, n = 0;
	char *p;

	if (!fuel_take(fuel, body.n) || (p = arena_alloc(arena, body.n + 1)) == NULL) {
		return (struct span){ NULL, 0 };
	}
	while (at < body.n && (body.p[at] == ' ' || body.p[at] == '\t')) {
		at++;
	}
	for (; at < body.n; at++) {
		if (body.p[at] != '\r' || at + 1 == body.n || body.p[at + 1] != '\n') {
			p[n++] = body.p[at];
		}
	}
	n -= n > 0 && p[n - 1] == '\n';
	return (struct span){ p, n };
}
