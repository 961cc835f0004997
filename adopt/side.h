/* SPDX-License-Identifier: MIT
 * One of the two configurations as it grows: lines that our own parser has taken, and notes of what has no
 * translation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "runtime/settings.h"

enum {
	SIDE_LINES_MAX = 48,
	SIDE_NOTES_MAX = 64,
	SIDE_NOTE_MAX = 512,     /* bytes; a longer one is cut */
	SIDE_PASSWORD_MAX = 512, /* bytes, NUL included */
	SIDE_QUERIES_MAX = 8,
};

struct side_line {
	const struct settings_key *key;
	char *value; /* as it stands in the file */
};

struct side {
	const char *name; /* "lmtpd": of lmtpd.conf and lmtpd.password */
	const struct settings_form *form;
	struct side_line lines[SIDE_LINES_MAX];
	size_t n_lines;
	char notes[SIDE_NOTES_MAX][SIDE_NOTE_MAX];
	size_t n_notes;
	char password[SIDE_PASSWORD_MAX]; /* "": none is known */
	char user[128], dbname[128];      /* of the database, for GRANT; "": our own */
	char *queries[SIDE_QUERIES_MAX];  /* that it asks; for GRANT */
	size_t n_queries;
};

void side_init(struct side *side, const char *name, const struct settings_form *form);
void side_free(struct side *side);

/* Says what stands somewhere ("/etc/postfix/x.cf:3") and has no translation, and what to do by hand. */
void side_note(struct side *side, const char *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets a key, unless it has that value anyway. What the daemon would not take becomes a note of that place. */
void side_set(
    struct side *side, const char *where, const char *section, const char *name, const char *value);
void side_set_list(struct side *side, const char *where, const char *section, const char *name,
    const char *const *values, size_t n);

/* Is the key set to something else than its default? */
bool side_has(const struct side *side, const char *section, const char *name);

/* For GRANT: it asks this. */
void side_add_query(struct side *side, const char *query);

/* The file's text, to be freed; NULL when out of memory. directory: where the file of the password is; NULL leaves it
 * out. */
char *side_write(const struct side *side, const char *directory);
