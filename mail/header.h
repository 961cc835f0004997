/* SPDX-License-Identifier: MIT
 * The header fields put on top of a message, and what the log wants to know of its own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/* What the fields say. Strings are those of the wire: bytes that do not belong into a header are
 * replaced when it is made. */
struct header {
	const char *sender;       /* without angle brackets; "" = the null sender */
	const char *delivered_to; /* the one mailbox of the transaction, or NULL */
	const char *lhlo;
	const char *hostname;
	const char *id;
	const char *recipient; /* as given, when the transaction has exactly one, or NULL */
	time_t time;
	bool is_utf8; /* SMTPUTF8 was used */
};

/* Room that header_compose() always suffices with, for any sender within a command line. */
enum {
	HEADER_MAX = 20480
};

/* Return-Path, Delivered-To and Received (RFC 5321 4.4), LF line ends, into out[HEADER_MAX].
 * Returns the length. */
size_t header_compose(char *out, const struct header *header);

/* A sender can write here what he likes, where no server before has put its own on top. "" where there is none. */
struct header_facts {
	char queue_id[32]; /* of the topmost Received: (the "id" clause), Postfix's queue id */
	/* Its date, cut if longer. Queue ids come back, with the inode of a file and the microsecond of a second; with the second
	 * they do not. */
	char received[64];
	char message_id[256]; /* with its angle brackets, cut if longer */
};

/* Looks at the header of a message, LF line ends, of which data[0..n) is the start. */
void header_scan(struct header_facts *facts_r, const char *data, size_t n);
