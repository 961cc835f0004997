/* SPDX-License-Identifier: MIT
 * Resolving one recipient. Each level of aliases is one frame on the stack, linked to the one it
 * came from, so that a loop is seen and can be shown. */
#include "mail/resolver.h"

#include <argz.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/destinations.h"

static const struct span none = { "", 0 };

struct run {
	const struct resolver *resolver;
	struct resolution *resolution;
	size_t n_results;
	bool leads_elsewhere, has_disabled;
};

/* One address on the way: from the recipient (from == NULL) over aliases to a mailbox. */
struct frame {
	const struct frame *from;
	unsigned level;
	struct address written; /* as it came */
	struct address address; /* lower-cased */
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

/* Owns the mailbox from now on. */
static int add_mailbox(struct run *run, struct mailbox *mailbox)
{
	struct resolution *resolution = run->resolution;
	struct mailbox *grown;

	for (size_t i = 0; i < resolution->n_mailboxes; i++) {
		if (mailbox_is_same(&resolution->mailboxes[i], mailbox)) {
			mailbox_deinit(mailbox);
			return 0;
		}
	}
	grown = realloc(resolution->mailboxes, (resolution->n_mailboxes + 1) * sizeof(*grown));
	if (grown == NULL) {
		mailbox_deinit(mailbox);
		return -ENOMEM;
	}
	resolution->mailboxes = grown;
	grown[resolution->n_mailboxes++] = *mailbox;
	return 0;
}

/* The answer to a question for a mailbox or for a domain. */
struct match {
	const struct resolver *resolver;
	enum resolver_table table;
	const char *key;
	bool is_found;
	bool is_empty; /* a row had nothing there */
	/* Of a mailbox that was found: what mailbox_read() made of its row. */
	struct mailbox mailbox;
	int state;
	struct error words;
	char strange[64]; /* a value that can be no answer to this query: the query is wrong */
};

/* Postfix's own maps say SELECT 1: such a query here would make strangers of all users, for good. A
 * mailbox has an '@', and no domain consists of digits alone. */
static bool is_strange(enum resolver_table table, const struct column *column)
{
	size_t n_digits = 0;

	if (table == RESOLVER_MAILBOX) {
		return memchr(column->text, '@', column->n) == NULL;
	}
	while (n_digits < column->n && isdigit((unsigned char)column->text[n_digits])) {
		n_digits++;
	}
	return n_digits == column->n;
}

static int on_match_row(void *data, const struct row *row)
{
	const struct column *column = &row->columns[0];
	struct match *match = data;

	/* IF(node = 1, email, '') is no way to say that there is nobody: his mail would bounce. */
	if (column->n == 0) {
		match->is_empty = true;
		return 0;
	}
	if (is_strange(match->table, column)) {
		snprintf(
		    match->strange, sizeof(match->strange), "%.*s", (int)column->n, column->text);
	}
	if (match->is_found || !text_is(column->text, column->n, match->key)) {
		return 0;
	}
	match->is_found = true;
	if (match->table == RESOLVER_MAILBOX) {
		match->state =
		    mailbox_read(&match->mailbox, row, match->resolver->node, &match->words);
	}
	return 0;
}

/* Takes over a mailbox that was found. Returns RESOLVER_FOUND, also for one that gets no mail, which is left out;
 * or what keeps all of it from being delivered. */
static int take_mailbox(struct run *run, struct match *match, struct span detail)
{
	struct mailbox *mailbox = &match->mailbox;
	char words[ADDRESS_MAX + ERROR_MAX + 8];

	if (match->state == MAILBOX_HERE && detail.n > 1 && run->resolver->keeps_detail) {
		mailbox->detail = strndup(detail.p + 1, detail.n - 1);
		match->state = mailbox->detail == NULL ? -ENOMEM : MAILBOX_HERE;
	}
	if (match->state == MAILBOX_HERE) {
		return add_mailbox(run, mailbox);
	}
	snprintf(words, sizeof(words), "%s %s", mailbox->address.text, match->words.text);
	mailbox_deinit(mailbox);
	switch (match->state) {
	case MAILBOX_DISABLED:
		run->has_disabled = true;
		add_note(run, "", words);
		return RESOLVER_FOUND;
	case MAILBOX_MOVING:
		add_note(run, "", words);
		return RESOLVER_MOVING;
	case MAILBOX_ELSEWHERE:
		add_note(run, "", words);
		return RESOLVER_OTHER_NODE;
	case -EINVAL:
		add_note(run, "the row of ", words);
		return RESOLVER_BAD_MAILBOX;
	default:
		return match->state;
	}
}

/* Asks for a mailbox, which joins the others when it is found, or for a domain. detail: with its delimiter, what
 * the address has that the key has not. Returns RESOLVER_FOUND, RESOLVER_NO_MAILBOX or RESOLVER_NO_DOMAIN, another
 * outcome of the mailbox, RESOLVER_BAD_ROW or a negative accident. */
static int find(struct run *run, enum resolver_table table, const char *key, struct span detail)
{
	const struct resolver *resolver = run->resolver;
	bool is_mailbox = table == RESOLVER_MAILBOX;
	struct match match = { .resolver = resolver, .table = table, .key = key };
	int result = resolver->ask(resolver->source, table, key, on_match_row, &match);
	const char *found = is_mailbox ? match.mailbox.address.text : key;

	if (result < 0) {
		mailbox_deinit(&match.mailbox);
		return result;
	}
	trace(run, table, key, match.is_found ? found : NULL);
	if (match.is_found) {
		return is_mailbox ? take_mailbox(run, &match, detail) : RESOLVER_FOUND;
	}
	if (match.is_empty && is_mailbox) {
		add_note(run, "user_query: ", "its first column is NULL or empty");
		return RESOLVER_BAD_ROW;
	}
	if (match.strange[0] != '\0') {
		add_note(run, "the query must return ",
		    is_mailbox ? "the mailbox's address" : "the domain's name");
		add_note(run, "it returned ", match.strange);
		return RESOLVER_BAD_ROW;
	}
	return is_mailbox ? RESOLVER_NO_MAILBOX : RESOLVER_NO_DOMAIN;
}

static void trace_alias(
    const struct run *run, const char *key, const struct destinations *destinations)
{
	char *list = NULL;
	size_t n = 0;

	if (run->resolver->trace != NULL && destinations->count > 0 &&
	    argz_append(&list, &n, destinations->text, destinations->n) == 0) {
		argz_stringify(list, n, ',');
	}
	trace(run, RESOLVER_ALIAS, key, list);
	free(list);
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
static enum address_outcome read_destination(
    struct address *address_r, const char *text, const struct frame *frame, struct span detail)
{
	struct address plain;
	struct path path = { .text = text, .n = strlen(text) };

	if (text[0] == '<' && text[path.n - 1] == '>') {
		path.text++;
		path.n -= 2;
	}
	if (path.n > 1 && path.text[0] == '@') {
		char whole[ADDRESS_MAX + 1];
		int n = snprintf(whole, sizeof(whole), "%.*s%.*s", (int)frame->written.n_local,
		    frame->written.text, (int)path.n, path.text);

		return n > ADDRESS_MAX ? ADDRESS_BAD
				       : address_from_text(address_r, whole, (size_t)n);
	}
	if (address_from_path(&plain, &path) != ADDRESS_OK) {
		return ADDRESS_BAD;
	}
	return address_join(address_r, &plain, detail);
}

/* One destination of the alias that was found for frame. */
static int follow_one(
    struct run *run, const struct frame *frame, const char *text, struct span detail)
{
	struct frame next = { .from = frame, .level = frame->level + 1 };

	if (read_destination(&next.written, text, frame, detail) != ADDRESS_OK) {
		add_note(run, "no mail address: ", text);
		run->resolution->faults.n_bad++;
		run->leads_elsewhere = true;
		return 0;
	}
	next.address = next.written;
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

/* Follows the destinations of an alias. Returns RESOLVER_NO_MAILBOX when it has none, else as expand(). */
static int follow(struct run *run, const struct frame *frame, const char *key, struct span detail)
{
	const struct resolver *resolver = run->resolver;
	struct destinations destinations = { .key = key };
	const char *text = NULL;
	int result = resolver->ask(
	    resolver->source, RESOLVER_ALIAS, key, destinations_on_row, &destinations);

	if (result >= 0) {
		trace_alias(run, key, &destinations);
	}
	if (result == DESTINATIONS_TOO_MANY) {
		result = report_loop(run, frame, "more than 1000 destinations");
	} else if (result == 0 && destinations.count == 0) {
		result = RESOLVER_NO_MAILBOX;
	}
	while (result == 0 && (text = argz_next(destinations.text, destinations.n, text)) != NULL) {
		result = follow_one(run, frame, text, detail);
	}
	free(destinations.text);
	return result;
}

/* Nothing has a row for this address. */
static int give_up(struct run *run, const struct frame *frame)
{
	int result = find(run, RESOLVER_DOMAIN, address_domain(&frame->address), none);

	if (result != RESOLVER_FOUND && result != RESOLVER_NO_DOMAIN) {
		return result;
	}
	if (frame->from == NULL) {
		return result == RESOLVER_FOUND ? RESOLVER_NO_MAILBOX : RESOLVER_NO_DOMAIN;
	}
	if (result == RESOLVER_NO_DOMAIN) {
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

/* Finds what the frame's address stands for: the first of the look-ups that has a row says it. 0 also
 * when nothing was found for a destination: the others of its alias may do. */
static int expand(struct run *run, const struct frame *frame)
{
	const struct address *address = &frame->address;
	struct address base;
	struct span detail = address_split(&frame->written, run->resolver->delimiters, &base);
	int result = find(run, RESOLVER_MAILBOX, address->text, none);

	if (result == RESOLVER_NO_MAILBOX) {
		result = follow(run, frame, address->text, none);
	}
	if (result == RESOLVER_NO_MAILBOX && detail.n > 0) {
		address_lower(&base);
		result = find(run, RESOLVER_MAILBOX, base.text, detail);
		if (result == RESOLVER_NO_MAILBOX) {
			result = follow(run, frame, base.text, detail);
		}
	}
	if (result == RESOLVER_NO_MAILBOX) { /* "@domain", which catches all */
		result = follow(run, frame, address->text + address->n_local, none);
	}
	return result == RESOLVER_NO_MAILBOX ? give_up(run, frame) : result;
}

static int resolve(
    const struct resolver *resolver, const struct address *address, struct resolution *resolution_r)
{
	struct run run = { .resolver = resolver, .resolution = resolution_r };
	struct frame frame = { .written = *address, .address = *address };
	int result;

	address_lower(&frame.address);
	result = expand(&run, &frame);
	if (result != 0) {
		return result;
	}
	if (run.leads_elsewhere) {
		return RESOLVER_ELSEWHERE;
	}
	if (resolution_r->n_mailboxes > 0) {
		return RESOLVER_FOUND;
	}
	return run.has_disabled ? RESOLVER_DISABLED : RESOLVER_NO_MAILBOX;
}

static int resolve_postmaster(const struct resolver *resolver, struct resolution *resolution_r)
{
	struct run run = { .resolver = resolver, .resolution = resolution_r };
	const char *dot = strchr(resolver->hostname, '.');
	const char *const domains[] = { resolver->hostname, dot == NULL ? "" : dot + 1 };
	int result = RESOLVER_NO_MAILBOX;

	for (size_t i = 0; i < 2 && domains[i][0] != '\0'; i++) {
		struct address address;
		char text[ADDRESS_MAX + 1];
		int n = snprintf(text, sizeof(text), "%s%s", address_postmaster.text, domains[i]);

		resolution_deinit(resolution_r);
		result = address_from_text(&address, text, (size_t)n) != ADDRESS_OK
			     ? RESOLVER_NO_MAILBOX
			     : resolve(resolver, &address, resolution_r);
		if (result != RESOLVER_NO_MAILBOX && result != RESOLVER_NO_DOMAIN) {
			return result;
		}
	}
	add_note(&run, "nobody is postmaster at ", domains[0]);
	add_note(&run, domains[1][0] == '\0' ? "it has no parent domain" : "nor at ", domains[1]);
	return RESOLVER_NO_MAILBOX;
}

int resolver_resolve(
    const struct resolver *resolver, const struct address *address, struct resolution *resolution_r)
{
	*resolution_r = (struct resolution){ .mailboxes = NULL };
	return address_domain(address)[0] == '\0' ? resolve_postmaster(resolver, resolution_r)
						  : resolve(resolver, address, resolution_r);
}

int resolver_owns(const struct resolver *resolver, const char *domain, bool *is_ours_r)
{
	struct resolution resolution = { .mailboxes = NULL };
	struct run run = { .resolver = resolver, .resolution = &resolution };
	int result = find(&run, RESOLVER_DOMAIN, domain, none);

	*is_ours_r = result == RESOLVER_FOUND;
	return result == RESOLVER_NO_DOMAIN ? 0 : result;
}

void resolution_deinit(struct resolution *resolution)
{
	for (size_t i = 0; i < resolution->n_mailboxes; i++) {
		mailbox_deinit(&resolution->mailboxes[i]);
	}
	free(resolution->mailboxes);
	*resolution = (struct resolution){ .mailboxes = NULL };
}
