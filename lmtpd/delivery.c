/* SPDX-License-Identifier: MIT
 * The bytes of a message on their way to its places. The run_ functions touch the delivery alone, on a
 * writer's thread. */
#include "lmtpd/delivery.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "lmtpd/server.h"
#include "lmtpd/homes.h"
#include "maildir/maildirsize.h"

enum {
	BUFFER_FIRST = HEADER_MAX + 12288, /* most messages fit: one trip, little memory */
	BUFFER_LAST = 131072,
	BUFFER_SPARE = 64, /* body_decode() wants 2; less than a line is not worth a turn */
};

static void put_header(struct delivery *delivery, const struct envelope *envelope)
{
	const struct recipient *first = STAILQ_FIRST(&envelope->recipients);
	struct header header = {
		.sender = envelope->sender,
		.lhlo = envelope->client,
		.hostname = lmtpd_config_of(delivery->service)->hostname,
		.id = envelope->id,
		.time = time(NULL),
		.is_utf8 = envelope->is_utf8,
	};

	if (delivery->places.n == 1) {
		header.delivered_to = first->resolution.mailboxes[0].address.text;
	}
	if (envelope->n_recipients == 1) {
		header.recipient = first->text;
	}
	delivery->n = delivery->n_header = header_compose(delivery->buffer, &header);
}

static struct devices *devices_of(const struct delivery *delivery)
{
	return &lmtpd_server_of(delivery->service)->devices;
}

/* A message for several devices may stand still with each of them: those that can be told apart must not lose
 * their writers to it. */
static unsigned share_of(const struct delivery *delivery)
{
	const struct devices *devices = devices_of(delivery);
	const struct places *places = &delivery->places;
	unsigned share = DEVICES_UNKNOWN;

	for (size_t i = 0; i < places->n; i++) {
		unsigned one = devices_share(devices, &places->list[i]);

		if (i > 0 && one != share) {
			return DEVICES_UNKNOWN;
		}
		share = one;
	}
	return share;
}

struct delivery *delivery_new(struct service *service, struct envelope *envelope)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));

	if (delivery == NULL) {
		return NULL;
	}
	delivery->service = service_ref(service);
	delivery->cap = BUFFER_FIRST;
	delivery->buffer = malloc(delivery->cap);
	if (delivery->buffer == NULL ||
	    places_make(&delivery->places, envelope, homes_find, lmtpd_config_of(service)) != 0) {
		delivery_free(delivery);
		return NULL;
	}
	tally_make(&delivery->tally, &lmtpd_server_of(delivery->service)->accounts,
	    lmtpd_config_of(service), &delivery->places);
	delivery->work.share = share_of(delivery);
	put_header(delivery, envelope);
	return delivery;
}

void delivery_free(struct delivery *delivery)
{
	struct service *service = delivery->service;

	tally_drop(&delivery->tally);
	places_free(&delivery->places);
	free(delivery->buffer);
	free(delivery);
	service_unref(service);
}

static bool is_given_up(const struct delivery *delivery)
{
	return delivery->fate == DELIVERY_GIVEN_UP;
}

/* Tells Dovecot what was added, where it counts by maildirsize. */
static void add_sizes(struct delivery *delivery)
{
	const struct usage_style *style = &lmtpd_config_of(delivery->service)->rules.style;

	for (size_t i = 0; i < delivery->places.n; i++) {
		struct maildir_place *place = &delivery->places.list[i];

		if (place->result == 0 && !place->is_unwanted && place->same == NULL &&
		    usage_counts_folder(style, place->where)) {
			maildirsize_add(place, delivery->message.size);
		}
	}
}

/* Gives the message its names, unless it was given up, or takes them away again if that happened meanwhile. */
static void commit(struct delivery *delivery)
{
	struct maildir_place *places = delivery->places.list;
	size_t n_places = delivery->places.n;
	enum delivery_fate fate = DELIVERY_OPEN;
	bool is_durable;

	delivery->committing = uv_hrtime();
	maildir_prepare(&delivery->message, places, n_places);
	delivery->is_open = false;
	if (is_given_up(delivery)) {
		maildir_abort(&delivery->message, places, n_places);
		return;
	}
	tally_charge(&delivery->tally, &delivery->places, &delivery->message);
	/* Counting may have taken long. */
	if (is_given_up(delivery)) {
		tally_settle(&delivery->tally, &delivery->places, false);
		maildir_abort(&delivery->message, places, n_places);
		return;
	}
	places_choose(&delivery->places);
	maildir_commit(&delivery->message, places, n_places);
	delivery->finished = uv_hrtime();
	/* A disk that stands still here is the client's to wait for, too. */
	add_sizes(delivery);
	is_durable = atomic_compare_exchange_strong(&delivery->fate, &fate, DELIVERY_DURABLE);
	tally_settle(&delivery->tally, &delivery->places, is_durable);
	if (!is_durable) {
		maildir_take_back(places, n_places);
	}
}

static void run_write(struct work *work, void *context)
{
	struct delivery *delivery = (struct delivery *)work;

	if (!delivery->is_open) {
		maildir_begin(&delivery->message, delivery->places.list, delivery->places.n);
		delivery->is_open = true;
	}
	/* An error stands in the places' results; the rest of the message is taken and dropped. */
	maildir_write(&delivery->message, delivery->buffer, delivery->n);
	if (delivery->is_last) {
		commit(delivery);
	}
}

/* Remembers where the mailboxes are, and shares the writers anew when a device was seen for the first time. */
static void learn_devices(struct delivery *delivery)
{
	enum {
		ENOUGH = 16 /* of a long list */
	};
	struct devices *devices = devices_of(delivery);
	struct service *service;
	bool is_new = false;

	for (size_t i = 0; i < delivery->places.n && i < ENOUGH; i++) {
		const struct maildir_place *place = &delivery->places.list[i];

		if (place->domain.device != 0) {
			is_new = devices_learn(devices, place, place->domain.device) || is_new;
		}
	}
	if (!is_new) {
		return;
	}
	LIST_FOREACH (service, &delivery->service->daemon->services, entry) {
		struct lane *lane = &service->lanes[SERVICE_WORKERS];

		for (unsigned share = 0; !lane->is_closing && share < QUEUE_SHARES; share++) {
			lane_set_share(
			    lane, share, devices_limit(devices, share, lane->settings.n_threads));
		}
	}
}

static void done_write(struct work *work)
{
	struct delivery *delivery = (struct delivery *)work;

	delivery->is_out = false;
	delivery->n = 0;
	learn_devices(delivery);
	if (delivery->owner != NULL) {
		delivery->done(delivery);
	} else {
		delivery_abandon(delivery);
	}
}

/* What is durable already is about to come back. */
static void late_write(struct work *work)
{
	struct delivery *delivery = (struct delivery *)work;
	enum delivery_fate fate = DELIVERY_OPEN;

	if (!atomic_compare_exchange_strong(&delivery->fate, &fate, DELIVERY_GIVEN_UP)) {
		return;
	}
	delivery->late(delivery);
	delivery->owner = NULL;
	if (lane_withdraw(&delivery->service->lanes[SERVICE_WORKERS], work)) {
		delivery->is_out = false;
		delivery_abandon(delivery);
	}
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

void delivery_write(struct delivery *delivery, bool is_last,
    void (*done)(struct delivery *delivery), void (*late)(struct delivery *delivery), void *owner)
{
	if (!delivery->is_open) {
		header_scan(&delivery->facts, delivery->buffer + delivery->n_header,
		    delivery->n - delivery->n_header);
	}
	delivery->done = done;
	delivery->late = late;
	delivery->owner = owner;
	delivery->is_last = is_last;
	delivery->is_out = true;
	delivery->work.run = run_write;
	delivery->work.done = done_write;
	delivery->work.late = late_write;
	if (is_last) {
		delivery->ended = uv_hrtime();
	}
	lane_submit(&delivery->service->lanes[SERVICE_WORKERS], &delivery->work);
}

static void run_abandon(struct work *work, void *context)
{
	struct delivery *delivery = (struct delivery *)work;

	maildir_abort(&delivery->message, NULL, 0);
}

static void done_abandon(struct work *work)
{
	delivery_free((struct delivery *)work);
}

/* Nobody waits for it. */
static void late_abandon(struct work *work)
{
}

void delivery_abandon(struct delivery *delivery)
{
	if (!delivery->is_open) {
		delivery_free(delivery);
		return;
	}
	delivery->work.run = run_abandon;
	delivery->work.done = done_abandon;
	delivery->work.late = late_abandon;
	lane_submit(&delivery->service->lanes[SERVICE_WORKERS], &delivery->work);
}
