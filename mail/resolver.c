/* SPDX-License-Identifier: MIT
 * Resolving one recipient. Each level of aliases is one frame on the stack, linked to the one it
 * came from, so that a loop is seen and can be shown. */
#include "mail/resolver.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct run {
	const struct resolver *resolver;
	struct resolution *resolution;
	size_t n_results;
	bool leads_elsewhere;
};

/* One address on the way: from the recipient (from == NULL) over aliases to a mailbox. */
struct frame {
	const struct frame *from;
	unsigned level;
	struct address address; /* lower-cased */
};

/* Destinations of an alias, one after the other, each ended by NUL. */
struct destinations {
	const char *key;
	char *text;
	size_t n, cap;
	size_t count;
};

static void trace(
    const struct run *run, enum resolver_table table, const char *key, const char *found)
{
	if (run->resolver->trace != NULL) {
		run->resolver->trace(run->resolver->trace_data, table, key, found);
	}
}

/* Notes are cut where the room ends. */
static void add_note(struct run *run, const char *a, const char *b)
{
	char *note = run->resolution->note;
	size_t n = strlen(note);

	snprintf(note + n, sizeof(run->resolution->note) - n, "%s%s%s", n > 0 ? "; " : "", a, b);
}

static int add_mailbox(struct run *run, const struct address *row)
{
	struct resolution *resolution = run->resolution;
	struct address *grown;

	for (size_t i = 0; i < resolution->n_mailboxes; i++) {
		if (strcmp(resolution->mailboxes[i].text, row->text) == 0) {
			return 0;
		}
	}
	grown = realloc(resolution->mailboxes, (resolution->n_mailboxes + 1) * sizeof(*grown));
	if (grown == NULL) {
		return -ENOMEM;
	}
	resolution->mailboxes = grown;
	grown[resolution->n_mailboxes++] = *row;
	return 0;
}

/* A row counts only if it equals what was asked: the collations of MySQL match more than that. */
static bool column_equals(const struct column *column, const char *key)
{
	return address_equal_lowered(column->text, column->n, key, strlen(key));
}

struct match {
	const char *key;
	struct address row;
	bool is_found;
	char strange[64]; /* a value that can be no answer to this query: the query is wrong */
};

/* Postfix's own maps say SELECT 1: such a query here would make strangers of all users, for good. */
static void keep_strange(struct match *match, const struct column *column)
{
	size_t n = column->n < sizeof(match->strange) ? column->n : sizeof(match->strange) - 1;

	memcpy(match->strange, column->text, n);
	match->strange[n] = '\0';
}

static int report_strange(struct run *run, const struct match *match, const char *what)
{
	add_note(run, "the query must return ", what);
	add_note(run, "it returned ", match->strange);
	return RESOLVER_BAD_ROW;
}

static int on_mailbox_row(void *data, const struct row *row)
{
	const struct column *address = &row->columns[0];
	struct match *match = data;

	if (address->text == NULL) {
		return 0;
	}
	if (memchr(address->text, '@', address->n) == NULL) {
		keep_strange(match, address);
	} else if (!match->is_found && column_equals(address, match->key) &&
		   address_from_text(&match->row, address->text, address->n) == ADDRESS_OK) {
		match->is_found = true;
	}
	return 0;
}

static int find_mailbox(struct run *run, const struct address *address, bool *is_found_r)
{
	struct match match = { .key = address->text };
	const struct resolver *resolver = run->resolver;
	int result = resolver->ask(
	    resolver->source, RESOLVER_MAILBOX, address->text, on_mailbox_row, &match);

	*is_found_r = match.is_found;
	if (result < 0) {
		return result;
	}
	trace(run, RESOLVER_MAILBOX, address->text, match.is_found ? match.row.text : NULL);
	if (!match.is_found && match.strange[0] != '\0') {
		return report_strange(run, &match, "the mailbox's address");
	}
	return match.is_found ? add_mailbox(run, &match.row) : 0;
}

static int on_domain_row(void *data, const struct row *row)
{
	const struct column *name = &row->columns[0];
	struct match *match = data;
	size_t i = 0;

	if (name->text == NULL) {
		return 0;
	}
	if (column_equals(name, match->key)) {
		match->is_found = true;
	}
	while (i < name->n && name->text[i] >= '0' && name->text[i] <= '9') {
		i++;
	}
	if (i == name->n) {
		keep_strange(match, name);
	}
	return 0;
}

static int find_domain(struct run *run, const char *domain, bool *is_found_r)
{
	struct match match = { .key = domain };
	const struct resolver *resolver = run->resolver;
	int result =
	    resolver->ask(resolver->source, RESOLVER_DOMAIN, domain, on_domain_row, &match);

	*is_found_r = match.is_found;
	if (result < 0) {
		return result;
	}
	trace(run, RESOLVER_DOMAIN, domain, match.is_found ? domain : NULL);
	if (!match.is_found && match.strange[0] != '\0') {
		return report_strange(run, &match, "the domain's name");
	}
	return result;
}

static int add_destination(struct destinations *destinations, const char *text, size_t n)
{
	if (destinations->n + n + 1 > destinations->cap) {
		size_t cap = 2 * (destinations->n + n + 64);
		char *grown = realloc(destinations->text, cap);

		if (grown == NULL) {
			return -ENOMEM;
		}
		destinations->text = grown;
		destinations->cap = cap;
	}
	for (size_t i = 0; i < n; i++) {
		/* A NUL would make two of one; this makes it no address. */
		destinations->text[destinations->n + i] = text[i];
		if (text[i] == '\0') {
			destinations->text[destinations->n + i] = '\177';
		}
	}
	destinations->text[destinations->n + n] = '\0';
	destinations->n += n + 1;
	destinations->count++;
	return 0;
}

static bool is_divider(char c)
{
	return c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A row holds one destination or a list divided by commas or blanks; quotes keep them together. */
static int on_alias_row(void *data, const struct row *row)
{
	const struct column *list = &row->columns[0];
	const struct column *source = row->n_columns > 1 ? &row->columns[1] : NULL;
	struct destinations *destinations = data;
	size_t i = 0;

	if (list->text == NULL ||
	    (source != NULL && source->text != NULL && !column_equals(source, destinations->key))) {
		return 0;
	}
	while (i < list->n) {
		size_t start = i;
		bool is_quoted = false;
		int result;

		for (; i < list->n && (is_quoted || !is_divider(list->text[i])); i++) {
			if (list->text[i] == '\\' && i + 1 < list->n) {
				i++;
			} else if (list->text[i] == '"') {
				is_quoted = !is_quoted;
			}
		}
		if (i > start) {
			if (destinations->count > RESOLVER_RESULT_MAX) {
				return RESOLVER_LOOP;
			}
			result = add_destination(destinations, list->text + start, i - start);
			if (result < 0) {
				return result;
			}
		}
		i++;
	}
	return 0;
}

static int find_alias(struct run *run, const char *key, struct destinations *destinations_r)
{
	const struct resolver *resolver = run->resolver;
	int result;

	*destinations_r = (struct destinations){ .key = key };
	result = resolver->ask(resolver->source, RESOLVER_ALIAS, key, on_alias_row, destinations_r);
	if (result < 0) {
		return result;
	}
	if (resolver->trace != NULL) {
		char *list = destinations_r->count == 0 ? NULL : malloc(destinations_r->n);

		if (list != NULL) {
			memcpy(list, destinations_r->text, destinations_r->n);
			for (size_t i = 0; i + 1 < destinations_r->n; i++) {
				list[i] = list[i] == '\0' ? ',' : list[i];
			}
		}
		trace(run, RESOLVER_ALIAS, key, list);
		free(list);
	}
	return result;
}

static int expand(struct run *run, const struct frame *frame);

/* The chain of addresses that led here, the recipient first. */
static void put_chain(char *out, size_t n, const struct frame *frame)
{
	size_t used;

	if (frame->from != NULL) {
		put_chain(out, n, frame->from);
	} else {
		out[0] = '\0';
	}
	used = strlen(out);
	snprintf(
	    out + used, n - used, "%s%s", frame->from != NULL ? " -> " : "", frame->address.text);
}

static int report_loop(struct run *run, const struct frame *frame, const char *next)
{
	char chain[400];

	put_chain(chain, sizeof(chain), frame);
	add_note(run, "alias loop: ", chain);
	add_note(run, "and on to ", next);
	return RESOLVER_LOOP;
}

/* What a destination stands for: quoting off, "@domain" keeps the local part it was reached with,
 * and the detail goes along. */
static enum address_outcome read_destination(struct address *address_r, const char *text,
    const struct frame *frame, const char *detail, size_t n_detail)
{
	struct address plain;
	struct path path = { .text = text, .n = strlen(text) };

	if (text[0] == '<' && text[path.n - 1] == '>') {
		path.text++;
		path.n -= 2;
	}
	if (path.n > 1 && path.text[0] == '@') {
		char whole[ADDRESS_MAX + 1];
		int n = snprintf(whole, sizeof(whole), "%.*s%.*s", (int)frame->address.n_local,
		    frame->address.text, (int)path.n, path.text);

		return n > ADDRESS_MAX ? ADDRESS_BAD
				       : address_from_text(address_r, whole, (size_t)n);
	}
	if (address_from_path(&plain, &path) != ADDRESS_OK) {
		return ADDRESS_BAD;
	}
	*address_r = plain;
	return n_detail == 0 ? ADDRESS_OK : address_join(address_r, &plain, detail, n_detail);
}

/* One destination of the alias that was found for frame. */
static int follow_one(struct run *run, const struct frame *frame, const char *text,
    const char *detail, size_t n_detail)
{
	struct frame next = { .from = frame, .level = frame->level + 1 };

	if (read_destination(&next.address, text, frame, detail, n_detail) != ADDRESS_OK) {
		add_note(run, "no mail address: ", text);
		run->resolution->faults.n_bad++;
		run->leads_elsewhere = true;
		return 0;
	}
	address_lower(&next.address);
	if (strcmp(next.address.text, frame->address.text) == 0) {
		add_note(run, "leads to itself and is no mailbox: ", next.address.text);
		run->resolution->faults.n_itself++;
		return 0;
	}
	if (++run->n_results > RESOLVER_RESULT_MAX || next.level > RESOLVER_LEVEL_MAX) {
		return report_loop(run, frame, next.address.text);
	}
	for (const struct frame *f = frame->from; f != NULL; f = f->from) {
		if (strcmp(f->address.text, next.address.text) == 0) {
			return report_loop(run, frame, next.address.text);
		}
	}
	return expand(run, &next);
}

/* Follows the destinations of an alias. *is_found_r: it has any. */
static int follow(struct run *run, const struct frame *frame, const char *key, const char *detail,
    size_t n_detail, bool *is_found_r)
{
	struct destinations destinations;
	int result = find_alias(run, key, &destinations);
	const char *text = destinations.text;

	*is_found_r = destinations.count > 0;
	if (result == RESOLVER_LOOP) {
		result = report_loop(run, frame, "more than 1000 destinations");
	}
	for (size_t i = 0; i < destinations.count && result == 0; i++, text += strlen(text) + 1) {
		result = follow_one(run, frame, text, detail, n_detail);
	}
	free(destinations.text);
	return result;
}

/* Nothing has a row for this address. */
static int give_up(struct run *run, const struct frame *frame)
{
	bool is_ours;
	int result = find_domain(run, address_domain(&frame->address), &is_ours);

	if (result != 0) {
		return result;
	}
	if (frame->from == NULL) {
		return is_ours ? RESOLVER_NO_MAILBOX : RESOLVER_NO_DOMAIN;
	}
	if (!is_ours) {
		run->leads_elsewhere = true;
		run->resolution->faults.n_foreign++;
		add_note(
		    run, "alias leads elsewhere, Postfix must expand it: ", frame->address.text);
	} else {
		run->resolution->faults.n_missing++;
		add_note(run, "alias leads to no mailbox, left out: ", frame->address.text);
	}
	return 0;
}

/* Finds what the frame's address stands for. 0 also when nothing was found for a destination: the
 * others of its alias may do. */
static int expand(struct run *run, const struct frame *frame)
{
	const struct address *address = &frame->address;
	const char *detail;
	char catch_all[ADDRESS_PART_MAX + 2];
	struct address base;
	size_t n_detail = 0;
	bool is_found;
	int result = find_mailbox(run, address, &is_found);

	if (result == 0 && !is_found) {
		result = follow(run, frame, address->text, NULL, 0, &is_found);
	}
	detail = address_split(address, run->resolver->delimiters, &base, &n_detail);
	if (result == 0 && !is_found && detail != NULL) {
		result = find_mailbox(run, &base, &is_found);
		if (result == 0 && !is_found) {
			result = follow(run, frame, base.text, detail, n_detail, &is_found);
		}
	}
	if (result == 0 && !is_found) {
		snprintf(catch_all, sizeof(catch_all), "@%s", address_domain(address));
		result = follow(run, frame, catch_all, NULL, 0, &is_found);
	}
	if (result == 0 && !is_found) {
		result = give_up(run, frame);
	}
	return result;
}

int resolver_resolve(
    const struct resolver *resolver, const struct address *address, struct resolution *resolution_r)
{
	struct run run = { .resolver = resolver, .resolution = resolution_r };
	struct frame frame = { .address = *address };
	int result;

	*resolution_r = (struct resolution){ .mailboxes = NULL };
	address_lower(&frame.address);
	result = expand(&run, &frame);
	if (result != 0) {
		return result;
	}
	if (run.leads_elsewhere) {
		return RESOLVER_ELSEWHERE;
	}
	return resolution_r->n_mailboxes > 0 ? RESOLVER_FOUND : RESOLVER_NO_MAILBOX;
}

int resolver_owns(const struct resolver *resolver, const char *domain, bool *is_ours_r)
{
	struct resolution resolution = { .mailboxes = NULL };
	struct run run = { .resolver = resolver, .resolution = &resolution };

	return find_domain(&run, domain, is_ours_r);
}

void resolution_deinit(struct resolution *resolution)
{
	free(resolution->mailboxes);
	*resolution = (struct resolution){ .mailboxes = NULL };
}
