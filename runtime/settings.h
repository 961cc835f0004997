/* SPDX-License-Identifier: MIT
 * Configuration files in libconfuse's syntax, described by a table of keys.
 * An unknown key or a bad value is an error with file, line, key and what is allowed. */
#pragma once

#include <stddef.h>

#include "base/error.h"

enum settings_type {
	SETTINGS_NUMBER,
	SETTINGS_MODE, /* a number in octal: 0600 */
	SETTINGS_TEXT,
	SETTINGS_LIST, /* of texts */
};

struct settings_key {
	const char *section; /* "" for the top of the file */
	const char *name;
	enum settings_type type;
	const char *initial; /* as it would stand in the file: 0600, text, {"a", "b"} */
	long min, max;       /* of a number or mode */
	/* Is a text, or each text of a list, allowed? 0, or -1 with the reason in error. NULL: all are. */
	int (*check)(const char *value, struct error *error);
};

struct settings_table {
	const struct settings_key *keys;
	size_t n_keys;
};

struct settings;

/* Reads a file. Returns 0, or -1 with a message in error. */
int settings_load(struct settings **settings_r, const char *path,
    const struct settings_table *tables, size_t n_tables, struct error *error);
void settings_free(struct settings *settings);

/* A number or a mode. Strings live as long as the settings. The key must be one of the tables. */
long settings_number(const struct settings *settings, const char *section, const char *name);
const char *settings_text(const struct settings *settings, const char *section, const char *name);

/* The texts of a list, *n_r of them, in memory that the caller frees; NULL when there is none. */
const char **settings_list(
    const struct settings *settings, const char *section, const char *name, size_t *n_r);
