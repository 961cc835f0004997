/* SPDX-License-Identifier: MIT
 * The lanes of lmtpd. Loop's thread, but for start and stop of the look-up threads. */
#include "lmtpd/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lmtpd/lookup.h"

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

static void *start_writers(void *data)
{
	struct service *service = data;

	maildir_root_settle(&service->root); /* the first thread does; the others deliver */
	return NULL;
}

static void on_closed(struct lanes *lanes)
{
	struct service *service = (struct service *)lanes;

	config_free(&service->config);
	free(service);
}

struct service *service_new(uv_loop_t *loop, struct config *config, struct error *error)
{
	struct service *service = calloc(1, sizeof(*service));
	const struct lane_settings settings[SERVICE_LANES] = {
		[SERVICE_LOOKUPS] = { .name = "lookup",
		    .n_threads = config->mysql.connections,
		    .run_together = lookup_run_together,
		    .n_together = DIRECTORY_TOGETHER_MAX,
		    .start = start_lookups,
		    .stop = stop_lookups,
		    .data = service },
		[SERVICE_WRITERS] = { .name = "writer",
		    .n_threads = config->writers,
		    .start = start_writers,
		    .data = service },
	};
	int result;

	if (service == NULL) {
		config_free(config);
		error_set(error, "out of memory");
		return NULL;
	}
	service->config = *config;
	service->config.lmtp.hostname = service->config.hostname;
	maildir_root_init(&service->root, service->config.base, service->config.hostname);
	result = lanes_init(&service->lanes, loop, settings, SERVICE_LANES, on_closed);
	if (result < 0) {
		error_set(error, "cannot start threads: %s", strerror(-result));
		return NULL;
	}
	return service;
}

struct service *service_ref(struct service *service)
{
	lanes_ref(&service->lanes);
	return service;
}

void service_unref(struct service *service)
{
	lanes_unref(&service->lanes);
}
