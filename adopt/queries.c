/* SPDX-License-Identifier: MIT
 * What lists all rows is for commands alone, so it is left out where it cannot be made. */
#include "adopt/queries.h"

#include <stdlib.h>

static const struct {
	const char *one, *all;
} names[] = {
	[SELECT_USER] = { "user_query", "users_query" },
	[SELECT_ALIAS] = { "alias_query", "aliases_query" },
	[SELECT_DOMAIN] = { "domain_query", "domains_query" },
	[SELECT_PASSWORD] = { "password_query", "users_query" },
};

void queries_make(
    struct adopted *adopted_r, const char *text, enum template_dialect dialect, enum select_use use)
{
	char *translated = template_translate(text, dialect, &adopted_r->error);

	adopted_r->query = NULL;
	adopted_r->all = NULL;
	if (translated != NULL) {
		struct error ignored;

		adopted_r->query = select_adopt(translated, use, &adopted_r->error);
		adopted_r->all =
		    adopted_r->query == NULL ? NULL : select_all(translated, use, &ignored);
	}
	free(translated);
}

void queries_free(struct adopted *adopted)
{
	free(adopted->query);
	free(adopted->all);
}

void queries_set(
    const struct adopted *adopted, enum select_use use, struct side *side, const char *where)
{
	side_set(side, where, "mysql", names[use].one, adopted->query);
	side_set(side, where, "mysql", names[use].all, adopted->all == NULL ? "" : adopted->all);
	side_add_query(side, adopted->query);
}
