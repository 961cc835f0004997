/* SPDX-License-Identifier: MIT
 * A table of hashes, which is never full: there are no more rows than are read of one query. */
#include "doctor/mailboxes.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "doctor/rows.h"

enum {
	PLACES = 1 << 18, /* of the table; a power of two */
};

_Static_assert(PLACES >= 2 * ROWS_MAX, "a table that is nearly full is slow");

struct mailboxes_row {
	uint64_t hash; /* of its path */
	char *path;    /* NULL: nobody is here */
	char *address;
};

int mailboxes_add(
    struct mailboxes *mailboxes, const char *address, const char *path, const char **other_r)
{
	struct mailboxes_row *at;
	uint64_t hash;

	*other_r = NULL;
	if (mailboxes->n_rows == ROWS_MAX) {
		return 0;
	}
	if (mailboxes->rows == NULL) {
		mailboxes->rows = calloc(PLACES, sizeof(*mailboxes->rows));
	}
	if (mailboxes->rows == NULL) {
		return -ENOMEM;
	}
	/* Who makes rows that meet here makes --check slow, and nothing else. */
	hash = text_hash(TEXT_HASH_START, path, strlen(path));
	at = &mailboxes->rows[hash % PLACES];
	while (at->path != NULL && (at->hash != hash || strcmp(at->path, path) != 0)) {
		at = at == &mailboxes->rows[PLACES - 1] ? mailboxes->rows : at + 1;
	}
	if (at->path != NULL) {
		*other_r = strcmp(at->address, address) != 0 ? at->address : NULL;
		return 0;
	}
	at->hash = hash;
	at->address = strdup(address);
	at->path = at->address == NULL ? NULL : strdup(path);
	if (at->path == NULL) {
		free(at->address);
		at->address = NULL;
		return -ENOMEM;
	}
	mailboxes->n_rows++;
	return 0;
}

void mailboxes_deinit(struct mailboxes *mailboxes)
{
	for (size_t i = 0; mailboxes->rows != NULL && i < PLACES; i++) {
		free(mailboxes->rows[i].path);
		free(mailboxes->rows[i].address);
	}
	free(mailboxes->rows);
}
