/* SPDX-License-Identifier: MIT
 * What the resolver's tests stand on. */
#include "tests/unit/mail/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct column column(const char *name, const char *text)
{
	return (struct column){ name, text, text == NULL ? 0 : strlen(text) };
}

/* The row with all its columns. */
static int answer(const struct source_row *row, row_handler *on_row, void *data)
{
	struct column columns[8] = { column("first", row->first), column("second", row->second) };
	unsigned n = row->second == NULL ? 1 : 2;
	char further[256], *rest = NULL;

	snprintf(further, sizeof(further), "%s", row->further == NULL ? "" : row->further);
	for (char *pair = strtok_r(further, " ", &rest); pair != NULL;
	     pair = strtok_r(NULL, " ", &rest)) {
		char *value = strchr(pair, '=');

		assert_non_null(value);
		*value++ = '\0';
		columns[n++] = column(pair, strcmp(value, "NULL") == 0 ? NULL : value);
	}
	return on_row(data, &(struct row){ columns, n });
}

int source_ask(
    void *data, enum resolver_table table, const char *key, row_handler *on_row, void *row_data)
{
	struct source *source = data;

	if (++source->n_asked == source->fails_at) {
		return -ETIMEDOUT;
	}
	for (size_t i = 0; i < source->n_rows; i++) {
		const struct source_row *row = &source->rows[i];
		int result;

		if (row->table != table || strcmp(row->key, key) != 0) {
			continue;
		}
		result = answer(row, on_row, row_data);
		if (result != 0) {
			return result;
		}
	}
	return 0;
}

void source_trace(void *data, enum resolver_table table, const char *key, const char *found)
{
	static const char *const names[] = { "mailbox", "alias", "domain" };
	struct source *source = data;

	add_text(source->trace, sizeof(source->trace), "%s %s: %s\n", names[table], key,
	    found == NULL ? "-" : found);
}

struct address source_address(const char *text)
{
	struct address address;
	struct path path = { text, strlen(text) };

	if (text[0] == '\0') {
		return address_postmaster;
	}
	if (address_from_path(&address, &path) != ADDRESS_OK) {
		fail_msg("a test's own address is bad: %s", text);
	}
	return address;
}

void source_check_note(const char *what, const char *note, const char *part)
{
	if (part == NULL) {
		expect_text(what, note, "");
	} else if (strstr(note, part) == NULL) {
		fail_msg("%s: note \"%s\" lacks \"%s\"", what, note, part);
	}
}
