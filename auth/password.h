/* SPDX-License-Identifier: MIT
 * Passwords against stored hashes of all kinds: crypt(5), Argon2, PBKDF2 and bare digests, as they are or
 * behind a {SCHEME}. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "auth/scheme.h"

enum password_outcome {
	PASSWORD_RIGHT = 0,
	PASSWORD_WRONG,
	/* The hash cannot be checked here: a method or scheme that is not known, a cost that is absurd, or
	 * no hash at all. Says nothing of the password. */
	PASSWORD_UNKNOWN_METHOD,
};

/* Checks a password against a stored hash, in constant time where they are compared. Returns a
 * password_outcome or -ENOMEM. */
int password_check(const char *password, const char *stored);

/* May nobody log in with what is stored? That says NULL or nothing, or, as in shadow(5), what begins
 * with ! or *; each also behind a {SCHEME}. */
bool password_is_locked(const char *stored);

/* The method of a stored hash: "sha512crypt", ... NULL if it cannot be checked. is_weak_r: it should
 * not be used any more. */
const char *password_method(const char *stored, bool *is_weak_r);

/* Hashes a password with a new salt from the system's random source. method: "sha512crypt",
 * "yescrypt", "bcrypt" or "argon2id"; hash_r[PASSWORD_HASH_MAX]. Returns 0, -EINVAL for another method,
 * -E2BIG for a password that bcrypt would cut, or another negative errno. */
int password_hash(char *hash_r, const char *password, const char *method);

/* The same bytes? Takes as long whatever they are. */
bool password_is_equal(const void *a, const void *b, size_t n);
