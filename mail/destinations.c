/* SPDX-License-Identifier: MIT
 * Lists, as Postfix reads them. Pure. */
#include "mail/destinations.h"

#include <argz.h>
#include <errno.h>
#include <stdbool.h>

#include "base/text.h"

static int add_destination(struct destinations *destinations, const char *text, size_t n)
{
	size_t start = destinations->n;

	if (argz_append(&destinations->text, &destinations->n, text, n) != 0 ||
	    argz_append(&destinations->text, &destinations->n, "", 1) != 0) {
		return -ENOMEM;
	}
	/* A NUL would make two of one; this makes it no address. */
	for (size_t i = start; i < start + n; i++) {
		if (destinations->text[i] == '\0') {
			destinations->text[i] = '\177';
		}
	}
	destinations->count++;
	return 0;
}

static bool is_divider(char c)
{
	return c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int destinations_on_row(void *data, const struct row *row)
{
	const struct column *list = &row->columns[0];
	const struct column *source = row->n_columns > 1 ? &row->columns[1] : NULL;
	struct destinations *destinations = data;
	size_t i = 0;

	if (list->text == NULL || (source != NULL && source->text != NULL &&
				      !text_is(source->text, source->n, destinations->key))) {
		return 0;
	}
	while (i < list->n) {
		size_t start = i;
		bool is_quoted = false;
		int result;

		for (; i < list->n && (is_quoted || !is_divider(list->text[i])); i++) {
			if (list->text[i] == '\\' && i + 1 < list->n) {
				i++;
			} else if (list->text[i] == '"') {
				is_quoted = !is_quoted;
			}
		}
		if (i > start) {
			if (destinations->count > DESTINATIONS_MAX) {
				return DESTINATIONS_TOO_MANY;
			}
			result = add_destination(destinations, list->text + start, i - start);
			if (result < 0) {
				return result;
			}
		}
		i++;
	}
	return 0;
}
