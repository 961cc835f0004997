/* SPDX-License-Identifier: MIT
 * Whose mail lies where. Users whose mail lies in one Maildir read each other's, and nothing else tells. */
#pragma once

#include <stddef.h>

#include "mail/mailbox.h"

enum {
	MAILBOXES_PATH_MAX = 4096, /* bytes of a whole path, NUL included */
};

/* Where the daemon puts the mail of a mailbox: the whole path. Returns 0, or -1 with what is refused in error. */
typedef int mailboxes_path(const void *config, const struct mailbox *mailbox,
    char path_r[MAILBOXES_PATH_MAX], struct error *error);

struct mailboxes {
	/* private */
	struct mailboxes_row *rows;
	size_t n_rows;
};

/* Remembers whose mail lies at a path, of at most ROWS_MAX. Returns 0 or -ENOMEM. other_r: another address with
 * the same path, or NULL; it lives until mailboxes_deinit(). */
int mailboxes_add(
    struct mailboxes *mailboxes, const char *address, const char *path, const char **other_r);

void mailboxes_deinit(struct mailboxes *mailboxes);
