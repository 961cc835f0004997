/* SPDX-License-Identifier: MIT
 * The lanes of lmtpd-auth. Loop's thread, but for what the lanes' threads start with. */
#include "auth/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Hashing gives way to everything else on the machine that wants to run: the loop that answers, and
 * the delivery of mail. */
enum {
	CRYPT_NICE = 5
};

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

static void *start_crypt(void *data)
{
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), CRYPT_NICE); /* of this thread, on Linux */
	return data;
}

static void on_closed(struct lanes *lanes)
{
	struct service *service = (struct service *)lanes;

	config_free(&service->config);
	explicit_bzero(service->dummy, sizeof(service->dummy));
	free(service);
}

struct service *service_new(uv_loop_t *loop, struct config *config, struct error *error)
{
	struct service *service = calloc(1, sizeof(*service));
	long n_cores = sysconf(_SC_NPROCESSORS_ONLN);
	const struct lane_settings settings[SERVICE_LANES] = {
		[SERVICE_LOOKUPS] = { .name = "lookup",
		    .n_threads = config->mysql.connections,
		    .start = start_lookups,
		    .stop = stop_lookups,
		    .data = service },
		[SERVICE_CRYPT] = { .name = "crypt",
		    .n_threads = n_cores > 0 ? (unsigned)n_cores : 1,
		    .start = start_crypt },
	};
	int result;

	if (service == NULL) {
		config_free(config);
		error_set(error, "out of memory");
		return NULL;
	}
	service->config = *config;
	result = password_hash(service->dummy, "", "sha512crypt");
	if (result < 0) {
		error_set(error, "cannot hash: %s", strerror(-result));
		on_closed(&service->lanes);
		return NULL;
	}
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
