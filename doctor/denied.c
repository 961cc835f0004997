/* SPDX-License-Identifier: MIT
 * "SELECT command denied to user 'mailuser'@'localhost' for column 'home' in table 'virtual_users'", or "for table
 * 'nodes'", which MariaDB calls `mailserver`.`nodes`. A server that speaks another language is not understood. */
#include "doctor/denied.h"

#include <stdio.h>
#include <string.h>

/* The name in quotes behind a text; NULL if they are not there. */
static const char *read_name(const char *said, const char *before, char name_r[DENIED_NAME_MAX])
{
	static const char plain[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$";
	const char *at = strstr(said, before);
	size_t n;
	char quote;

	if (at == NULL) {
		return NULL;
	}
	at += strlen(before);
	quote = *at++;
	if (quote != '\'' && quote != '`') {
		return NULL;
	}
	n = strspn(at, plain);
	if (n == 0 || n >= DENIED_NAME_MAX || at[n] != quote) {
		return NULL;
	}
	snprintf(name_r, DENIED_NAME_MAX, "%.*s", (int)n, at);
	return at + n + 1;
}

bool denied_read(const char *said, struct denied *denied_r)
{
	const char *rest = strstr(said, "SELECT command denied to user ");

	*denied_r = (struct denied){ .column = "" };
	if (rest == NULL) {
		return false;
	}
	if (strstr(rest, " for column ") != NULL) {
		rest = read_name(rest, " for column ", denied_r->column);
		return rest != NULL && read_name(rest, " in table ", denied_r->table) != NULL;
	}
	rest = read_name(rest, " for table ", denied_r->table);
	return rest != NULL && (*rest != '.' || read_name(rest, ".", denied_r->table) != NULL);
}
