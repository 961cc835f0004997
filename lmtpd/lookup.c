/* SPDX-License-Identifier: MIT
 * Between the resolver, which knows no MySQL, and the directory, which knows no mail; and from
 * outcomes to replies. */
#include "lmtpd/lookup.h"
#include "lmtpd/homes.h"
#include "lmtpd/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

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

static enum reply reply_to_outcome(int result, bool is_disabled_for_good)
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
	case RESOLVER_OTHER_NODE:
		return REPLY_OTHER_NODE;
	case RESOLVER_MOVING:
		return REPLY_MOVING;
	case RESOLVER_BAD_MAILBOX:
		return REPLY_BAD_ROW;
	case RESOLVER_DISABLED:
		return is_disabled_for_good ? REPLY_DISABLED : REPLY_DISABLED_NOW;
	case -ENOMEM:
		return REPLY_NO_MEMORY;
	case RESOLVER_BAD_ROW:
	default:
		return REPLY_NO_DATABASE;
	}
}

/* A row becomes a path, so it is judged before mail is taken for it. */
static bool check_paths(const struct lmtpd_config *config, struct resolution *resolution)
{
	for (size_t i = 0; i < resolution->n_mailboxes; i++) {
		const struct mailbox *mailbox = &resolution->mailboxes[i];
		struct home home;
		struct error error;

		if (homes_find(config, mailbox, &home, &error) != 0) {
			snprintf(resolution->note, sizeof(resolution->note),
			    "the path of mailbox %.200s is refused: %.250s", mailbox->address.text,
			    error.text);
			return false;
		}
	}
	return true;
}

enum reply lookup_resolve(struct directory *directory, const struct lmtpd_config *config,
    const struct address *address, resolver_trace *trace, void *trace_data,
    struct resolution *resolution_r)
{
	const struct resolver resolver = {
		.ask = lookup_ask,
		.source = directory,
		.delimiters = config->lmtp.recipient_delimiter,
		.node = config->node,
		.keeps_detail = strcmp(config->detail, "ignore") != 0,
		.trace = trace,
		.trace_data = trace_data,
		.hostname = config->hostname,
	};
	int result = resolver_resolve(&resolver, address, resolution_r);

	if (result < 0) {
		snprintf(resolution_r->note, sizeof(resolution_r->note), "%s",
		    result == -ENOMEM ? "out of memory" : directory_error(directory));
	}
	if (result == RESOLVER_FOUND && !check_paths(config, resolution_r)) {
		return REPLY_BAD_PATH;
	}
	return reply_to_outcome(result, strcmp(config->disabled, "refuse") == 0);
}

int lookup_graver(int a, int b)
{
	static const int order[] = { EX_OSERR, EX_UNAVAILABLE, EX_TEMPFAIL, EX_NOUSER };

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (a == order[i] || b == order[i]) {
			return order[i];
		}
	}
	return EX_OK;
}

struct path lookup_path(const char *text)
{
	struct path path = { .text = text, .n = strlen(text) };

	if (path.n >= 2 && text[0] == '<' && text[path.n - 1] == '>') {
		path.text++;
		path.n -= 2;
	}
	return path;
}

/* Waited in the queue behind look-ups that the database lets hang: answer now, so that the wait
 * stays bounded however many sessions there are. */
static bool lookup_is_late(const struct lookup *lookup)
{
	uint64_t patience =
	    directory_patience(&lmtpd_config_of(lookup->service)->directory) * UINT64_C(1000000000);

	return uv_hrtime() - lookup->submitted > patience;
}

/* Whether there is room for more mail is known from memory, or has to be counted. */
static void ask_for_room(struct lookup *lookup)
{
	struct lmtpd_server *server = lmtpd_server_of(lookup->service);

	if (lookup->reply == REPLY_RECIPIENT_OK) {
		lookup->room = room_ask(&server->accounts, lmtpd_config_of(lookup->service),
		    &lookup->resolution, lookup->size);
	}
}

static void run_lookup(struct work *work, void *context)
{
	struct lookup *lookup = (struct lookup *)work;
	struct directory *directory = context;

	if (directory == NULL) {
		lookup->reply = REPLY_NO_MEMORY;
		return;
	}
	if (lookup_is_late(lookup)) {
		snprintf(lookup->resolution.note, sizeof(lookup->resolution.note),
		    "no connection became free within mysql.timeout; the last error was: %s",
		    directory_error(directory));
		lookup->reply = REPLY_NO_DATABASE;
		return;
	}
	lookup->is_asked = true;
	lookup->reply = lookup_resolve(directory, lmtpd_config_of(lookup->service),
	    &lookup->address, NULL, NULL, &lookup->resolution);
	ask_for_room(lookup);
}

/* All first questions go out at once. What is kept of the answers serves these look-ups alone. */
void lookup_run_together(struct work_queue *queue, void *context)
{
	uint64_t began = uv_hrtime(), now = began, together = 0;
	const char *keys[DIRECTORY_TOGETHER_MAX];
	struct work *work;
	unsigned n = 0;

	STAILQ_FOREACH (work, queue, next) {
		struct lookup *lookup = (struct lookup *)work;

		if (work->run == run_lookup && !lookup_is_late(lookup)) {
			keys[n++] = lookup->key.text;
		}
	}
	if (n > 1 && context != NULL) {
		directory_expect(context, keys, n);
		now = uv_hrtime();
		together = now - began;
	}
	STAILQ_FOREACH (work, queue, next) {
		began = now;
		work->run(work, context);
		now = uv_hrtime();
		if (work->run == run_lookup && ((struct lookup *)work)->is_asked) {
			((struct lookup *)work)->took = now - began + together;
		}
	}
	if (context != NULL) {
		directory_forget(context);
	}
}

/* What counting has found. */
static void on_room(struct room *room)
{
	struct lookup *lookup = room->owner;
	struct resolution *resolution = &lookup->resolution;

	lookup->room = NULL; /* it goes away by itself */
	lookup->is_counting = false;
	lookup->n_doubts = room->n_doubts;
	lookup->reply = room->reply;
	if (room->note[0] != '\0') {
		snprintf(resolution->note, sizeof(resolution->note), "%s", room->note);
	}
	lookup->done(lookup);
}

static void done_lookup(struct work *work)
{
	struct lookup *lookup = (struct lookup *)work;

	if (lookup->owner == NULL) {
		lookup_free(lookup);
	} else if (lookup->room != NULL) {
		lookup->is_counting = true;
		if (lookup->room_patience > 0) {
			lookup->room->patience = lookup->room_patience;
		}
		room_submit(lookup->room, lookup->service, on_room, lookup);
	} else {
		lookup->done(lookup);
	}
}

static void late_lookup(struct work *work)
{
	struct lookup *lookup = (struct lookup *)work;

	if (lookup->owner != NULL) {
		lookup->late(lookup);
	}
}

struct lookup *lookup_start(struct service *service, struct recipient *recipient, uint64_t size,
    void (*done)(struct lookup *lookup), void (*late)(struct lookup *lookup), void *owner)
{
	struct lookup *lookup = malloc(sizeof(*lookup));

	if (lookup == NULL) {
		return NULL;
	}
	*lookup = (struct lookup){
		.work = { .run = run_lookup, .done = done_lookup, .late = late_lookup },
		.service = service_ref(service),
		.address = recipient->address,
		.key = recipient->address,
		.size = size,
		.submitted = uv_hrtime(),
		.done = done,
		.late = late,
		.owner = owner,
		.recipient = recipient,
	};
	address_lower(&lookup->key);
	lane_submit(&service->lanes[SERVICE_LOOKUPS], &lookup->work);
	return lookup;
}

void lookup_free(struct lookup *lookup)
{
	struct service *service = lookup->service;

	resolution_deinit(&lookup->resolution);
	if (lookup->room != NULL) {
		room_free(lookup->room); /* nobody waited for it any more */
	}
	free(lookup);
	service_unref(service);
}

void lookup_abandon(struct lookup *lookup)
{
	LIST_REMOVE(lookup, entry);
	lookup->owner = NULL;
	lookup->recipient = NULL;
	if (lookup->is_counting) {
		room_abandon(lookup->room);
		lookup->room = NULL;
		lookup_free(lookup);
		return;
	}
	if (lane_withdraw(&lookup->service->lanes[SERVICE_LOOKUPS], &lookup->work)) {
		lookup_free(lookup);
	}
}
