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
	bool is_unusable;
};

static bool keep(char *out, size_t cap, const char *text, size_t n)
{
	if (text == NULL || n >= cap || memchr(text, '\0', n) != NULL) {
		return false;
	}
	memcpy(out, text, n);
	out[n] = '\0';
	return true;
}

/* The daemon never calls setlocale(): strncasecmp() folds ASCII alone. */
static int on_row(
    void *data, const char *first, size_t n_first, const char *second, size_t n_second)
{
	struct search *search = data;
	struct credentials *credentials = search->credentials;

	if (first == NULL || n_first != strlen(search->user) ||
	    strncasecmp(first, search->user, n_first) != 0 ||
	    !keep(credentials->user, sizeof(credentials->user), first, n_first)) {
		return 0;
	}
	search->n_found++;
	if (!keep(credentials->hash, sizeof(credentials->hash), second, n_second)) {
		search->is_unusable = true;
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
	result = directory_ask(directory, DIRECTORY_PASSWORD, key, on_row, &search);
	if (result < 0) {
		return result;
	}
	if (search.is_unusable || search.n_found > 1) {
		return CREDENTIALS_UNUSABLE;
	}
	return search.n_found == 1 ? CREDENTIALS_FOUND : CREDENTIALS_NONE;
}
