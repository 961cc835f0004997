/* SPDX-License-Identifier: MIT
 * Two trips: look-up, then crypt. An unknown user makes both too, so that the time of an answer does
 * not tell who exists. Work that waited longer than Postfix does is given up unstarted: under a flood
 * the oldest go first and the queue cannot grow without end. */
#include "auth/verification.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Postfix waits 10 s for an answer (its AUTH_TIMEOUT) and then takes the service for dead. */
enum {
	PATIENCE_MS = 8000
};

uint64_t verification_age(const struct verification *verification)
{
	return (uv_hrtime() - verification->began) / 1000000;
}

static void fail(struct verification *verification, const char *reason)
{
	verification->result = VERIFICATION_ERROR;
	snprintf(verification->reason, sizeof(verification->reason), "%s", reason);
}

/* Is the work not worth it any more? Then nothing can be said. */
static bool is_void(struct verification *verification)
{
	if (atomic_load_explicit(verification->is_abandoned, memory_order_relaxed)) {
		fail(verification, "the client went away before its turn");
		return true;
	}
	if (verification_age(verification) >= PATIENCE_MS) {
		fail(verification, "too many logins: it waited for more than 8 s");
		return true;
	}
	return false;
}

static void run_find(struct work *work, void *context)
{
	struct verification *verification = (struct verification *)work;
	struct directory *directory = context;
	uint64_t began = uv_hrtime();
	int result;

	verification->result = VERIFICATION_WRONG;
	if (is_void(verification)) {
		return;
	}
	if (directory == NULL) {
		fail(verification, "out of memory");
		return;
	}
	result = credentials_find(
	    directory, verification->request->sasl.user, &verification->credentials);
	verification->is_asked = true;
	verification->is_database_error = result < 0;
	verification->lookup_took = uv_hrtime() - began;
	switch (result) {
	case CREDENTIALS_FOUND:
		verification->is_known = true;
		break;
	case CREDENTIALS_NONE:
		break;
	case CREDENTIALS_UNUSABLE:
		fail(verification,
		    "the user has more than one row, or a password that is NULL or no hash");
		break;
	default:
		fail(verification, directory_error(directory));
	}
}

static void run_check(struct work *work, void *context)
{
	struct verification *verification = (struct verification *)work;
	const char *password = verification->request->sasl.password;
	uint64_t began = uv_hrtime();
	int result;

	if (is_void(verification)) {
		return;
	}
	result = password_check(password, verification->credentials.hash);
	verification->is_hashed = true;
	verification->hashing_took = uv_hrtime() - began;
	switch (result) {
	case PASSWORD_RIGHT:
		verification->result =
		    verification->is_known ? VERIFICATION_RIGHT : VERIFICATION_WRONG;
		break;
	case PASSWORD_WRONG:
		verification->result = VERIFICATION_WRONG;
		break;
	case PASSWORD_UNKNOWN_METHOD:
		fail(verification, "the stored hash cannot be checked: its method or scheme is "
				   "unknown to libcrypt, or "
				   "it was cut; lmtpd-auth --check counts such hashes");
		break;
	default:
		fail(verification, "out of memory");
	}
	if (verification->result == VERIFICATION_WRONG) {
		snprintf(verification->reason, sizeof(verification->reason), "%s",
		    verification->is_known ? "wrong password" : "unknown user");
	}
}

static void done_check(struct work *work)
{
	struct verification *verification = (struct verification *)work;

	/* An unknown user costs what the last known one did. */
	if (verification->is_known && verification->result != VERIFICATION_ERROR) {
		memcpy(verification->service->dummy, verification->credentials.hash,
		    sizeof(verification->service->dummy));
	}
	explicit_bzero(verification->credentials.hash, sizeof(verification->credentials.hash));
	verification->done(verification);
}

static void done_find(struct work *work)
{
	struct verification *verification = (struct verification *)work;
	struct service *service = verification->service;

	if (verification->result == VERIFICATION_ERROR) {
		verification->done(verification);
		return;
	}
	if (!verification->is_known) {
		memcpy(verification->credentials.hash, service->dummy, sizeof(service->dummy));
	}
	verification->work.run = run_check;
	verification->work.done = done_check;
	lane_submit(&service->lanes.lanes[SERVICE_CRYPT], work);
}

struct verification *verification_start(struct service *service, struct dovecot_request *request,
    const atomic_bool *is_abandoned, void (*done)(struct verification *verification), void *owner)
{
	struct verification *verification = calloc(1, sizeof(*verification));

	if (verification == NULL) {
		return NULL;
	}
	verification->work.run = run_find;
	verification->work.done = done_find;
	verification->service = service_ref(service);
	verification->done = done;
	verification->owner = owner;
	verification->request = request;
	verification->is_abandoned = is_abandoned;
	verification->began = uv_hrtime();
	lane_submit(&service->lanes.lanes[SERVICE_LOOKUPS], &verification->work);
	return verification;
}

void verification_free(struct verification *verification)
{
	struct service *service = verification->service;

	explicit_bzero(&verification->credentials, sizeof(verification->credentials));
	free(verification);
	service_unref(service);
}
