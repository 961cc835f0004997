/* SPDX-License-Identifier: MIT
 * From recipients to mailboxes and from errnos to replies. The run_ functions touch the delivery
 * alone, on a writer's thread. */
#include "lmtpd/delivery.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BUFFER_FIRST = HEADER_MAX + 12288, /* most messages fit: one trip, little memory */
	BUFFER_LAST = 131072,
	BUFFER_SPARE = 64, /* body_decode() wants 2; less than a line is not worth a turn */
};

bool delivery_is_too_wide(const struct envelope *envelope, const struct resolution *one_more)
{
	return envelope->n_mailboxes + one_more->n_mailboxes > DELIVERY_MAILBOXES_MAX;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The paths are in order: lists are long, and this runs on the loop. */
static const struct maildir_place *find_target(const struct delivery *delivery, const char *path)
{
	char *const *found = bsearch(
	    &path, delivery->paths, delivery->n_targets, sizeof(*delivery->paths), compare_paths);

	assert(found != NULL);
	return &delivery->targets[found - delivery->paths];
}

static int add_path(struct delivery *delivery, const struct address *row)
{
	char path[MAILDIR_PATH_MAX + ADDRESS_MAX];

	/* A path that is too long is no target; delivery_outcome() says so to its recipient. */
	if (lmtpd_config_mailbox_path(config_of(delivery->service), row, path, sizeof(path)) != 0) {
		return 0;
	}
	delivery->paths[delivery->n_targets] = strdup(path);
	return delivery->paths[delivery->n_targets++] == NULL ? -ENOMEM : 0;
}

static int add_paths(struct delivery *delivery, const struct envelope *envelope)
{
	const struct recipient *recipient;

	STAILQ_FOREACH (recipient, &envelope->recipients, next) {
		const struct resolution *resolution = &recipient->resolution;

		for (size_t i = 0; i < resolution->n_mailboxes; i++) {
			if (add_path(delivery, &resolution->mailboxes[i]) != 0) {
				return -ENOMEM;
			}
		}
	}
	return 0;
}

/* One message reaches a mailbox once, however many recipients lead there. */
static void drop_duplicates(struct delivery *delivery)
{
	size_t n = 0;

	qsort(delivery->paths, delivery->n_targets, sizeof(*delivery->paths), compare_paths);
	for (size_t i = 0; i < delivery->n_targets; i++) {
		if (n > 0 && strcmp(delivery->paths[i], delivery->paths[n - 1]) == 0) {
			free(delivery->paths[i]);
		} else {
			delivery->paths[n++] = delivery->paths[i];
		}
	}
	delivery->n_targets = n;
}

static int add_targets(struct delivery *delivery, const struct envelope *envelope)
{
	size_t n_max = envelope->n_mailboxes;

	assert(n_max > 0); /* accepted recipients have a mailbox */
	delivery->paths = calloc(n_max, sizeof(*delivery->paths));
	if (delivery->paths == NULL || add_paths(delivery, envelope) != 0) {
		return -ENOMEM;
	}
	drop_duplicates(delivery);
	delivery->targets = calloc(n_max, sizeof(*delivery->targets));
	if (delivery->targets == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < delivery->n_targets; i++) {
		delivery->targets[i].mailbox = delivery->paths[i];
	}
	return 0;
}

static void put_header(struct delivery *delivery, const struct envelope *envelope)
{
	const struct recipient *first = STAILQ_FIRST(&envelope->recipients);
	struct header header = {
		.sender = envelope->sender,
		.lhlo = envelope->client,
		.hostname = config_of(delivery->service)->hostname,
		.id = envelope->id,
		.time = time(NULL),
	};

	if (delivery->n_targets == 1) {
		header.delivered_to = first->resolution.mailboxes[0].text;
	}
	if (envelope->n_recipients == 1) {
		header.recipient = first->text;
	}
	delivery->n = delivery->n_header = header_compose(delivery->buffer, &header);
}

struct delivery *delivery_new(struct service *service, const struct envelope *envelope)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));

	if (delivery == NULL) {
		return NULL;
	}
	delivery->service = service_ref(service);
	delivery->cap = BUFFER_FIRST;
	delivery->buffer = malloc(delivery->cap);
	if (delivery->buffer == NULL || add_targets(delivery, envelope) != 0) {
		delivery_free(delivery);
		return NULL;
	}
	put_header(delivery, envelope);
	return delivery;
}

void delivery_free(struct delivery *delivery)
{
	struct service *service = delivery->service;

	for (size_t i = 0; i < delivery->n_targets; i++) {
		free(delivery->paths[i]);
	}
	free(delivery->paths);
	free(delivery->targets);
	free(delivery->buffer);
	free(delivery);
	service_unref(service);
}

static void run_write(struct work *work, void *context)
{
	struct delivery *delivery = (struct delivery *)work;

	if (!delivery->is_open) {
		header_scan(&delivery->facts, delivery->buffer + delivery->n_header,
		    delivery->n - delivery->n_header);
		maildir_begin(&delivery->maildir, &config_of(delivery->service)->root,
		    delivery->targets, delivery->n_targets);
		delivery->is_open = true;
	}
	/* An error stands in the targets' results; the rest of the message is taken and dropped. */
	maildir_write(&delivery->maildir, delivery->buffer, delivery->n);
	if (delivery->is_last) {
		delivery->committing = uv_hrtime();
		maildir_commit(&delivery->maildir, delivery->targets, delivery->n_targets);
		delivery->is_open = false;
		delivery->finished = uv_hrtime();
	}
}

static void done_write(struct work *work)
{
	struct delivery *delivery = (struct delivery *)work;

	delivery->is_out = false;
	delivery->n = 0;
	delivery->done(delivery);
}

bool delivery_make_room(struct delivery *delivery)
{
	size_t cap = 2 * delivery->cap < BUFFER_LAST ? 2 * delivery->cap : BUFFER_LAST;
	char *grown;

	if (delivery->cap - delivery->n >= BUFFER_SPARE) {
		return true;
	}
	if (cap <= delivery->cap || (grown = realloc(delivery->buffer, cap)) == NULL) {
		return false;
	}
	delivery->buffer = grown;
	delivery->cap = cap;
	return true;
}

void delivery_write(
    struct delivery *delivery, bool is_last, void (*done)(struct delivery *delivery), void *owner)
{
	delivery->done = done;
	delivery->owner = owner;
	delivery->is_last = is_last;
	delivery->is_out = true;
	delivery->work.run = run_write;
	delivery->work.done = done_write;
	if (is_last) {
		delivery->ended = uv_hrtime();
	}
	lane_submit(&delivery->service->lanes[SERVICE_WORKERS], &delivery->work);
}

static void run_abandon(struct work *work, void *context)
{
	struct delivery *delivery = (struct delivery *)work;

	maildir_abort(&delivery->maildir);
}

static void done_abandon(struct work *work)
{
	delivery_free((struct delivery *)work);
}

void delivery_abandon(struct delivery *delivery)
{
	if (!delivery->is_open) {
		delivery_free(delivery);
		return;
	}
	delivery->work.run = run_abandon;
	delivery->work.done = done_abandon;
	lane_submit(&delivery->service->lanes[SERVICE_WORKERS], &delivery->work);
}

static enum reply reply_to(int result)
{
	switch (result) {
	case 0:
		return REPLY_SAVED;
	case -ENOSPC: /* blocks or inodes */
	case -EDQUOT: /* of the filesystem: the admin's to mend, not the sender's to be told off for */
		return REPLY_DISK_FULL;
	default:
		return REPLY_NOT_WRITTEN;
	}
}

enum reply delivery_outcome(
    const struct delivery *delivery, const struct recipient *recipient, char *reason_r, size_t n)
{
	const struct resolution *resolution = &recipient->resolution;
	const char *base = config_of(delivery->service)->base;

	reason_r[0] = '\0';
	for (size_t i = 0; i < resolution->n_mailboxes; i++) {
		char path[MAILDIR_PATH_MAX + ADDRESS_MAX];
		const struct maildir_place *target;

		if (lmtpd_config_mailbox_path(config_of(delivery->service),
			&resolution->mailboxes[i], path, sizeof(path)) != 0) {
			snprintf(reason_r, n, "the path of %s is too long",
			    resolution->mailboxes[i].text);
			return REPLY_NOT_WRITTEN;
		}
		target = find_target(delivery, path);
		if (target->result != 0) {
			snprintf(reason_r, n, "cannot %s %s/%s%s: %s", target->step, base,
			    target->mailbox, target->part, maildir_strerror(target->result));
			return reply_to(target->result);
		}
	}
	return REPLY_SAVED;
}
