/* SPDX-License-Identifier: MIT
 * How a password hash is stored: as it is, or behind a {SCHEME} as Dovecot writes it, with an encoding
 * if it is not the scheme's own: {SSHA512}, {SSHA512.HEX}, {ARGON2ID.B64}; all in any case. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
	PASSWORD_HASH_MAX = 384, /* as CRYPT_OUTPUT_SIZE; nothing that is longer is a hash here */
};

enum scheme_kind {
	SCHEME_MODULAR, /* the hash's own start says how it was made, whatever the scheme is called */
	SCHEME_PBKDF2, /* $1$salt$rounds$hex */
	SCHEME_DIGEST, /* the digest, and the salt behind it where there is one */
};

struct scheme {
	const char *name;
	size_t n_digest; /* bytes, of a digest */
	enum scheme_kind kind;
	bool is_salted;
};

struct stored {
	const struct scheme *scheme;
	unsigned char bytes[PASSWORD_HASH_MAX + 1]; /* decoded, and NUL behind them */
	size_t n;
};

/* Returns false for a scheme or an encoding that is not known, and for what is not encoded so. What it
 * leaves in *stored_r is as secret as the text. */
bool scheme_read(struct stored *stored_r, const char *text);

/* Reads the hex digits text[0..n), in either case, into n / 2 bytes; false if they are none. */
bool scheme_read_hex(unsigned char *out, const char *text, size_t n);

/* Behind a {SCHEME}, or the text as it is. */
const char *scheme_skip(const char *text);
