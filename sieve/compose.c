/* SPDX-License-Identifier: MIT
 * Messages that a script sends (RFC 5322, 2047). Lines end in CRLF. */
#include "sieve/compose.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "mail/calendar.h"
#include "version.h"

enum {
	SUBJECT_MAX = 256, /* characters */
	LINE_MAX = 76,     /* before it is folded */
	WORD_BYTES = 39,   /* of text that one encoded word takes: 52 of base64 */
};

void compose_begin(struct composition *composition, struct sieve_run *run)
{
	*composition = (struct composition){ .run = run };
}

void compose_bytes(struct composition *composition, struct span bytes)
{
	struct sieve_run *run = composition->run;

	if (composition->has_failed || bytes.n == 0) {
		return;
	}
	if (composition->n + bytes.n > composition->room) {
		size_t room = 2 * (composition->n + bytes.n) + 1024;
		char *text = fuel_take(&run->fuel, composition->n) ? run_alloc(run, room) : NULL;

		if (text == NULL) {
			composition->has_failed = true;
			return;
		}
		if (composition->n > 0) {
			memcpy(text, composition->text, composition->n);
		}
		composition->text = text;
		composition->room = room;
	}
	memcpy(composition->text + composition->n, bytes.p, bytes.n);
	composition->n += bytes.n;
}

void compose_text(struct composition *composition, const char *text)
{
	compose_bytes(composition, (struct span){ text, strlen(text) });
}

static bool is_ascii(struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		if ((unsigned char)text.p[i] >= 0x80) {
			return false;
		}
	}
	return true;
}

/* A copy that is unfolded, whose control bytes are blanks, and whose bytes are UTF-8. */
static struct span clean(struct composition *composition, struct span value)
{
	char *p = run_alloc(composition->run, value.n + 1);
	size_t n = 0;

	if (p == NULL || !fuel_take(&composition->run->fuel, value.n)) {
		composition->has_failed = true;
		return (struct span){ "", 0 };
	}
	for (size_t i = 0, length; i < value.n; i += length) {
		char c = value.p[i];

		length = utf8_length(value.p + i, value.n - i);
		if (length > 1) {
			memcpy(p + n, value.p + i, length);
			n += length;
		} else if (length == 0) {
			length = 1;
			p[n++] = '?';
		} else if ((c == '\r' || c == '\n') && i + 1 < value.n &&
			   strchr("\r\n\t ", value.p[i + 1]) != NULL) {
			/* What follows stands for it. */
		} else {
			p[n++] = text_is_control(c) ? ' ' : c;
		}
	}
	return span_trim((struct span){ p, n });
}

static void put_base64(struct composition *composition, struct span bytes)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < bytes.n; i += 3) {
		unsigned long value = 0;
		char out[4];

		for (size_t j = 0; j < 3; j++) {
			value = value << 8 | (i + j < bytes.n ? (unsigned char)bytes.p[i + j] : 0);
		}
		for (size_t j = 0; j < 4; j++) {
			out[j] = i + j > bytes.n ? '=' : digits[value >> (18 - 6 * j) & 63];
		}
		compose_bytes(composition, (struct span){ out, sizeof(out) });
	}
}

/* Encoded words, whole characters in each, on a line of their own but for the first. */
static void put_encoded(struct composition *composition, struct span text)
{
	for (size_t begin = 0, end; begin < text.n; begin = end) {
		end = begin;
		while (end < text.n) {
			size_t length = utf8_length(text.p + end, text.n - end);

			if (end + length - begin > WORD_BYTES) {
				break;
			}
			end += length;
		}
		compose_text(composition, begin == 0 ? "=?utf-8?B?" : "\r\n =?utf-8?B?");
		put_base64(composition, (struct span){ text.p + begin, end - begin });
		compose_text(composition, "?=");
	}
}

/* Folded at blanks, when the next word would be too long for the line, of which so much is taken. */
static void put_folded(struct composition *composition, struct span text, size_t column)
{
	size_t i = 0;

	while (i < text.n) {
		size_t end = i + 1;

		while (end < text.n && text.p[end] != ' ') {
			end++;
		}
		if (text.p[i] == ' ' && column + end - i > LINE_MAX && end - i > 1) {
			compose_text(composition, "\r\n");
			column = 0;
		}
		compose_bytes(composition, (struct span){ text.p + i, end - i });
		column += end - i;
		i = end;
	}
}

void compose_field(struct composition *composition, const char *name, struct span value)
{
	struct span text = clean(composition, value);

	compose_text(composition, name);
	compose_text(composition, ": ");
	if (is_ascii(text)) {
		put_folded(composition, text, strlen(name) + 2);
	} else {
		put_encoded(composition, text);
	}
	compose_text(composition, "\r\n");
}

void compose_address(
    struct composition *composition, const char *prefix, const struct mail_address *address)
{
	struct span phrase = clean(composition, address->phrase);

	compose_text(composition, prefix);
	if (phrase.n > 0) {
		if (is_ascii(phrase)) {
			compose_bytes(composition, phrase);
		} else {
			put_encoded(composition, phrase);
		}
		compose_text(composition, " <");
	}
	compose_bytes(composition, clean(composition, address->text));
	compose_text(composition, phrase.n > 0 ? ">" : "");
}

struct span compose_cut(struct composition *composition, struct span text)
{
	struct composition shorter;
	size_t n_characters = 0;

	for (size_t i = 0; i < text.n; i++) {
		n_characters += ((unsigned char)text.p[i] & 0xc0) != 0x80;
		if (n_characters == SUBJECT_MAX && i + 1 < text.n) {
			compose_begin(&shorter, composition->run);
			compose_bytes(&shorter, (struct span){ text.p, i });
			compose_text(&shorter, "\xe2\x80\xa6");
			compose_end(&shorter, &text);
			break;
		}
	}
	return text;
}

/* What no other message of ours has: its time, and what it answers, to whom, for whom. */
static uint64_t hash_of(const struct sieve_run *run)
{
	const struct sieve_facts *facts = run->facts;
	uint64_t hash = text_hash(TEXT_HASH_START, facts->header.p, facts->header.n);

	hash = text_hash(hash, facts->to.p, facts->to.n);
	return text_hash(hash, &run->plan.n_actions, sizeof(run->plan.n_actions));
}

void compose_id(struct composition *composition)
{
	const struct sieve_facts *facts = composition->run->facts;
	char line[200];

	snprintf(line, sizeof(line), "Message-ID: <sieve.%llx.%llx@%.100s>\r\n",
	    (unsigned long long)facts->now, (unsigned long long)hash_of(composition->run),
	    facts->hostname);
	compose_text(composition, line);
}

void compose_head(struct composition *composition)
{
	const struct sieve_facts *facts = composition->run->facts;
	struct moment now = { .time = facts->now, .zone = facts->zone(facts->now) };
	char date[CALENDAR_TEXT_MAX];
	size_t n = calendar_write(&now, CALENDAR_STD11, date);

	compose_text(composition, "X-Sieve: lmtpd " LMTPD_VERSION "\r\n");
	compose_id(composition);
	compose_field(composition, "Date", (struct span){ date, n });
}

void compose_body(struct composition *composition, struct span text)
{
	size_t begin = 0;

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\n') {
			size_t end = i > begin && text.p[i - 1] == '\r' ? i - 1 : i;

			compose_bytes(composition, (struct span){ text.p + begin, end - begin });
			compose_text(composition, "\r\n");
			begin = i + 1;
		}
	}
	compose_bytes(composition, (struct span){ text.p + begin, text.n - begin });
	if (begin < text.n) {
		compose_text(composition, "\r\n");
	}
}

bool compose_end(const struct composition *composition, struct span *text_r)
{
	*text_r = (struct span){ composition->text, composition->n };
	return !composition->has_failed;
}
