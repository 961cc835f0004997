/* SPDX-License-Identifier: MIT
 * Keywords in the names of messages: letters a to z, whose meaning stands in Dovecot's file "dovecot-keywords" of each
 * folder. Entries are added and never changed. Private to maildir; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

enum {
	KEYWORDS_FULL = 2, /* an outcome: there are no letters left for all of them */
	KEYWORDS_LETTERS = 26,
	KEYWORDS_NAME_MAX = 255,       /* bytes of a name that is taken */
	KEYWORDS_FILE_MAX = 64 * 1024, /* bytes of a file that is taken */
	KEYWORDS_STALE = 120,          /* seconds, Dovecot's */
};

/* Pure: can it be a keyword, which is an atom of IMAP (RFC 3501 9), and not too long? */
bool keywords_is_name(const char *name);

/* What the letters mean; p is NULL where they mean nothing. */
struct keywords_table {
	struct span names[KEYWORDS_LETTERS];
};

/* Pure: reads a file, lines of a number and a name. The names are parts of the text. */
void keywords_parse(struct keywords_table *table_r, const char *text);

/* Pure: the number of a name, in any case, or -1. */
int keywords_find(const struct keywords_table *table, const char *name);

/* Pure: gives a name the first number that is free, and returns it, or -1. */
int keywords_give(struct keywords_table *table, const char *name);

/* The letters of these keywords in the folder that is open, in the order of ASCII, in letters_r[KEYWORDS_LETTERS +
 * 1]. Those that have none yet get one; what is no name gets none. The entries are there before it returns, and
 * durable with syncs. Returns 0, KEYWORDS_FULL, DOTLOCK_HELD or a negative errno: then letters are missing.
 * *patience as for dotlock_take(). */
int keywords_letters(int folder_fd, bool syncs, const char *const *names, size_t n_names,
    unsigned *patience, char *letters_r);
