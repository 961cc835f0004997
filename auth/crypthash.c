/* SPDX-License-Identifier: MIT
 * libcrypt's crypt_rn() with all that it leaves on its way wiped. */
#include "auth/crypthash.h"

#include <crypt.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auth/password.h"

enum {
	/* A tenth of a second or less on machines of today; the library's own default, 5, is of 1999. */
	BCRYPT_COST = 10,
	BCRYPT_COST_WEAK = 8, /* below that somebody who steals hashes tries thousands a second */
	BCRYPT_PASSWORD_MAX = 72, /* bytes that it looks at */
	BCRYPT_SALT_END = 28,     /* where its last character stands, of which two bits count */
};

static const char bcrypt[] = "bcrypt";

/* What can be told from a hash's start and end, crypt(5): how many characters the digest has, behind
 * the last $ (of bcrypt salt and digest). One that was cut can match no password. */
static const struct {
	const char *prefix;
	const char *method;
	size_t n_digest;
	bool is_weak;
} methods[] = {
	{ "$y$", "yescrypt", 43, false },
	{ "$gy$", "gost-yescrypt", 43, false },
	{ "$7$", "scrypt", 43, false },
	{ "$2b$", bcrypt, 53, false },
	{ "$2a$", bcrypt, 53, false },
	{ "$2y$", bcrypt, 53, false },
	{ "$2x$", bcrypt, 53, true },
	{ "$6$", "sha512crypt", 86, false },
	{ "$5$", "sha256crypt", 43, false },
	{ "$sha1", "sha1crypt", 28, true },
	{ "$md5", "SunMD5", 22, true },
	{ "$1$", "md5crypt", 22, true },
	{ "$3$", "NT", 32, true },
};

/* Characters of crypt's own base64, n of them, and nothing else. */
static bool is_base64(const char *text, size_t n)
{
	static const char alphabet[] =
	    "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	return strlen(text) == n && strspn(text, alphabet) == n;
}

/* A bcrypt hash goes on with two digits, its cost, of which each doubles the work. */
static const char *judge_cost(const char *method, const char *cost, bool *is_weak_r)
{
	if (method == bcrypt && strtol(cost, NULL, 10) < BCRYPT_COST_WEAK) {
		*is_weak_r = true;
		return "bcrypt of a cost below 8";
	}
	return method;
}

const char *crypthash_method(const char *hash, bool *is_weak_r)
{
	const char *dollar;

	*is_weak_r = true;
	if (crypt_checksalt(hash) == CRYPT_SALT_INVALID) {
		return NULL;
	}
	dollar = strrchr(hash, '$');
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]) && dollar != NULL; i++) {
		if (strncmp(hash, methods[i].prefix, strlen(methods[i].prefix)) == 0) {
			*is_weak_r = methods[i].is_weak;
			return is_base64(dollar + 1, methods[i].n_digest)
				   ? judge_cost(methods[i].method, hash + strlen(methods[i].prefix),
					 is_weak_r)
				   : NULL;
		}
	}
	if (hash[0] == '_' && is_base64(hash + 1, 19)) {
		return "bsdicrypt";
	}
	/* Anything shorter or longer without a prefix, such as a password in clear text, would pass for
	 * a salt of this method too. */
	return is_base64(hash, 13) ? "descrypt" : NULL;
}

/* Hashes into hash_r[PASSWORD_HASH_MAX]. Returns 0 or a negative errno. */
static int compute(char *hash_r, const char *password, const char *setting)
{
	struct crypt_data *data = calloc(1, sizeof(*data)); /* 32 KiB: too much for a small stack */
	int result = 0;

	if (data == NULL) {
		return -ENOMEM;
	}
	if (crypt_rn(password, setting, data, (int)sizeof(*data)) == NULL) {
		result = -errno;
	} else {
		memcpy(hash_r, data->output, strlen(data->output) + 1);
	}
	explicit_bzero(data, sizeof(*data));
	free(data);
	return result;
}

int crypthash_check(const char *password, const char *hash)
{
	char computed[PASSWORD_HASH_MAX] = "*"; /* as libcrypt says that there is none */
	size_t n = strlen(hash);
	int outcome = PASSWORD_UNKNOWN_METHOD, result = compute(computed, password, hash);

	if (result == -ENOMEM) {
		return -ENOMEM;
	}
	if (result < 0) {
		/* Longer than any password that was ever hashed? */
		return strlen(password) >= CRYPT_MAX_PASSPHRASE_SIZE ? PASSWORD_WRONG
								     : PASSWORD_UNKNOWN_METHOD;
	}
	/* Of another length it was cut when it was stored: no password could match it. */
	if (computed[0] != '*' && strlen(computed) == n) {
		/* Of bcrypt: what of the salt counts is in the digest too. */
		if (strncmp(hash, "$2", 2) == 0) {
			computed[BCRYPT_SALT_END] = hash[BCRYPT_SALT_END];
		}
		outcome = password_is_equal(computed, hash, n) ? PASSWORD_RIGHT : PASSWORD_WRONG;
	}
	explicit_bzero(computed, sizeof(computed));
	return outcome;
}

int crypthash_make(char *hash_r, const char *password, const char *method)
{
	static const struct {
		const char *method, *prefix;
		unsigned long count;
	} made[] = {
		{ "sha512crypt", "$6$", 0 },
		{ "yescrypt", "$y$", 0 },
		{ bcrypt, "$2b$", BCRYPT_COST },
	};
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];

	if (strcmp(method, bcrypt) == 0 && strlen(password) > BCRYPT_PASSWORD_MAX) {
		return -E2BIG;
	}
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		if (strcmp(method, made[i].method) == 0) {
			return crypt_gensalt_rn(made[i].prefix, made[i].count, NULL, 0, setting,
				   (int)sizeof(setting)) == NULL
				   ? -errno
				   : compute(hash_r, password, setting);
		}
	}
	return -EINVAL;
}
