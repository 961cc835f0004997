/* SPDX-License-Identifier: MIT
 * The accounts of mailboxes with a quota: what each holds, as far as this process knows. A table of them, the latest
 * that somebody has asked for. What is done with one says allowance.h. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "mail/quota.h"
#include "maildir/usage.h"
#include "status/histogram.h"

enum {
	ACCOUNTS_MAX = 10000,       /* mailboxes that are remembered, unless more are in use, */
	ACCOUNT_SLOTS_MAX = 200000, /* and room for their directories, of 64 bytes or so each */
	ACCOUNT_CHAINS = 4096,
};

/* A message that is charged. */
struct charge {
	TAILQ_ENTRY(charge) next;
	uint64_t hash; /* of the name */
	uint64_t size;
	bool is_settled; /* delivered while a count is under way, which leaves it out */
	char name[];     /* without flags */
};

TAILQ_HEAD(charges, charge);

/* The lock of the table guards all of it, but for what is said to have another. */
struct account {
	LIST_ENTRY(account) chain;
	STAILQ_ENTRY(account) next;
	unsigned n_refs;
	bool is_touched;      /* since it was its turn to be forgotten */
	size_t n_slots;       /* of the memory, after its last count */
	struct quota used;    /* what was counted, and delivered since */
	uint64_t counted;     /* uv_hrtime() of the beginning of that count; 0: there is none */
	uint64_t digest;      /* of the rules that it was counted by */
	struct quota charged; /* messages that are charged and not settled */
	bool is_counting;
	uint64_t began;  /* uv_hrtime() of the count that is under way */
	uint64_t failed; /* uv_hrtime() of a long count that failed; 0: none */
	struct charges charges;
	/* On that list. A name is there only after its charge is, so who has met the name sees it without the lock. */
	_Atomic unsigned n_charges;

	/* The next two are whose count is under way. */
	struct usage_memory memory;
	uint64_t memory_digest;
	char key[]; /* the root's directory, NUL, and the path below it */
};

LIST_HEAD(account_chain, account);
STAILQ_HEAD(account_queue, account);

struct accounts {
	pthread_mutex_t mutex;  /* of the table, and of all that accounts hold */
	pthread_cond_t counted; /* a count has ended; of CLOCK_MONOTONIC */
	struct account_chain chains[ACCOUNT_CHAINS];
	struct account_queue all; /* whose turn it is to be forgotten; the first is next */
	size_t n, n_slots;        /* of them, and of the directories that they remember */
	struct histogram counts;  /* how long they took */
};

void accounts_read_counts(struct accounts *accounts, struct histogram *counts_r);

void accounts_init(struct accounts *accounts);

/* Nobody may have a reference any more. */
void accounts_deinit(struct accounts *accounts);

/* A reference to the account of the mailbox at a path below a root's directory; NULL when out of memory. Any
 * thread. */
struct account *accounts_take(struct accounts *accounts, const char *base, const char *path);

/* Lets go of it. */
void accounts_put(struct accounts *accounts, struct account *account);

/* The path below the root. */
const char *account_path(const struct account *account);
