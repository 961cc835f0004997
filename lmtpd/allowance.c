/* SPDX-License-Identifier: MIT
 * Questions and charges. None of them is long under the lock; a count has the lock for its beginning and its end. */
#include "lmtpd/allowance.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "base/text.h"

#define NANOSECONDS UINT64_C(1000000000)
/* A count that takes longer and fails is not tried again for ACCOUNT_SECONDS. */
#define LONG_COUNT (NANOSECONDS / 10)
/* While one takes longer, others do not wait for it. */
#define SLOW_COUNT NANOSECONDS

void account_rules_init(struct account_rules *rules)
{
	const struct usage_style *style = &rules->style;

	rules->digest = text_hash(TEXT_HASH_START, &style->is_virtual, sizeof(style->is_virtual));
	for (size_t i = 0; style->ignored != NULL && style->ignored[i] != NULL; i++) {
		rules->digest =
		    text_hash(rules->digest, style->ignored[i], strlen(style->ignored[i]) + 1);
	}
}

void allowance_take(struct allowance *allowance_r, struct accounts *accounts,
    const struct account_rules *rules, const struct maildir_root *root, const char *path,
    const struct quota *limit)
{
	*allowance_r = (struct allowance){
		.accounts = accounts, .root = root, .rules = rules, .limit = *limit
	};
	if (quota_is_limited(limit)) {
		allowance_r->account = accounts_take(accounts, root->base, path);
	}
}

void allowance_drop(struct allowance *allowance)
{
	if (allowance->account != NULL) {
		accounts_put(allowance->accounts, allowance->account);
	}
	allowance->account = NULL;
}

/* A user may have names that say any size. */
static uint64_t sum_of(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static void add(struct quota *sum, uint64_t size)
{
	sum->bytes = sum_of(sum->bytes, size);
	sum->messages++;
}

static struct quota total_of(const struct account *account)
{
	return (struct quota){ sum_of(account->used.bytes, account->charged.bytes),
		account->used.messages + account->charged.messages };
}

static bool is_counted(const struct allowance *allowance, uint64_t since)
{
	const struct account *account = allowance->account;

	return account->counted != 0 && account->digest == allowance->rules->digest &&
	       account->counted >= since;
}

/* Was it counted lately? */
static bool is_fresh(const struct allowance *allowance)
{
	uint64_t now = uv_hrtime(), seconds = ACCOUNT_SECONDS * NANOSECONDS;

	return is_counted(allowance, now > seconds ? now - seconds : 1);
}

/* The same, and is there still so much room that it need not be known better? */
static bool is_calm(const struct allowance *allowance, struct quota total, uint64_t size)
{
	add(&total, size);
	return is_fresh(allowance) &&
	       quota_percent(&allowance->limit, &total) < ACCOUNT_CALM_PERCENT;
}

/* Did counting take long, and fail, a while ago? */
static bool has_failed(const struct account *account)
{
	return account->failed != 0 &&
	       uv_hrtime() - account->failed < ACCOUNT_SECONDS * NANOSECONDS;
}

static bool fits(const struct allowance *allowance, const struct quota *total, uint64_t size)
{
	return quota_fits(&allowance->limit, &allowance->rules->grace, total, size);
}

/* What is charged may never arrive: for want of room that it may leave nothing is refused for good. */
static enum allowance_answer judge(
    const struct allowance *allowance, const struct quota *total, uint64_t size)
{
	if (fits(allowance, total, size)) {
		return ALLOWANCE_ROOM;
	}
	return fits(allowance, &allowance->account->used, size) ? ALLOWANCE_FULL_NOW
								: ALLOWANCE_FULL;
}

enum allowance_answer allowance_ask(
    const struct allowance *allowance, uint64_t size, uint64_t since, struct quota *used_r)
{
	enum allowance_answer answer = ALLOWANCE_UNKNOWN;

	if (allowance->account == NULL) {
		*used_r = (struct quota){ .bytes = 0 };
		return ALLOWANCE_ROOM;
	}
	pthread_mutex_lock(&allowance->accounts->mutex);
	*used_r = total_of(allowance->account);
	if (is_calm(allowance, *used_r, size)) {
		answer = ALLOWANCE_ROOM;
	} else if (is_counted(allowance, since)) {
		answer = judge(allowance, used_r, size);
	}
	pthread_mutex_unlock(&allowance->accounts->mutex);
	return answer;
}

/* Is it the name of a message that is charged? */
static bool on_skip(void *data, const char *name, size_t n)
{
	const struct allowance *allowance = data;
	const struct charge *charge;
	uint64_t hash;

	if (allowance->account->n_charges == 0) {
		return false;
	}
	hash = text_hash(TEXT_HASH_START, name, n);
	pthread_mutex_lock(&allowance->accounts->mutex);
	TAILQ_FOREACH (charge, &allowance->account->charges, next) {
		if (charge->hash == hash && strncmp(charge->name, name, n) == 0 &&
		    charge->name[n] == '\0') {
			break;
		}
	}
	pthread_mutex_unlock(&allowance->accounts->mutex);
	return charge != NULL;
}

static void drop(struct account *account, struct charge *charge)
{
	TAILQ_REMOVE(&account->charges, charge, next);
	account->n_charges--;
	free(charge);
}

/* What was delivered meanwhile was left out of the count, and joins it. The lock is held. */
static void end_count(const struct allowance *allowance, uint64_t began, const struct usage *usage)
{
	struct account *account = allowance->account;
	struct charge *charge, *next;

	account->is_counting = false;
	if (usage != NULL) {
		account->used = (struct quota){ usage->bytes, usage->messages };
		account->counted = began;
		account->digest = allowance->rules->digest;
	}
	for (charge = TAILQ_FIRST(&account->charges); charge != NULL; charge = next) {
		next = TAILQ_NEXT(charge, next);
		if (!charge->is_settled) {
			continue;
		}
		if (usage != NULL) {
			add(&account->used, charge->size);
		}
		drop(account, charge);
	}
}

/* Its beginning is marked in the account: the memory is this thread's until its end. */
static int count(const struct allowance *allowance, uint64_t began, struct error *error)
{
	struct accounts *accounts = allowance->accounts;
	struct account *account = allowance->account;
	uint64_t now, digest = allowance->rules->digest;
	struct usage usage;
	int result;

	if (account->memory_digest != digest) {
		usage_forget(&account->memory);
		account->memory_digest = digest;
	}
	result = usage_count(allowance->root, account_path(account), &allowance->rules->style,
	    &account->memory, on_skip, (void *)allowance, &usage, error);
	pthread_mutex_lock(&accounts->mutex);
	end_count(allowance, began, result == 0 ? &usage : NULL);
	accounts->n_slots += account->memory.n_max - account->n_slots;
	account->n_slots = account->memory.n_max;
	now = uv_hrtime();
	account->failed = result != 0 && now - began > LONG_COUNT ? now : 0;
	histogram_add(&accounts->counts, now - began);
	pthread_cond_broadcast(&accounts->counted);
	pthread_mutex_unlock(&accounts->mutex);
	return result == 0 ? 0 : -1;
}

/* Waits for the count of another thread, for as long as one takes as a rule, unless what is known will do. False: it is
 * not at its end yet. The lock is held. */
static bool wait_for_count(const struct allowance *allowance, uint64_t since)
{
	const struct account *account = allowance->account;
	struct timespec end;
	int result = 0;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += 1;
	while (account->is_counting && result == 0 && !is_counted(allowance, since) &&
	       uv_hrtime() - account->began < SLOW_COUNT) {
		result = pthread_cond_timedwait(
		    &allowance->accounts->counted, &allowance->accounts->mutex, &end);
	}
	return !account->is_counting;
}

int allowance_count(const struct allowance *allowance, uint64_t since, struct error *error)
{
	struct account *account = allowance->account;
	bool is_idle, is_there, is_hopeless;
	uint64_t began = 0;

	if (account == NULL) {
		return 0;
	}
	pthread_mutex_lock(&allowance->accounts->mutex);
	is_idle = wait_for_count(allowance, since);
	is_there = is_counted(allowance, since);
	is_hopeless = !is_idle || has_failed(account);
	if (!is_there && !is_hopeless) {
		account->is_counting = true;
		began = account->began = uv_hrtime();
	}
	pthread_mutex_unlock(&allowance->accounts->mutex);
	if (is_there) {
		return 0;
	}
	return is_hopeless ? error_set(error, "to count %s/%s takes long%s", allowance->root->base,
				 account_path(account), is_idle ? ", and failed a moment ago" : "")
			   : count(allowance, began, error);
}

/* NULL when out of memory. */
static struct charge *charge_new(const char *name, uint64_t size)
{
	size_t n = strcspn(name, ":");
	struct charge *charge = calloc(1, sizeof(*charge) + n + 1);

	if (charge != NULL) {
		charge->size = size;
		charge->hash = text_hash(TEXT_HASH_START, name, n);
		memcpy(charge->name, name, n);
	}
	return charge;
}

enum allowance_answer allowance_charge(const struct allowance *allowance, const char *name,
    uint64_t size, uint64_t since, struct charge **charge_r, struct quota *used_r)
{
	struct account *account = allowance->account;
	enum allowance_answer answer = ALLOWANCE_UNKNOWN;
	struct charge *charge;

	*charge_r = NULL;
	*used_r = (struct quota){ .bytes = 0 };
	/* Without memory it is let in, as with every doubt. */
	if (account == NULL || (charge = charge_new(name, size)) == NULL) {
		return ALLOWANCE_ROOM;
	}
	pthread_mutex_lock(&allowance->accounts->mutex);
	*used_r = total_of(account);
	if (is_counted(allowance, since)) {
		answer = judge(allowance, used_r, size);
	} else if (is_fresh(allowance) && fits(allowance, used_r, size)) {
		answer = ALLOWANCE_ROOM;
	}
	if (answer == ALLOWANCE_ROOM) {
		add(&account->charged, size);
		TAILQ_INSERT_TAIL(&account->charges, charge, next);
		account->n_charges++;
		*charge_r = charge;
	}
	pthread_mutex_unlock(&allowance->accounts->mutex);
	if (*charge_r == NULL) {
		free(charge);
	}
	return answer;
}

void allowance_settle(const struct allowance *allowance, struct charge *charge, bool is_delivered,
    uint64_t size, struct allowance_move *move_r)
{
	struct account *account = allowance->account;

	*move_r = (struct allowance_move){ .before = { .bytes = 0 } };
	if (charge == NULL) {
		return;
	}
	pthread_mutex_lock(&allowance->accounts->mutex);
	account->charged.bytes -= charge->size;
	account->charged.messages--;
	move_r->before = account->used;
	charge->size = size;
	if (is_delivered) {
		add(&account->used, size);
	}
	move_r->after = account->used;
	if (is_delivered && account->is_counting) {
		charge->is_settled = true;
	} else {
		drop(account, charge);
	}
	pthread_mutex_unlock(&allowance->accounts->mutex);
}
