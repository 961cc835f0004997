/* SPDX-License-Identifier: MIT
 * A trial on a thread of the new configuration's own look-ups, then the change on the loop. */
#include "runtime/reload.h"

#include "runtime/daemon.h"
#include "runtime/log.h"
#include "runtime/systemd.h"

static void reload_refuse(struct daemon *daemon, const char *reason)
{
	daemon->is_refused = true;
	log_event(LOG_LEVEL_ERROR, "reload", "the old configuration stays: %s", reason);
	systemd_notify_status("READY=1", "the old configuration stays: %s", reason);
}

/* A database that is away may come back, and a table that is missing may be restored: until then every
 * question gets a temporary answer, which is better than no daemon at all. */
static void conclude_first(struct service *service)
{
	struct daemon *daemon = service->daemon;

	daemon->program->tried(daemon, service->result == 0 ? NULL : service->error.text);
	if (service->result != 0) {
		log_event(service->result > 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "start",
		    "the database cannot be asked yet: %s", service->error.text);
	}
}

/* What the database refuses will not work, while the old configuration may. When it is merely away, the
 * new one is as good as the old. */
static void conclude_reload(struct service *service)
{
	struct daemon *daemon = service->daemon;

	if (service->result > 0) {
		reload_refuse(daemon, service->error.text);
		return;
	}
	if (service->result < 0) {
		log_event(LOG_LEVEL_WARNING, "reload", "the database cannot be asked now: %s",
		    service->error.text);
	}
	service_unref(daemon->service);
	daemon->service = service_ref(service);
	daemon_for_each(daemon, peer_renew);
	log_event(LOG_LEVEL_INFO, "reload", "the new configuration is in force");
	if (!daemon->is_refused) { /* else a newer file was, meanwhile, and systemd knows */
		daemon_notify_ready(daemon);
	}
}

static void run_trial(struct work *work, void *context)
{
	struct service *service = (struct service *)work;
	const struct program *program = service->daemon->program;

	if (service->n_trial > 0 && program->check != NULL &&
	    program->check(service->config, &service->error) != 0) {
		service->result = 1;
		return;
	}
	service->result = program->try(context, &service->error);
}

static void done_trial(struct work *work)
{
	struct service *service = (struct service *)work;
	struct daemon *daemon = service->daemon;

	if (service->n_trial == 0) {
		conclude_first(service);
	} else if (service->n_trial == daemon->n_reloads && !daemon->has_ended) {
		conclude_reload(service);
	} /* else a newer one has begun, and whatever became of this one is old */
	service_unref(service);
}

/* Takes over a reference to the service. */
static void start_trial(struct service *service)
{
	service->trial = (struct work){ .run = run_trial, .done = done_trial };
	service->n_trial = service->daemon->n_reloads;
	lane_submit(&service->lanes[SERVICE_LOOKUPS], &service->trial);
}

void reload_first(struct daemon *daemon)
{
	start_trial(service_ref(daemon->service));
}

void reload_start(struct daemon *daemon)
{
	struct service *service;
	struct error error;
	void *config;

	if (daemon->service == NULL) {
		return; /* at the end of a single session */
	}
	config = settings_load(daemon->program->form, daemon->config_file, &error);
	if (config == NULL) {
		reload_refuse(daemon, error.text);
		return;
	}
	/* What was settled before root was given up. */
	if (daemon_settings_differ(config, daemon->service->config)) {
		log_event(LOG_LEVEL_WARNING, "reload", "%s change with a restart only",
		    daemon->program->fixed_keys);
	}
	service = service_new(daemon, config, &error);
	if (service == NULL) {
		reload_refuse(daemon, error.text);
		return;
	}
	daemon->n_reloads++;
	daemon->is_refused = false;
	start_trial(service);
}
