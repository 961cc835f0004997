/* SPDX-License-Identifier: MIT
 * Fuzz target of header fields: whatever the client says, the fields on top of a message are these and
 * no others, and the ids that the log reads cannot be forged from below the header or by a client's
 * name.
 *
 * The first byte of an input says which parts there are. Sender, client's name, mailbox, recipient and
 * the message follow, divided by NULs. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "mail/header.h"
#include "protocol/lmtp.h"

enum has {
	HAS_MAILBOX = 1,
	HAS_RECIPIENT = 2,
	IS_UTF8 = 4,
};

static const char id[] = "5f3a-1c-7.1";

/* The next part, up to a NUL, and what is left; at most max bytes of it are taken. */
static char *take_part(const uint8_t **data, size_t *n, size_t max)
{
	const uint8_t *nul = *n == 0 ? NULL : memchr(*data, '\0', *n);
	size_t n_part = nul == NULL ? *n : (size_t)(nul - *data);
	char *part = fuzz_string(*data, n_part < max ? n_part : max);

	*data += n_part + (nul != NULL);
	*n -= n_part + (nul != NULL);
	return part;
}

/* Takes one line off that must begin so. */
static void take_line(const char **at, const char *start)
{
	fuzz_require(strncmp(*at, start, strlen(start)) == 0, "the next line is this one");
	*at = strchr(*at, '\n');
	if (*at == NULL) {
		fuzz_end_broken("lines have an end");
	}
	++*at;
}

static void check_composed(const struct header *header)
{
	char *composed = fuzz_room(HEADER_MAX + 1);
	struct header_facts facts;
	size_t n = header_compose(composed, header);
	const char *at = composed;

	fuzz_require(n > 0 && n < HEADER_MAX, "it fits");
	composed[n] = '\0';
	fuzz_require(strlen(composed) == n, "it has no NUL");
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)composed[i];

		fuzz_require(
		    (c >= 0x20 && c != 0x7f) || c == '\n' || c == '\t', "no control bytes");
	}
	take_line(&at, "Return-Path: <");
	if (header->delivered_to != NULL) {
		take_line(&at, "Delivered-To: ");
	}
	take_line(&at, "Received: from ");
	take_line(&at, header->is_utf8 ? "\tby mx.example.com with UTF8LMTP id 5f3a-1c-7.1\n"
				       : "\tby mx.example.com with LMTP id 5f3a-1c-7.1\n");
	take_line(&at, "\t(envelope-from <");
	if (header->recipient != NULL) {
		take_line(&at, "\tfor <");
	}
	take_line(&at, "\t");
	fuzz_require(*at == '\0', "nothing is behind them");
	/* As the next daemon on the way would read it. */
	header_scan(&facts, composed, n);
	fuzz_require(strcmp(facts.queue_id, id) == 0, "its id is ours");
	fuzz_require(facts.message_id[0] == '\0', "it has no Message-ID");
	free(composed);
}

/* Bytes of the header, up to the empty line. */
static size_t header_length(const char *message, size_t n)
{
	size_t at = 0;

	while (at < n && message[at] != '\n' &&
	       (message[at] != '\r' || at + 1 == n || message[at + 1] != '\n')) {
		const char *lf = memchr(message + at, '\n', n - at);

		at = lf == NULL ? n : (size_t)(lf - message) + 1;
	}
	return at;
}

static bool is_word(const char *text)
{
	return strpbrk(text, " \t\r\n") == NULL;
}

static void check_scanned(const char *message, size_t n)
{
	struct header_facts facts, again;
	size_t n_header = header_length(message, n);
	char *header = fuzz_copy(message, n_header);

	memset(&facts, 'x', sizeof(facts));
	header_scan(&facts, message, n);
	fuzz_require(memchr(facts.queue_id, '\0', sizeof(facts.queue_id)) != NULL &&
			 memchr(facts.received, '\0', sizeof(facts.received)) != NULL &&
			 memchr(facts.message_id, '\0', sizeof(facts.message_id)) != NULL,
	    "facts have an end");
	fuzz_require(is_word(facts.queue_id) && is_word(facts.message_id), "and are words");
	header_scan(&again, header, n_header);
	fuzz_require(strcmp(facts.queue_id, again.queue_id) == 0 &&
			 strcmp(facts.received, again.received) == 0 &&
			 strcmp(facts.message_id, again.message_id) == 0,
	    "the body says nothing");
	free(header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *sender, *lhlo, *mailbox, *recipient, *message;
	struct header header = { .hostname = "mx.example.com", .id = id, .time = 1700000000 };
	unsigned has;

	if (n == 0) {
		return 0;
	}
	has = data[0];
	data++;
	n--;
	sender = take_part(&data, &n, LMTP_LINE_MAX);
	lhlo = take_part(&data, &n, LMTP_LINE_MAX);
	mailbox = take_part(&data, &n, 511); /* ADDRESS_MAX */
	recipient = take_part(&data, &n, LMTP_LINE_MAX);
	header.sender = sender;
	header.lhlo = lhlo[0] == '\0' ? "x" : lhlo; /* LHLO has one */
	header.delivered_to = (has & HAS_MAILBOX) != 0 ? mailbox : NULL;
	header.recipient = (has & HAS_RECIPIENT) != 0 ? recipient : NULL;
	header.is_utf8 = (has & IS_UTF8) != 0;
	check_composed(&header);
	message = fuzz_copy(data, n);
	check_scanned(message, n);
	free(sender);
	free(lhlo);
	free(mailbox);
	free(recipient);
	free(message);
	return 0;
}
