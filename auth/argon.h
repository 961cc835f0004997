/* SPDX-License-Identifier: MIT
 * $argon2id$ and $argon2i$ (RFC 9106), by libargon2. Any thread.
 *
 * Argon2 is made to need memory, so all threads have one budget: a hash waits for its share of it, in the
 * order of who came first. One whose lanes are many is computed on the thread that asks, lane after lane:
 * that gives the same hash, and the library starts no threads of its own. */
#pragma once

#include <stdbool.h>

enum {
	ARGON_MEMORY_MAX =
	    256 * 1024, /* KiB, over all threads; a hash that needs more is not checked */
	/* KiB written over all passes: two or three seconds of work, and no hash of sense needs a tenth. */
	ARGON_WORK_MAX = 2 * 1024 * 1024,
	ARGON_WORK_WEAK = 16 * 1024, /* less is; RFC 9106 and OWASP want more than twice as much */
};

/* Does a hash begin as one of Argon2? */
bool argon_is(const char *hash);

/* The method, or NULL for a hash that cannot be checked: it was cut, or needs too much. */
const char *argon_method(const char *hash, bool *is_weak_r);

/* Checks a password against a hash that has a method. Returns a password_outcome or -ENOMEM. */
int argon_check(const char *password, const char *hash);

/* Hashes a password with argon2id and a new salt, behind {ARGON2ID}. hash_r[PASSWORD_HASH_MAX]. Returns 0
 * or a negative errno. */
int argon_make(char *hash_r, const char *password);
