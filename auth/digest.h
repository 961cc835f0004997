/* SPDX-License-Identifier: MIT
 * Hashes of the kinds SCHEME_DIGEST and SCHEME_PBKDF2, by OpenSSL. Any thread. */
#pragma once

#include "auth/scheme.h"

enum {
	/* More would keep a thread for seconds; a thousand times what Dovecot makes. */
	PBKDF2_ROUNDS_MAX = 4000000,
	PBKDF2_ROUNDS_WEAK = 5000, /* fewer are */
};

/* The method, or NULL for what cannot be checked: it was cut, or asks for absurd work. */
const char *digest_method(const struct stored *stored, bool *is_weak_r);

/* Checks a password against what has a method. Returns a password_outcome or -ENOMEM. */
int digest_check(const char *password, const struct stored *stored);
