/* SPDX-License-Identifier: MIT
 * Commands: one line in, its verb, path and parameters out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "mail/address.h"
#include "protocol/reply.h"

enum verb {
	VERB_UNKNOWN,
	VERB_LHLO,
	VERB_MAIL,
	VERB_RCPT,
	VERB_DATA,
	VERB_BDAT,
	VERB_RSET,
	VERB_NOOP,
	VERB_VRFY,
	VERB_QUIT,
};

/* One command. Pointers lead into the line it was read from. */
struct command {
	enum verb verb;
	struct span client; /* of LHLO: its name */
	struct path path;   /* of MAIL and RCPT */
	uint64_t size;      /* of MAIL (SIZE=) and BDAT; UINT64_MAX when larger */
	bool is_last;       /* of BDAT */
	bool is_utf8;       /* of MAIL: SMTPUTF8 stood there */
};

/* Parses line[0..n), CRLF taken off. Returns REPLY_NONE when the command is sound, else the reply
 * that refuses it; the verb is set in both cases. */
enum reply command_parse(struct command *command_r, const char *line, size_t n);
