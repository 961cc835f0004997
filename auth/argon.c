/* SPDX-License-Identifier: MIT
 * The text is read here and not by the library: its costs must be known before it is computed. */
#include "auth/argon.h"

#include <argon2.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "auth/password.h"
#include "auth/scheme.h"
#include "base/text.h"
#include "protocol/base64.h"

enum {
	TAG_MAX = 64,
	TAG_STEP = 16, /* tags in use are multiples of it: of another length one was cut */
	/* What doveadm pw makes too. With 15 bytes of salt, which no padding follows, hash and scheme are
	 * 105 characters: the guide's column has 106. RFC 9106, 3.1, wants 8 bytes or more. */
	MADE_PASSES = 3,
	MADE_MEMORY = 65536,
	MADE_SALT = 15,
	MADE_TAG = 32,
};

/* A hash, taken apart. */
struct argon {
	argon2_type type;
	uint32_t version, memory, passes, lanes;
	unsigned char salt[PASSWORD_HASH_MAX], tag[PASSWORD_HASH_MAX];
	size_t n_salt, n_tag;
};

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t change;
	uint64_t n_came,
	    n_served; /* who waits is served in turn, so that small ones do not starve large ones */
	uint32_t used;
} budget = { .mutex = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER };

static void budget_take(uint32_t share)
{
	uint64_t turn;

	pthread_mutex_lock(&budget.mutex);
	turn = budget.n_came++;
	while (budget.n_served != turn || ARGON_MEMORY_MAX - budget.used < share) {
		pthread_cond_wait(&budget.change, &budget.mutex);
	}
	budget.n_served++;
	budget.used += share;
	pthread_cond_broadcast(&budget.change);
	pthread_mutex_unlock(&budget.mutex);
}

static void budget_give(uint32_t share)
{
	pthread_mutex_lock(&budget.mutex);
	budget.used -= share;
	pthread_cond_broadcast(&budget.change);
	pthread_mutex_unlock(&budget.mutex);
}

/* Reads a name and the number behind it. Returns what follows, NULL if it is not so. */
static const char *read_cost(const char *text, const char *name, uint32_t *cost_r)
{
	size_t n_name = strlen(name), n;
	uint64_t number;

	if (text == NULL || strncmp(text, name, n_name) != 0) {
		return NULL;
	}
	text += n_name;
	n = strspn(text, "0123456789");
	if (!text_number(text, n, &number) || number > UINT32_MAX) {
		return NULL;
	}
	*cost_r = (uint32_t)number;
	return text + n;
}

/* Base64 without its padding. out_r[PASSWORD_HASH_MAX] is larger than any hash. */
static bool decode(unsigned char *out_r, size_t *n_r, const char *text, size_t n)
{
	char padded[PASSWORD_HASH_MAX + 3];
	ssize_t n_out;

	if (n >= PASSWORD_HASH_MAX || memchr(text, '=', n) != NULL) {
		return false;
	}
	memcpy(padded, text, n);
	memcpy(padded + n, "===", 3);
	n_out = base64_decode(out_r, padded, (n + 3) / 4 * 4);
	explicit_bzero(padded, sizeof(padded));
	*n_r = (size_t)n_out;
	return n_out >= 0;
}

static const char *skip_type(const char *hash, argon2_type *type_r)
{
	*type_r = strncmp(hash, "$argon2id$", 10) == 0 ? Argon2_id : Argon2_i;
	return *type_r == Argon2_id                 ? hash + 9
	       : strncmp(hash, "$argon2i$", 9) == 0 ? hash + 8
						    : NULL;
}

/* Is it of a form and at a cost that can be computed here? */
static bool is_fit(const struct argon *argon)
{
	return (argon->version == ARGON2_VERSION_10 || argon->version == ARGON2_VERSION_13) &&
	       argon->memory <= ARGON_MEMORY_MAX && argon->passes > 0 && argon->lanes > 0 &&
	       argon->memory / 8 >= argon->lanes &&
	       (uint64_t)argon->memory * argon->passes <= ARGON_WORK_MAX &&
	       argon->n_salt >= ARGON2_MIN_SALT_LENGTH && argon->n_tag > 0 &&
	       argon->n_tag <= TAG_MAX && argon->n_tag % TAG_STEP == 0;
}

/* "$argon2id$v=19$m=65536,t=3,p=1$salt$tag"; the first hashes had no version. */
static bool argon_read(struct argon *argon_r, const char *hash)
{
	const char *text = skip_type(hash, &argon_r->type), *versioned, *dollar;

	argon_r->version = ARGON2_VERSION_10;
	versioned = read_cost(text, "$v=", &argon_r->version);
	text = read_cost(versioned != NULL ? versioned : text, "$m=", &argon_r->memory);
	text = read_cost(text, ",t=", &argon_r->passes);
	text = read_cost(text, ",p=", &argon_r->lanes);
	dollar = text != NULL && text[0] == '$' ? strchr(text + 1, '$') : NULL;
	return dollar != NULL &&
	       decode(argon_r->salt, &argon_r->n_salt, text + 1, (size_t)(dollar - text - 1)) &&
	       decode(argon_r->tag, &argon_r->n_tag, dollar + 1, strlen(dollar + 1)) &&
	       is_fit(argon_r);
}

bool argon_is(const char *hash)
{
	argon2_type type;

	return skip_type(hash, &type) != NULL;
}

const char *argon_method(const char *hash, bool *is_weak_r)
{
	struct argon argon;
	bool is_read = argon_read(&argon, hash), is_id = argon.type == Argon2_id;

	*is_weak_r = !is_read || argon.memory * argon.passes < ARGON_WORK_WEAK;
	explicit_bzero(&argon, sizeof(argon));
	if (!is_read) {
		return NULL;
	}
	if (*is_weak_r) {
		return is_id ? "argon2id of a low cost" : "argon2i of a low cost";
	}
	return is_id ? "argon2id" : "argon2i";
}

/* The library wipes its memory. Returns 0 or a negative errno. */
static int compute(unsigned char *tag_r, const char *password, const struct argon *argon)
{
	argon2_context context = {
		.out = tag_r,
		.outlen = (uint32_t)argon->n_tag,
		.pwd = (uint8_t *)(uintptr_t)password, /* only read */
		.pwdlen = (uint32_t)strlen(password),
		.salt = (uint8_t *)(uintptr_t)argon->salt,
		.saltlen = (uint32_t)argon->n_salt,
		.t_cost = argon->passes,
		.m_cost = argon->memory,
		.lanes = argon->lanes,
		.threads = 1,
		.version = argon->version,
	};
	int result;

	budget_take(argon->memory);
	result = argon2_ctx(&context, argon->type);
	budget_give(argon->memory);
	return result == ARGON2_OK                        ? 0
	       : result == ARGON2_MEMORY_ALLOCATION_ERROR ? -ENOMEM
							  : -EINVAL;
}

int argon_check(const char *password, const char *hash)
{
	unsigned char computed[TAG_MAX];
	struct argon argon;
	int outcome = PASSWORD_UNKNOWN_METHOD, result;

	if (argon_read(&argon, hash)) {
		result = compute(computed, password, &argon);
		if (result == 0) {
			outcome = password_is_equal(computed, argon.tag, argon.n_tag)
				      ? PASSWORD_RIGHT
				      : PASSWORD_WRONG;
		} else if (result == -ENOMEM) {
			outcome = result;
		}
	}
	explicit_bzero(computed, sizeof(computed));
	explicit_bzero(&argon, sizeof(argon));
	return outcome;
}

int argon_make(char *hash_r, const char *password)
{
	unsigned char salt[MADE_SALT];
	int result;

	if (getrandom(salt, sizeof(salt), 0) != (ssize_t)sizeof(salt)) {
		return -errno;
	}
	result = snprintf(hash_r, PASSWORD_HASH_MAX, "{ARGON2ID}");
	result = argon2id_hash_encoded(MADE_PASSES, MADE_MEMORY, 1, password, strlen(password),
	    salt, sizeof(salt), MADE_TAG, hash_r + result, (size_t)(PASSWORD_HASH_MAX - result));
	return result == ARGON2_OK ? 0 : result == ARGON2_MEMORY_ALLOCATION_ERROR ? -ENOMEM : -EIO;
}
