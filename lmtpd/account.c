/* SPDX-License-Identifier: MIT
 * One lock for all accounts: what is done under it takes a moment, but for one mailbox the count of which has a lock
 * of its own. */
#include "lmtpd/account.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/text.h"

#define NANOSECONDS UINT64_C(1000000000)
/* A count that takes longer and fails is not tried again for ACCOUNT_SECONDS. */
#define LONG_COUNT (NANOSECONDS / 10)

struct charge {
	TAILQ_ENTRY(charge) next;
	uint64_t size;
	bool is_settled; /* delivered while a count is under way, which leaves it out */
	char name[];     /* without flags */
};

TAILQ_HEAD(charges, charge);

struct account {
	LIST_ENTRY(account) chain;
	STAILQ_ENTRY(account) next;
	unsigned n_refs;
	bool is_touched;      /* since it was its turn to be forgotten */
	size_t n_slots;       /* of the memory, when that was last let go of */
	struct quota used;    /* what was counted, and delivered since */
	uint64_t counted;     /* uv_hrtime() of the beginning of that count; 0: there is none */
	uint64_t digest;      /* of the rules that it was counted by */
	struct quota charged; /* messages that are charged and not settled */
	bool is_counting;
	uint64_t failed; /* uv_hrtime() of a long count that failed; 0: none */
	struct charges charges;
	/* On that list. A name is there only after its charge is, so who has met the name sees it without the lock. */
	_Atomic unsigned n_charges;

	pthread_mutex_t counting; /* of the memory */
	struct usage_memory memory;
	uint64_t memory_digest;
	char key[]; /* the root's directory, NUL, and the path below it */
};

void account_rules_init(struct account_rules *rules)
{
	const struct usage_style *style = &rules->style;

	rules->digest = text_hash(TEXT_HASH_START, &style->is_virtual, sizeof(style->is_virtual));
	for (size_t i = 0; style->ignored != NULL && style->ignored[i] != NULL; i++) {
		rules->digest =
		    text_hash(rules->digest, style->ignored[i], strlen(style->ignored[i]) + 1);
	}
}

void accounts_init(struct accounts *accounts)
{
	memset(accounts, 0, sizeof(*accounts));
	pthread_mutex_init(&accounts->mutex, NULL);
	for (size_t i = 0; i < ACCOUNT_CHAINS; i++) {
		LIST_INIT(&accounts->chains[i]);
	}
	STAILQ_INIT(&accounts->all);
}

/* Nobody uses it, and it is off the queue. The lock is held. */
static void account_free(struct accounts *accounts, struct account *account)
{
	accounts->n--;
	accounts->n_slots -= account->n_slots;
	LIST_REMOVE(account, chain);
	usage_forget(&account->memory);
	pthread_mutex_destroy(&account->counting);
	free(account);
}

static struct account *take_first(struct accounts *accounts)
{
	struct account *account = STAILQ_FIRST(&accounts->all);

	STAILQ_REMOVE_HEAD(&accounts->all, next);
	return account;
}

void accounts_deinit(struct accounts *accounts)
{
	while (accounts->n > 0) {
		account_free(accounts, take_first(accounts));
	}
	pthread_mutex_destroy(&accounts->mutex);
}

/* Forgets those that nobody has asked for since it was last their turn. The lock is held. */
static void forget_some(struct accounts *accounts)
{
	enum {
		TURNS = 64 /* others wait for the lock */
	};

	for (int i = 0;
	     i < TURNS && (accounts->n > ACCOUNTS_MAX || accounts->n_slots > ACCOUNT_SLOTS_MAX);
	     i++) {
		struct account *account = take_first(accounts);

		if (account->n_refs == 0 && !account->is_touched) {
			account_free(accounts, account);
		} else {
			account->is_touched = false;
			STAILQ_INSERT_TAIL(&accounts->all, account, next);
		}
	}
}

void accounts_read_counts(struct accounts *accounts, struct histogram *counts_r)
{
	pthread_mutex_lock(&accounts->mutex);
	*counts_r = accounts->counts;
	pthread_mutex_unlock(&accounts->mutex);
}

static struct account *account_new(const char *base, size_t n_base, const char *path)
{
	size_t n_path = strlen(path) + 1;
	struct account *account = calloc(1, sizeof(*account) + n_base + n_path);

	if (account != NULL) {
		memcpy(account->key, base, n_base);
		memcpy(account->key + n_base, path, n_path);
		TAILQ_INIT(&account->charges);
		pthread_mutex_init(&account->counting, NULL);
	}
	return account;
}

static struct account *look_for(
    struct account_chain *chain, const char *base, size_t n_base, const char *path)
{
	struct account *account;

	LIST_FOREACH (account, chain, chain) {
		if (strcmp(account->key, base) == 0 && strcmp(account->key + n_base, path) == 0) {
			return account;
		}
	}
	return NULL;
}

/* A reference to the account of a mailbox; NULL when out of memory. The lock is held. */
static struct account *find(struct accounts *accounts, const char *base, const char *path)
{
	size_t n_base = strlen(base) + 1;
	uint64_t hash = text_hash(text_hash(TEXT_HASH_START, base, n_base), path, strlen(path));
	struct account_chain *chain = &accounts->chains[hash % ACCOUNT_CHAINS];
	struct account *account = look_for(chain, base, n_base, path);

	if (account == NULL) {
		account = account_new(base, n_base, path);
		if (account == NULL) {
			return NULL;
		}
		LIST_INSERT_HEAD(chain, account, chain);
		STAILQ_INSERT_TAIL(&accounts->all, account, next);
		accounts->n++;
	} else {
		account->is_touched = true;
	}
	account->n_refs++;
	forget_some(accounts);
	return account;
}

void allowance_take(struct allowance *allowance_r, struct accounts *accounts,
    const struct account_rules *rules, const struct maildir_root *root, const char *path,
    const struct quota *limit)
{
	*allowance_r = (struct allowance){
		.accounts = accounts, .root = root, .rules = rules, .limit = *limit
	};
	if (quota_is_limited(limit)) {
		pthread_mutex_lock(&accounts->mutex);
		allowance_r->account = find(accounts, root->base, path);
		pthread_mutex_unlock(&accounts->mutex);
	}
}

void allowance_drop(struct allowance *allowance)
{
	struct accounts *accounts = allowance->accounts;
	struct account *account = allowance->account;

	allowance->account = NULL;
	if (account == NULL) {
		return;
	}
	pthread_mutex_lock(&accounts->mutex);
	account->n_refs--;
	pthread_mutex_unlock(&accounts->mutex);
}

const char *allowance_path(const struct allowance *allowance)
{
	const char *key = allowance->account->key;

	return key + strlen(key) + 1;
}

static struct quota total_of(const struct account *account)
{
	return (struct quota){ account->used.bytes + account->charged.bytes,
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
	/* A client may say any size. */
	total.bytes = size < UINT64_MAX - total.bytes ? total.bytes + size : UINT64_MAX;
	total.messages++;
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
		answer = fits(allowance, used_r, size) ? ALLOWANCE_ROOM : ALLOWANCE_FULL;
	}
	pthread_mutex_unlock(&allowance->accounts->mutex);
	return answer;
}

/* Is it the name of a message that is charged? */
static bool on_skip(void *data, const char *name, size_t n)
{
	const struct allowance *allowance = data;
	const struct charge *charge;

	if (allowance->account->n_charges == 0) {
		return false;
	}
	pthread_mutex_lock(&allowance->accounts->mutex);
	TAILQ_FOREACH (charge, &allowance->account->charges, next) {
		if (strncmp(charge->name, name, n) == 0 && charge->name[n] == '\0') {
			break;
		}
	}
	pthread_mutex_unlock(&allowance->accounts->mutex);
	return charge != NULL;
}

static void add(struct quota *sum, uint64_t size)
{
	sum->bytes += size;
	sum->messages++;
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

/* The account's own lock is held. */
static int count(const struct allowance *allowance, struct error *error)
{
	struct accounts *accounts = allowance->accounts;
	struct account *account = allowance->account;
	uint64_t began = uv_hrtime(), now, digest = allowance->rules->digest;
	struct usage usage;
	int result;

	pthread_mutex_lock(&accounts->mutex);
	account->is_counting = true;
	pthread_mutex_unlock(&accounts->mutex);
	if (account->memory_digest != digest) {
		usage_forget(&account->memory);
		account->memory_digest = digest;
	}
	result = usage_count(allowance->root, allowance_path(allowance), &allowance->rules->style,
	    &account->memory, on_skip, (void *)allowance, &usage, error);
	pthread_mutex_lock(&accounts->mutex);
	end_count(allowance, began, result == 0 ? &usage : NULL);
	accounts->n_slots += account->memory.n_max - account->n_slots;
	account->n_slots = account->memory.n_max;
	now = uv_hrtime();
	account->failed = result != 0 && now - began > LONG_COUNT ? now : 0;
	histogram_add(&accounts->counts, now - began);
	pthread_mutex_unlock(&accounts->mutex);
	return result == 0 ? 0 : -1;
}

int allowance_count(const struct allowance *allowance, uint64_t since, struct error *error)
{
	struct account *account = allowance->account;
	bool is_there, is_hopeless;
	int result = 0;

	if (account == NULL) {
		return 0;
	}
	pthread_mutex_lock(&account->counting);
	pthread_mutex_lock(&allowance->accounts->mutex);
	is_there = is_counted(allowance, since);
	is_hopeless = has_failed(account);
	pthread_mutex_unlock(&allowance->accounts->mutex);
	if (!is_there && is_hopeless) {
		result = error_set(error, "counting %s/%s took long, and failed, in the last %d s",
		    allowance->root->base, allowance_path(allowance), ACCOUNT_SECONDS);
	} else if (!is_there) {
		result = count(allowance, error);
	}
	pthread_mutex_unlock(&account->counting);
	return result;
}

/* NULL when out of memory. */
static struct charge *charge_new(const char *name, uint64_t size)
{
	size_t n = strcspn(name, ":");
	struct charge *charge = calloc(1, sizeof(*charge) + n + 1);

	if (charge != NULL) {
		charge->size = size;
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
	if (is_fresh(allowance) && fits(allowance, used_r, size)) {
		add(&account->charged, size);
		TAILQ_INSERT_TAIL(&account->charges, charge, next);
		account->n_charges++;
		*charge_r = charge;
		answer = ALLOWANCE_ROOM;
	} else if (is_counted(allowance, since)) {
		answer = ALLOWANCE_FULL;
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
