/* SPDX-License-Identifier: MIT
 * The test environment (RFC 5183), its items as variables (vnd.dovecot.environment), and debug_log
 * (vnd.dovecot.debug). */

#include <string.h>

#include "sieve/compare.h"
#include "sieve/frames.h"
#include "version.h"

/* p is NULL: nobody knows that item. */
static struct span find(const struct sieve_run *run, struct span name)
{
	const struct sieve_facts *facts = run->facts;
	const struct {
		const char *name, *value;
		bool is_dovecots;
	} items[] = {
		{ "domain", facts->domain },
		{ "host", facts->hostname },
		{ "location", "MDA" },
		{ "phase", "during" },
		{ "name", "lmtpd" },
		{ "version", LMTPD_VERSION },
		{ "vnd.dovecot.default-mailbox", "INBOX", true },
		{ "vnd.dovecot.username", facts->user, true },
	};
	uint64_t required = run->scope->program->extensions;

	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		if (span_is(name, items[i].name) && items[i].value != NULL &&
		    (!items[i].is_dovecots ||
			(required & EXTENSION_BIT(EXTENSION_DOVECOT_ENVIRONMENT)) != 0)) {
			return span_of(items[i].value);
		}
	}
	return (struct span){ NULL, 0 };
}

/* In a variable's name a - is written _. */
struct span environment_variable(struct sieve_run *run, struct span name)
{
	char item[64];
	size_t n = 0;

	for (size_t i = strlen("env."); i < name.n && n < sizeof(item); i++) {
		item[n++] = name.p[i] == '_' ? '-' : name.p[i];
	}
	return find(run, (struct span){ item, n });
}

static enum answer run_environment(struct sieve_run *run, const struct node *node)
{
	struct span name, value;

	run_text(run, node, SLOT_FIRST, &name);
	value = find(run, name);
	return value.p != NULL ? compare_one(run, node, value) : ANSWER_NO;
}

static enum answer run_debug_log(struct sieve_run *run, const struct node *node)
{
	struct span text;

	run_text(run, node, SLOT_FIRST, &text);
	run_debug(run, node, "DEBUG: %.*s", (int)(text.n < 900 ? text.n : 900), text.p);
	return ANSWER_YES;
}

const struct word words_environment[] = {
	{ "environment", WORD_TEST, EXTENSION_ENVIRONMENT, .tags = { compare_tags },
	    .parameters = { TYPE_STRING, TYPE_STRINGS }, .check = compare_check,
	    .run = run_environment },
	{ "debug_log", WORD_COMMAND, EXTENSION_DOVECOT_DEBUG, .parameters = { TYPE_STRING },
	    .run = run_debug_log },
	{ NULL },
};
