/* SPDX-License-Identifier: MIT
 * mailto: URIs (RFC 6068), as notifications are sent to them (RFC 5436). Private to sieve. */
#pragma once

#include "base/arena.h"
#include "mail/addresses.h"

enum {
	MAILTO_RECIPIENTS_MAX = 8,
	MAILTO_FIELDS_MAX = 16,
};

struct mailto_field {
	struct span name, value; /* decoded */
};

enum mailto_place {
	MAILTO_TO,
	MAILTO_CC,
	MAILTO_BCC,
};

struct mailto_recipient {
	struct mail_address address;
	enum mailto_place place;
};

struct mailto {
	struct mailto_recipient recipients[MAILTO_RECIPIENTS_MAX];
	size_t n_recipients;
	struct mailto_field fields[MAILTO_FIELDS_MAX]; /* others */
	size_t n_fields;
	struct span subject, body; /* p is NULL: not given */
};

/* Takes one apart. Returns 0; 1: it is none, *error_r says why in a few words; -ENOMEM. */
int mailto_parse(
    struct span uri, struct arena *arena, struct mailto *mailto_r, const char **error_r);
