/* SPDX-License-Identifier: MIT
 * HTML, byte by byte: what comes out does not depend on how the input was cut. Pure: any thread. */
#include "mail/html.h"

#include <string.h>

#include "base/utf8.h"

enum state {
	STATE_TEXT,
	STATE_ENTITY,  /* kept: "&" and on */
	STATE_OPEN,    /* behind "<" */
	STATE_NAME,    /* kept: the name of a tag, with its slash */
	STATE_TAG,     /* up to ">" */
	STATE_COMMENT, /* kept: the last dashes */
	STATE_HIDDEN,  /* in a script or style; kept: "<", "</" */
};

/* In the order of Unicode, from U+00A0. */
static const char latin[] =
    "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg "
    "plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 "
    "iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml "
    "Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave "
    "Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil "
    "egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde "
    "ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml ";

static const struct {
	const char *name;
	unsigned code;
} others[] = { { "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' }, { "apos", '\'' },
	{ "euro", 0x20ac }, { "ndash", 0x2013 }, { "mdash", 0x2014 }, { "lsquo", 0x2018 },
	{ "rsquo", 0x2019 }, { "sbquo", 0x201a }, { "ldquo", 0x201c }, { "rdquo", 0x201d },
	{ "bdquo", 0x201e }, { "bull", 0x2022 }, { "hellip", 0x2026 }, { "trade", 0x2122 } };

/* "#x41", "#65", "eacute". 0: it is none. */
static unsigned code_of(const char *name, size_t n)
{
	unsigned code = 0, base = n > 1 && (name[1] | 0x20) == 'x' ? 16 : 10;
	const char *p = latin;

	for (size_t i = base == 16 ? 2 : 1; n > 0 && name[0] == '#' && i < n; i++) {
		int digit = text_hex(name[i]);

		if (digit < 0 || (unsigned)digit >= base) {
			return 0;
		}
		code = code * base + (unsigned)digit;
		code = code > 0x10ffff ? 0x110000 : code;
		if (i + 1 == n) {
			return code == 0 || code > 0x10ffff || (code >> 11) == 0x1b ? 0xfffd : code;
		}
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (n == strlen(others[i].name) && memcmp(name, others[i].name, n) == 0) {
			return others[i].code;
		}
	}
	for (code = 0xa0; *p != '\0'; code++, p += strcspn(p, " ") + 1) {
		if (n == strcspn(p, " ") && memcmp(p, name, n) == 0) {
			return code == 0xa0 ? ' ' : code;
		}
	}
	return 0;
}

static size_t put_kept(struct html_stream *stream, char *out)
{
	size_t n = stream->n_kept;

	memcpy(out, stream->kept, n);
	stream->n_kept = 0;
	return n;
}

static void go(struct html_stream *stream, enum state state)
{
	stream->state = (unsigned char)state;
	stream->n_kept = 0;
}

/* The name of a tag is known. Returns whether it parts words. */
static bool end_name(struct html_stream *stream)
{
	static const char inside[] =
	    " a abbr acronym b bdi bdo big code del em font i ins kbd mark q s small "
	    "span strike strong sub sup tt u var wbr ";
	bool is_end = stream->kept[0] == '/';
	char name[HTML_KEPT_MAX + 2] = " ";
	size_t n = stream->n_kept - is_end;

	memcpy(name + 1, stream->kept + is_end, n);
	stream->hidden = '\0';
	if (!is_end && (strcmp(name, " script") == 0 || strcmp(name, " style") == 0)) {
		stream->hidden = name[2];
	}
	name[n + 1] = n < HTML_KEPT_MAX ? ' ' : '\0';
	go(stream, STATE_TAG);
	return name[1] != '!' && strstr(inside, name) == NULL;
}

static bool is_of_name(char c)
{
	return text_is_letter(c) || text_is_digit(c);
}

/* Inside of an entity or at the beginning of a tag. False: the byte is to be read again, behind it. */
static bool step_kept(struct html_stream *stream, char c, char *out, size_t *n_out)
{
	bool is_entity = stream->state == STATE_ENTITY;
	unsigned code;

	if (stream->state == STATE_OPEN) {
		if (!text_is_letter(c) && c != '/' && c != '!' && c != '?') {
			out[(*n_out)++] = '<';
			go(stream, STATE_TEXT);
			return false;
		}
		go(stream, c == '?' ? STATE_TAG : STATE_NAME);
	} else if (is_entity && c == ';' &&
		   (code = code_of(stream->kept + 1, stream->n_kept - 1)) > 0) {
		*n_out += utf8_write(out + *n_out, code);
		go(stream, STATE_TEXT);
		return true;
	} else if (is_entity && ((!is_of_name(c) && c != '#') || stream->n_kept == HTML_KEPT_MAX)) {
		*n_out += put_kept(stream, out + *n_out);
		go(stream, STATE_TEXT);
		return false;
	} else if (!is_entity && !is_of_name(c) && (c != '-' || stream->kept[0] != '!')) {
		if (end_name(stream)) {
			out[(*n_out)++] = ' ';
		}
		return false;
	}
	if (stream->n_kept < HTML_KEPT_MAX) {
		stream->kept[stream->n_kept++] = is_entity ? c : text_lower(c);
	}
	if (!is_entity && stream->n_kept == 3 && memcmp(stream->kept, "!--", 3) == 0) {
		go(stream, STATE_COMMENT);
		stream->n_kept = 2; /* "<!-->" is one, too */
	}
	return true;
}

/* Inside of a tag, a comment, a script or a style. */
static void step_inside(struct html_stream *stream, char c)
{
	const char *end = stream->hidden == 'c' ? "</script" : "</style";

	if (stream->state == STATE_COMMENT) {
		if (c == '>' && stream->n_kept == 2) {
			go(stream, STATE_TEXT);
		} else {
			stream->n_kept = c != '-' ? 0 : stream->n_kept + (stream->n_kept < 2);
		}
	} else if (stream->state == STATE_HIDDEN) {
		bool is_next = text_lower(c) == end[stream->n_kept];

		stream->n_kept = is_next ? stream->n_kept + 1 : c == '<';
		if (end[stream->n_kept] == '\0') {
			stream->hidden = '\0';
			go(stream, STATE_TAG);
		}
	} else if (stream->quote != '\0') {
		stream->quote = c == stream->quote ? '\0' : stream->quote;
	} else if (c == '"' || c == '\'') {
		stream->quote = c;
	} else if (c == '>') {
		go(stream, stream->hidden != '\0' ? STATE_HIDDEN : STATE_TEXT);
	}
}

size_t html_text(struct html_stream *stream, struct span in, bool is_end, char *out)
{
	size_t n_out = 0, i = 0;

	while (i < in.n) {
		char c = in.p[i];

		if (stream->state == STATE_ENTITY || stream->state == STATE_OPEN ||
		    stream->state == STATE_NAME) {
			i += step_kept(stream, c, out, &n_out);
			continue;
		}
		i++;
		if (stream->state != STATE_TEXT) {
			step_inside(stream, c);
		} else if (c == '<') {
			go(stream, STATE_OPEN);
		} else if (c == '&') {
			go(stream, STATE_ENTITY);
			stream->kept[stream->n_kept++] = c;
		} else {
			out[n_out++] = c;
		}
	}
	if (is_end && stream->state == STATE_ENTITY) {
		n_out += put_kept(stream, out + n_out);
	} else if (is_end && stream->state == STATE_OPEN) {
		out[n_out++] = '<';
	}
	return n_out;
}
