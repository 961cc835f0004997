/* SPDX-License-Identifier: MIT
 * A bucket is two numbers: how long it takes until it is full, and when that was said. */
#include "lmtpd/rates.h"

#include <pthread.h>
#include <stdlib.h>

#include "lmtpd/key_table.h"

const struct bucket_size rates_all = { .burst = 500, .ms = 20 };
const struct bucket_size rates_pair = { .burst = 10, .ms = 8640000 };

struct rates {
	pthread_mutex_t mutex;
	struct bucket all;
	struct key_table pairs; /* an entry's time and value are those of its bucket */
};

bool bucket_has(struct bucket *bucket, const struct bucket_size *size, uint64_t now)
{
	uint64_t passed = now > bucket->time ? now - bucket->time : 0;

	bucket->used -= passed < bucket->used ? passed : bucket->used;
	bucket->time += passed;
	return bucket->used + size->ms <= size->burst * size->ms;
}

void bucket_take(struct bucket *bucket, const struct bucket_size *size)
{
	bucket->used += size->ms;
}

void bucket_give(struct bucket *bucket, const struct bucket_size *size)
{
	bucket->used -= size->ms < bucket->used ? size->ms : bucket->used;
}

struct rates *rates_new(void)
{
	struct rates *rates = calloc(1, sizeof(*rates));

	if (rates != NULL) {
		pthread_mutex_init(&rates->mutex, NULL);
		key_table_init(&rates->pairs, RATES_PAIRS_MAX);
	}
	return rates;
}

void rates_free(struct rates *rates)
{
	if (rates != NULL) {
		key_table_clear(&rates->pairs);
		pthread_mutex_destroy(&rates->mutex);
		free(rates);
	}
}

static struct key_entry *find_pair(struct rates *rates, const struct key *pair)
{
	struct key_entry *entry = key_table_find(&rates->pairs, pair);

	if (entry == NULL) {
		key_table_make_room(&rates->pairs);
		return key_table_add(&rates->pairs, pair);
	}
	key_table_use(&rates->pairs, entry);
	return entry;
}

static bool allow_locked(struct rates *rates, const struct key *pair, uint64_t now)
{
	struct key_entry *entry = find_pair(rates, pair);
	struct bucket bucket;
	bool is_allowed;

	if (entry == NULL) {
		return false;
	}
	bucket = (struct bucket){ .used = entry->value, .time = entry->time };
	is_allowed =
	    bucket_has(&bucket, &rates_pair, now) && bucket_has(&rates->all, &rates_all, now);
	if (is_allowed) {
		bucket_take(&bucket, &rates_pair);
		bucket_take(&rates->all, &rates_all);
	}
	entry->value = bucket.used;
	entry->time = bucket.time;
	return is_allowed;
}

bool rates_allow(struct rates *rates, const struct key *pair, uint64_t now)
{
	bool is_allowed;

	pthread_mutex_lock(&rates->mutex);
	is_allowed = allow_locked(rates, pair, now);
	pthread_mutex_unlock(&rates->mutex);
	return is_allowed;
}

void rates_give_back(struct rates *rates, const struct key *pair)
{
	struct key_entry *entry;

	pthread_mutex_lock(&rates->mutex);
	entry = key_table_find(&rates->pairs, pair);
	if (entry != NULL) {
		struct bucket bucket = { .used = entry->value, .time = entry->time };

		bucket_give(&bucket, &rates_pair);
		entry->value = bucket.used;
	}
	bucket_give(&rates->all, &rates_all);
	pthread_mutex_unlock(&rates->mutex);
}
