/* SPDX-License-Identifier: MIT
 * How a chain of scripts is put together. Private to scripts*.c and their tests; any thread. */
#pragma once

#include <pthread.h>
#include <sys/queue.h>

#include "lmtpd/scripts.h"
#include "lmtpd/scripts_cache.h"
#include "lmtpd/scripts_find.h"
#include "lmtpd/scripts_limit.h"

enum {
	SCRIPTS_HELD_MAX = SIEVE_CHAIN_MAX + SIEVE_INCLUDES_MAX,
};

/* A storage that is no home's: beside the script that a command was given. */
#define SCRIPTS_BESIDE "~/."

struct scripts {
	struct script_cache *cache;
	pthread_mutex_t mutex; /* of the limit */
	struct script_limit limit;
};

/* A script that is in use. */
struct scripts_held {
	STAILQ_ENTRY(scripts_held) next;
	struct script *script;
	bool is_own; /* the user's own, or what that includes from the storage */
	char name[SIEVE_NAME_MAX + 1];
	char path[]; /* as messages to the admin name it */
};

/* As a rule there is one script, so what many would take is not there before they are. */
struct scripts_private {
	STAILQ_HEAD(, scripts_held) held;
	size_t n_held;
	const struct scripts_held *chained[SIEVE_CHAIN_MAX]; /* those of the chain's list */
	const struct scripts_held *own;  /* the user's, though it may not run; NULL: none */
	struct sieve_errors *own_errors; /* of what it includes; NULL: none */
};

/* Adds what is wrong. */
void scripts_trouble(struct scripts_chain *chain, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Room for a chain that is empty. Returns 0 or -ENOMEM. */
int scripts_begin(struct scripts_chain *chain_r);

/* Adds a script to those in use: that of fd, which may be the negative errno of its open and is closed. Returns 1 with
 * a script, also of a broken one; 0: there is none, which is told if it is not just absent; or a negative errno: mail
 * must wait (-EBADF: fd is open as a path alone, and the script must be read). */
int scripts_hold(struct scripts *scripts, struct scripts_chain *chain, int fd, const char *path,
    bool is_own, const struct scripts_held **held_r);

/* Finds all that programs of the chain include, and leaves out those that lack something or are not sound together.
 * Returns 0 or a negative errno: mail must wait. */
int scripts_link(struct scripts *scripts, const struct lmtpd_config *config, int home_fd,
    struct scripts_chain *chain);

/* What is wrong with a script, in one line: the first error. */
void scripts_say_errors(struct scripts_chain *chain, const struct scripts_held *held,
    const struct sieve_errors *errors);
