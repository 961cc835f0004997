/* SPDX-License-Identifier: MIT
 * Between the resolver, which knows no MySQL, and the directory, which knows no mail; and from
 * outcomes to replies. */
#include "lmtpd/lookup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the resolver asks. */
struct source {
	struct directory *directory;
	const struct prefetched
	    *mailbox; /* of the recipient's own address; NULL: nothing is known */
};

int lookup_ask(
    void *source, enum resolver_table table, const char *key, row_handler *on_row, void *data)
{
	static const enum directory_query queries[] = {
		[RESOLVER_MAILBOX] = DIRECTORY_MAILBOX,
		[RESOLVER_ALIAS] = DIRECTORY_ALIAS,
		[RESOLVER_DOMAIN] = DIRECTORY_DOMAIN,
	};

	return directory_ask(source, queries[table], key, on_row, data);
}

static int ask(void *data_of_source, enum resolver_table table, const char *key,
    row_handler *on_row, void *data)
{
	struct source *source = data_of_source;

	if (source->mailbox != NULL && source->mailbox->is_known) {
		const struct prefetched *mailbox = source->mailbox;

		source->mailbox = NULL; /* only the first question is about it */
		return mailbox->has_row
			   ? on_row(data,
				 &(struct row){
				     &(struct column){ "email", mailbox->row, mailbox->n }, 1 })
			   : 0;
	}
	return lookup_ask(source->directory, table, key, on_row, data);
}

static enum reply reply_to(int result)
{
	switch (result) {
	case RESOLVER_FOUND:
		return REPLY_RECIPIENT_OK;
	case RESOLVER_NO_MAILBOX:
		return REPLY_NO_MAILBOX;
	case RESOLVER_NO_DOMAIN:
		return REPLY_NO_DOMAIN;
	case RESOLVER_LOOP:
		return REPLY_ALIAS_LOOP;
	case RESOLVER_ELSEWHERE:
		return REPLY_ALIAS_ELSEWHERE;
	case -ENOMEM:
		return REPLY_NO_MEMORY;
	case RESOLVER_BAD_ROW:
	default:
		return REPLY_NO_DATABASE;
	}
}

enum reply lookup_resolve(struct directory *directory, const struct lmtpd_config *config,
    const struct address *address, const struct prefetched *mailbox, resolver_trace *trace,
    void *trace_data, struct resolution *resolution_r)
{
	struct source source = { .directory = directory, .mailbox = mailbox };
	const struct resolver resolver = {
		.ask = ask,
		.source = &source,
		.delimiters = config->lmtp.recipient_delimiter,
		.trace = trace,
		.trace_data = trace_data,
	};
	int result = resolver_resolve(&resolver, address, resolution_r);

	if (result < 0) {
		snprintf(resolution_r->note, sizeof(resolution_r->note), "%s",
		    result == -ENOMEM ? "out of memory" : directory_error(directory));
	}
	return reply_to(result);
}

/* Waited in the queue behind look-ups that the database lets hang: answer now, so that the wait
 * stays bounded however many sessions there are. */
static bool is_late(const struct lookup *lookup)
{
	uint64_t patience = (uint64_t)config_of(lookup->service)->directory.timeout * 1000000000u;

	return uv_hrtime() - lookup->submitted > patience;
}

static void run_lookup(struct work *work, void *context)
{
	struct lookup *lookup = (struct lookup *)work;
	struct directory *directory = context;

	if (directory == NULL) {
		lookup->reply = REPLY_NO_MEMORY;
		return;
	}
	if (is_late(lookup)) {
		snprintf(lookup->resolution.note, sizeof(lookup->resolution.note),
		    "no connection became free within mysql.timeout; the last error was: %s",
		    directory_error(directory));
		lookup->reply = REPLY_NO_DATABASE;
		return;
	}
	lookup->is_asked = true;
	lookup->reply = lookup_resolve(directory, config_of(lookup->service), &lookup->address,
	    &lookup->mailbox, NULL, NULL, &lookup->resolution);
}

/* Look-ups whose first question goes out together, and the keys of that. */
struct party {
	struct lookup *lookups[DIRECTORY_TOGETHER_MAX];
	struct address addresses[DIRECTORY_TOGETHER_MAX];
	const char *keys[DIRECTORY_TOGETHER_MAX];
	unsigned n;
};

static bool is_ascii(const char *text)
{
	while (*text != '\0' && (unsigned char)*text < 0x80) {
		text++;
	}
	return *text == '\0';
}

static void on_row_together(void *data, unsigned key, const char *value, size_t n)
{
	struct prefetched *mailbox = &((struct party *)data)->lookups[key]->mailbox;

	/* Several rows, or a long one: let it be asked for alone. */
	if (mailbox->has_row || value == NULL || n >= sizeof(mailbox->row)) {
		mailbox->n = SIZE_MAX;
		mailbox->has_row = true;
		return;
	}
	memcpy(mailbox->row, value, n);
	mailbox->n = n;
	mailbox->has_row = true;
}

static void ask_together(struct party *party, struct directory *directory)
{
	unsigned n =
	    directory_ask_together(directory, party->keys, party->n, on_row_together, party);

	for (unsigned i = 0; i < n; i++) {
		struct prefetched *mailbox = &party->lookups[i]->mailbox;

		mailbox->is_known = mailbox->n != SIZE_MAX;
	}
}

void lookup_run_together(struct work_queue *queue, void *context)
{
	struct party party = { .n = 0 };
	uint64_t now = uv_hrtime(), together = 0;
	struct work *work;

	STAILQ_FOREACH (work, queue, next) {
		struct lookup *lookup = (struct lookup *)work;

		/* A character that the column's charset lacks would fail them all. */
		if (work->run == run_lookup && !is_late(lookup) && is_ascii(lookup->address.text)) {
			struct address *address = &party.addresses[party.n];

			*address = lookup->address;
			address_lower(address);
			party.keys[party.n] = address->text;
			party.lookups[party.n++] = lookup;
		}
	}
	if (party.n > 1 && context != NULL) {
		ask_together(&party, context);
		together = uv_hrtime() - now;
		now += together;
	}
	STAILQ_FOREACH (work, queue, next) {
		uint64_t began = now;

		work->run(work, context);
		now = uv_hrtime();
		if (work->run == run_lookup && ((struct lookup *)work)->is_asked) {
			((struct lookup *)work)->took = now - began + together;
		}
	}
}

static void done_lookup(struct work *work)
{
	struct lookup *lookup = (struct lookup *)work;

	lookup->done(lookup);
}

struct lookup *lookup_start(struct service *service, struct recipient *recipient,
    void (*done)(struct lookup *lookup), void *owner)
{
	struct lookup *lookup = malloc(sizeof(*lookup));

	if (lookup == NULL) {
		return NULL;
	}
	*lookup = (struct lookup){
		.work = { .run = run_lookup, .done = done_lookup },
		.service = service,
		.address = recipient->address,
		.submitted = uv_hrtime(),
		.done = done,
		.owner = owner,
		.recipient = recipient,
	};
	lane_submit(&service->lanes[SERVICE_LOOKUPS], &lookup->work);
	return lookup;
}

void lookup_free(struct lookup *lookup)
{
	resolution_deinit(&lookup->resolution);
	free(lookup);
}
