/* SPDX-License-Identifier: MIT
 * From rows to credentials, and passwords against them. */
#include "auth/credentials.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "auth/config.h"
#include "base/text.h"

struct search {
	const char *user;
	struct credentials *credentials;
	bool is_locked, is_too_many;
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

/* A name is no secret: what is too long of it is cut. */
static void copy_label(struct credential *credential, const struct row *row)
{
	for (unsigned i = 2; i < row->n_columns; i++) {
		struct column column = row->columns[i];

		if (strcasecmp(column.name, auth_config_columns[0]) == 0) {
			column.n =
			    column.n < CREDENTIALS_LABEL_MAX ? column.n : CREDENTIALS_LABEL_MAX;
			column_copy(credential->label, sizeof(credential->label), &column);
		}
	}
}

/* The daemon never calls setlocale(): strncasecmp() folds ASCII alone. */
static int on_credentials_row(void *data, const struct row *row)
{
	const struct column *user = &row->columns[0], *hash = &row->columns[1];
	struct search *search = data;
	struct credentials *credentials = search->credentials;
	struct credential found = { .label = "" };

	if (user->text == NULL || !text_is(user->text, user->n, search->user) ||
	    !column_copy(found.user, sizeof(found.user), user)) {
		return 0;
	}
	if (hash->text != NULL && !column_copy(found.hash, sizeof(found.hash), hash)) {
		credentials->is_unknown = true;
	} else if (password_is_locked(found.hash)) {
		search->is_locked = true;
	} else if (credentials->n == CREDENTIALS_MAX) {
		search->is_too_many = true;
	} else {
		copy_label(&found, row);
		credentials->rows[credentials->n++] = found;
	}
	explicit_bzero(found.hash, sizeof(found.hash));
	return 0;
}

int credentials_find(struct directory *directory, const struct directory_login *login,
    struct credentials *credentials_r)
{
	struct search search = { .user = login->user, .credentials = credentials_r };
	char key[SASL_USER_MAX + 1];
	struct directory_login lowered = { key, login->service, login->client };
	size_t n = strlen(login->user);
	int result;

	memset(credentials_r, 0, sizeof(*credentials_r));
	if (n > SASL_USER_MAX) {
		return CREDENTIALS_NONE;
	}
	for (size_t i = 0; i <= n; i++) {
		char c = login->user[i];

		key[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	result = directory_ask_login(directory, &lowered, on_credentials_row, &search);
	if (result < 0) {
		return result;
	}
	if (search.is_too_many) {
		return CREDENTIALS_TOO_MANY;
	}
	if (credentials_r->n > 0 || credentials_r->is_unknown) {
		return CREDENTIALS_FOUND;
	}
	return search.is_locked ? CREDENTIALS_LOCKED : CREDENTIALS_NONE;
}

static uint64_t milliseconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int credentials_check(const struct credentials *credentials, const char *password,
    const struct credential **checked_r)
{
	bool is_unknown = credentials->is_unknown;
	/* What the hashes cost is the thread's own time, however busy the machine is; but nobody waits for
	 * longer than Postfix does. */
	uint64_t began = milliseconds(CLOCK_MONOTONIC);
	uint64_t own = milliseconds(CLOCK_THREAD_CPUTIME_ID);

	*checked_r = NULL;
	for (unsigned i = 0; i < credentials->n; i++) {
		const struct credential *credential = &credentials->rows[i];
		int outcome;

		if (milliseconds(CLOCK_THREAD_CPUTIME_ID) - own >= CREDENTIALS_COST_MS ||
		    milliseconds(CLOCK_MONOTONIC) - began >= CREDENTIALS_PATIENCE_MS) {
			return CREDENTIALS_TOO_SLOW;
		}
		outcome = password_check(password, credential->hash);
		if (outcome == PASSWORD_UNKNOWN_METHOD) {
			is_unknown = true;
			continue;
		}
		if (outcome < 0) {
			return outcome;
		}
		*checked_r = credential;
		if (outcome == PASSWORD_RIGHT) {
			return outcome;
		}
	}
	return is_unknown ? PASSWORD_UNKNOWN_METHOD : PASSWORD_WRONG;
}
