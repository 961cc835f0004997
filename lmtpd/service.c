/* SPDX-License-Identifier: MIT
 * The lanes of a configuration, and how long they live. Loop's thread, but for start and stop of
 * the look-up threads. */
#include "lmtpd/service.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *start_lookups(void *data)
{
	struct service *service = data;

	return directory_new(&service->config.directory);
}

static void stop_lookups(void *context)
{
	directory_free(context);
	directory_thread_end();
}

static void on_lane_closed(struct lane *lane)
{
	struct service *service = lane->settings.data;

	if (--service->n_lanes == 0) {
		config_free(&service->config);
		free(service);
	}
}

struct service *service_new(uv_loop_t *loop, struct config *config, char *error, size_t n_error)
{
	struct service *service = calloc(1, sizeof(*service));
	int result;

	if (service == NULL) {
		config_free(config);
		snprintf(error, n_error, "out of memory");
		return NULL;
	}
	service->config = *config;
	service->config.lmtp.hostname = service->config.hostname;
	service->n_refs = 1;
	maildir_root_init(&service->root, service->config.base, service->config.hostname);

	const struct lane_settings lookups = {
		.name = "lookup",
		.n_threads = config->connections,
		.start = start_lookups,
		.stop = stop_lookups,
		.data = service,
	};
	const struct lane_settings writers = {
		.name = "writer",
		.n_threads = config->writers,
		.data = service,
	};
	result = lane_init(&service->lookups, loop, &lookups);
	if (result == 0) {
		service->n_lanes = 1;
		result = lane_init(&service->writers, loop, &writers);
		service->n_lanes += result == 0;
	}
	if (result < 0) {
		snprintf(error, n_error, "cannot start threads: %s", strerror(-result));
		if (service->n_lanes > 0) {
			lane_close(&service->lookups, on_lane_closed);
		} else {
			config_free(&service->config);
			free(service);
		}
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
	if (--service->n_refs == 0) {
		lane_close(&service->lookups, on_lane_closed);
		lane_close(&service->writers, on_lane_closed);
	}
}
