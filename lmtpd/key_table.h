/* SPDX-License-Identifier: MIT
 * Keys with what is known of them, in the order of their use, and no more than there is room for. One thread at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "lmtpd/ids.h"

struct key_entry {
	struct key key;
	uint64_t time;  /* the user's */
	uint64_t value; /* the user's */
	TAILQ_ENTRY(key_entry) entries;
};

struct key_table {
	size_t room, n;
	void *tree;
	TAILQ_HEAD(key_entries, key_entry)
	entries; /* the one that was not used for the longest time first */
};

void key_table_init(struct key_table *table, size_t room);
void key_table_clear(struct key_table *table);

/* NULL: it is not there. */
struct key_entry *key_table_find(struct key_table *table, const struct key *key);

/* Adds one that is not there, its time and value 0. NULL: there is no room, or no memory. */
struct key_entry *key_table_add(struct key_table *table, const struct key *key);

/* Now it was used last. */
void key_table_use(struct key_table *table, struct key_entry *entry);

void key_table_remove(struct key_table *table, struct key_entry *entry);

/* Removes the one that was not used for the longest time, if there is no room for another one. */
void key_table_make_room(struct key_table *table);
