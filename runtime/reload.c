/* SPDX-License-Identifier: MIT
 * A trial on a thread of the new configuration's own look-ups, then the change on the loop. */
#include "runtime/reload.h"

#include <stdbool.h>
#include <stdlib.h>

#include "runtime/daemon.h"
#include "runtime/log.h"
#include "runtime/systemd.h"

struct trial {
	struct work work;
	struct service *service; /* a reference */
	unsigned n_reloads;      /* of the daemon, when this one began */
	bool is_first;
	int result; /* of program->try */
	struct error error;
};

static void reload_refuse(const char *reason)
{
	log_event(LOG_LEVEL_ERROR, "reload", "the old configuration stays: %s", reason);
	systemd_notify("READY=1");
}

/* A database that is away may come back, and a table that is missing may be restored: until then every
 * question gets a temporary answer, which is better than no daemon at all. */
static void conclude_first(struct daemon *daemon, const struct trial *trial)
{
	daemon->program->tried(daemon, trial->result == 0 ? NULL : trial->error.text);
	if (trial->result != 0) {
		log_event(trial->result > 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "start",
		    "the database cannot be asked yet: %s", trial->error.text);
	}
}

/* What the database refuses will not work, while the old configuration may. When it is merely away, the
 * new one is as good as the old. */
static void conclude_reload(struct daemon *daemon, const struct trial *trial)
{
	if (trial->result > 0) {
		reload_refuse(trial->error.text);
		return;
	}
	if (trial->result < 0) {
		log_event(LOG_LEVEL_WARNING, "reload", "the database cannot be asked now: %s",
		    trial->error.text);
	}
	service_unref(daemon->service);
	daemon->service = service_ref(trial->service);
	if (daemon->program->renew != NULL) {
		daemon_for_each(daemon, daemon->program->renew);
	}
	log_event(LOG_LEVEL_INFO, "reload", "the new configuration is in force");
	systemd_notify("READY=1");
}

static void run_trial(struct work *work, void *context)
{
	struct trial *trial = (struct trial *)work;

	trial->result = trial->service->daemon->program->try(context, &trial->error);
}

static void done_trial(struct work *work)
{
	struct trial *trial = (struct trial *)work;
	struct daemon *daemon = trial->service->daemon;

	if (trial->is_first) {
		conclude_first(daemon, trial);
	} else if (trial->n_reloads == daemon->n_reloads && !daemon->has_ended) {
		conclude_reload(daemon, trial);
	} /* else a newer one has begun, and whatever became of this one is old */
	service_unref(trial->service);
	free(trial);
}

/* Takes over the reference to service. */
static int start_trial(struct service *service, bool is_first)
{
	struct trial *trial = calloc(1, sizeof(*trial));

	if (trial == NULL) {
		service_unref(service);
		return -1;
	}
	trial->work = (struct work){ .run = run_trial, .done = done_trial };
	trial->service = service;
	trial->n_reloads = service->daemon->n_reloads;
	trial->is_first = is_first;
	lane_submit(&service->lanes[SERVICE_LOOKUPS], &trial->work);
	return 0;
}

void reload_first(struct daemon *daemon)
{
	/* Without memory for it nothing is lost but a line of the log. */
	(void)!start_trial(service_ref(daemon->service), true);
}

void reload_start(struct daemon *daemon)
{
	const struct program *program = daemon->program;
	struct service *service;
	struct error error;
	void *config;

	if (daemon->service == NULL) {
		return; /* at the end of a single session */
	}
	config = settings_load(program->form, daemon->config_file, &error);
	if (config == NULL) {
		reload_refuse(error.text);
		return;
	}
	/* What was settled before root was given up. */
	if (daemon_settings_differ(config, daemon->service->config)) {
		log_event(LOG_LEVEL_WARNING, "reload", "%s change with a restart only",
		    program->fixed_keys);
	}
	service = service_new(daemon, config, &error);
	if (service == NULL) {
		reload_refuse(error.text);
		return;
	}
	daemon->n_reloads++;
	if (start_trial(service, false) != 0) {
		reload_refuse("out of memory");
	}
}
