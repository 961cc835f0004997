/* SPDX-License-Identifier: MIT
 * Two trips: look-up, then crypt. Whoever is asked for makes both, known or not, with a hash or none,
 * so that the time of an answer does not tell who exists. Work that waited longer than Postfix does is
 * given up unstarted: under a flood the oldest go first and the queue cannot grow without end. */
#include "auth/verification.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/server.h"

uint64_t verification_age(const struct verification *verification)
{
	return (uv_hrtime() - verification->began) / 1000000;
}

static void fail(struct verification *verification, const char *reason)
{
	verification->result = STATUS_ERROR;
	snprintf(verification->reason, sizeof(verification->reason), "%s", reason);
}

/* Is the work not worth it any more? Then nothing can be said. */
static bool is_void(struct verification *verification)
{
	if (atomic_load_explicit(&verification->is_abandoned, memory_order_relaxed)) {
		fail(verification, "the client went away before its turn");
		return true;
	}
	if (verification_age(verification) / 1000 >= VERIFICATION_PATIENCE) {
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

	verification->result = STATUS_FAIL;
	if (is_void(verification)) {
		return;
	}
	if (directory == NULL) {
		fail(verification, "out of memory");
		return;
	}
	verification->account =
	    credentials_find(directory, verification->sasl.user, &verification->credentials);
	verification->is_asked = true;
	verification->is_database_error = verification->account < 0;
	verification->lookup_took = uv_hrtime() - began;
	if (verification->is_database_error) {
		fail(verification, directory_error(directory));
	}
}

/* Checks the password. Where there is no hash that it could be checked against, hashing it takes the
 * same time, and what comes of that is nobody's business: never PASSWORD_RIGHT. */
static int check(const struct verification *verification)
{
	bool has_hash = verification->account == CREDENTIALS_FOUND;
	int outcome;

	if (has_hash) {
		outcome =
		    password_check(verification->sasl.password, verification->credentials.hash);
		if (outcome != PASSWORD_UNKNOWN_METHOD) {
			return outcome;
		}
	}
	outcome = password_check(verification->sasl.password, verification->dummy);
	if (outcome < 0) {
		return outcome;
	}
	return has_hash ? PASSWORD_UNKNOWN_METHOD : PASSWORD_WRONG;
}

static void refuse(struct verification *verification)
{
	static const char *const reasons[] = {
		[CREDENTIALS_FOUND] = "wrong password",
		[CREDENTIALS_NONE] = "unknown user",
		[CREDENTIALS_LOCKED] = "locked",
		[CREDENTIALS_UNUSABLE] =
		    "the user has more than one row, or a password that is no hash",
	};

	fail(verification, reasons[verification->account]);
	if (verification->account != CREDENTIALS_UNUSABLE) {
		verification->result = STATUS_FAIL;
	}
}

static void run_check(struct work *work, void *context)
{
	struct verification *verification = (struct verification *)work;
	uint64_t began = uv_hrtime();
	int outcome;

	if (is_void(verification)) {
		return;
	}
	outcome = check(verification);
	sasl_forget(&verification->sasl); /* a failure is told much later */
	verification->is_hashed = outcome >= 0;
	verification->hashing_took = uv_hrtime() - began;
	switch (outcome) {
	case PASSWORD_RIGHT:
		verification->result = STATUS_OK;
		break;
	case PASSWORD_WRONG:
		refuse(verification);
		break;
	case PASSWORD_UNKNOWN_METHOD:
		fail(verification, "the stored hash cannot be checked: its method or scheme is "
				   "unknown to libcrypt, or it was cut; lmtpd-auth --check counts "
				   "such hashes");
		break;
	default:
		fail(verification, "out of memory");
	}
}

static char *dummy_of(const struct verification *verification)
{
	return ((struct auth_server *)verification->service->daemon)->dummy;
}

static void done_check(struct work *work)
{
	struct verification *verification = (struct verification *)work;

	/* An unknown user costs what the last known one did. */
	if (verification->account == CREDENTIALS_FOUND && verification->is_hashed &&
	    verification->result != STATUS_ERROR) {
		memcpy(dummy_of(verification), verification->credentials.hash, PASSWORD_HASH_MAX);
	}
	explicit_bzero(verification->credentials.hash, sizeof(verification->credentials.hash));
	verification->done(verification);
}

static void done_find(struct work *work)
{
	struct verification *verification = (struct verification *)work;

	if (verification->is_late) { /* the owner has been told so */
		verification_free(verification);
		return;
	}
	if (verification->result == STATUS_ERROR) {
		verification->done(verification);
		return;
	}
	memcpy(verification->dummy, dummy_of(verification), PASSWORD_HASH_MAX);
	verification->work.run = run_check;
	verification->work.done = done_check;
	verification->work.late =
	    NULL; /* hashing does not hang; who waits too long for it is void */
	lane_submit(&verification->service->lanes[SERVICE_WORKERS], work);
}

static void late_find(struct work *work)
{
	struct verification *verification = (struct verification *)work;

	if (verification->owner != NULL) {
		verification->is_late = true;
		verification->late(verification);
	}
}

struct verification *verification_start(struct service *service, struct dovecot_request *request,
    void (*done)(struct verification *verification),
    void (*late)(struct verification *verification), void *owner)
{
	struct verification *verification = calloc(1, sizeof(*verification));

	if (verification == NULL) {
		return NULL;
	}
	verification->work = (struct work){ .run = run_find, .done = done_find, .late = late_find };
	verification->service = service_ref(service);
	verification->done = done;
	verification->late = late;
	verification->owner = owner;
	verification->request = request;
	verification->began = uv_hrtime();
	memcpy(verification->rip, request->rip, sizeof(verification->rip));
	if (sasl_copy(&verification->sasl, &request->sasl) != 0) {
		verification_free(verification);
		return NULL;
	}
	sasl_forget(&request->sasl);
	lane_submit(&service->lanes[SERVICE_LOOKUPS], &verification->work);
	return verification;
}

void verification_free(struct verification *verification)
{
	struct service *service = verification->service;

	sasl_deinit(&verification->sasl);
	explicit_bzero(&verification->credentials, sizeof(verification->credentials));
	free(verification);
	service_unref(service);
}

void verification_abandon(struct verification *verification)
{
	LIST_REMOVE(verification, entry);
	verification->owner = NULL;
	verification->request = NULL;
	atomic_store_explicit(&verification->is_abandoned, true, memory_order_relaxed);
}
