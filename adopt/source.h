/* SPDX-License-Identifier: MIT
 * What Dovecot says: what doveconf printed, and the file of sql that is looked at. Private to adopt. */
#pragma once

#include <limits.h>
#include <stdbool.h>

#include "adopt/facts.h"
#include "adopt/file.h"
#include "adopt/side.h"
#include "adopt/template.h"
#include "doctor/location.h"

/* Both readings of what doveconf said, and the file of sql of version 2.3. */
struct source {
	struct facts facts;
	struct dovecot places;
	char *sql_text;
	const char *sql_path; /* NULL: no such file was read */
	struct file_pairs sql;
	char where[PATH_MAX + 16];
	struct side *mail, *logins;
};

/* The place of what doveconf printed, for notes. */
extern const char source_said[];

/* The place of what a database says by that name: a line of the file of sql, or doveconf. */
const char *source_place(struct source *source, const char *name);

bool source_is_sql(const struct facts_db *db);

/* One that says nothing if there is none. */
const struct facts_db *source_last_passdb(const struct facts *facts);

enum template_dialect source_dialect(const struct source *source);

/* Reads a file of sql in the place of the one before. Returns false after it was noted that there is none, or it may not
 * be read. */
bool source_load_sql(struct source *source, const char *path, struct side *side);
