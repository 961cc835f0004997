/* SPDX-License-Identifier: MIT
 * Which library a hash is for. */
#include "auth/password.h"

#include <string.h>

#include "auth/argon.h"
#include "auth/crypthash.h"
#include "auth/digest.h"
#include "auth/scheme.h"

bool password_is_equal(const void *a, const void *b, size_t n)
{
	const unsigned char *left = a, *right = b;
	unsigned char difference = 0;

	for (size_t i = 0; i < n; i++) {
		difference |= left[i] ^ right[i];
	}
	return difference == 0;
}

bool password_is_locked(const char *stored)
{
	const char *hash = stored == NULL ? "" : scheme_skip(stored);

	return hash[0] == '\0' || hash[0] == '!' || hash[0] == '*';
}

static const char *method_of(const struct stored *stored, bool *is_weak_r)
{
	const char *text = (const char *)stored->bytes;

	if (stored->scheme->kind != SCHEME_MODULAR) {
		return digest_method(stored, is_weak_r);
	}
	return argon_is(text) ? argon_method(text, is_weak_r) : crypthash_method(text, is_weak_r);
}

const char *password_method(const char *stored, bool *is_weak_r)
{
	struct stored read;
	const char *method = scheme_read(&read, stored) ? method_of(&read, is_weak_r) : NULL;

	*is_weak_r = method == NULL || *is_weak_r;
	explicit_bzero(&read, sizeof(read));
	return method;
}

int password_check(const char *password, const char *stored)
{
	struct stored read;
	const char *text = (const char *)read.bytes;
	int outcome = PASSWORD_UNKNOWN_METHOD;
	bool is_weak;

	if (scheme_read(&read, stored) && method_of(&read, &is_weak) != NULL) {
		outcome = read.scheme->kind != SCHEME_MODULAR ? digest_check(password, &read)
			  : argon_is(text)                    ? argon_check(password, text)
							      : crypthash_check(password, text);
	}
	explicit_bzero(&read, sizeof(read));
	return outcome;
}

int password_hash(char *hash_r, const char *password, const char *method)
{
	return strcmp(method, "argon2id") == 0 ? argon_make(hash_r, password)
					       : crypthash_make(hash_r, password, method);
}
