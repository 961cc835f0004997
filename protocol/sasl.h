/* SPDX-License-Identifier: MIT
 * The SASL mechanisms PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login), server side: decoded
 * responses in, credentials out. Pure. */
#pragma once

#include <stddef.h>

enum sasl_mechanism {
	SASL_PLAIN,
	SASL_LOGIN,
	SASL_MECHANISMS
};

enum {
	SASL_USER_MAX = 511,
	SASL_PASSWORD_MAX = 4096,
};

/* What was learned. Begins with the mechanism alone, and is wiped by sasl_deinit(). */
struct sasl {
	enum sasl_mechanism mechanism;
	unsigned n_steps;
	char *user;     /* NUL-terminated; holds no NUL, control byte or bad start of anything */
	char *password; /* NUL-terminated; holds no NUL */
};

enum sasl_outcome {
	SASL_DONE = 0, /* user and password are there */
	SASL_CONTINUE, /* send the challenge, come back with its response */
	SASL_INVALID,  /* no credentials can be read from this */
};

const char *sasl_name(enum sasl_mechanism mechanism); /* "PLAIN", "LOGIN"; "" for none */

/* Finds a mechanism by name[0..n) in any case; SASL_MECHANISMS if there is none. */
enum sasl_mechanism sasl_find(const char *name, size_t n);

void sasl_deinit(struct sasl *sasl);

/* Wipes the password, which was used, and keeps the name. */
void sasl_forget(struct sasl *sasl);

/* Of one that is done, for who needs it longer. Returns 0 or -ENOMEM; sasl_deinit() is due in both cases. */
int sasl_copy(struct sasl *copy_r, const struct sasl *sasl);

/* Takes one decoded response; NULL: there was no initial response. On SASL_CONTINUE *challenge_r is
 * the challenge in base64. Returns a sasl_outcome or -ENOMEM. */
int sasl_step(struct sasl *sasl, const char *response, size_t n, const char **challenge_r);
