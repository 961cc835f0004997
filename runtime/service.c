/* SPDX-License-Identifier: MIT
 * How long a configuration and its lanes live. */
#include "runtime/service.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/daemon.h"

enum {
	SLACK_MS = 300, /* for an answer of the database that comes at the last moment */
};

static void service_closed(struct lane *lane)
{
	struct service *service = lane->owner;

	if (--service->n_open > 0) {
		return;
	}
	LIST_REMOVE(service, entry);
	settings_free(service->config);
	free(service);
}

struct service *service_new(struct daemon *daemon, void *config, struct error *error)
{
	struct lane_settings settings[SERVICE_LANES] = {
		[SERVICE_LOOKUPS] = { .name = "lookup",
		    .n_descriptors = 1,
		    .is_dispensable = true },
	};
	struct service *service = calloc(1, sizeof(*service));
	int result = 0;

	if (service == NULL) {
		settings_free(config);
		error_set(error, "out of memory");
		return NULL;
	}
	service->daemon = daemon;
	service->config = config;
	service->n_refs = 1;
	LIST_INSERT_HEAD(&daemon->services, service, entry);
	daemon->program->lanes(config, settings);
	settings[SERVICE_LOOKUPS].patience += SLACK_MS;
	while (service->n_lanes < SERVICE_LANES && settings[service->n_lanes].n_threads > 0 &&
	       result == 0) {
		struct lane *lane = &service->lanes[service->n_lanes];

		/* A lane that could not start its threads closes on its own. */
		result =
		    lane_init(lane, &daemon->loop, &settings[service->n_lanes], service_closed);
		lane->owner = service;
		service->n_lanes++;
		service->n_open++;
	}
	if (result < 0) {
		error_set(error, "cannot start threads: %s", strerror(-result));
		service_unref(service);
		return NULL;
	}
	return service;
}

struct service *service_ref(struct service *service)
{
	service->n_refs++;
	return service;
}

void service_unref(struct service *service)
{
	assert(service->n_refs > 0);
	if (--service->n_refs > 0) {
		return;
	}
	for (size_t i = 0, n = service->n_lanes; i < n; i++) {
		if (!service->lanes[i].is_closing) {
			lane_close(&service->lanes[i]);
		}
	}
}

bool service_renew(struct service **service)
{
	struct service *old = *service, *now = old->daemon->service;

	if (now == NULL || now == old) {
		return false;
	}
	*service = service_ref(now);
	service_unref(old);
	return true;
}

bool service_is_needed(const struct service *service, bool is_patient)
{
	for (size_t i = 0; i < service->n_lanes; i++) {
		const struct lane *lane = &service->lanes[i];
		unsigned n_late =
		    is_patient && !lane->settings.is_dispensable_late ? 0 : lane->n_late;

		if (lane->n_out > n_late + lane->n_dispensable && !lane->settings.is_dispensable) {
			return true;
		}
	}
	return false;
}
