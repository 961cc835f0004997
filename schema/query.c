/* SPDX-License-Identifier: MIT
 * From template to statement. Pure. */
#include "schema/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char of_key[] = "und";

static int is_placeholder(const char *p, enum query_use use)
{
	return p[0] == '%' && p[1] != '\0' &&
	       strchr(use == QUERY_OF_LOGIN ? "undsr" : of_key, p[1]) != NULL;
}

static bool has_key(const struct query *query)
{
	for (size_t i = 0; i < query->n_parameters; i++) {
		if (strchr(of_key, query->parameters[i]) != NULL) {
			return true;
		}
	}
	return false;
}

static int refuse_percent(const char *p, enum query_use use, struct error *error)
{
	if (is_placeholder(p, use)) {
		return error_set(error,
		    "%%%c stands within a longer string; use CONCAT('...', '%%%c') instead", p[1],
		    p[1]);
	}
	error_set(error, "\"%.2s\": placeholders are %%u, %%n and %%d", p);
	if (use == QUERY_OF_LOGIN) {
		error_append(error, ", %%s and %%r");
	} else if (is_placeholder(p, QUERY_OF_LOGIN)) {
		error_append(error, "; %%s and %%r are known in password_query alone");
	}
	return error_append(error, "; a percent sign is written %%%%");
}

int query_init(struct query *query, const char *text, enum query_use use, struct error *error)
{
	const char *p = text;
	char quote = '\0';
	char *out;

	*query = (struct query){ .sql = malloc(strlen(text) + 1), .service = "", .client = "" };
	out = query->sql;
	if (out == NULL) {
		return error_set(error, "out of memory");
	}
	while (*p != '\0') {
		int is_quoted = quote == '\0' && (*p == '\'' || *p == '"') &&
				is_placeholder(p + 1, use) && p[3] == p[0] && p[4] != p[0];

		if (is_quoted || (quote == '\0' && is_placeholder(p, use))) {
			if (query->n_parameters == QUERY_PARAMETERS_MAX) {
				error_set(error, "more than %d placeholders", QUERY_PARAMETERS_MAX);
				goto fail;
			}
			query->parameters[query->n_parameters++] = p[is_quoted ? 2 : 1];
			p += is_quoted ? 4 : 2;
			*out++ = '?';
		} else if (p[0] == '%' && p[1] == '%') {
			p += 2;
			*out++ = '%';
		} else if (p[0] == '%') {
			refuse_percent(p, use, error);
			goto fail;
		} else if (p[0] == '?' && quote == '\0') {
			error_set(
			    error, "a \"?\" outside of quotes; placeholders are %%u, %%n and %%d");
			goto fail;
		} else {
			/* What is escaped ends no string; but each percent sign is looked at. */
			if (quote != '\0' && *p == '\\' && p[1] != '\0' && p[1] != '%') {
				*out++ = *p++;
			} else if (quote == '\0' && (*p == '\'' || *p == '"' || *p == '`')) {
				quote = *p;
			} else if (*p == quote) {
				quote = '\0';
			}
			*out++ = *p++;
		}
	}
	*out = '\0';
	if (use != QUERY_OF_ALL && !has_key(query)) {
		error_set(error,
		    "no placeholder (%%u, %%n or %%d): it would find the same for everybody");
		goto fail;
	}
	return 0;
fail:
	query_deinit(query);
	return -1;
}

void query_deinit(struct query *query)
{
	free(query->sql);
	*query = (struct query){ .sql = NULL };
}

bool key_is_ascii(const char *key)
{
	while (*key != '\0' && (unsigned char)*key < 0x80) {
		key++;
	}
	return *key == '\0';
}

const char *query_value(const struct query *query, size_t i, const char *key, size_t *n_r)
{
	const char letter = query->parameters[i], *at = strrchr(key, '@');

	if (letter == 's' || letter == 'r') {
		key = letter == 's' ? query->service : query->client;
		*n_r = strlen(key);
		return key;
	}
	*n_r = strlen(key);
	if (at == NULL || letter == 'u') {
		return key;
	}
	if (letter == 'n') {
		*n_r = (size_t)(at - key);
		return key;
	}
	*n_r -= (size_t)(at + 1 - key);
	return at + 1;
}
