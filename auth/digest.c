/* SPDX-License-Identifier: MIT
 * A digest is a hash of one round: who has stolen it tries thousands of millions of passwords a second,
 * salted or not. */
#include "auth/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <string.h>

#include "auth/password.h"
#include "base/text.h"

enum {
	SHA1_SIZE = 20,
};

/* What stands in "$1$salt$rounds$hex". */
struct pbkdf2 {
	struct span salt;
	uint64_t rounds;
	unsigned char key[SHA1_SIZE];
};

/* The word up to the next $, or NULL. */
static const char *take_word(const char *text, struct span *word_r)
{
	const char *end = strchr(text, '$');

	*word_r = (struct span){ text, end == NULL ? 0 : (size_t)(end - text) };
	return end == NULL ? NULL : end + 1;
}

static bool pbkdf2_read(struct pbkdf2 *pbkdf2_r, const struct stored *stored)
{
	const char *text = (const char *)stored->bytes, *hex;
	struct span rounds;

	if (strncmp(text, "$1$", 3) != 0) {
		return false;
	}
	hex = take_word(text + 3, &pbkdf2_r->salt);
	hex = hex == NULL ? NULL : take_word(hex, &rounds);
	return hex != NULL && pbkdf2_r->salt.n > 0 &&
	       text_number(rounds.p, rounds.n, &pbkdf2_r->rounds) && pbkdf2_r->rounds > 0 &&
	       pbkdf2_r->rounds <= PBKDF2_ROUNDS_MAX && strlen(hex) == 2 * sizeof(pbkdf2_r->key) &&
	       scheme_read_hex(pbkdf2_r->key, hex, strlen(hex));
}

const char *digest_method(const struct stored *stored, bool *is_weak_r)
{
	const struct scheme *scheme = stored->scheme;
	struct pbkdf2 pbkdf2;

	*is_weak_r = true;
	if (scheme->kind == SCHEME_DIGEST) {
		return (scheme->is_salted ? stored->n > scheme->n_digest
					  : stored->n == scheme->n_digest)
			   ? scheme->name
			   : NULL;
	}
	if (!pbkdf2_read(&pbkdf2, stored)) {
		return NULL;
	}
	*is_weak_r = pbkdf2.rounds < PBKDF2_ROUNDS_WEAK;
	return *is_weak_r ? "PBKDF2 of fewer than 5000 rounds" : scheme->name;
}

static const EVP_MD *type_of(size_t n_digest)
{
	return n_digest == 64 ? EVP_sha512() : n_digest == 32 ? EVP_sha256() : EVP_sha1();
}

/* What is wiped of the context OpenSSL wipes. */
static bool compute(
    unsigned char *digest_r, const char *password, const struct stored *stored, EVP_MD_CTX *context)
{
	size_t n_digest = stored->scheme->n_digest;

	return EVP_DigestInit_ex(context, type_of(n_digest), NULL) == 1 &&
	       EVP_DigestUpdate(context, password, strlen(password)) == 1 &&
	       EVP_DigestUpdate(context, stored->bytes + n_digest, stored->n - n_digest) == 1 &&
	       EVP_DigestFinal_ex(context, digest_r, NULL) == 1;
}

int digest_check(const char *password, const struct stored *stored)
{
	unsigned char computed[EVP_MAX_MD_SIZE];
	const unsigned char *wanted = stored->bytes;
	size_t n = stored->scheme->n_digest;
	struct pbkdf2 pbkdf2;
	bool is_computed, is_equal;

	if (stored->scheme->kind == SCHEME_DIGEST) {
		EVP_MD_CTX *context = EVP_MD_CTX_new();

		is_computed = context != NULL && compute(computed, password, stored, context);
		EVP_MD_CTX_free(context);
	} else {
		if (!pbkdf2_read(&pbkdf2, stored)) {
			return PASSWORD_UNKNOWN_METHOD;
		}
		wanted = pbkdf2.key;
		n = sizeof(pbkdf2.key);
		is_computed = PKCS5_PBKDF2_HMAC(password, (int)strlen(password),
				  (const unsigned char *)pbkdf2.salt.p, (int)pbkdf2.salt.n,
				  (int)pbkdf2.rounds, EVP_sha1(), (int)n, computed) == 1;
	}
	is_equal = is_computed && password_is_equal(computed, wanted, n);
	explicit_bzero(computed, sizeof(computed));
	if (stored->scheme->kind == SCHEME_PBKDF2) {
		explicit_bzero(&pbkdf2, sizeof(pbkdf2));
	}
	return !is_computed ? -ENOMEM : is_equal ? PASSWORD_RIGHT : PASSWORD_WRONG;
}
