/* SPDX-License-Identifier: MIT
 * The stored credentials of one user: a password, or several, such as one for each of his devices. Blocking;
 * for the look-up lane, the lane that hashes, and the commands. */
#pragma once

#include "auth/password.h"
#include "protocol/sasl.h"
#include "schema/directory.h"

enum {
	CREDENTIALS_MAX = 8, /* passwords of a user */
	/* No further one is tried after so much hashing, or in all. */
	CREDENTIALS_COST_MS = 4000,
	CREDENTIALS_PATIENCE_MS = 8000,
	CREDENTIALS_LABEL_MAX = 64,
};

struct credential {
	char user[SASL_USER_MAX + 1]; /* as it stands in the row */
	char hash[PASSWORD_HASH_MAX];
	char label[CREDENTIALS_LABEL_MAX + 1]; /* for the log, cut; "" for none */
};

struct credentials {
	struct credential rows[CREDENTIALS_MAX]; /* in their order */
	unsigned n;
	bool
	    is_unknown; /* a further row has a password that is too long to be a hash, or no text */
};

enum credentials_outcome {
	CREDENTIALS_FOUND = 0,
	CREDENTIALS_NONE,     /* no such user */
	CREDENTIALS_LOCKED,   /* there is no other row: see password_is_locked() */
	CREDENTIALS_TOO_MANY, /* rows that are not locked */
};

/* Looks the user up in lower case (ASCII). Only rows that equal it, byte for byte after lower-casing both,
 * count. Returns a credentials_outcome or a negative accident; directory_error() has its text. */
int credentials_find(struct directory *directory, const struct directory_login *login,
    struct credentials *credentials_r);

/* Of credentials_check(), besides a password_outcome. */
enum {
	CREDENTIALS_TOO_SLOW = PASSWORD_UNKNOWN_METHOD + 1
};

/* Tries a password against one after the other, until one fits. *checked_r is that one, or the last that it
 * could be checked against, NULL if there is none. What fits none is wrong only if all could be checked.
 * Returns a password_outcome, CREDENTIALS_TOO_SLOW or -ENOMEM. */
int credentials_check(const struct credentials *credentials, const char *password,
    const struct credential **checked_r);
