/* SPDX-License-Identifier: MIT
 * The replies of LMTP: every code, enhanced code and text stands in one table. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* One value names one row of the table. Values that end a message for good (5xx) are named
 * outcomes; every accident maps to a 4xx row. */
enum reply {
	REPLY_NONE,

	REPLY_GREETING,
	REPLY_OK,
	REPLY_SENDER_OK,
	REPLY_RECIPIENT_OK,
	REPLY_SAVED,
	REPLY_CHUNK_OK,
	REPLY_BYE,
	REPLY_CANNOT_VERIFY,
	REPLY_START_DATA,

	REPLY_SHUTTING_DOWN,
	REPLY_IDLE,
	REPLY_TOO_MANY_ERRORS,

	REPLY_NO_DATABASE,
	REPLY_ALIAS_LOOP,
	REPLY_ALIAS_ELSEWHERE,
	REPLY_BAD_PATH,
	REPLY_BAD_ROW,
	REPLY_OTHER_NODE,
	REPLY_MOVING,
	REPLY_DISABLED_NOW,
	REPLY_FULL_NOW,
	REPLY_NOT_WRITTEN,
	REPLY_DISK_FULL,
	REPLY_DISK_STALLED,
	REPLY_NOT_SENT,
	REPLY_NO_MEMORY,
	REPLY_TOO_MANY_RECIPIENTS,

	REPLY_UNKNOWN_COMMAND,
	REPLY_BAD_LINE,
	REPLY_BAD_ARGUMENT,
	REPLY_BAD_SEQUENCE,
	REPLY_NO_MAILBOX,
	REPLY_NO_DOMAIN,
	REPLY_BAD_MAILBOX,
	REPLY_DISABLED,
	REPLY_FULL,
	REPLY_TOO_BIG,
	REPLY_BAD_SENDER,
	REPLY_UNKNOWN_PARAMETER,
	REPLY_REJECTED,

	REPLY_COUNT,
	REPLIES = 2 * REPLY_COUNT /* with those that reply_soften() makes */
};

/* Is it one of them? Not every number below REPLIES is. */
bool reply_is_one(enum reply reply);

/* While a site is being moved nothing is refused for good: a 5xx becomes the 4xx beside it, all else is as it is. */
enum reply reply_soften(enum reply reply);

/* A reply line is at most this long, CRLF included (RFC 5321 4.5.3.1.5). */
enum {
	REPLY_LINE_MAX = 512,
	REPLY_SAID_LINES =
	    10, /* of what a user says, of REPLY_SAID_MAX bytes in all; the rest is left out */
	REPLY_SAID_MAX = 1000,
	REPLY_LINES_MAX = REPLY_SAID_LINES * REPLY_LINE_MAX
};

int reply_code(enum reply reply);             /* 250, ... */
const char *reply_enhanced(enum reply reply); /* "2.1.5", or "" where RFC 2034 forbids one */
const char *reply_text(enum reply reply);
bool reply_is_permanent(enum reply reply); /* 5xx */

/* Writes one whole line, CRLF included, into out (REPLY_LINE_MAX bytes) and returns its length.
 * @address is echoed as <address> behind the enhanced code, NULL for none; @word stands before the
 * text (an id, a host name), NULL for none. Bytes that do not belong into a reply become '?',
 * and an over-long address or word is cut. */
size_t reply_format(char *out, enum reply reply, const char *address, const char *word);

/* The same with what a user says instead of the text, in several lines if need be (RFC 5321 4.2.1), into out
 * (REPLY_LINES_MAX bytes): its own lines, long ones divided at a blank. What is no ASCII becomes '?', a character one
 * (RFC 5429 2.1.1: a client without SMTPUTF8 could not take it). NULL or nothing printable: the text. */
size_t reply_format_said(char *out, enum reply reply, const char *address, const char *said);
