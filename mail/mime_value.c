/* SPDX-License-Identifier: MIT
 * Structured values: Content-Type (RFC 2045 5.1), Content-Disposition (RFC 2183), and parameters in pieces (RFC 2231).
 * Pure: any thread. */
#include "mail/mime.h"

#include <string.h>

#include "mail/charset.h"

/* A parameter as it stands: name*section*=value. */
struct raw {
	struct span name, value;
	uint64_t section;
	bool has_section, is_extended;
	bool is_used;
};

struct reader {
	struct span text;
	size_t at;
	char *out; /* room for what is unquoted: as much as the text has */
	struct raw raws[MIME_PARAMETERS_MAX];
	size_t n;
};

static bool is_at(const struct reader *reader, char c)
{
	return reader->at < reader->text.n && reader->text.p[reader->at] == c;
}

static void skip_blanks(struct reader *reader)
{
	reader->at = field_skip(reader->text, reader->at);
}

/* Of ASCII, without specials (RFC 2045 5.1). */
static struct span take_token(struct reader *reader)
{
	size_t begin = reader->at;

	while (reader->at < reader->text.n && reader->text.p[reader->at] > ' ' &&
	       reader->text.p[reader->at] < 0x7f &&
	       strchr("()<>@,;:\\\"/[]?=", reader->text.p[reader->at]) == NULL) {
		reader->at++;
	}
	return (struct span){ reader->text.p + begin, reader->at - begin };
}

static struct span take_quoted(struct reader *reader)
{
	struct span value = { reader->out, 0 };

	for (reader->at++; reader->at < reader->text.n && !is_at(reader, '"'); reader->at++) {
		if (is_at(reader, '\\') && reader->at + 1 < reader->text.n) {
			reader->at++;
		}
		*reader->out++ = reader->text.p[reader->at];
		value.n++;
	}
	reader->at += reader->at < reader->text.n;
	return value;
}

/* Quoted, or up to a blank: more than tokens may have is common, boundary=----=_Part_1 for one. */
static struct span take_value(struct reader *reader)
{
	size_t begin;

	if (is_at(reader, '"')) {
		return take_quoted(reader);
	}
	begin = reader->at;
	while (reader->at < reader->text.n &&
	       strchr(" \t\r\n;(\"", reader->text.p[reader->at]) == NULL) {
		reader->at++;
	}
	return (struct span){ reader->text.p + begin, reader->at - begin };
}

/* Takes the stars of RFC 2231 off the name: "*", "*0", "*0*". */
static void read_stars(struct raw *raw)
{
	const char *star;

	raw->is_extended = raw->name.n > 1 && raw->name.p[raw->name.n - 1] == '*';
	raw->name.n -= raw->is_extended;
	star = memchr(raw->name.p, '*', raw->name.n);
	if (star != NULL) {
		size_t n = (size_t)(star - raw->name.p);

		raw->has_section = text_number(star + 1, raw->name.n - n - 1, &raw->section);
		raw->name.n = raw->has_section ? n : raw->name.n;
	}
}

static void read_parameters(struct reader *reader)
{
	while (reader->at < reader->text.n && reader->n < MIME_PARAMETERS_MAX) {
		struct raw *raw = &reader->raws[reader->n];

		/* Past the semicolon, and what is wrong in front of it. */
		while (reader->at < reader->text.n && !is_at(reader, ';')) {
			if (is_at(reader, '"')) {
				take_quoted(reader);
			} else {
				reader->at++;
			}
		}
		reader->at += reader->at < reader->text.n;
		skip_blanks(reader);
		*raw = (struct raw){ .name = take_token(reader) };
		skip_blanks(reader);
		if (raw->name.n == 0 || raw->name.n > MIME_NAME_MAX || !is_at(reader, '=')) {
			continue;
		}
		reader->at++;
		skip_blanks(reader);
		raw->value = take_value(reader);
		read_stars(raw);
		reader->n++;
		skip_blanks(reader);
	}
}

/* The piece of a name that has this number. Each is used once, so that copies of the first do not multiply the others. */
static struct raw *find_section(struct reader *reader, struct span name, uint64_t section)
{
	for (size_t i = 0; i < reader->n; i++) {
		struct raw *raw = &reader->raws[i];

		if (raw->has_section && !raw->is_used && raw->section == section &&
		    span_is_same(raw->name, name)) {
			return raw;
		}
	}
	return NULL;
}

/* Takes charset'language' off an extended value (RFC 2231 4). */
static const struct charset *take_charset(struct span *value)
{
	const char *first = memchr(value->p, '\'', value->n);
	const char *end = value->p + value->n;
	const char *second =
	    first == NULL ? NULL : memchr(first + 1, '\'', (size_t)(end - first - 1));
	struct span name = { value->p, 0 };

	if (second == NULL) {
		return charset_utf8();
	}
	name.n = (size_t)(first - name.p);
	*value = (struct span){ second + 1, (size_t)(end - second - 1) };
	return charset_find(name.n > 0 ? name : (struct span){ "utf-8", 5 });
}

/* Puts the pieces from this one on together. */
static struct span join(struct reader *reader, struct raw *raw, struct arena *arena)
{
	const struct charset *charset = charset_utf8();
	struct span joined = { NULL, 0 };
	size_t room = 1, n = 0;
	char *out;

	for (struct raw *piece = raw; piece != NULL;
	     piece = raw->has_section ? find_section(reader, raw->name, ++n) : NULL) {
		room += piece->value.n;
	}
	out = arena_alloc(arena, room);
	if (out == NULL) {
		return joined;
	}
	n = 0;
	if (raw->is_extended) {
		charset = take_charset(&raw->value);
	}
	for (struct raw *piece = raw; piece != NULL;
	     piece = raw->has_section ? find_section(reader, raw->name, ++n) : NULL) {
		piece->is_used = true;
		if (piece->is_extended) {
			joined.n += transfer_unescape(piece->value, '%', out + joined.n);
		} else if (piece->value.n > 0) {
			memcpy(out + joined.n, piece->value.p, piece->value.n);
			joined.n += piece->value.n;
		}
	}
	joined.p = out;
	return charset_text(charset, joined, arena);
}

/* First those of RFC 2231, since they say more than one of the same name for old readers (RFC 6266 4.3 has the same rule). */
static bool put_parameters(struct reader *reader, struct arena *arena, struct mime_value *value)
{
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < reader->n; i++) {
			struct raw *raw = &reader->raws[i];
			bool is_joined = raw->has_section || raw->is_extended;
			struct mime_parameter *parameter = &value->parameters[value->n_parameters];

			if (is_joined != (pass == 0) || (raw->has_section && raw->section > 0)) {
				continue;
			}
			parameter->name = arena_copy(arena, raw->name);
			parameter->value = is_joined
					       ? join(reader, raw, arena)
					       : charset_text(charset_utf8(), raw->value, arena);
			if (parameter->name.p == NULL || parameter->value.p == NULL) {
				return false;
			}
			value->n_parameters++;
		}
	}
	return true;
}

/* "type / subtype" as "type/subtype", in lower case. */
static bool put_first(struct reader *reader, struct arena *arena, struct mime_value *value)
{
	struct span type, subtype = { "", 0 };
	bool has_slash;
	char *out;

	skip_blanks(reader);
	type = take_token(reader);
	skip_blanks(reader);
	has_slash = is_at(reader, '/');
	if (has_slash) {
		reader->at++;
		skip_blanks(reader);
		subtype = take_token(reader);
		skip_blanks(reader);
	}
	out = arena_alloc(arena, type.n + 1 + subtype.n + 1);
	if (out == NULL) {
		return false;
	}
	memcpy(out, type.p, type.n);
	value->first = (struct span){ out, type.n };
	if (has_slash && type.n > 0 && subtype.n > 0) {
		out[type.n] = '/';
		memcpy(out + type.n + 1, subtype.p, subtype.n);
		value->first.n += 1 + subtype.n;
		value->type = (struct span){ out, type.n };
		value->subtype = (struct span){ out + type.n + 1, subtype.n };
	}
	for (size_t i = 0; i < value->first.n; i++) {
		out[i] = text_lower(out[i]);
	}
	return true;
}

bool mime_value_parse(
    struct span text, struct arena *arena, struct fuel *fuel, struct mime_value *value_r)
{
	struct reader reader = { .text = { text.n > 0 ? text.p : "", text.n } };

	if (text.n > MIME_VALUE_MAX) {
		reader.text.n = text.n = MIME_VALUE_MAX;
	}
	*value_r = (struct mime_value){ { "", 0 }, { "", 0 }, { "", 0 }, NULL, 0 };
	if (!fuel_take(fuel, text.n) || (reader.out = arena_alloc(arena, text.n)) == NULL ||
	    !put_first(&reader, arena, value_r)) {
		return false;
	}
	read_parameters(&reader);
	value_r->parameters = arena_alloc(arena, reader.n * sizeof(*value_r->parameters));
	return value_r->parameters != NULL && put_parameters(&reader, arena, value_r);
}

struct span mime_value_find(const struct mime_value *value, const char *name)
{
	for (size_t i = 0; i < value->n_parameters; i++) {
		const struct mime_parameter *parameter = &value->parameters[i];

		if (span_is(parameter->name, name)) {
			return parameter->value;
		}
	}
	return (struct span){ NULL, 0 };
}
