/* SPDX-License-Identifier: MIT
 * Fuzz target of what --adopt reads: whatever query comes out is a template of ours, with the columns that lmtpd wants,
 * and one that is adopted says the same when it is adopted again.
 *
 * An input is a file of mysql_table(5), or of Dovecot's sql. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "adopt/account.h"
#include "adopt/file.h"
#include "adopt/queries.h"
#include "adopt/tokens.h"
#include "schema/query.h"

static const enum select_use uses[] = { SELECT_USER, SELECT_ALIAS, SELECT_DOMAIN, SELECT_PASSWORD };

static void require_template(const char *text, enum query_use use)
{
	struct query query;
	struct error error = { "" };
	bool is_full = false;

	if (query_init(&query, text, use, &error) != 0) {
		/* a limit that is ours, and no one else's */
		is_full = strstr(error.text, "placeholders") != NULL &&
			  strncmp(error.text, "more", 4) == 0;
		fuzz_require(is_full || strchr(text, '?') != NULL, "what is adopted is a template");
		return;
	}
	query_deinit(&query);
}

static void check_query(const char *text, enum template_dialect dialect, enum select_use use)
{
	struct adopted adopted;
	struct error error = { "" };

	queries_make(&adopted, text, dialect, use);
	if (adopted.query == NULL) {
		fuzz_require(adopted.error.text[0] != '\0', "a refusal has a reason");
	} else {
		char *grants = select_grants(adopted.query, "db", "u");
		char *again = select_adopt(adopted.query, use, &error);

		require_template(
		    adopted.query, use == SELECT_PASSWORD ? QUERY_OF_LOGIN : QUERY_OF_KEY);
		fuzz_require(grants != NULL, "grants are told");
		fuzz_require(use == SELECT_ALIAS || use == SELECT_PASSWORD ||
				 (again != NULL && tokens_are_same(again, adopted.query)),
		    "what is adopted stays as it is");
		free(again);
		free(grants);
	}
	if (adopted.all != NULL) {
		require_template(adopted.all, QUERY_OF_ALL);
	}
	queries_free(&adopted);
}

static void check_pairs(const struct file_pairs *pairs)
{
	for (size_t i = 0; i < pairs->n; i++) {
		const struct file_pair *pair = &pairs->list[i];

		fuzz_require(strchr(pair->name, '\n') == NULL &&
				 strchr(pair->value, '\n') == NULL && pair->line > 0,
		    "a pair is of one line");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *for_postfix = fuzz_string(data, n), *for_dovecot = fuzz_string(data, n);
	char names[SELECT_NAMES_MAX];
	struct file_pairs pairs;
	struct account account;

	file_read_postfix(&pairs, for_postfix);
	check_pairs(&pairs);
	account_read_map(&account, &pairs);
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		check_query(file_value(&pairs, "query"),
		    uses[i] == SELECT_DOMAIN ? TEMPLATE_POSTFIX_DOMAIN : TEMPLATE_POSTFIX, uses[i]);
	}
	file_read_dovecot(&pairs, for_dovecot);
	check_pairs(&pairs);
	account_read_connect(&account, file_value(&pairs, "connect"));
	check_query(file_value(&pairs, "password_query"), TEMPLATE_DOVECOT_23, SELECT_PASSWORD);
	check_query(file_value(&pairs, "password_query"), TEMPLATE_DOVECOT_24, SELECT_PASSWORD);
	select_list_others(file_value(&pairs, "user_query"), names);
	free(select_column(file_value(&pairs, "user_query"), "home"));
	free(for_postfix);
	free(for_dovecot);
	return 0;
}
