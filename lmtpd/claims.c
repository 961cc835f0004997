/* SPDX-License-Identifier: MIT
 * One lock for all: it is held for the time of a look-up. */
#include "lmtpd/claims.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "lmtpd/key_table.h"

struct claims {
	pthread_mutex_t mutex;
	pthread_cond_t released;
	struct key_table held, redirects;
};

struct claims *claims_new(void)
{
	struct claims *claims = malloc(sizeof(*claims));
	pthread_condattr_t attributes;

	if (claims == NULL) {
		return NULL;
	}
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&claims->released, &attributes);
	pthread_condattr_destroy(&attributes);
	pthread_mutex_init(&claims->mutex, NULL);
	key_table_init(&claims->held, CLAIMS_MAX);
	key_table_init(&claims->redirects, CLAIMS_REDIRECTS_MAX);
	return claims;
}

void claims_free(struct claims *claims)
{
	if (claims == NULL) {
		return;
	}
	key_table_clear(&claims->held);
	key_table_clear(&claims->redirects);
	pthread_cond_destroy(&claims->released);
	pthread_mutex_destroy(&claims->mutex);
	free(claims);
}

static bool take_locked(struct claims *claims, const struct key *key)
{
	return key_table_find(&claims->held, key) == NULL &&
	       key_table_add(&claims->held, key) != NULL;
}

bool claims_take(struct claims *claims, const struct key *key)
{
	bool is_taken;

	pthread_mutex_lock(&claims->mutex);
	is_taken = take_locked(claims, key);
	pthread_mutex_unlock(&claims->mutex);
	return is_taken;
}

static struct timespec after(unsigned ms)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	time.tv_sec += ms / 1000;
	time.tv_nsec += (long)(ms % 1000) * 1000000;
	time.tv_sec += time.tv_nsec / 1000000000;
	time.tv_nsec %= 1000000000;
	return time;
}

bool claims_wait(struct claims *claims, const struct key *key, unsigned ms)
{
	const struct timespec end = after(ms);
	bool is_taken;
	int result = 0;

	pthread_mutex_lock(&claims->mutex);
	is_taken = take_locked(claims, key);
	while (!is_taken && result == 0) {
		result = pthread_cond_timedwait(&claims->released, &claims->mutex, &end);
		is_taken = take_locked(claims, key);
	}
	pthread_mutex_unlock(&claims->mutex);
	return is_taken;
}

void claims_release(struct claims *claims, const struct key *key)
{
	struct key_entry *entry;

	pthread_mutex_lock(&claims->mutex);
	entry = key_table_find(&claims->held, key);
	if (entry != NULL) {
		key_table_remove(&claims->held, entry);
		pthread_cond_broadcast(&claims->released);
	}
	pthread_mutex_unlock(&claims->mutex);
}

void claims_note_redirect(struct claims *claims, const struct key *key, uint64_t now)
{
	struct key_entry *entry;

	pthread_mutex_lock(&claims->mutex);
	entry = key_table_find(&claims->redirects, key);
	if (entry == NULL) {
		key_table_make_room(&claims->redirects);
		entry = key_table_add(&claims->redirects, key);
	}
	if (entry != NULL) {
		key_table_use(&claims->redirects, entry);
		entry->time = now;
	}
	pthread_mutex_unlock(&claims->mutex);
}

/* Those that are too old stand in front. */
static void forget_redirects(struct claims *claims, uint64_t now)
{
	struct key_entry *entry;

	while ((entry = TAILQ_FIRST(&claims->redirects.entries)) != NULL &&
	       now >= entry->time + CLAIMS_REDIRECTS_SECONDS) {
		key_table_remove(&claims->redirects, entry);
	}
}

bool claims_has_redirected(struct claims *claims, const struct key *key, uint64_t now)
{
	bool has;

	pthread_mutex_lock(&claims->mutex);
	forget_redirects(claims, now);
	has = key_table_find(&claims->redirects, key) != NULL;
	pthread_mutex_unlock(&claims->mutex);
	return has;
}
