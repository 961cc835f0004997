/* SPDX-License-Identifier: MIT
 * The verification of one login: look-up and hashing, each on its lane, then the answer. */
#pragma once

#include <stdatomic.h>
#include <uv.h>

#include "auth/credentials.h"
#include "protocol/dovecot.h"
#include "auth/service.h"

enum verification_result {
	VERIFICATION_RIGHT,
	VERIFICATION_WRONG,
	VERIFICATION_ERROR, /* nothing can be said: the client is told nothing, see client.c */
};

struct verification {
	struct work work;
	struct service *service;
	void (*done)(struct verification *verification);
	void *owner;
	struct dovecot_request *request; /* its user and password are read on the lanes */
	const atomic_bool *is_abandoned; /* the client is gone: no work is worth it any more */
	uint64_t began;                  /* uv_hrtime() */

	/* What was done, and how many nanoseconds it took. */
	bool is_asked, is_database_error, is_hashed;
	uint64_t lookup_took, hashing_took;

	bool is_known;
	struct credentials credentials; /* of an unknown user: a hash that costs the same */
	enum verification_result result;
	char reason[512]; /* for the log */
	uv_timer_t timer; /* the owner's, to delay a failure */
};

/* Begins; done() is called on the loop, also when *is_abandoned is set on the way.
 * NULL when out of memory. */
struct verification *verification_start(struct service *service, struct dovecot_request *request,
    const atomic_bool *is_abandoned, void (*done)(struct verification *verification), void *owner);
void verification_free(struct verification *verification);

/* Milliseconds since it began. */
uint64_t verification_age(const struct verification *verification);
