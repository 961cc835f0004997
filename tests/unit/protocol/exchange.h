/* SPDX-License-Identifier: MIT
 * Exchanges with the auth protocol as tables of text: what the client sends, and every byte that
 * comes back.
 *
 * In what is sent, {text} stands for the text in base64, with ^ for NUL: {^user^right}. The password
 * says what becomes of a login:
 *   right   it is right; the row has the name in lower case
 *   tab     it is right, but the row's name cannot be written into a reply
 *   else    it is wrong */
#pragma once

#include "protocol/dovecot.h"
#include "tests/unit/unit.h"

/* When the logins that are out get their outcome. */
enum exchange_outcomes {
	EXCHANGE_AT_ONCE,
	EXCHANGE_BETWEEN,  /* behind input, before more */
	EXCHANGE_AT_END,   /* behind all that the client sends */
	EXCHANGE_REVERSED, /* there too, the last one first */
};

struct exchange {
	const char *name;
	struct text input;
	enum exchange_outcomes outcomes;
	unsigned seconds; /* that pass before more */
	struct text more;
	const char *output; /* all but the handshake */
	/* What the edge hears, one line each; NULL: whatever it is, it is always the same.
	 *   verify ID MECHANISM USER PASSWORD RIP
	 *   refused ID
	 *   closed */
	const char *events;
	const struct dovecot_settings *settings; /* NULL: both mechanisms */
};

/* Runs each exchange whole, cut in two at every byte, and byte by byte, with the output read at once,
 * byte by byte, or late: the output must be the one of the table each time. */
void check_exchanges(const struct exchange *exchanges, size_t n);

/* Checks that the text is whole lines of OK, FAIL and CONT, each of the form that Postfix reads.
 * Returns how many there are. */
size_t check_lines(const char *output, size_t n);

extern const struct dovecot_settings exchange_settings;
extern const char exchange_handshake[]; /* of exchange_settings */
