/* SPDX-License-Identifier: MIT
 * One block of text, and a sorted list of what begins where. */
#include "doctor/roster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int roster_begin(struct roster *roster)
{
	*roster = (struct roster){ .rows = NULL };
	roster->stream = open_memstream(&roster->text, &roster->n_text);
	return roster->stream == NULL ? -ENOMEM : 0;
}

static bool put(struct roster *roster, const char *text)
{
	size_t n = strlen(text) + 1;

	return fwrite(text, 1, n, roster->stream) == n;
}

int roster_add(struct roster *roster, const char *path, const char *address)
{
	if (!put(roster, path) || !put(roster, address)) {
		return -ENOMEM;
	}
	roster->n++;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct roster_row *)a)->path, ((const struct roster_row *)b)->path);
}

static const char *behind(const char *text)
{
	return text + strlen(text) + 1;
}

int roster_settle(struct roster *roster)
{
	FILE *stream = roster->stream;
	const char *at;
	size_t n = 0;

	roster->stream = NULL;
	if (fclose(stream) != 0) {
		return -ENOMEM;
	}
	if (roster->n == 0) {
		return 0;
	}
	roster->rows = calloc(roster->n, sizeof(*roster->rows));
	if (roster->rows == NULL) {
		return -ENOMEM;
	}
	at = roster->text;
	for (size_t i = 0; i < roster->n; i++) {
		roster->rows[i].path = at;
		at = behind(behind(at));
	}
	qsort(roster->rows, roster->n, sizeof(*roster->rows), compare);
	for (size_t i = 1; i < roster->n; i++) {
		if (compare(&roster->rows[n], &roster->rows[i]) != 0) {
			roster->rows[++n] = roster->rows[i];
		}
	}
	roster->n = n + 1;
	return 0;
}

void roster_free(struct roster *roster)
{
	if (roster->stream != NULL) {
		fclose(roster->stream);
	}
	free(roster->text);
	free(roster->rows);
}

struct roster_row *roster_find(const struct roster *roster, const char *path)
{
	const struct roster_row wanted = { .path = path };

	return roster->n == 0 ? NULL
			      : bsearch(&wanted, roster->rows, roster->n, sizeof(wanted), compare);
}

const char *roster_address(const struct roster_row *row)
{
	return behind(row->path);
}
