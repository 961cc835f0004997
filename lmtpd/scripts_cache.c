/* SPDX-License-Identifier: MIT
 * A table of chains, and a list by their last use. Files are read and compiled without the lock: of two threads that
 * meet a new script at once each does it, and one of them keeps it. */
#include "lmtpd/scripts_cache.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	CHAINS = 1024,
	ATTEMPTS = 3,
	/* Seconds that a file must have been left alone: within a tick of the filesystem's clock it may change
	 * twice, and look the same. */
	SETTLED = 2,
};

LIST_HEAD(script_chain, script);
TAILQ_HEAD(script_list, script);

struct script_cache {
	pthread_mutex_t mutex;
	struct script_chain chains[CHAINS];
	struct script_list list; /* the one that was used last comes first */
	size_t max, size, n;
};

bool script_key_equals(const struct script_key *a, const struct script_key *b)
{
	return a->device == b->device && a->inode == b->inode &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec &&
	       a->size == b->size;
}

struct script_cache *script_cache_new(size_t max)
{
	struct script_cache *cache = calloc(1, sizeof(*cache));

	if (cache != NULL) {
		pthread_mutex_init(&cache->mutex, NULL);
		TAILQ_INIT(&cache->list);
		cache->max = max;
	}
	return cache;
}

static void script_free(struct script *script)
{
	sieve_program_free(script->program);
	free(script->errors);
	free(script);
}

static void drop(struct script_cache *cache, struct script *script)
{
	LIST_REMOVE(script, chain);
	TAILQ_REMOVE(&cache->list, script, next);
	cache->size -= script->size;
	cache->n--;
	script_free(script);
}

void script_cache_free(struct script_cache *cache)
{
	if (cache == NULL) {
		return;
	}
	while (!TAILQ_EMPTY(&cache->list)) {
		drop(cache, TAILQ_FIRST(&cache->list));
	}
	pthread_mutex_destroy(&cache->mutex);
	free(cache);
}

static struct script_chain *chain_of(struct script_cache *cache, const struct script_key *key)
{
	uint64_t hash = text_hash(TEXT_HASH_START, &key->inode, sizeof(key->inode));

	return &cache->chains[hash % CHAINS];
}

/* With the lock. One more uses it. */
static struct script *find(struct script_cache *cache, const struct script_key *key)
{
	struct script *script;

	LIST_FOREACH (script, chain_of(cache, key), chain) {
		if (script_key_equals(&script->key, key)) {
			TAILQ_REMOVE(&cache->list, script, next);
			TAILQ_INSERT_HEAD(&cache->list, script, next);
			script->n_refs++;
			return script;
		}
	}
	return NULL;
}

/* With the lock. Those in use stay. */
static void make_room(struct script_cache *cache)
{
	struct script *script = TAILQ_LAST(&cache->list, script_list), *before;

	for (; script != NULL && cache->size > cache->max; script = before) {
		before = TAILQ_PREV(script, script_list, next);
		if (script->n_refs == 0) {
			drop(cache, script);
		}
	}
}

static bool is_settled(const struct script_key *key)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return key->changed.tv_sec + SETTLED < now.tv_sec;
}

/* Gives it to the cache, unless another thread has done so. */
static struct script *keep(struct script_cache *cache, struct script *script)
{
	struct script *other;

	if (!is_settled(&script->key)) {
		return script;
	}
	pthread_mutex_lock(&cache->mutex);
	other = find(cache, &script->key);
	if (other == NULL) {
		script->is_kept = true;
		LIST_INSERT_HEAD(chain_of(cache, &script->key), script, chain);
		TAILQ_INSERT_HEAD(&cache->list, script, next);
		cache->size += script->size;
		cache->n++;
		make_room(cache);
	}
	pthread_mutex_unlock(&cache->mutex);
	if (other != NULL) {
		script_free(script);
	}
	return other != NULL ? other : script;
}

/* Returns 0, a script_cache_outcome or a negative errno. */
static int look(int fd, struct script_key *key_r)
{
	struct stat status;

	*key_r = (struct script_key){ .size = 0 };
	if (fstat(fd, &status) != 0) {
		return -errno;
	}
	*key_r =
	    (struct script_key){ status.st_dev, status.st_ino, status.st_ctim, status.st_size };
	return !S_ISREG(status.st_mode)            ? SCRIPT_NO_FILE
	       : status.st_size > SIEVE_SCRIPT_MAX ? SCRIPT_TOO_LONG
						   : 0;
}

/* Reads n bytes from the start. Returns 0 or a negative errno; -EAGAIN: there are fewer. */
static int read_all(int fd, char *bytes, size_t n)
{
	size_t at = 0;

	while (at < n) {
		ssize_t got = pread(fd, bytes + at, n - at, (off_t)at);

		if (got < 0 && errno != EINTR) {
			return -errno;
		}
		if (got == 0) {
			return -EAGAIN;
		}
		at += got > 0 ? (size_t)got : 0;
	}
	return 0;
}

static int compile(const struct script_key *key, const char *bytes, struct script **script_r)
{
	struct script *script = calloc(1, sizeof(*script));
	struct sieve_errors *errors = calloc(1, sizeof(*errors));
	int result = script == NULL || errors == NULL ? -ENOMEM : 0;

	if (result == 0) {
		script->key = *key;
		script->n_refs = 1;
		result = sieve_compile(&sieve_language, (struct span){ bytes, (size_t)key->size },
		    &script->program, errors);
	}
	if (result < 0) {
		free(script);
		free(errors);
		return result;
	}
	script->size = sizeof(*script);
	script->size += result == 0 ? sieve_program_size(script->program) : 0;
	if (errors->n == 0) {
		free(errors);
	} else {
		script->errors = errors;
		script->size += sizeof(*errors);
	}
	*script_r = script;
	return 0;
}

/* Whoever writes into a script in place is waited for. */
static int read_and_compile(int fd, struct script_key *key, struct script **script_r)
{
	struct script_key after;
	int result = -EAGAIN;

	for (int i = 0; i < ATTEMPTS && result == -EAGAIN; i++) {
		char *bytes = malloc((size_t)key->size + 1);

		if (bytes == NULL) {
			return -ENOMEM;
		}
		result = read_all(fd, bytes, (size_t)key->size);
		if (result == 0 || result == -EAGAIN) {
			int looked = look(fd, &after);

			result = looked != 0                      ? looked
				 : script_key_equals(key, &after) ? result
								  : -EAGAIN;
			*key = after;
		}
		if (result == 0) {
			result = compile(key, bytes, script_r);
		}
		free(bytes);
	}
	return result;
}

int script_cache_get(struct script_cache *cache, int fd, struct script **script_r)
{
	struct script_key key;
	struct script *script;
	int result = look(fd, &key);

	*script_r = NULL;
	if (result != 0) {
		return result;
	}
	pthread_mutex_lock(&cache->mutex);
	script = find(cache, &key);
	pthread_mutex_unlock(&cache->mutex);
	if (script == NULL) {
		result = read_and_compile(fd, &key, &script);
		script = result == 0 ? keep(cache, script) : NULL;
	}
	*script_r = script;
	return result;
}

void script_cache_put(struct script_cache *cache, struct script *script)
{
	if (!script->is_kept) {
		script_free(script);
		return;
	}
	pthread_mutex_lock(&cache->mutex);
	script->n_refs--;
	make_room(cache);
	pthread_mutex_unlock(&cache->mutex);
}

size_t script_cache_count(struct script_cache *cache, size_t *bytes_r)
{
	size_t n;

	pthread_mutex_lock(&cache->mutex);
	n = cache->n;
	*bytes_r = cache->size;
	pthread_mutex_unlock(&cache->mutex);
	return n;
}
