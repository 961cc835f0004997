/* SPDX-License-Identifier: MIT
 * What lmtpd-auth counts, and what it tells of itself (--status). Of the process, so a reload changes
 * nothing of it. Loop's thread. */
#pragma once

#include <stdint.h>

#include "protocol/sasl.h"
#include "status/document.h"
#include "status/histogram.h"
#include "status/vitals.h"

struct verification;

/* Of a login, as in the log. */
enum status_result {
	STATUS_OK,
	STATUS_FAIL,
	STATUS_ERROR, /* nothing can be said: the client is told nothing, see client.c */
	STATUS_RESULTS
};

/* Why nothing can be said. */
enum status_error {
	STATUS_DATABASE, /* it did not answer, or refused the query */
	STATUS_ROW,      /* the user has too many */
	STATUS_HASH,     /* it cannot be checked, or several not in time */
	STATUS_OVERLOAD, /* the login waited too long behind others */
	STATUS_MEMORY,
	STATUS_LEFT, /* the client went away */
	STATUS_ERRORS
};

struct auth_status {
	struct vitals vitals;
	/* By mechanism, the last of which is none that is offered. */
	uint64_t logins[SASL_MECHANISMS + 1][STATUS_RESULTS];
	uint64_t errors[STATUS_ERRORS];
	struct histogram lookups, hashings, verifications;
};

const char *status_name(enum status_result result); /* "ok", "fail", "error" */

/* A verification is back. */
void status_verified(struct auth_status *status, const struct verification *verification);

/* What only this daemon has to tell. */
void status_write(struct daemon *daemon, struct document *document);
