/* SPDX-License-Identifier: MIT
 * Two trips: look-up, then crypt. Whoever is asked for makes both, known or not, with a hash or none,
 * so that the time of an answer does not tell who exists.
 *
 * A login that has waited as long as Postfix does is taken out of its queue, and so is one whose client
 * has left: under a flood, where the newest go first, the queue would grow without end. */
#include "auth/verification.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/server.h"

static const char the_client_left[] = "the client went away before its turn";

uint64_t verification_age(const struct verification *verification)
{
	return (uv_hrtime() - verification->began) / 1000000;
}

static struct auth_server *server_of(const struct verification *verification)
{
	return (struct auth_server *)verification->service->daemon;
}

static void fail(struct verification *verification, enum status_error error, const char *reason)
{
	verification->error = error;
	verification->result = STATUS_ERROR;
	snprintf(verification->reason, sizeof(verification->reason), "%s", reason);
}

static void give_up(struct verification *verification)
{
	verification->is_given_up = true;
	fail(verification, STATUS_OVERLOAD, "too many logins: it waited for more than 8 s");
}

/* Does nobody wait for it any more? Then it is given up. */
static bool is_too_old(struct verification *verification)
{
	if (verification_age(verification) < VERIFICATION_PATIENCE * 1000UL) {
		return false;
	}
	give_up(verification);
	return true;
}

static void run_find(struct work *work, void *context)
{
	struct verification *verification = (struct verification *)work;
	struct directory *directory = context;
	uint64_t began = uv_hrtime();

	if (is_too_old(verification)) {
		return;
	}
	if (directory == NULL) {
		fail(verification, STATUS_MEMORY, "out of memory");
		return;
	}
	verification->account = credentials_find(directory,
	    &(struct directory_login){
		verification->sasl.user, verification->asked_service, verification->rip },
	    &verification->credentials);
	verification->is_asked = true;
	verification->is_database_error = verification->account < 0;
	verification->lookup_took = uv_hrtime() - began;
	if (verification->is_database_error) {
		fail(verification, STATUS_DATABASE, directory_error(directory));
	}
}

/* Checks the password. Where there is no hash that it could be checked against, hashing it takes the
 * same time, and what comes of that is nobody's business: never PASSWORD_RIGHT. */
static int check(struct verification *verification)
{
	const char *password = verification->sasl.password;
	int outcome = PASSWORD_WRONG, in_vain;

	if (verification->account == CREDENTIALS_FOUND) {
		outcome =
		    credentials_check(&verification->credentials, password, &verification->checked);
	}
	if (outcome < 0 || verification->checked != NULL) {
		return outcome;
	}
	in_vain = password_check(password, verification->dummy);
	return in_vain < 0 ? in_vain : outcome;
}

static void refuse(struct verification *verification)
{
	static const char *const reasons[] = {
		[CREDENTIALS_FOUND] = "wrong password",
		[CREDENTIALS_NONE] = "unknown user",
		[CREDENTIALS_LOCKED] = "locked",
		[CREDENTIALS_TOO_MANY] = "the user has more than 8 passwords",
	};

	fail(verification, STATUS_ROW, reasons[verification->account]);
	if (verification->account != CREDENTIALS_TOO_MANY) {
		verification->result = STATUS_FAIL;
	}
}

static void run_check(struct work *work, void *context)
{
	struct verification *verification = (struct verification *)work;
	uint64_t began = uv_hrtime();
	int outcome;

	if (is_too_old(verification)) {
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
		fail(verification, STATUS_HASH,
		    "a stored hash cannot be checked: its method or scheme is unknown, it "
		    "needs too much memory or time, or it was cut; lmtpd-auth --check counts "
		    "such hashes");
		break;
	case CREDENTIALS_TOO_SLOW:
		fail(verification, STATUS_HASH,
		    "the user's passwords take more than 4 s to hash, or took 8 s on a busy "
		    "machine, and not all were tried");
		break;
	default:
		fail(verification, STATUS_MEMORY, "out of memory");
	}
}

static void done_check(struct work *work)
{
	struct verification *verification = (struct verification *)work;

	/* An unknown user costs what the last known one did. */
	if (verification->checked != NULL) {
		memcpy(
		    server_of(verification)->dummy, verification->checked->hash, PASSWORD_HASH_MAX);
	}
	for (unsigned i = 0; i < verification->credentials.n; i++) {
		explicit_bzero(verification->credentials.rows[i].hash, PASSWORD_HASH_MAX);
	}
	verification->done(verification);
}

/* What is being hashed is back soon enough. */
static void late_check(struct work *work)
{
	struct verification *verification = (struct verification *)work;

	if (lane_withdraw(verification->lane, work)) {
		give_up(verification);
		verification->done(verification);
	}
}

static void submit(struct verification *verification, enum service_lane lane)
{
	verification->lane = &verification->service->lanes[lane];
	lane_submit(verification->lane, &verification->work);
}

static void done_find(struct work *work)
{
	struct verification *verification = (struct verification *)work;

	if (verification->is_late) { /* the owner has been told so */
		verification_free(verification);
		return;
	}
	if (verification->owner == NULL && verification->result != STATUS_ERROR) {
		fail(verification, STATUS_LEFT, the_client_left);
	}
	if (verification->result == STATUS_ERROR) {
		verification->done(verification);
		return;
	}
	memcpy(verification->dummy, server_of(verification)->dummy, PASSWORD_HASH_MAX);
	work->run = run_check;
	work->done = done_check;
	work->late = late_check;
	work->waited = (unsigned)verification_age(verification);
	submit(verification, SERVICE_WORKERS);
}

/* The thread may be within the database's library for long. */
static void late_find(struct work *work)
{
	struct verification *verification = (struct verification *)work;
	bool is_waiting;

	if (verification->owner == NULL) { /* it is done as soon as it is back */
		return;
	}
	is_waiting = lane_withdraw(verification->lane, work);
	verification->is_late = true;
	verification->late(verification, !is_waiting);
	if (is_waiting) {
		verification_free(verification);
	}
}

struct verification *verification_start(struct service *service, struct dovecot_request *request,
    void (*done)(struct verification *verification),
    void (*late)(struct verification *verification, bool was_begun), void *owner)
{
	struct verification *verification = calloc(1, sizeof(*verification));

	if (verification == NULL) {
		return NULL;
	}
	verification->result = STATUS_FAIL;
	verification->work = (struct work){ .run = run_find, .done = done_find, .late = late_find };
	verification->service = service_ref(service);
	verification->done = done;
	verification->late = late;
	verification->owner = owner;
	verification->request = request;
	verification->began = uv_hrtime();
	memcpy(verification->rip, request->rip, sizeof(verification->rip));
	memcpy(verification->asked_service, request->service, sizeof(verification->asked_service));
	if (sasl_copy(&verification->sasl, &request->sasl) != 0) {
		verification_free(verification);
		return NULL;
	}
	sasl_forget(&request->sasl);
	verification->login = (struct failures_login){
		.rip = verification->rip,
		.user = verification->sasl.user,
		.is_trusted = auth_config_trusts(auth_config_of(service), verification->rip),
	};
	verification->work.rank = failures_rank(&server_of(verification)->failures,
	    &verification->login, uv_now(&service->daemon->loop));
	submit(verification, SERVICE_LOOKUPS);
	return verification;
}

void verification_free(struct verification *verification)
{
	struct service *service = verification->service;

	sasl_deinit(&verification->sasl);
	explicit_bzero(&verification->credentials, sizeof(verification->credentials));
	/* It may be somebody's. */
	explicit_bzero(verification->dummy, sizeof(verification->dummy));
	free(verification);
	service_unref(service);
}

void verification_abandon(struct verification *verification)
{
	LIST_REMOVE(verification, entry);
	verification->owner = NULL;
	verification->request = NULL;
	if (lane_withdraw(verification->lane, &verification->work)) {
		fail(verification, STATUS_LEFT, the_client_left);
		verification->done(verification);
	}
}
