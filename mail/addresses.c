/* SPDX-License-Identifier: MIT
 * Addresses: one reader of tokens for those of strangers, which may be written in many ways, and for those that somebody here
 * names, which may not. Pure: any thread. */
#include "mail/addresses.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "mail/address.h"
#include "mail/fields.h"

enum token_kind {
	TOKEN_END,
	TOKEN_ATOM,
	TOKEN_QUOTED,
	TOKEN_LITERAL, /* [192.0.2.1] */
	TOKEN_SPECIAL, /* one of <>@,;:. */
	TOKEN_BAD,     /* what is none of these, or has no end */
};

struct token {
	enum token_kind kind;
	char special;
	size_t begin, end;
	bool is_behind_blank; /* or a comment */
};

struct reader {
	struct span text;
	size_t at;
	bool has_comment;
	struct token token; /* that is read next */
};

static bool is_atext(char c)
{
	return (unsigned char)c > ' ' && c != 0x7f && strchr("()<>[]:;@\\,.\"", c) == NULL;
}

/* Up to a closing byte, with it. False: there is none. */
static bool read_enclosed(struct reader *reader, char closing)
{
	while (++reader->at < reader->text.n) {
		if (reader->text.p[reader->at] == closing) {
			reader->at++;
			return true;
		}
		reader->at += reader->text.p[reader->at] == '\\';
	}
	reader->at = reader->text.n;
	return false;
}

static void advance(struct reader *reader)
{
	struct token token = { .begin = reader->at };
	char c;

	reader->at = field_skip(reader->text, token.begin);
	reader->has_comment = reader->has_comment || memchr(reader->text.p + token.begin, '(',
							 reader->at - token.begin) != NULL;
	token.is_behind_blank = reader->at > token.begin;
	token.begin = reader->at;
	c = reader->at < reader->text.n ? reader->text.p[reader->at] : '\0';
	if (reader->at == reader->text.n) {
		token.kind = TOKEN_END;
	} else if (is_atext(c)) {
		token.kind = TOKEN_ATOM;
		while (reader->at < reader->text.n && is_atext(reader->text.p[reader->at])) {
			reader->at++;
		}
	} else if (c == '"') {
		token.kind = read_enclosed(reader, '"') ? TOKEN_QUOTED : TOKEN_BAD;
	} else if (c == '[') {
		token.kind = read_enclosed(reader, ']') ? TOKEN_LITERAL : TOKEN_BAD;
	} else {
		token.kind = c != '\0' && strchr("<>@,;:.", c) != NULL ? TOKEN_SPECIAL : TOKEN_BAD;
		token.special = c;
		reader->at++;
	}
	token.end = reader->at;
	reader->token = token;
}

static void begin(struct reader *reader, struct span text)
{
	*reader = (struct reader){ .text = { text.n > 0 ? text.p : "", text.n } };
	advance(reader);
}

static bool is_special(const struct reader *reader, char c)
{
	return reader->token.kind == TOKEN_SPECIAL && reader->token.special == c;
}

static bool is_word(const struct reader *reader, bool may_be_quoted)
{
	return reader->token.kind == TOKEN_ATOM ||
	       (may_be_quoted && reader->token.kind == TOKEN_QUOTED);
}

/* An addr-spec as it is read. Both parts are written one behind the other. */
struct spec {
	char *out;
	struct span local, domain;
	bool has_at;
	bool is_odd;    /* not as RFC 5322 3.4.1 has it: dots side by side, blanks inside */
	bool is_phrase; /* words side by side: no local part */
};

static void put_token(struct span *part, char *out, const struct reader *reader)
{
	const struct token *token = &reader->token;
	bool is_quoted = token->kind == TOKEN_QUOTED;

	for (size_t i = token->begin + is_quoted; i < token->end - is_quoted; i++) {
		i += is_quoted && reader->text.p[i] == '\\';
		out[part->n++] = reader->text.p[i];
	}
}

/* Words and dots, as many as there are. Returns whether it is no part of an address: two words stand side by side, or there is none. */
static bool read_dotted(
    struct reader *reader, bool may_be_quoted, struct span *part, char *out, bool *is_odd)
{
	bool wants_word = true, is_first = true, is_phrase = false, has_word = false;

	*part = (struct span){ out, 0 };
	for (; is_word(reader, may_be_quoted) || is_special(reader, '.'); advance(reader)) {
		bool is_dot = is_special(reader, '.');

		is_phrase = is_phrase || (!is_dot && !wants_word);
		*is_odd = *is_odd || (is_dot && wants_word) ||
			  (!is_first && reader->token.is_behind_blank);
		put_token(part, out, reader);
		wants_word = is_dot;
		has_word = has_word || !is_dot;
		is_first = false;
	}
	*is_odd = *is_odd || wants_word;
	return is_phrase || !has_word;
}

/* A local part, and a domain if there is an "@". */
static void read_spec(struct reader *reader, struct spec *spec)
{
	bool is_odd = false;

	spec->domain = (struct span){ "", 0 };
	spec->has_at = false;
	spec->is_phrase = read_dotted(reader, true, &spec->local, spec->out, &is_odd);
	if (is_special(reader, '@')) {
		char *out = spec->out + spec->local.n;

		spec->has_at = true;
		is_odd = is_odd || reader->token.is_behind_blank;
		advance(reader);
		is_odd = is_odd || reader->token.is_behind_blank;
		if (reader->token.kind == TOKEN_LITERAL) {
			spec->domain.p = out;
			put_token(&spec->domain, out, reader);
			advance(reader);
		} else if (read_dotted(reader, false, &spec->domain, out, &is_odd) ||
			   spec->domain.n == 0) {
			spec->is_phrase = true;
		}
	}
	spec->is_odd = is_odd;
}

static bool is_dot_atom(struct span local)
{
	bool wants_text = true;

	for (size_t i = 0; i < local.n; i++) {
		if (local.p[i] == '.' ? wants_text : !is_atext(local.p[i])) {
			return false;
		}
		wants_text = local.p[i] == '.';
	}
	return !wants_text;
}

/* Copies it, and puts its text together. False: no memory. */
static bool put_address(const struct spec *spec, struct span phrase, struct arena *arena,
    struct mail_address *address_r)
{
	bool is_quoted = !is_dot_atom(spec->local);
	char *p = arena_alloc(arena, 2 * spec->local.n + spec->domain.n + 3);

	address_r->phrase = phrase;
	address_r->local = arena_copy(arena, spec->local);
	address_r->domain = arena_copy(arena, spec->domain);
	address_r->text.p = p;
	if (p == NULL || address_r->local.p == NULL || address_r->domain.p == NULL) {
		return false;
	}
	if (is_quoted) {
		*p++ = '"';
	}
	for (size_t i = 0; i < spec->local.n; i++) {
		if (spec->local.p[i] == '"' || spec->local.p[i] == '\\') {
			*p++ = '\\';
		}
		*p++ = spec->local.p[i];
	}
	if (is_quoted) {
		*p++ = '"';
	}
	if (spec->domain.n > 0) {
		*p++ = '@';
		memcpy(p, spec->domain.p, spec->domain.n);
		p += spec->domain.n;
	}
	address_r->text.n = (size_t)(p - address_r->text.p);
	return true;
}

static bool is_text(struct span part)
{
	return !text_has_control(part.p, part.n) && utf8_is_valid(part.p, part.n);
}

/* Can it be an address at all? */
static bool is_readable(const struct spec *spec)
{
	return !spec->is_phrase && spec->local.n > 0 && is_text(spec->local) &&
	       is_text(spec->domain);
}

/* Passes over "@a,@b:" (RFC 5322 4.4). */
static void skip_route(struct reader *reader)
{
	if (!is_special(reader, '@')) {
		return;
	}
	while (reader->token.kind != TOKEN_END && !is_special(reader, ':') &&
	       !is_special(reader, '>')) {
		advance(reader);
	}
	if (is_special(reader, ':')) {
		advance(reader);
	}
}

static bool is_divider(const struct reader *reader)
{
	return reader->token.kind == TOKEN_END || is_special(reader, ',') ||
	       is_special(reader, ';');
}

/* Reads what stands between two dividers, or a group's name. Returns whether it is an address. */
static bool read_entry(struct reader *reader, struct spec *spec, struct span *phrase_r)
{
	size_t begin = reader->token.begin;
	bool is_one;

	*phrase_r = (struct span){ "", 0 };
	read_spec(reader, spec);
	if (is_special(reader, ':') && !spec->has_at) {
		advance(reader);
		return false;
	}
	is_one = is_divider(reader) && is_readable(spec);
	/* What else is in front of an address in brackets is its name, however it looks. */
	while (!is_divider(reader) && !is_special(reader, '<')) {
		advance(reader);
	}
	if (is_special(reader, '<')) {
		*phrase_r =
		    span_trim((struct span){ reader->text.p + begin, reader->token.begin - begin });
		advance(reader);
		skip_route(reader);
		read_spec(reader, spec);
		is_one = is_readable(spec) && (is_special(reader, '>') || is_divider(reader));
	}
	while (!is_divider(reader)) {
		advance(reader);
	}
	return is_one;
}

bool addresses_parse(struct span value, struct arena *arena, struct fuel *fuel,
    struct mail_address **list_r, size_t *n_r)
{
	struct reader reader;
	struct spec spec = { .out = arena_alloc(arena, value.n) };
	struct span phrase;
	struct mail_address *list = NULL;

	*n_r = 0;
	if (spec.out == NULL || !fuel_take(fuel, value.n)) {
		return false;
	}
	begin(&reader, value);
	while (reader.token.kind != TOKEN_END && *n_r < ADDRESSES_MAX) {
		if (is_divider(&reader)) {
			advance(&reader);
		} else if (read_entry(&reader, &spec, &phrase)) {
			list = arena_grow(arena, list, *n_r, sizeof(*list));
			if (list == NULL || !put_address(&spec, phrase, arena, &list[*n_r])) {
				return false;
			}
			*list_r = list;
			++*n_r;
		}
	}
	return true;
}

/* Letters, digits and hyphens between dots, what is not ASCII (RFC 6531 3.3), or a literal. */
static bool is_strict_domain(struct span domain)
{
	if (domain.n > 0 && domain.p[0] == '[') {
		return memchr(domain.p, ' ', domain.n) == NULL &&
		       memchr(domain.p, '\\', domain.n) == NULL;
	}
	for (size_t i = 0; i < domain.n; i++) {
		char c = domain.p[i];
		if ((unsigned char)c < 0x80 && !text_is_letter(c) && !text_is_digit(c) &&
		    c != '-' && c != '.') {
			return false;
		}
	}
	return domain.n > 0;
}

int addresses_parse_one(
    struct span text, bool may_have_name, struct arena *arena, struct mail_address *address_r)
{
	struct reader reader;
	struct spec spec = { .out = arena_alloc(arena, text.n) };
	struct span phrase = { "", 0 };
	size_t first;

	if (spec.out == NULL) {
		return -ENOMEM;
	}
	begin(&reader, text);
	first = reader.token.begin;
	read_spec(&reader, &spec);
	if (may_have_name && !spec.has_at && is_special(&reader, '<')) {
		phrase = span_trim((struct span){ text.p + first, reader.token.begin - first });
		advance(&reader);
		read_spec(&reader, &spec);
		if (!is_special(&reader, '>') || reader.token.is_behind_blank) {
			return 1;
		}
		advance(&reader);
	}
	if (reader.token.kind != TOKEN_END || reader.has_comment || spec.is_odd ||
	    !is_readable(&spec) || !is_text(phrase) || !is_strict_domain(spec.domain) ||
	    spec.local.n > ADDRESS_PART_MAX || spec.domain.n > ADDRESS_PART_MAX) {
		return 1;
	}
	return put_address(&spec, phrase, arena, address_r) ? 0 : -ENOMEM;
}

struct span address_part_of(
    const struct mail_address *address, enum address_part part, const char *delimiters)
{
	struct span user = address->local, detail = { NULL, 0 };

	for (size_t i = 0; delimiters != NULL && i < user.n; i++) {
		if (user.p[i] != '\0' && strchr(delimiters, user.p[i]) != NULL) {
			detail = (struct span){ user.p + i + 1, user.n - i - 1 };
			user.n = i;
		}
	}
	switch (part) {
	case ADDRESS_LOCALPART:
		return address->local;
	case ADDRESS_DOMAIN:
		return address->domain;
	case ADDRESS_USER:
		return user;
	case ADDRESS_DETAIL:
		return detail;
	case ADDRESS_ALL:
		break;
	}
	return address->text;
}
