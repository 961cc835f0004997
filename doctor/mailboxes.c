/* SPDX-License-Identifier: MIT
 * A table of hashes, which is never full: there are no more rows than are read of one query. Paths are made
 * again where hashes are equal, since two mailboxes must not be called one by accident. */
#include "doctor/mailboxes.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "doctor/rows.h"
#include "maildir/maildir.h"

enum {
	PLACES = 1 << 18, /* of the table; a power of two */
};

_Static_assert(PLACES >= 2 * ROWS_MAX, "a table that is nearly full is slow");

struct mailboxes_row {
	uint64_t hash; /* of its path */
	char *text;    /* its address; NULL: nobody is here */
};

static bool has_path(
    const struct mailboxes *mailboxes, const struct mailboxes_row *row, const char *path)
{
	char other[MAILDIR_PATH_MAX];
	struct address address;

	return address_from_text(&address, row->text, strlen(row->text)) == ADDRESS_OK &&
	       mailboxes->path_of(mailboxes->config, &address, other, sizeof(other)) == 0 &&
	       strcmp(other, path) == 0;
}

int mailboxes_add(struct mailboxes *mailboxes, const struct address *row, const char **other_r)
{
	char path[MAILDIR_PATH_MAX];
	struct mailboxes_row *at;
	uint64_t hash;

	*other_r = NULL;
	if (mailboxes->path_of(mailboxes->config, row, path, sizeof(path)) != 0 ||
	    mailboxes->n_rows == ROWS_MAX) {
		return 0;
	}
	if (mailboxes->rows == NULL) {
		mailboxes->rows = calloc(PLACES, sizeof(*mailboxes->rows));
	}
	if (mailboxes->rows == NULL) {
		return -ENOMEM;
	}
	/* Who makes two rows that meet here makes --check slow, and nothing else. */
	hash = text_hash(TEXT_HASH_START, path, strlen(path));
	at = &mailboxes->rows[hash % PLACES];
	while (at->text != NULL && (at->hash != hash || !has_path(mailboxes, at, path))) {
		at = at == &mailboxes->rows[PLACES - 1] ? mailboxes->rows : at + 1;
	}
	if (at->text != NULL) {
		*other_r = strcmp(at->text, row->text) != 0 ? at->text : NULL;
		return 0;
	}
	at->hash = hash;
	at->text = strdup(row->text);
	if (at->text == NULL) {
		return -ENOMEM;
	}
	mailboxes->n_rows++;
	return 0;
}

void mailboxes_deinit(struct mailboxes *mailboxes)
{
	for (size_t i = 0; mailboxes->rows != NULL && i < PLACES; i++) {
		free(mailboxes->rows[i].text);
	}
	free(mailboxes->rows);
}
