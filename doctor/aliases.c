/* SPDX-License-Identifier: MIT
 * Aliases that lead nowhere, or in circles. Each row is judged by the daemon's resolver, which is
 * told of this row alone when it asks for the row's source: so it is known which row is at fault. */
#include "doctor/aliases.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct aliases {
	unsigned n_foreign, n_catch_alls;
	char source[ROW_TEXT_MAX], destination[ROW_TEXT_MAX]; /* of the row before */
};

/* One row, as the answer to the first question for its source. */
struct alias_row {
	struct rows *rows;
	const char *key; /* the source in lower case */
	const struct column *source, *destination;
	bool is_told, is_hidden;
	char text[ROW_TEXT_MAX], target[ROW_TEXT_MAX]; /* source and destination as shown */
	bool is_plain;
};

/* The daemon's own question, but for this row: Postfix has been here before it. */
static int alias_ask(
    void *source, enum resolver_table table, const char *key, row_handler *on_row, void *data)
{
	struct alias_row *row = source;
	const struct column columns[] = { *row->destination, *row->source };

	if (table == RESOLVER_MAILBOX && !row->is_hidden) {
		row->is_hidden = true; /* Postfix asks for aliases first */
		return 0;
	}
	if (table == RESOLVER_ALIAS && !row->is_told && strcmp(key, row->key) == 0) {
		row->is_told = true;
		return on_row(data, &(struct row){ columns, 2 });
	}
	return row->rows->resolver.ask(row->rows->resolver.source, table, key, on_row, data);
}

static void warn_row(
    const struct alias_row *row, enum finding finding, const struct resolution *resolution)
{
	rows_say(row->rows, finding, "correct or delete that row", "%s -> %s: %s", row->text,
	    row->target, resolution->note);
}

static void judge(struct aliases *aliases, const struct alias_row *row, int result,
    const struct resolution *resolution)
{
	const struct resolver_faults *faults = &resolution->faults;

	if (result == RESOLVER_LOOP) {
		warn_row(row, ALIAS_LOOP, resolution);
		return;
	}
	if (faults->n_bad > 0) {
		warn_row(row, ALIAS_BAD, resolution);
	}
	if (faults->n_missing > 0) {
		warn_row(row, ALIAS_MISSING, resolution);
	}
	if (faults->n_itself > 0 && !rows_has(row->rows, RESOLVER_MAILBOX, row->key) &&
	    row->rows->accident == 0) {
		warn_row(row, ALIAS_ITSELF, resolution);
	}
	aliases->n_foreign += faults->n_foreign > 0;
}

static void resolve(struct aliases *aliases, struct alias_row *row, const struct address *address)
{
	struct resolver resolver = row->rows->resolver;
	struct resolution resolution;
	int result;

	resolver.ask = alias_ask;
	resolver.source = row;
	result = resolver_resolve(&resolver, address, &resolution);
	if (result < 0 || result == RESOLVER_BAD_ROW) {
		row->rows->accident = result;
	} else {
		judge(aliases, row, result, &resolution);
	}
	resolution_deinit(&resolution);
}

/* The same as the row before? */
static void check_twice(struct aliases *aliases, const struct alias_row *row)
{
	if (strcasecmp(aliases->source, row->text) == 0 &&
	    strcasecmp(aliases->destination, row->target) == 0) {
		rows_say(row->rows, ALIAS_TWICE, "delete one of the two",
		    "%s -> %s stands there twice", row->text, row->target);
	}
	memcpy(aliases->source, row->text, sizeof(aliases->source));
	memcpy(aliases->destination, row->target, sizeof(aliases->destination));
}

/* A column with a binary collation tells case apart, and keys are asked in lower case. */
static bool has_upper(const char *text)
{
	return text[strcspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")] != '\0';
}

/* Of what lmtpd does not look up Postfix may make something. */
static void warn_no_address(const struct alias_row *row)
{
	rows_say(row->rows, ALIAS_UNSEEN, "write the source as an address, or as @domain",
	    "%s -> %s: lmtpd looks up addresses and @domain, never this", row->text, row->target);
}

static void warn_capitals(const struct alias_row *row)
{
	rows_say(row->rows, ALIAS_UNSEEN,
	    rows_remedy(row->rows, row->is_plain, "store the source in lower case",
		"UPDATE virtual_aliases SET source = LOWER(source) WHERE BINARY source = '%s'",
		row->text),
	    "%s -> %s: it is looked up in lower case, and not found", row->text, row->target);
}

static void check_catch_all(struct aliases *aliases, const struct alias_row *row)
{
	if (++aliases->n_catch_alls <= ROWS_SHOWN) {
		report_ok(row->rows->report, "catch-all",
		    "%s -> %s takes all mail for addresses of the domain that do not exist",
		    row->text, row->target);
	}
}

static void judge_alias(struct rows *rows, void *data, const struct row *answer)
{
	const struct column *source = &answer->columns[0], *destination = &answer->columns[1];
	struct aliases *aliases = data;
	struct alias_row row = { .rows = rows, .source = source, .destination = destination };
	bool is_catch_all = source->n > 0 && source->text[0] == '@';
	char probe[ROW_TEXT_MAX + 32];
	struct address address;

	row.is_plain = rows_show(source, row.text);
	row.is_plain = rows_show(destination, row.target) && row.is_plain;
	check_twice(aliases, &row);
	/* What comes to a catch-all is for somebody who does not exist. */
	snprintf(probe, sizeof(probe), "%s%s", is_catch_all ? "lmtpd-check-nobody" : "", row.text);
	if (source->text == NULL || destination->text == NULL || source->n >= ROW_TEXT_MAX ||
	    address_from_text(&address, probe, strlen(probe)) != ADDRESS_OK) {
		warn_no_address(&row);
		return;
	}
	address_lower(&address);
	row.key = is_catch_all ? strchr(address.text, '@') : address.text;
	if (has_upper(row.text) && !rows_has(row.rows, RESOLVER_ALIAS, row.key) &&
	    row.rows->accident == 0) {
		warn_capitals(&row);
		return;
	}
	if (is_catch_all) {
		check_catch_all(aliases, &row);
	}
	if (row.rows->accident == 0) {
		resolve(aliases, &row, &address);
	}
}

unsigned long aliases_check(struct rows *rows, const char *query)
{
	struct aliases aliases = { .n_foreign = 0 };
	unsigned long n = rows_read(rows, DIRECTORY_ALIASES, query, judge_alias, &aliases);

	if (aliases.n_catch_alls > ROWS_SHOWN) {
		report_ok(
		    rows->report, "catch-all", "and %u more", aliases.n_catch_alls - ROWS_SHOWN);
	}
	if (aliases.n_foreign > 0) {
		report_ok(rows->report, "alias",
		    "%u lead to other servers: Postfix sends such mail on, lmtpd does not see it",
		    aliases.n_foreign);
	}
	return n;
}
