/* SPDX-License-Identifier: MIT
 * The paths of all mailboxes that have a row, to be looked up. A site may have a million of them, so each
 * takes no more than its texts and two words. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct roster_row {
	const char *path;
	bool is_seen; /* the caller's */
};

struct roster {
	struct roster_row *rows; /* by path, each path once; behind roster_settle() */
	size_t n;

	/* private */
	FILE *stream;
	char *text; /* path and address of each row, each with its NUL */
	size_t n_text;
};

/* All return 0 or -ENOMEM, and roster_free() is due in both cases. Rows are added, then settled. */
int roster_begin(struct roster *roster);
int roster_add(struct roster *roster, const char *path, const char *address);
int roster_settle(struct roster *roster);
void roster_free(struct roster *roster);

/* NULL: no row has that path. */
struct roster_row *roster_find(const struct roster *roster, const char *path);

/* Of the rows that share a path, one. */
const char *roster_address(const struct roster_row *row);
