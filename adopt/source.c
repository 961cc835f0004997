/* SPDX-License-Identifier: MIT
 * Version 2.4 says all of it itself; 2.3 names files of sql. */
#include "adopt/source.h"

#include <stdio.h>
#include <string.h>

const char source_said[] = "doveconf -N";

const char *source_place(struct source *source, const char *name)
{
	const struct file_pair *pair =
	    source->sql_path == NULL ? NULL : file_find(&source->sql, name);

	if (pair == NULL) {
		return source->sql_path == NULL ? source_said : source->sql_path;
	}
	snprintf(source->where, sizeof(source->where), "%s:%u", source->sql_path, pair->line);
	return source->where;
}

bool source_is_sql(const struct facts_db *db)
{
	return db->driver != NULL && strcmp(db->driver, "sql") == 0;
}

const struct facts_db *source_last_passdb(const struct facts *facts)
{
	size_t n = facts->n_passdbs < FACTS_PASSDBS_MAX ? facts->n_passdbs : FACTS_PASSDBS_MAX;

	return &facts->passdbs[n == 0 ? 0 : n - 1];
}

enum template_dialect source_dialect(const struct source *source)
{
	return source->facts.is_24 ? TEMPLATE_DOVECOT_24 : TEMPLATE_DOVECOT_23;
}

bool source_load_sql(struct source *source, const char *path, struct side *side)
{
	struct error error;

	if (path == NULL || path[0] != '/') {
		side_note(side, source_said,
		    "a database of sql names no file: set section mysql by hand");
		return false;
	}
	file_free(source->sql_text);
	source->sql_path = NULL;
	source->sql_text = file_load(path, &error);
	if (source->sql_text == NULL) {
		side_note(
		    side, path, "%s: run this as root, or set by hand what it says", error.text);
		return false;
	}
	source->sql_path = path;
	file_read_dovecot(&source->sql, source->sql_text);
	return true;
}
