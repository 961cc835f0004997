/* SPDX-License-Identifier: MIT
 * Between the resolver, which knows no MySQL, and the directory, which knows no mail; and from
 * outcomes to replies. */
#include "lmtpd/lookup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int ask(
    void *source, enum resolver_table table, const char *key, resolver_row *on_row, void *data)
{
	static const enum directory_query queries[] = {
		[RESOLVER_MAILBOX] = DIRECTORY_MAILBOX,
		[RESOLVER_ALIAS] = DIRECTORY_ALIAS,
		[RESOLVER_DOMAIN] = DIRECTORY_DOMAIN,
	};

	return directory_ask(source, queries[table], key, on_row, data);
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

enum reply lookup_resolve(struct directory *directory, const struct config *config,
    const struct address *address, resolver_trace *trace, void *trace_data,
    struct recipient_facts *facts)
{
	const struct resolver resolver = {
		.ask = ask,
		.source = directory,
		.delimiters = config->lmtp.recipient_delimiter,
		.trace = trace,
		.trace_data = trace_data,
	};
	int result = resolver_resolve(&resolver, address, &facts->resolution);

	if (result < 0) {
		snprintf(facts->error, sizeof(facts->error), "%s",
		    result == -ENOMEM ? "out of memory" : directory_error(directory));
	}
	return reply_to(result);
}

static void run_lookup(struct work *work, void *context)
{
	struct lookup *lookup = (struct lookup *)work;
	struct directory *directory = context;
	uint64_t patience = (uint64_t)lookup->service->config.directory.timeout * 1000000000u;

	if (directory == NULL) {
		lookup->reply = REPLY_NO_MEMORY;
		return;
	}
	/* Waited in the queue behind look-ups that the database lets hang: answer now, so that the wait
	 * stays bounded however many sessions there are. */
	if (uv_hrtime() - lookup->submitted > patience) {
		snprintf(lookup->facts->error, sizeof(lookup->facts->error),
		    "no connection became free within mysql.timeout; the last error was: %s",
		    directory_error(directory));
		lookup->reply = REPLY_NO_DATABASE;
		return;
	}
	lookup->reply = lookup_resolve(
	    directory, &lookup->service->config, &lookup->address, NULL, NULL, lookup->facts);
}

static void done_lookup(struct work *work)
{
	struct lookup *lookup = (struct lookup *)work;

	lookup->done(lookup);
}

struct lookup *lookup_start(struct service *service, const struct address *address,
    void (*done)(struct lookup *lookup), void *owner, void *recipient)
{
	struct lookup *lookup = malloc(sizeof(*lookup));

	if (lookup == NULL) {
		return NULL;
	}
	*lookup = (struct lookup){
		.work = { .run = run_lookup, .done = done_lookup },
		.service = service,
		.address = *address,
		.submitted = uv_hrtime(),
		.facts = calloc(1, sizeof(*lookup->facts)),
		.done = done,
		.owner = owner,
		.recipient = recipient,
	};
	if (lookup->facts == NULL) {
		free(lookup);
		return NULL;
	}
	lane_submit(&service->lanes.lanes[SERVICE_LOOKUPS], &lookup->work);
	return lookup;
}

void lookup_free(struct lookup *lookup)
{
	recipient_facts_free(lookup->facts);
	free(lookup);
}

void recipient_facts_free(void *data)
{
	struct recipient_facts *facts = data;

	if (facts != NULL) {
		resolution_deinit(&facts->resolution);
		free(facts);
	}
}
