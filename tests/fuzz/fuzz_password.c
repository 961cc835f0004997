/* SPDX-License-Identifier: MIT
 * Fuzz target of stored hashes. Whatever is stored: what has no method is never computed and says nothing of
 * the password; what has one is computed within its limits, and says right or wrong. What computes is not the
 * libraries, which would take their time, but a stand-in that notes what it is asked for.
 *
 * An input is the text that is stored. */
#include "tests/fuzz/fuzz.h"

#include <argon2.h>
#include <crypt.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/argon.h"
#include "auth/digest.h"
#include "auth/password.h"

/* Of the linker's --wrap. */
int __wrap_argon2_ctx(argon2_context *context, argon2_type type);
char *__wrap_crypt_rn(const char *phrase, const char *setting, void *data, int size);
int __wrap_PKCS5_PBKDF2_HMAC(const char *password, int n_password, const unsigned char *salt,
    int n_salt, int rounds, const EVP_MD *digest, int n_out, unsigned char *out);

static unsigned n_computed;

int __wrap_argon2_ctx(argon2_context *context, argon2_type type)
{
	n_computed++;
	fuzz_require(context->m_cost <= ARGON_MEMORY_MAX, "memory is bounded");
	fuzz_require((uint64_t)context->m_cost * context->t_cost <= ARGON_WORK_MAX, "so is work");
	fuzz_require(context->lanes > 0 && context->m_cost >= 8 * (uint64_t)context->lanes,
	    "lanes have their memory");
	fuzz_require(context->t_cost > 0 && context->threads == 1, "one thread, and some work");
	fuzz_require(context->saltlen >= 8 && context->outlen >= 16 && context->outlen <= 64,
	    "salt and tag have a fit length");
	fuzz_require(type == Argon2_i || type == Argon2_id, "it is of a known type");
	free(fuzz_copy(context->salt, context->saltlen));
	memset(context->out, 'x', context->outlen);
	return ARGON2_OK;
}

/* As libcrypt does with what it does not know, or with a hash of the same length. */
char *__wrap_crypt_rn(const char *phrase, const char *setting, void *data, int size)
{
	struct crypt_data *crypt_data = data;

	n_computed++;
	fuzz_require(
	    strlen(setting) < CRYPT_OUTPUT_SIZE, "a hash is no longer than those that are made");
	snprintf(crypt_data->output, sizeof(crypt_data->output), "%s", setting);
	return crypt_data->output;
}

int __wrap_PKCS5_PBKDF2_HMAC(const char *password, int n_password, const unsigned char *salt,
    int n_salt, int rounds, const EVP_MD *digest, int n_out, unsigned char *out)
{
	n_computed++;
	fuzz_require(rounds > 0 && rounds <= PBKDF2_ROUNDS_MAX, "rounds are bounded");
	fuzz_require(n_salt > 0 && n_salt < PASSWORD_HASH_MAX && n_out == 20, "salt and key fit");
	free(fuzz_copy(salt, (size_t)n_salt));
	memset(out, 'x', (size_t)n_out);
	return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *stored = fuzz_string(data, n);
	bool is_weak = false;
	const char *method = password_method(stored, &is_weak);
	int outcome;

	n_computed = 0;
	outcome = password_check("secret", stored);
	if (method == NULL) {
		fuzz_require(is_weak && outcome == PASSWORD_UNKNOWN_METHOD && n_computed == 0,
		    "what has no method is not computed");
	} else {
		fuzz_require(
		    strlen(scheme_skip(stored)) < PASSWORD_HASH_MAX, "it is no longer than a hash");
		fuzz_require(outcome == PASSWORD_RIGHT || outcome == PASSWORD_WRONG,
		    "what has a method can be checked");
		fuzz_require(!password_is_locked(stored), "what is locked has none");
		fuzz_require(n_computed <= 1, "once");
	}
	free(stored);
	return 0;
}
