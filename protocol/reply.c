/* SPDX-License-Identifier: MIT
 * The table of replies and their one formatter. Pure: no state, any thread. */
#include "protocol/reply.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/utf8.h"

struct row {
	int code;
	const char *enhanced;
	const char *text;
	const char *soft; /* of a 5xx: the enhanced code when it is a 4xx */
};

static const struct row rows[REPLY_COUNT] = {
	/* RFC 2034 4: the greeting and 3yz replies carry no enhanced code. */
	[REPLY_GREETING] = { 220, "", "LMTP lmtpd ready" },
	[REPLY_OK] = { 250, "2.0.0", "OK" },
	[REPLY_SENDER_OK] = { 250, "2.1.0", "OK" },
	[REPLY_RECIPIENT_OK] = { 250, "2.1.5", "OK" },
	[REPLY_SAVED] = { 250, "2.0.0", "Saved" },
	[REPLY_CHUNK_OK] = { 250, "2.0.0", "Chunk received" },
	[REPLY_BYE] = { 221, "2.0.0", "Bye" },
	[REPLY_CANNOT_VERIFY] = { 252, "2.0.0", "Try RCPT" },
	[REPLY_START_DATA] = { 354, "", "End data with <CR><LF>.<CR><LF>" },

	[REPLY_SHUTTING_DOWN] = { 421, "4.3.2", "Shutting down" },
	[REPLY_IDLE] = { 421, "4.4.2", "Idle for too long" },
	[REPLY_TOO_MANY_ERRORS] = { 421, "4.7.0", "Too many errors" },

	[REPLY_NO_DATABASE] = { 451, "4.4.3", "Database out of reach, try again later" },
	[REPLY_ALIAS_LOOP] = { 451, "4.4.6", "Alias expansion loops" },
	[REPLY_ALIAS_ELSEWHERE] = { 451, "4.3.5", "Alias leads elsewhere" },
	[REPLY_BAD_PATH] = { 451, "4.3.5", "Mailbox has no path that is allowed" },
	[REPLY_BAD_ROW] = { 451, "4.3.5", "Mailbox has a row that cannot be used" },
	[REPLY_OTHER_NODE] = { 451, "4.3.2", "Mailbox is served elsewhere" },
	[REPLY_MOVING] = { 451, "4.3.2", "Mailbox is being moved" },
	[REPLY_DISABLED_NOW] = { 450, "4.2.1", "Mailbox is disabled for now" },
	[REPLY_FULL_NOW] = { 452, "4.2.2", "Mailbox is full" },
	[REPLY_NOT_WRITTEN] = { 451, "4.2.0",
	    "Mailbox could not be written, see the server's log" },
	[REPLY_DISK_FULL] = { 452, "4.3.1", "Disk full" },
	[REPLY_DISK_STALLED] = { 451, "4.3.0", "The disk does not take the message" },
	[REPLY_NOT_SENT] = { 451, "4.3.0", "Message could not be forwarded, try again later" },
	[REPLY_NO_MEMORY] = { 451, "4.3.0", "Out of memory" },
	[REPLY_TOO_MANY_RECIPIENTS] = { 452, "4.5.3", "Too many recipients" },

	[REPLY_UNKNOWN_COMMAND] = { 500, "5.5.1", "Unknown command", "4.5.1" },
	[REPLY_BAD_LINE] = { 500, "5.5.2", "Line too long, or with a lone CR, LF or NUL", "4.5.2" },
	[REPLY_BAD_ARGUMENT] = { 501, "5.5.4", "Bad argument", "4.5.4" },
	[REPLY_BAD_SEQUENCE] = { 503, "5.5.1", "Wrong order of commands", "4.5.1" },
	[REPLY_NO_MAILBOX] = { 550, "5.1.1", "User doesn't exist", "4.1.1" },
	[REPLY_NO_DOMAIN] = { 550, "5.1.2", "Domain not served here", "4.1.2" },
	[REPLY_BAD_MAILBOX] = { 550, "5.1.3", "Address can be no mailbox here", "4.1.3" },
	[REPLY_DISABLED] = { 550, "5.2.1", "Mailbox is disabled", "4.2.1" },
	[REPLY_FULL] = { 552, "5.2.2", "Mailbox is full", "4.2.2" },
	[REPLY_TOO_BIG] = { 552, "5.3.4", "Message too big", "4.3.4" },
	[REPLY_BAD_SENDER] = { 553, "5.1.7", "Bad sender address", "4.1.7" },
	[REPLY_UNKNOWN_PARAMETER] = { 555, "5.5.4", "Unsupported parameter", "4.5.4" },
	[REPLY_REJECTED] = { 550, "5.7.1", "The recipient does not take this message", "4.7.1" },
};

static bool is_soft(enum reply reply)
{
	return reply >= REPLY_COUNT;
}

/* Code 0: there is none. */
static const struct row *row_at(enum reply reply)
{
	return &rows[is_soft(reply) ? reply - REPLY_COUNT : reply];
}

bool reply_is_one(enum reply reply)
{
	return reply < REPLIES &&
	       (is_soft(reply) ? row_at(reply)->soft != NULL : row_at(reply)->code != 0);
}

static const struct row *row_of(enum reply reply)
{
	assert(reply_is_one(reply));
	return row_at(reply);
}

enum reply reply_soften(enum reply reply)
{
	return reply != REPLY_NONE && reply_is_permanent(reply) ? reply + REPLY_COUNT : reply;
}

int reply_code(enum reply reply)
{
	return row_of(reply)->code - (is_soft(reply) ? 100 : 0);
}

const char *reply_enhanced(enum reply reply)
{
	return is_soft(reply) ? row_of(reply)->soft : row_of(reply)->enhanced;
}

const char *reply_text(enum reply reply)
{
	return row_of(reply)->text;
}

bool reply_is_permanent(enum reply reply)
{
	return reply_code(reply) >= 500;
}

/* Copies at most max bytes of text that may stand in a reply. UTF-8 stays, since the addresses that
 * hold it were announced with SMTPUTF8 (RFC 6531 3.7.4.2); other bytes that are no ASCII do not. */
static size_t put_clean(char *out, const char *text, size_t max)
{
	size_t n = strnlen(text, max);
	bool is_utf8;

	/* Not in the middle of a character. */
	while (n > 0 && text[n] != '\0' && ((unsigned char)text[n] & 0xc0) == 0x80) {
		n--;
	}
	is_utf8 = utf8_is_valid(text, n);
	for (size_t i = 0; i < n; i++) {
		bool is_ascii = (unsigned char)text[i] < 0x80;

		out[i] = text_is_control(text[i]) || (!is_ascii && !is_utf8) ? '?' : text[i];
	}
	return n;
}

enum {
	ADDRESS_ROOM = 320,
	WORD_ROOM = 64
};

/* Code, enhanced code and address; sign: what stands behind the code, '-' if more lines follow. */
static size_t put_head(char *out, enum reply reply, char sign, const char *address)
{
	const char *enhanced = reply_enhanced(reply);
	size_t n = (size_t)snprintf(out, REPLY_LINE_MAX, "%d%c", reply_code(reply), sign);

	if (enhanced[0] != '\0') {
		n += (size_t)snprintf(out + n, REPLY_LINE_MAX - n, "%s ", enhanced);
	}
	if (address != NULL) {
		out[n++] = '<';
		n += put_clean(out + n, address, ADDRESS_ROOM);
		out[n++] = '>';
		out[n++] = ' ';
	}
	return n;
}

size_t reply_format(char *out, enum reply reply, const char *address, const char *word)
{
	size_t n = put_head(out, reply, ' ', address);

	if (word != NULL) {
		n += put_clean(out + n, word, WORD_ROOM);
		out[n++] = ' ';
	}
	n += (size_t)snprintf(out + n, REPLY_LINE_MAX - n, "%s\r\n", reply_text(reply));
	return n;
}

/* --- what a user says ---------------------------------------------------------------------------------------------- */

/* Copies what of it can stand in a reply, lines divided by LF, without blanks at their ends and empty ones at the first and the
 * last. 0: there is no word in it. */
static size_t clean_said(char *out, const char *said)
{
	bool has_word = false;
	size_t n = 0;

	for (const char *p = said; *p != '\0' && n < REPLY_SAID_MAX; p++) {
		unsigned char c = (unsigned char)*p;

		if (c == '\n' || (c == '\r' && p[1] != '\n')) {
			while (n > 0 && out[n - 1] == ' ') {
				n--;
			}
			out[n] = '\n';
			n += n > 0;
		} else if (c == '\t') {
			out[n++] = ' ';
		} else if (c < 0x80 ? !text_is_control(*p) : (c & 0xc0) == 0xc0) {
			out[n++] = c < 0x80 ? *p : '?';
			has_word = has_word || text_is_digit(*p) ||
				   (text_lower(*p) >= 'a' && text_lower(*p) <= 'z');
		}
	}
	while (n > 0 && (out[n - 1] == ' ' || out[n - 1] == '\n')) {
		n--;
	}
	return has_word ? n : 0;
}

/* The length of the first line of text[n], n > 0, and how much of it is done then. */
static size_t first_line(const char *text, size_t n, size_t *taken_r)
{
	enum {
		WIDTH = REPLY_LINE_MAX - ADDRESS_ROOM - sizeof("550 5.7.1 <> \r\n")
	};
	const char *end = memchr(text, '\n', n);
	size_t length = end == NULL ? n : (size_t)(end - text);

	*taken_r = length + (end != NULL);
	if (length > WIDTH) {
		length = WIDTH;
		while (length > 0 && text[length] != ' ') {
			length--;
		}
		length = length > 0 ? length : WIDTH;
		*taken_r = length + (text[length] == ' ');
	}
	return length;
}

size_t reply_format_said(char *out, enum reply reply, const char *address, const char *said)
{
	char text[REPLY_SAID_MAX] = "";
	size_t n_text = said == NULL ? 0 : clean_said(text, said), n = 0, at = 0;

	if (n_text == 0) {
		return reply_format(out, reply, address, NULL);
	}
	for (unsigned line = 1; at < n_text && line <= REPLY_SAID_LINES; line++) {
		size_t taken, length = first_line(text + at, n_text - at, &taken);
		bool is_last = at + taken >= n_text || line == REPLY_SAID_LINES;

		n += put_head(out + n, reply, is_last ? ' ' : '-', line == 1 ? address : NULL);
		memcpy(out + n, text + at, length);
		n += length;
		out[n++] = '\r';
		out[n++] = '\n';
		at += taken;
	}
	return n;
}
