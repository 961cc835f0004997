/* SPDX-License-Identifier: MIT
 * The names are those that Dovecot and the panels write. */
#include "auth/scheme.h"

#include <string.h>

#include "base/text.h"
#include "protocol/base64.h"

enum encoding {
	ENCODING_OWN, /* of the scheme: base64 for a digest, else none */
	ENCODING_BASE64,
	ENCODING_HEX,
};

static const struct scheme schemes[] = {
	{ "CRYPT", 0, SCHEME_MODULAR, true },
	{ "SHA512-CRYPT", 0, SCHEME_MODULAR, true },
	{ "SHA256-CRYPT", 0, SCHEME_MODULAR, true },
	{ "BLF-CRYPT", 0, SCHEME_MODULAR, true },
	{ "MD5-CRYPT", 0, SCHEME_MODULAR, true },
	{ "ARGON2ID", 0, SCHEME_MODULAR, true },
	{ "ARGON2I", 0, SCHEME_MODULAR, true },
	{ "PBKDF2", 0, SCHEME_PBKDF2, true },
	{ "SSHA512", 64, SCHEME_DIGEST, true },
	{ "SSHA256", 32, SCHEME_DIGEST, true },
	{ "SSHA", 20, SCHEME_DIGEST, true },
	{ "SHA512", 64, SCHEME_DIGEST, false },
	{ "SHA256", 32, SCHEME_DIGEST, false },
};

const char *scheme_skip(const char *text)
{
	const char *end = text[0] == '{' ? strchr(text, '}') : NULL;

	return end == NULL ? text : end + 1;
}

static const struct scheme *find_scheme(const char *name, size_t n)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (text_is(name, n, schemes[i].name)) {
			return &schemes[i];
		}
	}
	return NULL;
}

/* "SSHA512", "SSHA512.HEX" */
static const struct scheme *read_name(const char *name, size_t n, enum encoding *encoding_r)
{
	const char *dot = memchr(name, '.', n);
	size_t n_word = dot == NULL ? 0 : (size_t)(name + n - dot - 1);

	*encoding_r = ENCODING_OWN;
	if (dot == NULL) {
		return find_scheme(name, n);
	}
	if (text_is(dot + 1, n_word, "B64") || text_is(dot + 1, n_word, "BASE64")) {
		*encoding_r = ENCODING_BASE64;
	} else if (text_is(dot + 1, n_word, "HEX")) {
		*encoding_r = ENCODING_HEX;
	} else {
		return NULL;
	}
	return find_scheme(name, (size_t)(dot - name));
}

static int value_of(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = memchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c, 16);

	return found == NULL ? -1 : (int)(found - digits);
}

bool scheme_read_hex(unsigned char *out, const char *text, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		int high = value_of(text[2 * i]), low = value_of(text[2 * i + 1]);

		if (high < 0 || low < 0) {
			return false;
		}
		out[i] = (unsigned char)(high << 4 | low);
	}
	return n % 2 == 0;
}

/* Returns the number of bytes, or -1. */
static ssize_t decode(
    unsigned char *out, const char *text, const struct scheme *scheme, enum encoding encoding)
{
	size_t n = strlen(text);

	/* Dovecot tells the hex of a bare digest by its length. */
	if (encoding == ENCODING_HEX ||
	    (encoding == ENCODING_OWN && scheme->kind == SCHEME_DIGEST && !scheme->is_salted &&
		n == 2 * scheme->n_digest)) {
		return scheme_read_hex(out, text, n) ? (ssize_t)(n / 2) : -1;
	}
	if (encoding == ENCODING_BASE64 || scheme->kind == SCHEME_DIGEST) {
		return base64_decode(out, text, n);
	}
	memcpy(out, text, n);
	return (ssize_t)n;
}

bool scheme_read(struct stored *stored_r, const char *text)
{
	const char *rest = scheme_skip(text);
	enum encoding encoding = ENCODING_OWN;
	ssize_t n;

	stored_r->scheme = &schemes[0];
	if (rest != text) {
		stored_r->scheme = read_name(text + 1, (size_t)(rest - text - 2), &encoding);
	}
	if (stored_r->scheme == NULL || strlen(rest) >= PASSWORD_HASH_MAX) {
		return false;
	}
	n = decode(stored_r->bytes, rest, stored_r->scheme, encoding);
	if (n < 0) {
		return false;
	}
	stored_r->n = (size_t)n;
	stored_r->bytes[n] = '\0';
	/* What is text holds no NUL. */
	return stored_r->scheme->kind == SCHEME_DIGEST ||
	       strlen((char *)stored_r->bytes) == (size_t)n;
}
