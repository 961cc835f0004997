/* SPDX-License-Identifier: MIT
 * A balanced tree and a list: nobody who chooses keys can make it slow. */
#include "lmtpd/key_table.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

/* A key is the first member of its entry. */
static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct key));
}

void key_table_init(struct key_table *table, size_t room)
{
	*table = (struct key_table){ .room = room };
	TAILQ_INIT(&table->entries);
}

void key_table_clear(struct key_table *table)
{
	while (!TAILQ_EMPTY(&table->entries)) {
		key_table_remove(table, TAILQ_FIRST(&table->entries));
	}
}

struct key_entry *key_table_find(struct key_table *table, const struct key *key)
{
	struct key_entry **node = tfind(key, &table->tree, compare);

	return node == NULL ? NULL : *node;
}

struct key_entry *key_table_add(struct key_table *table, const struct key *key)
{
	struct key_entry *entry = table->n < table->room ? calloc(1, sizeof(*entry)) : NULL;

	if (entry == NULL) {
		return NULL;
	}
	entry->key = *key;
	if (tsearch(entry, &table->tree, compare) == NULL) {
		free(entry);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&table->entries, entry, entries);
	table->n++;
	return entry;
}

void key_table_use(struct key_table *table, struct key_entry *entry)
{
	TAILQ_REMOVE(&table->entries, entry, entries);
	TAILQ_INSERT_TAIL(&table->entries, entry, entries);
}

void key_table_remove(struct key_table *table, struct key_entry *entry)
{
	tdelete(entry, &table->tree, compare);
	TAILQ_REMOVE(&table->entries, entry, entries);
	table->n--;
	free(entry);
}

void key_table_make_room(struct key_table *table)
{
	if (table->n >= table->room && !TAILQ_EMPTY(&table->entries)) {
		key_table_remove(table, TAILQ_FIRST(&table->entries));
	}
}
