/* SPDX-License-Identifier: MIT
 * What is refused is what Dovecot refuses, and what clients or other servers choke on. */
#include "maildir/folder.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "base/utf8.h"

/* Base64 of modified UTF-7: "," for "/", and no padding. */
static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/* A text that is being made; it is whole as long as is_full is not set. */
struct writer {
	char *out;
	size_t n, cap; /* cap: with the NUL */
	bool is_full;
};

static void put(struct writer *writer, char c)
{
	writer->is_full = writer->is_full || writer->n + 1 >= writer->cap;
	if (!writer->is_full) {
		writer->out[writer->n++] = c;
	}
}

static void put_text(struct writer *writer, const char *text)
{
	for (; *text != '\0'; text++) {
		put(writer, *text);
	}
}

/* Does it stand for itself in modified UTF-7? Control characters were refused. */
static bool is_direct(char c)
{
	return (unsigned char)c < 0x80;
}

/* The character that a valid sequence of n bytes stands for. */
static uint32_t character_of(const char *s, size_t n)
{
	static const unsigned char masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t character = (unsigned char)s[0] & masks[n];

	for (size_t i = 1; i < n; i++) {
		character = character << 6 | ((unsigned char)s[i] & 0x3f);
	}
	return character;
}

/* UTF-16 on its way to base64: bits that no digit was made of yet. */
struct bits {
	uint32_t value;
	unsigned n;
};

static void put_unit(struct writer *writer, struct bits *bits, uint32_t unit)
{
	bits->value = bits->value << 16 | unit;
	bits->n += 16;
	while (bits->n >= 6) {
		bits->n -= 6;
		put(writer, digits[bits->value >> bits->n & 0x3f]);
	}
}

/* A run of characters that do not stand for themselves. Returns how many bytes it had. */
static size_t put_run(struct writer *writer, const char *s, size_t n)
{
	struct bits bits = { 0, 0 };
	size_t at = 0;

	put(writer, '&');
	while (at < n && !is_direct(s[at])) {
		size_t length = utf8_length(s + at, n - at);
		uint32_t character = character_of(s + at, length);

		if (character >= 0x10000) {
			put_unit(writer, &bits, 0xd800 + ((character - 0x10000) >> 10));
			character = 0xdc00 + (character & 0x3ff);
		}
		put_unit(writer, &bits, character);
		at += length;
	}
	if (bits.n > 0) {
		put(writer, digits[bits.value << (6 - bits.n) & 0x3f]);
	}
	put(writer, '-');
	return at;
}

static void put_level(struct writer *writer, const char *s, size_t n)
{
	for (size_t at = 0; at < n;) {
		if (is_direct(s[at])) {
			put(writer, s[at]);
			if (s[at++] == '&') {
				put(writer, '-');
			}
		} else {
			at += put_run(writer, s + at, n - at);
		}
	}
}

static enum folder_outcome check_level(const char *s, size_t n)
{
	if (n == 0) {
		return FOLDER_EMPTY_LEVEL;
	}
	if (memchr(s, '/', n) != NULL) {
		return FOLDER_SLASH;
	}
	if (memchr(s, '*', n) != NULL || memchr(s, '%', n) != NULL) {
		return FOLDER_WILDCARD;
	}
	if (text_is(s, n, ".") || text_is(s, n, "..")) {
		return FOLDER_DOTS;
	}
	return memchr(s, '.', n) != NULL ? FOLDER_DOT : FOLDER_FINE;
}

/* Bytes of the prefix that the name has: all or none. INBOX in front is written in any case. */
static size_t prefix_length(const char *prefix, const char *name, size_t n)
{
	size_t n_prefix = strlen(prefix), n_inbox = 0;

	if (n_prefix >= 5 && n >= 5 && text_is(prefix, 5, "INBOX") && text_is(name, 5, "INBOX")) {
		n_inbox = 5;
	}
	return n >= n_prefix && memcmp(name + n_inbox, prefix + n_inbox, n_prefix - n_inbox) == 0
		   ? n_prefix
		   : 0;
}

static enum folder_outcome put_levels(
    struct writer *writer, char separator, const char *s, size_t n, bool has_prefix)
{
	const char *end = s + n, *level = s, *next;

	if (n > 0 && s[0] == '~') {
		return FOLDER_TILDE;
	}
	for (unsigned n_levels = 1;; n_levels++, level = next + 1) {
		enum folder_outcome outcome;
		size_t n_level;

		next = memchr(level, separator, (size_t)(end - level));
		n_level = (size_t)((next == NULL ? end : next) - level);
		outcome = check_level(level, n_level);
		if (outcome == FOLDER_FINE && n_levels > FOLDER_LEVELS_MAX) {
			outcome = FOLDER_TOO_DEEP;
		}
		if (outcome != FOLDER_FINE) {
			return outcome;
		}
		put(writer, '.');
		/* The one name that has no case, RFC 3501 5.1. */
		if (level == s && !has_prefix && text_is(level, n_level, "INBOX")) {
			put_text(writer, "INBOX");
		} else {
			put_level(writer, level, n_level);
		}
		if (next == NULL) {
			return writer->is_full ? FOLDER_TOO_LONG : FOLDER_FINE;
		}
	}
}

enum folder_outcome folder_to_directory(
    const struct folder_style *style, const char *name, size_t n, char *directory_r)
{
	struct writer writer = { .out = directory_r, .cap = FOLDER_DIRECTORY_MAX + 1 };
	size_t n_prefix = prefix_length(style->prefix, name, n);
	enum folder_outcome outcome;

	directory_r[0] = '\0';
	if (n == 0 || text_is(name, n, "INBOX")) {
		return FOLDER_FINE;
	}
	if (!utf8_is_valid(name, n)) {
		return FOLDER_NOT_UTF8;
	}
	if (text_has_control(name, n)) {
		return FOLDER_CONTROL;
	}
	outcome =
	    put_levels(&writer, style->separator, name + n_prefix, n - n_prefix, n_prefix > 0);
	directory_r[outcome == FOLDER_FINE ? writer.n : 0] = '\0';
	return outcome;
}

static void put_character(struct writer *writer, uint32_t character)
{
	if (character < 0x80) {
		put(writer, (char)character);
		return;
	}
	if (character < 0x800) {
		put(writer, (char)(0xc0 | character >> 6));
	} else {
		if (character < 0x10000) {
			put(writer, (char)(0xe0 | character >> 12));
		} else {
			put(writer, (char)(0xf0 | character >> 18));
			put(writer, (char)(0x80 | (character >> 12 & 0x3f)));
		}
		put(writer, (char)(0x80 | (character >> 6 & 0x3f)));
	}
	put(writer, (char)(0x80 | (character & 0x3f)));
}

/* Reads a run behind its "&", up to its "-", and returns what follows. What is no UTF-16 becomes something
 * that the way back does not lead to. */
static const char *read_run(struct writer *writer, const char *p)
{
	uint32_t value = 0, high = 0;
	unsigned n_bits = 0;
	const char *digit;

	for (; *p != '\0' && (digit = strchr(digits, *p)) != NULL; p++) {
		value = value << 6 | (uint32_t)(digit - digits);
		n_bits += 6;
		if (n_bits >= 16) {
			uint32_t unit = value >> (n_bits - 16) & 0xffff;

			n_bits -= 16;
			if (unit >= 0xd800 && unit < 0xdc00) {
				high = unit;
				continue;
			}
			if (unit >= 0xdc00 && unit < 0xe000) {
				unit = 0x10000 + ((high & 0x3ff) << 10) + (unit & 0x3ff);
			}
			put_character(writer, unit);
		}
	}
	return *p == '-' ? p + 1 : p;
}

enum folder_outcome folder_to_name(
    const struct folder_style *style, const char *directory, char *name_r, size_t n)
{
	struct writer writer = { .out = name_r, .cap = n };
	char again[FOLDER_DIRECTORY_MAX + 1];
	enum folder_outcome outcome;

	put_text(&writer, directory[0] == '\0' ? "INBOX" : style->prefix);
	for (const char *p = directory + (directory[0] == '.'); *p != '\0';) {
		if (p[0] == '&' && p[1] != '-') {
			p = read_run(&writer, p + 1);
		} else {
			put(&writer, *p == '.' ? style->separator : *p);
			p += *p == '&' ? 2 : 1;
		}
	}
	outcome =
	    writer.is_full ? FOLDER_TOO_LONG : folder_to_directory(style, name_r, writer.n, again);
	if (outcome == FOLDER_FINE && strcmp(again, directory) != 0) {
		outcome = FOLDER_NAMELESS;
	}
	if (n > 0) {
		name_r[outcome == FOLDER_FINE ? writer.n : 0] = '\0';
	}
	return outcome;
}

const char *folder_reason(enum folder_outcome outcome)
{
	static const char *const reasons[] = {
		[FOLDER_FINE] = "",
		[FOLDER_NOT_UTF8] = "it is not UTF-8",
		[FOLDER_CONTROL] = "it has a control character",
		[FOLDER_EMPTY_LEVEL] = "a separator has no name on one of its sides",
		[FOLDER_SLASH] = "it has a \"/\"",
		[FOLDER_TILDE] = "it begins with \"~\"",
		[FOLDER_WILDCARD] = "it has a \"*\" or \"%\", which are wildcards in IMAP",
		[FOLDER_DOTS] = "\".\" and \"..\" are no names",
		[FOLDER_DOT] = "it has a \".\", which divides levels on the disk",
		[FOLDER_TOO_LONG] = "it is too long",
		[FOLDER_TOO_DEEP] = "it has more than 16 levels",
		[FOLDER_NAMELESS] = "no name leads to that directory",
	};

	return reasons[outcome];
}
