/* SPDX-License-Identifier: MIT
 * What clients are served with: one configuration, and the lanes that work by it. A reload makes a new
 * service. Who works with the old one holds a reference, and the last to leave ends it. Loop's thread. */
#pragma once

#include <stddef.h>
#include <sys/queue.h>

#include "base/error.h"
#include "runtime/lane.h"

struct daemon;

enum service_lane {
	SERVICE_LOOKUPS, /* each thread's context is a connection to the database, its one descriptor */
	SERVICE_WORKERS, /* what is to be done with the answers: the program says what */
	/* A program may do without the next three. */
	SERVICE_SCRIPTS,     /* what takes the processor's time */
	SERVICE_SUBMISSIONS, /* mail that goes out; each thread's context is a connection to a server */
	SERVICE_NOTICES,     /* the same, of which nobody waits for the outcome */
	SERVICE_LANES
};

struct service {
	struct work trial;  /* first: what becomes of it gets back to the service; see reload.h */
	unsigned n_trial;   /* of the daemon's reloads; 0: it began with this service */
	int result;         /* of program->try, */
	struct error error; /* and its words */
	LIST_ENTRY(service) entry; /* of the daemon's */
	struct daemon *daemon;
	void *config; /* the program's; constant while the service lives */
	struct lane lanes[SERVICE_LANES];
	size_t n_lanes; /* that there are, from the first on */
	size_t n_open;  /* of them, that are not closed */
	unsigned n_refs;
};
LIST_HEAD(services, service);

/* Takes over config, also when it fails. Returns NULL with a message in error. */
struct service *service_new(struct daemon *daemon, void *config, struct error *error);

struct service *service_ref(struct service *service);

/* Between two pieces of work: goes over to the service that is in force, whose reference takes the place of the one in
 * *service. False: it is that already, or the daemon is at its end. */
bool service_renew(struct service **service);

/* The last reference must be dropped when none of the lanes' work is out. */
void service_unref(struct service *service);

/* Is there work out that must be finished before the process ends? is_patient: even if whoever waited for it has
 * been answered without it. */
bool service_is_needed(const struct service *service, bool is_patient);
