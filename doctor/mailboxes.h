/* SPDX-License-Identifier: MIT
 * Whose mail lies where. Users whose mail lies in one Maildir read each other's, and nothing else tells. */
#pragma once

#include <stddef.h>

#include "mail/address.h"

/* Where the daemon puts the mail of a row. Returns 0, or -1 if the path is too long. */
typedef int mailboxes_path(
    const void *config, const struct address *row, char *path_r, size_t n_path);

struct mailboxes {
	mailboxes_path *path_of;
	const void *config; /* its */

	/* private */
	struct mailboxes_row *rows;
	size_t n_rows;
};

/* Remembers a row, of at most ROWS_MAX. Returns 0 or -ENOMEM. other_r: of another one with the same path, or
 * NULL; it lives until mailboxes_deinit(). */
int mailboxes_add(struct mailboxes *mailboxes, const struct address *row, const char **other_r);

void mailboxes_deinit(struct mailboxes *mailboxes);
