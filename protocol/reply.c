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
	[REPLY_NOT_WRITTEN] = { 451, "4.2.0",
	    "Mailbox could not be written, see the server's log" },
	[REPLY_DISK_FULL] = { 452, "4.3.1", "Disk full" },
	[REPLY_DISK_STALLED] = { 451, "4.3.0", "The disk does not take the message" },
	[REPLY_NO_MEMORY] = { 451, "4.3.0", "Out of memory" },
	[REPLY_TOO_MANY_RECIPIENTS] = { 452, "4.5.3", "Too many recipients" },

	[REPLY_UNKNOWN_COMMAND] = { 500, "5.5.1", "Unknown command" },
	[REPLY_BAD_LINE] = { 500, "5.5.2", "Line too long, or with a lone CR, LF or NUL" },
	[REPLY_BAD_ARGUMENT] = { 501, "5.5.4", "Bad argument" },
	[REPLY_BAD_SEQUENCE] = { 503, "5.5.1", "Wrong order of commands" },
	[REPLY_NO_MAILBOX] = { 550, "5.1.1", "User doesn't exist" },
	[REPLY_NO_DOMAIN] = { 550, "5.1.2", "Domain not served here" },
	[REPLY_BAD_MAILBOX] = { 550, "5.1.3", "Address can be no mailbox here" },
	[REPLY_TOO_BIG] = { 552, "5.3.4", "Message too big" },
	[REPLY_BAD_SENDER] = { 553, "5.1.7", "Bad sender address" },
	[REPLY_UNKNOWN_PARAMETER] = { 555, "5.5.4", "Unsupported parameter" },
};

int reply_code(enum reply reply)
{
	assert(reply > REPLY_NONE && reply < REPLY_COUNT);
	return rows[reply].code;
}

const char *reply_enhanced(enum reply reply)
{
	assert(reply > REPLY_NONE && reply < REPLY_COUNT);
	return rows[reply].enhanced;
}

const char *reply_text(enum reply reply)
{
	assert(reply > REPLY_NONE && reply < REPLY_COUNT);
	return rows[reply].text;
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

size_t reply_format(char *out, enum reply reply, const char *address, const char *word)
{
	enum {
		ADDRESS_ROOM = 320,
		WORD_ROOM = 64
	};
	const struct row *row = &rows[reply];
	size_t n;

	assert(reply > REPLY_NONE && reply < REPLY_COUNT);
	n = (size_t)snprintf(out, REPLY_LINE_MAX, "%d ", row->code);
	if (row->enhanced[0] != '\0') {
		n += (size_t)snprintf(out + n, REPLY_LINE_MAX - n, "%s ", row->enhanced);
	}
	if (address != NULL) {
		out[n++] = '<';
		n += put_clean(out + n, address, ADDRESS_ROOM);
		out[n++] = '>';
		out[n++] = ' ';
	}
	if (word != NULL) {
		n += put_clean(out + n, word, WORD_ROOM);
		out[n++] = ' ';
	}
	n += (size_t)snprintf(out + n, REPLY_LINE_MAX - n, "%s\r\n", row->text);
	return n;
}
