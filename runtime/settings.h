/* SPDX-License-Identifier: MIT
 * Configuration files in libconfuse's syntax, described by a table of keys.
 * An unknown key or a bad value is an error with file, line, key and what is allowed. */
#pragma once

#include <stddef.h>

#include "base/error.h"

/* A key's type says which type the member has that takes its value. */
enum settings_type {
	SETTINGS_NUMBER, /* long */
	SETTINGS_MODE,   /* long; a number in octal: 0600 */
	SETTINGS_SWITCH, /* bool; yes or no */
	SETTINGS_TEXT,   /* const char *, never NULL */
	SETTINGS_LIST,   /* struct settings_list */
};

struct settings_list {
	const char **texts;
	size_t n;
};

struct settings_key {
	const char *section; /* "" for the top of the file */
	const char *name;
	enum settings_type type;
	const char *initial; /* as it would stand in the file: 0600, text, {"a", "b"} */
	size_t offset;       /* of the member that takes the value, in the struct of its table */
	long min, max;       /* of a number or mode */
	/* Is a text, or each text of a list, allowed? 0, or -1 with the reason in error. NULL: all are. */
	int (*check)(const char *value, struct error *error);
};

/* Keys whose members are of one struct. */
struct settings_table {
	const struct settings_key *keys;
	size_t n_keys;
	size_t base; /* where this struct begins in the one of the form */
};

/* What a file is read into: a struct that keys fill and check() completes. */
struct settings_form {
	size_t size; /* of the struct, which begins as zeros */
	const struct settings_table *tables;
	size_t n_tables;
	/* What goes beyond single keys. Returns 0, or -1 with key and fault in error. */
	int (*check)(void *values, struct error *error);
	/* Lets go of what check() took, also when that failed or was not called. */
	void (*clear)(void *values);
};

/* Returns the struct of the form, on the heap and the owner of all its texts and lists; or NULL with
 * file, line and key in error. */
void *settings_load(const struct settings_form *form, const char *path, struct error *error);

/* The same without check(): for one who wants the values of keys and may lack the rights for more. */
void *settings_read(const struct settings_form *form, const char *path, struct error *error);

void settings_free(void *values);
