/* SPDX-License-Identifier: MIT
 * From rows to credentials. */
#include "auth/credentials.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct search {
	const char *user;
	struct credentials *credentials;
	unsigned n_found;
	bool is_unusable, is_locked;
};

/* As a string, if it is one and fits. */
static bool column_copy(char *out, size_t cap, const struct column *column)
{
	if (column->text == NULL || column->n >= cap ||
	    memchr(column->text, '\0', column->n) != NULL) {
		return false;
	}
	memcpy(out, column->text, column->n);
	out[column->n] = '\0';
	return true;
}

/* The daemon never calls setlocale(): strncasecmp() folds ASCII alone. */
static int on_credentials_row(void *data, const struct row *row)
{
	const struct column *user = &row->columns[0], *hash = &row->columns[1];
	struct search *search = data;
	struct credentials *credentials = search->credentials;

	if (user->text == NULL || user->n != strlen(search->user) ||
	    strncasecmp(user->text, search->user, user->n) != 0 ||
	    !column_copy(credentials->user, sizeof(credentials->user), user)) {
		return 0;
	}
	search->n_found++;
	if (hash->text == NULL) {
		search->is_locked = true;
	} else if (!column_copy(credentials->hash, sizeof(credentials->hash), hash)) {
		search->is_unusable = true;
	} else {
		search->is_locked = password_is_locked(credentials->hash);
	}
	return 0;
}

int credentials_find(
    struct directory *directory, const char *user, struct credentials *credentials_r)
{
	struct search search = { .user = user, .credentials = credentials_r };
	char key[SASL_USER_MAX + 1];
	size_t n = strlen(user);
	int result;

	memset(credentials_r, 0, sizeof(*credentials_r));
	if (n > SASL_USER_MAX) {
		return CREDENTIALS_NONE;
	}
	for (size_t i = 0; i <= n; i++) {
		key[i] = user[i] >= 'A' && user[i] <= 'Z' ? (char)(user[i] - 'A' + 'a') : user[i];
	}
	result = directory_ask(directory, DIRECTORY_PASSWORD, key, on_credentials_row, &search);
	if (result < 0) {
		return result;
	}
	if (search.is_unusable || search.n_found > 1) {
		return CREDENTIALS_UNUSABLE;
	}
	if (search.is_locked) {
		return CREDENTIALS_LOCKED;
	}
	return search.n_found == 1 ? CREDENTIALS_FOUND : CREDENTIALS_NONE;
}
