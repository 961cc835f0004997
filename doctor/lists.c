/* SPDX-License-Identifier: MIT
 * Which lists are read, in which order: what is wrong with a domain explains what is wrong with its users,
 * and these explain the aliases. */
#include "doctor/lists.h"

#include <stdio.h>
#include <string.h>

#include "doctor/aliases.h"
#include "doctor/users.h"

/* A domain that is not found by its own name: blanks, or capitals in a binary collation. */
static void judge_domain(struct rows *rows, void *data, const struct row *row)
{
	char text[ROW_TEXT_MAX], probe[ROW_TEXT_MAX + 2];
	bool is_plain = rows_show(&row->columns[0], text), is_ours = false;
	struct address address;

	snprintf(probe, sizeof(probe), "x@%s", text);
	if (address_from_text(&address, probe, strlen(probe)) == ADDRESS_OK) {
		address_lower(&address);
		rows->accident = resolver_owns(&rows->resolver, address_domain(&address), &is_ours);
	}
	if (rows->accident == 0 && !is_ours) {
		rows_say(rows, DOMAIN_UNSEEN,
		    rows_remedy(rows, is_plain, "correct that row",
			"UPDATE virtual_domains SET name = LOWER(name) WHERE name = '%s'", text),
		    "\"%s\" is not found when the domain is looked up", text);
	}
}

static unsigned count_maps(const char *maps)
{
	unsigned n = 0;

	while (*(maps += strspn(maps, ", \t")) != '\0') {
		maps += strcspn(maps, ", \t");
		n++;
	}
	return n;
}

void lists_check(const struct lists *lists, const struct postconf *postfix, struct report *report)
{
	unsigned n_maps = count_maps(postconf_get(postfix, "virtual_alias_maps"));
	struct rows rows = {
		.settings = lists->settings,
		.is_guide = lists->is_guide,
		.resolver = lists->resolver,
		.directory = lists->directory,
		/* A map before ours may save users from a catch-all that ours has. */
		.asks_aliases_first = !postfix->is_there || n_maps == 1,
		.report = report,
	};

	rows_begin(&rows);
	rows_read(&rows, DIRECTORY_DOMAINS, lists->domains_query, judge_domain, NULL);
	users_check(&rows, lists);
	if (aliases_check(&rows, lists->aliases_query) > 0 && postfix->is_there && n_maps == 0) {
		/* Postfix would refuse addresses that are aliases alone. */
		report_warn(report, "virtual_alias_maps",
		    "postconf -e 'virtual_alias_maps = "
		    "mysql:/etc/postfix/mysql-virtual-alias-maps.cf' && postfix reload",
		    "it is empty: Postfix refuses the addresses of aliases");
	}
}
