/* SPDX-License-Identifier: MIT
 * Hashes of crypt(5), by libcrypt. Any thread. */
#pragma once

#include <stdbool.h>

/* The method: "sha512crypt", ... NULL for a hash that cannot be checked. */
const char *crypthash_method(const char *hash, bool *is_weak_r);

/* Checks a password against a hash that has a method. Returns a password_outcome or -ENOMEM. */
int crypthash_check(const char *password, const char *hash);

/* Hashes a password with a new salt: method is "sha512crypt", "yescrypt" or "bcrypt"; hash_r[PASSWORD_HASH_MAX].
 * Returns 0, -EINVAL for another method, -E2BIG for a password that bcrypt would cut, or another negative
 * errno. */
int crypthash_make(char *hash_r, const char *password, const char *method);
