/* SPDX-License-Identifier: MIT
 * The stored credentials of one user. Blocking; for the look-up lane and the commands. */
#pragma once

#include "auth/password.h"
#include "protocol/sasl.h"
#include "schema/directory.h"

struct credentials {
	char user[SASL_USER_MAX + 1]; /* as it stands in the row */
	char hash[PASSWORD_HASH_MAX];
};

enum credentials_outcome {
	CREDENTIALS_FOUND = 0,
	CREDENTIALS_NONE,     /* no such user */
	CREDENTIALS_LOCKED,   /* see password_is_locked() */
	CREDENTIALS_UNUSABLE, /* more than one row, or a password that is too long to be a hash */
};

/* Looks user up in lower case (ASCII). Only a row that equals it, byte for byte after lower-casing
 * both, counts. Returns a credentials_outcome or a negative accident; directory_error() has its
 * text. */
int credentials_find(
    struct directory *directory, const char *user, struct credentials *credentials_r);
