/* SPDX-License-Identifier: MIT
 * The bytes of a message on their way to its places. The run_ functions touch the delivery alone, on a
 * writer's thread. */
#include "lmtpd/commit.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "lmtpd/server.h"
#include "lmtpd/homes.h"

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
	STAILQ_INIT(&delivery->notices);
	delivery->cap = BUFFER_FIRST;
	delivery->buffer = malloc(delivery->cap);
	if (delivery->buffer == NULL ||
	    places_make(&delivery->places, envelope, homes_find, lmtpd_config_of(service)) != 0) {
		delivery_free(delivery);
		return NULL;
	}
	if (lmtpd_config_of(service)->sieve.is_enabled) {
		delivery->filter = filter_new(lmtpd_server_of(service)->scripts,
		    &lmtpd_server_of(service)->outbound, lmtpd_config_of(service),
		    &delivery->places, envelope);
		if (delivery->filter == NULL) {
			delivery_free(delivery);
			return NULL;
		}
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
	versions_drop(&delivery->versions);
	places_free(&delivery->places);
	places_free(&delivery->expected);
	notices_drop(&delivery->notices);
	filter_free(delivery->filter);
	free(delivery->buffer);
	free(delivery);
	service_unref(service);
}

/* Takes the places that scripts want instead of those that were expected, which the message still knows. */
static int refile(struct delivery *delivery)
{
	struct filter *filter = delivery->filter;
	struct places places = { .n = 0 };
	int result = places_refile(&places, &delivery->places, &filter->filing, &filter->arena);

	if (result < 0) {
		places_free(&places);
		return result;
	}
	delivery->expected = delivery->places;
	delivery->places = places;
	tally_drop(&delivery->tally);
	tally_make(&delivery->tally, &lmtpd_server_of(delivery->service)->accounts,
	    lmtpd_config_of(delivery->service), &delivery->places);
	return 0;
}

static void drop_filter(struct delivery *delivery)
{
	filter_free(delivery->filter);
	delivery->filter = NULL;
}

/* Returns 1 if scripts take too long here: the delivery must go on with a thread of theirs. Else it is ready for its
 * commit, or has failed. */
static int run_scripts(struct delivery *delivery, bool is_first)
{
	struct filter *filter = delivery->filter;
	bool is_whole = delivery->message.size == delivery->n_last;
	int result = filter_run(filter, &delivery->message, &delivery->facts, delivery->buffer,
	    delivery->cap, is_whole ? delivery->n_last : 0, is_first);

	if (result > 0) {
		return 1;
	}
	result = filter->error;
	if (result == 0 && !places_stay(&delivery->places, &filter->filing)) {
		result = refile(delivery);
	} else if (result == 0 && filter->counts.n_runs == 0) {
		drop_filter(delivery); /* as if there were no scripts at all */
	}
	if (result < 0) {
		delivery_fail(delivery, result, "run the scripts of");
	}
	return 0;
}

/* On a thread of the scripts. */
static void run_filter(struct work *work, void *context)
{
	struct delivery *delivery = (struct delivery *)work;

	if (!delivery_is_given_up(delivery)) {
		run_scripts(delivery, false);
		if (delivery->is_open) {
			delivery_go_on(delivery, SERVICE_WORKERS, delivery_run_commit);
		}
	}
}

/* What could not be written is no message for scripts. */
static void finish(struct delivery *delivery, bool is_written)
{
	if (delivery->filter != NULL && !is_written) {
		drop_filter(delivery);
	}
	if (delivery->filter != NULL && run_scripts(delivery, true) > 0) {
		delivery_go_on(delivery, SERVICE_SCRIPTS, run_filter);
	} else if (delivery->is_open) {
		delivery_commit(delivery);
	}
}

static void run_write(struct work *work, void *context)
{
	struct delivery *delivery = (struct delivery *)work;
	int result;

	if (!delivery->is_open) {
		maildir_begin(&delivery->message, delivery->places.list, delivery->places.n);
		delivery->is_open = true;
	}
	/* An error stands in the places' results; the rest of the message is taken and dropped. */
	result = maildir_write(&delivery->message, delivery->buffer, delivery->n);
	if (delivery->is_last) {
		delivery->n_last = delivery->n;
		finish(delivery, result == 0);
	}
}

static void share_lane(struct lane *lane, const struct devices *devices)
{
	for (unsigned share = 0; !lane->is_closing && share < QUEUE_SHARES; share++) {
		lane_set_share(
		    lane, share, devices_limit(devices, share, lane->settings.n_threads));
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
		for (size_t i = SERVICE_WORKERS; i < service->n_lanes && i <= SERVICE_SUBMISSIONS;
		     i++) {
			share_lane(&service->lanes[i], devices);
		}
	}
}

static void submit(struct delivery *delivery, enum service_lane lane,
    void (*run)(struct work *work, void *context))
{
	delivery->lane = lane;
	delivery->work.run = run;
	lane_submit(&delivery->service->lanes[lane], &delivery->work);
}

/* The next trip, which has no more patience than what the ones before have left. */
static void go_on(struct delivery *delivery)
{
	void (*run)(struct work * work, void *context) = delivery->next;

	delivery->next = NULL;
	delivery->work.waited = (unsigned)((uv_hrtime() - delivery->ended) / 1000000);
	submit(delivery, delivery->next_lane, run);
}

static void done_trip(struct work *work)
{
	struct delivery *delivery = (struct delivery *)work;

	if (delivery->owner != NULL && delivery->next != NULL) {
		go_on(delivery);
		return;
	}
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
static void late_trip(struct work *work)
{
	struct delivery *delivery = (struct delivery *)work;
	enum delivery_fate fate = DELIVERY_OPEN;

	if (!atomic_compare_exchange_strong(&delivery->fate, &fate, DELIVERY_GIVEN_UP)) {
		return;
	}
	delivery->late(delivery);
	delivery->owner = NULL;
	if (lane_withdraw(&delivery->service->lanes[delivery->lane], work)) {
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
	delivery->work.done = done_trip;
	delivery->work.late = late_trip;
	if (is_last) {
		delivery->ended = uv_hrtime();
	}
	submit(delivery, SERVICE_WORKERS, run_write);
}

static void run_abandon(struct work *work, void *context)
{
	struct delivery *delivery = (struct delivery *)work;

	if (delivery->is_prepared) {
		delivery_give_back(delivery);
	} else {
		maildir_abort(&delivery->message, NULL, 0);
	}
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
	if (!delivery->is_open && !delivery->is_prepared) {
		delivery_free(delivery);
		return;
	}
	delivery->work.done = done_abandon;
	delivery->work.late = late_abandon;
	submit(delivery, SERVICE_WORKERS, run_abandon);
}
