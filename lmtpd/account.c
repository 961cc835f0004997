/* SPDX-License-Identifier: MIT
 * One lock for all accounts: what is done under it takes a moment. */
#include "lmtpd/account.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

void accounts_init(struct accounts *accounts)
{
	pthread_condattr_t monotonic;

	memset(accounts, 0, sizeof(*accounts));
	pthread_mutex_init(&accounts->mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&accounts->counted, &monotonic);
	pthread_condattr_destroy(&monotonic);
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
	pthread_cond_destroy(&accounts->counted);
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
	}
	return account;
}

static struct account *look_for(
    struct account_chain *chain, const char *base, size_t n_base, const char *path)
{
	struct account *account;

	for (account = LIST_FIRST(chain); account != NULL; account = LIST_NEXT(account, chain)) {
		if (strcmp(account->key, base) == 0 && strcmp(account->key + n_base, path) == 0) {
			return account;
		}
	}
	return NULL;
}

/* The lock is held. */
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

struct account *accounts_take(struct accounts *accounts, const char *base, const char *path)
{
	struct account *account;

	pthread_mutex_lock(&accounts->mutex);
	account = find(accounts, base, path);
	pthread_mutex_unlock(&accounts->mutex);
	return account;
}

void accounts_put(struct accounts *accounts, struct account *account)
{
	pthread_mutex_lock(&accounts->mutex);
	account->n_refs--;
	pthread_mutex_unlock(&accounts->mutex);
}

const char *account_path(const struct account *account)
{
	return account->key + strlen(account->key) + 1;
}
