/* SPDX-License-Identifier: MIT
 * The server that takes what scripts send: is it there, and does it take that from this machine? Judges what it has answered; who asks
 * is the daemon's own client. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "doctor/report.h"
#include "protocol/submission.h"
#include "runtime/prefix.h"

enum {
	FORWARDING_OURS,   /* the postmaster of this machine */
	FORWARDING_OTHERS, /* somebody whom no server has: he can only be forwarded to */
	FORWARDING_RECIPIENTS,
};

/* In a network that is nobody's (RFC 5737 3): no server takes it for its own, and none looks its name up. */
#define FORWARDING_STRANGER "postmaster@[192.0.2.1]"

struct forwarding_facts {
	const char *endpoint;                                      /* sieve.submission */
	bool is_offered;                                           /* it has answered EHLO */
	struct submission_outcome outcomes[FORWARDING_RECIPIENTS]; /* of mail without a sender */
	bool has_8bitmime, has_chunking, has_smtputf8;
	uint64_t size_max, size_limit; /* its own, and that of what comes here; 0: none */
	char client[PREFIX_TEXT_SIZE]; /* our address, as it sees it; "": it is on this machine */
};

void forwarding_check(const struct forwarding_facts *facts, struct report *report);
