/* SPDX-License-Identifier: MIT
 * The verification of one login: look-up and hashing, each on its lane, then the answer. */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>
#include <uv.h>

#include "auth/config.h"
#include "auth/credentials.h"
#include "auth/failures.h"
#include "auth/status.h"
#include "protocol/dovecot.h"

enum {
	/* Seconds after which a login is given up: Postfix waits 10 s for an answer (its AUTH_TIMEOUT) and
	 * then takes the service for dead. */
	VERIFICATION_PATIENCE = 8,
};

struct verification {
	struct work work;
	struct lane *lane;              /* that it is on, or was */
	LIST_ENTRY(verification) entry; /* of its owner's */
	struct service *service;
	/* On the loop: there is a verdict. Frees the verification. */
	void (*done)(struct verification *verification);
	/* On the loop: the database has not answered in time, or (was_begun is false) was not even asked. The
	 * owner forgets it; done() is not called any more. */
	void (*late)(struct verification *verification, bool was_begun);
	void *owner;                     /* NULL: it has left */
	struct dovecot_request *request; /* the owner's, while there is one */
	uint64_t began;                  /* uv_hrtime() */
	bool is_late;

	/* Copies, since the owner may leave while a thread reads them. */
	struct sasl sasl;
	char rip[DOVECOT_RIP_MAX + 1], asked_service[DOVECOT_SERVICE_MAX + 1];
	struct failures_login login; /* the same */

	/* What was done, and how many nanoseconds it took. */
	bool is_asked, is_database_error, is_hashed, is_given_up;
	uint64_t lookup_took, hashing_took;

	int account; /* of credentials_find() */
	struct credentials credentials;
	/* Of these, the one that fits, or the last that could be checked; NULL for none. */
	const struct credential *checked;
	/* Of nobody; is hashed where there is no hash that could be. */
	char dummy[PASSWORD_HASH_MAX];
	enum status_result result;
	enum status_error error; /* of STATUS_ERROR */
	char reason[512];        /* for the log */

	uv_timer_t timer; /* the owner's, to delay a failure */
	bool is_delayed;
};

LIST_HEAD(verifications, verification);

/* Begins, and takes the password out of the request. NULL when out of memory. */
struct verification *verification_start(struct service *service, struct dovecot_request *request,
    void (*done)(struct verification *verification),
    void (*late)(struct verification *verification, bool was_begun), void *owner);
void verification_free(struct verification *verification);

/* The owner leaves: what has not begun is not begun. done() is still due, and may come from here,
 * unless it was late. */
void verification_abandon(struct verification *verification);

/* Milliseconds since it began. */
uint64_t verification_age(const struct verification *verification);
