/* SPDX-License-Identifier: MIT
 * "GRANT SELECT (`email`), INSERT ON `mailserver`.* TO `mailuser`@`localhost` ..." What stands behind
 * TO may be a hash of the account's password: it is not for anybody's eyes. */
#include "schema/grants.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

static const char *const harmless[] = { "SELECT", "USAGE", "SHOW VIEW", "EXECUTE", "SHOW DATABASES",
	"SHOW CREATE ROUTINE", "PROXY" };

/* Where a word begins that stands neither in parentheses nor in quotes; NULL if it does not. */
static const char *find_outside(const char *p, const char *word)
{
	size_t n = strlen(word);
	unsigned depth = 0;
	char quote = '\0';

	for (; *p != '\0'; p++) {
		if (quote != '\0') {
			quote = *p == quote ? '\0' : quote;
		} else if (depth == 0 && strncasecmp(p, word, n) == 0) {
			return p;
		} else if (*p == '`' || *p == '\'' || *p == '"') {
			quote = *p;
		} else if (*p == '(') {
			depth++;
		} else if (*p == ')') {
			depth -= depth > 0;
		}
	}
	return NULL;
}

/* Who reads all databases reads the accounts of the server. */
static bool is_harmless(const char *name, size_t n, bool is_global)
{
	if (is_global && text_is(name, n, "SELECT")) {
		return false;
	}
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
		if (text_is(name, n, harmless[i])) {
			return true;
		}
	}
	return false;
}

static void append(char *list, size_t n_list, const char *name, size_t n)
{
	size_t at = strlen(list);

	snprintf(list + at, n_list - at, "%s%.*s", at > 0 ? ", " : "", (int)n, name);
}

static void copy_object(char *object_r, size_t n_object, const char *p, const char *end)
{
	size_t n = 0;

	for (; p < end && n < n_object - 1; p++) {
		if (*p != '`') {
			object_r[n++] = *p;
		}
	}
	object_r[n] = '\0';
}

bool grant_is_more_than_needed(
    const char *line, char *privileges_r, size_t n_privileges, char *object_r, size_t n_object)
{
	const char *on, *to, *p;
	bool is_global;

	privileges_r[0] = '\0';
	object_r[0] = '\0';
	on = find_outside(line, " ON ");
	to = on == NULL ? NULL : find_outside(on + 4, " TO ");
	if (to == NULL || strncasecmp(line, "GRANT ", 6) != 0) {
		return false; /* a role that is granted, and what it allows is another line */
	}
	is_global = strncmp(on + 4, "*.*", 3) == 0;
	for (p = line + 6; p < on;) {
		const char *comma = find_outside(p, ","), *end;

		end = comma == NULL || comma > on ? on : comma;
		while (p < end && *p == ' ') {
			p++;
		}
		if (p < end) {
			size_t n = (size_t)(end - p);
			const char *columns = memchr(p, '(', n);

			n = columns == NULL ? n : (size_t)(columns - p);
			while (n > 0 && p[n - 1] == ' ') {
				n--;
			}
			if (!is_harmless(p, n, is_global)) {
				append(privileges_r, n_privileges, p, n);
			}
		}
		p = end + 1;
	}
	if (find_outside(to, " WITH GRANT OPTION") != NULL) {
		append(privileges_r, n_privileges, "GRANT OPTION", 12);
	}
	copy_object(object_r, n_object, on + 4, to);
	return privileges_r[0] != '\0';
}
