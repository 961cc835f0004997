/* SPDX-License-Identifier: MIT
 * Scripts that are compiled, or were found to be broken, as long as their files do not change. Any thread. */
#pragma once

#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <time.h>

#include "sieve/sieve.h"

/* Which file it is, and since when it has what is in it. */
struct script_key {
	dev_t device;
	ino_t inode;
	struct timespec changed;
	off_t size;
};

bool script_key_equals(const struct script_key *a, const struct script_key *b);

struct script {
	struct script_key key;
	struct sieve_program *program; /* NULL: it is broken */
	struct sieve_errors *errors;   /* NULL: there is nothing to say */

	/* private */
	LIST_ENTRY(script) chain;
	TAILQ_ENTRY(script) next;
	size_t size;
	unsigned n_refs;
	bool is_kept;
};

struct script_cache;

/* Keeps programs of about so many bytes, and those that are in use. NULL: out of memory. */
struct script_cache *script_cache_new(size_t max);
void script_cache_free(struct script_cache *cache); /* nothing of it is in use */

enum script_cache_outcome {
	SCRIPT_NO_FILE = 1, /* but a directory, a pipe or the like */
	SCRIPT_TOO_LONG,
};

/* Finds or compiles the script that is open, which may be a path alone (O_PATH) that is not read. Returns 0 with a script, also
 * of a broken one, which is in use until it is put back; a script_cache_outcome; or a negative errno (-EBADF: it is not kept, and
 * must be open for reading; -EAGAIN: it changes all the time). */
int script_cache_get(struct script_cache *cache, int fd, struct script **script_r);
void script_cache_put(struct script_cache *cache, struct script *script);

/* How many are kept, and how many bytes they have. */
size_t script_cache_count(struct script_cache *cache, size_t *bytes_r);
