/* SPDX-License-Identifier: MIT
 * Files of other programs that are lists of "name = value". */
#pragma once

#include <stddef.h>

#include "base/error.h"

enum {
	FILE_TEXT_MAX = 64 * 1024, /* bytes; larger ones are not read */
	FILE_PAIRS_MAX = 64,       /* what comes behind them is not looked at */
};

struct file_pair {
	const char *name, *value;
	unsigned line; /* where it begins */
};

struct file_pairs {
	struct file_pair list[FILE_PAIRS_MAX];
	size_t n;
};

/* A regular file's text, to be ended by file_free(), for it may hold passwords. NULL with the reason in error. */
char *file_load(const char *path, struct error *error);
void file_free(char *text);

/* As postconf(5) has it: what begins with a blank goes on with the line before. Cuts text. */
void file_read_postfix(struct file_pairs *pairs_r, char *text);

/* As Dovecot 2.3 has files of sql: a backslash at the end of a line goes on with the next. Cuts text. */
void file_read_dovecot(struct file_pairs *pairs_r, char *text);

/* The last of that name, which counts; NULL: there is none. */
const struct file_pair *file_find(const struct file_pairs *pairs, const char *name);

/* Its value; "" if there is none. */
const char *file_value(const struct file_pairs *pairs, const char *name);
