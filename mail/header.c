/* SPDX-License-Identifier: MIT
 * Header fields: written on top of every message, and read for the log. Pure. */
#include "mail/header.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

enum {
	/* The header of a message is looked at no further than this; MIME is never parsed. */
	SCAN_MAX = 65536,
	LHLO_SHOWN = 255,
	ADDRESS_SHOWN = 4096,
};

struct text {
	char *p;
	size_t n;
};

static void put(struct text *out, const char *s)
{
	size_t n = strlen(s);

	assert(out->n + n < HEADER_MAX);
	memcpy(out->p + out->n, s, n);
	out->n += n;
}

/* Where a string of the wire stands, and what it must be kept from there. */
enum context {
	IN_BRACKETS,
	IN_COMMENT, /* a parenthesis of its own would end it: it is quoted (RFC 5322 3.2.2) */
	IN_CLAUSE,  /* no quoting there: what could open a comment or another clause becomes '?' */
};

/* Puts a string of the wire, at most max bytes of it; control bytes become '?' everywhere. */
static void put_wire(struct text *out, enum context context, const char *s, size_t max)
{
	assert(out->n + 2 * max < HEADER_MAX);
	for (; *s != '\0' && max > 0; s++, max--) {
		bool is_bad =
		    text_is_control(*s) || (context == IN_CLAUSE && strchr(" ();", *s) != NULL);

		if (context == IN_COMMENT && strchr("()\\", *s) != NULL) {
			out->p[out->n++] = '\\';
		}
		out->p[out->n++] = is_bad ? '?' : *s;
	}
}

size_t header_compose(char *out, const struct header *header)
{
	struct text text = { .p = out };
	char date[64];
	struct tm tm;

	put(&text, "Return-Path: <");
	put_wire(&text, IN_BRACKETS, header->sender, ADDRESS_SHOWN);
	put(&text, ">\n");
	if (header->delivered_to != NULL) {
		put(&text, "Delivered-To: ");
		put_wire(&text, IN_BRACKETS, header->delivered_to, ADDRESS_SHOWN);
		put(&text, "\n");
	}
	put(&text, "Received: from ");
	put_wire(&text, IN_CLAUSE, header->lhlo, LHLO_SHOWN);
	put(&text, "\n\tby ");
	put_wire(&text, IN_CLAUSE, header->hostname, LHLO_SHOWN);
	put(&text, header->is_utf8 ? " with UTF8LMTP id " : " with LMTP id "); /* RFC 6531 4.3 */
	put(&text, header->id);
	put(&text, "\n\t(envelope-from <");
	put_wire(&text, IN_COMMENT, header->sender, ADDRESS_SHOWN);
	put(&text, ">)");
	if (header->recipient != NULL) {
		put(&text, "\n\tfor <");
		put_wire(&text, IN_BRACKETS, header->recipient, ADDRESS_SHOWN / 4);
		put(&text, ">");
	}
	/* %a and %b are English here: the daemon never calls setlocale(). */
	localtime_r(&header->time, &tm);
	strftime(date, sizeof(date), ";\n\t%a, %d %b %Y %H:%M:%S %z\n", &tm);
	put(&text, date);
	return text.n;
}

/* One field of a header, folded lines included; 0 at the header's end. */
static size_t field_length(const char *data, size_t n)
{
	size_t at = 0;

	if (n == 0 || data[0] == '\n' || (n >= 2 && data[0] == '\r' && data[1] == '\n')) {
		return 0;
	}
	while (at < n) {
		const char *lf = memchr(data + at, '\n', n - at);

		at = lf == NULL ? n : (size_t)(lf - data) + 1;
		if (at == n || (data[at] != ' ' && data[at] != '\t')) {
			break;
		}
	}
	return at;
}

static bool field_is(const char *field, size_t n, const char *name)
{
	size_t n_name = strlen(name);

	return n > n_name && strncasecmp(field, name, n_name) == 0 && field[n_name] == ':';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next word outside of comments, from *at on; its length, 0 at the end or at ';', where *at stays: the date follows. */
static size_t next_word(const char *s, size_t n, size_t *at, const char **word_r)
{
	size_t depth = 0, start;

	while (*at < n && (depth > 0 || is_blank(s[*at]) || s[*at] == '(')) {
		if (s[*at] == '\\' && *at + 1 < n) {
			(*at)++;
		} else if (s[*at] == '(') {
			depth++;
		} else if (s[*at] == ')' && depth > 0) {
			depth--;
		}
		(*at)++;
	}
	start = *at;
	while (*at < n && !is_blank(s[*at]) && s[*at] != '(' && s[*at] != ';') {
		(*at)++;
	}
	*word_r = s + start;
	return *at - start;
}

/* One line of what is between blanks. */
static void copy_date(struct header_facts *facts_r, const char *s, size_t n)
{
	size_t n_date = 0;

	while (n > 0 && is_blank(s[n - 1])) {
		n--;
	}
	for (size_t i = 0; i < n && n_date < sizeof(facts_r->received) - 1; i++) {
		if (n_date > 0 || !is_blank(s[i])) {
			facts_r->received[n_date++] = text_is_control(s[i]) ? ' ' : s[i];
		}
	}
	facts_r->received[n_date] = '\0';
}

/* "Received: from NAME (...) by HOST (Postfix) with ESMTP id QUEUEID for ...". The name after
 * "from" is the client's own: "id" counts only behind "by". */
static void scan_received(struct header_facts *facts_r, const char *field, size_t n)
{
	size_t at = strlen("Received:"), n_word;
	const char *word;
	bool is_after_by = false, has_id = false;

	while ((n_word = next_word(field, n, &at, &word)) > 0) {
		bool is_by = text_is(word, n_word, "by");

		if (is_by || text_is(word, n_word, "from")) {
			is_after_by = is_after_by || is_by;
			next_word(field, n, &at, &word); /* the host, whatever its name */
		} else if (is_after_by && !has_id && text_is(word, n_word, "id")) {
			has_id = true;
			n_word = next_word(field, n, &at, &word);
			if (n_word < sizeof(facts_r->queue_id)) {
				memcpy(facts_r->queue_id, word, n_word);
				facts_r->queue_id[n_word] = '\0';
			}
		}
	}
	if (at < n) {
		copy_date(facts_r, field + at + 1, n - at - 1);
	}
}

static void scan_message_id(struct header_facts *facts_r, const char *field, size_t n)
{
	size_t at = strlen("Message-ID:"), n_id = 0;

	while (at < n && is_blank(field[at])) {
		at++;
	}
	for (; at < n && n_id < sizeof(facts_r->message_id) - 1 && !is_blank(field[at]); at++) {
		facts_r->message_id[n_id++] = field[at];
	}
	facts_r->message_id[n_id] = '\0';
}

void header_scan(struct header_facts *facts_r, const char *data, size_t n)
{
	bool has_received = false, has_message_id = false;
	size_t at = 0, n_field;

	facts_r->queue_id[0] = facts_r->received[0] = facts_r->message_id[0] = '\0';
	n = n < SCAN_MAX ? n : SCAN_MAX;
	while (
	    (n_field = field_length(data + at, n - at)) > 0 && !(has_received && has_message_id)) {
		if (!has_received && field_is(data + at, n_field, "Received")) {
			scan_received(facts_r, data + at, n_field);
			has_received = true;
		} else if (!has_message_id && field_is(data + at, n_field, "Message-ID")) {
			scan_message_id(facts_r, data + at, n_field);
			has_message_id = true;
		}
		at += n_field;
	}
}
