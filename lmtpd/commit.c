/* SPDX-License-Identifier: MIT
 * The order of things when the message is complete: what may fail, what goes elsewhere, names, marks. */
#include "lmtpd/commit.h"

#include <errno.h>
#include <stdatomic.h>

#include "lmtpd/redirects.h"
#include "lmtpd/server.h"
#include "maildir/maildirsize.h"

void delivery_go_on(struct delivery *delivery, enum service_lane lane,
    void (*run)(struct work *work, void *context))
{
	delivery->next = run;
	delivery->next_lane = lane;
}

bool delivery_is_given_up(const struct delivery *delivery)
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
			maildirsize_add(place, versions_message(&delivery->versions, i)->size);
		}
	}
}

void delivery_fail(struct delivery *delivery, int error, const char *step)
{
	maildir_abort(&delivery->message, NULL, 0);
	delivery->is_open = false;
	for (size_t i = 0; i < delivery->places.n; i++) {
		struct maildir_place *place = &delivery->places.list[i];

		if (place->result == 0) {
			place->result = error;
			place->step = step;
			place->part = "";
		}
	}
	delivery->finished = uv_hrtime();
	if (delivery->committing == 0) {
		delivery->committing = delivery->finished;
	}
}

void delivery_give_back(struct delivery *delivery)
{
	tally_settle(&delivery->tally, &delivery->places, false);
	versions_abort(&delivery->versions, &delivery->places);
	delivery->is_prepared = false;
}

/* Does all that is likely to fail. False: it has, or the message was given up. */
static bool prepare(struct delivery *delivery)
{
	struct places *places = &delivery->places;
	struct versions *versions = &delivery->versions;

	delivery->committing = uv_hrtime();
	if (versions_make(versions, &delivery->message, places, delivery->filter) < 0) {
		delivery_fail(delivery, -ENOMEM, "find room for");
		return false;
	}
	versions_prepare(versions, places, delivery->filter);
	delivery->is_open = false;
	delivery->is_prepared = true;
	if (!delivery_is_given_up(delivery)) {
		tally_charge(&delivery->tally, places, versions);
	}
	/* Counting may have taken long. */
	if (delivery_is_given_up(delivery)) {
		delivery_give_back(delivery);
		return false;
	}
	return true;
}

/* Gives the message its names, unless it was given up, or takes them away again if that happened meanwhile. */
static void name(struct delivery *delivery)
{
	struct places *places = &delivery->places;
	enum delivery_fate fate = DELIVERY_OPEN;
	bool is_durable;

	if (delivery_is_given_up(delivery)) {
		delivery_give_back(delivery);
		return;
	}
	delivery->is_prepared = false;
	places_choose(places);
	versions_commit(&delivery->versions, places);
	delivery->finished = uv_hrtime();
	/* A disk that stands still here is the client's to wait for, too. */
	add_sizes(delivery);
	is_durable = atomic_compare_exchange_strong(&delivery->fate, &fate, DELIVERY_DURABLE);
	tally_settle(&delivery->tally, places, is_durable);
	if (!is_durable) {
		maildir_take_back(places->list, places->n);
	} else if (delivery->filter != NULL) {
		notices_prepare(&delivery->notices, delivery->filter, places);
	}
}

static void run_name(struct work *work, void *context)
{
	struct delivery *delivery = (struct delivery *)work;

	/* Only the disk counts. */
	delivery->committing += uv_hrtime() - delivery->prepared;
	name(delivery);
}

static bool goes_on(const void *delivery)
{
	return !delivery_is_given_up(delivery);
}

/* On a thread of the submissions. */
static void run_redirects(struct work *work, void *context)
{
	struct delivery *delivery = (struct delivery *)work;
	/* The last seconds are for the disk. */
	uint64_t deadline =
	    delivery->ended / 1000000 + (DELIVERY_PATIENCE - DELIVERY_NAMING) * UINT64_C(1000);

	redirects_send(delivery->filter, &delivery->places, context,
	    &lmtpd_config_of(delivery->service)->sieve.submitter, deadline, goes_on, delivery);
	delivery_go_on(delivery, SERVICE_WORKERS, run_name);
}

void delivery_commit(struct delivery *delivery)
{
	if (!prepare(delivery)) {
		return;
	}
	if (delivery->filter != NULL && outbox_redirects(&delivery->filter->outbox)) {
		delivery->prepared = uv_hrtime();
		delivery_go_on(delivery, SERVICE_SUBMISSIONS, run_redirects);
	} else {
		name(delivery);
	}
}

void delivery_run_commit(struct work *work, void *context)
{
	delivery_commit((struct delivery *)work);
}
