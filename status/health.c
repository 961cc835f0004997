/* SPDX-License-Identifier: MIT
 * The answers are a promise to --status --quiet: see control.h. */
#include "status/health.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

enum {
	DATABASE_CODE = EX_UNAVAILABLE,
	STORE_CODE = EX_TEMPFAIL, /* as --check has it where mail would be put off */
};

static const char ending[] = "health 69 it is ending\n";
static const char no_answer[] = "no answer within 8 seconds";

/* The words of a trial that is still out, or that failed; NULL: it is well. */
static const char *complaint(const struct health_trial *trial)
{
	if (trial->is_out) {
		return no_answer;
	}
	return trial->result == 0 ? NULL : trial->error.text;
}

static void conclude(struct health *health)
{
	const char *database = complaint(&health->database), *store = complaint(&health->store);

	uv_timer_stop(&health->patience);
	if (database == NULL && store == NULL) {
		snprintf(health->answer, sizeof(health->answer), "health 0 well\n");
	} else {
		snprintf(health->answer, sizeof(health->answer), "health %d %s%s%s%s%s\n",
		    database != NULL ? DATABASE_CODE : STORE_CODE,
		    database == NULL ? "" : "database: ", database == NULL ? "" : database,
		    database != NULL && store != NULL ? "; " : "",
		    store == NULL ? "" : "store: ", store == NULL ? "" : store);
	}
	control_conclude(health->control, health->answer);
}

static void done_trial(struct work *work)
{
	struct health_trial *trial = (struct health_trial *)work;
	struct health *health = trial->health;

	trial->is_out = false;
	if (health->database.is_out || health->store.is_out) {
		return;
	}
	if (health->is_begun) {
		conclude(health);
	}
	service_unref(health->service);
	health->service = NULL;
}

static void run_database(struct work *work, void *context)
{
	struct health_trial *trial = (struct health_trial *)work;

	trial->result = trial->health->daemon->program->ask(context, &trial->error);
}

static void run_store(struct work *work, void *context)
{
	struct health_trial *trial = (struct health_trial *)work;

	trial->result =
	    trial->health->daemon->program->store(trial->health->service->config, &trial->error);
}

static void start_trial(struct health *health, struct health_trial *trial, enum service_lane lane,
    void (*run)(struct work *work, void *context))
{
	trial->work = (struct work){ .run = run, .done = done_trial, .is_dispensable = true };
	trial->health = health;
	trial->is_out = true;
	lane_submit(&health->service->lanes[lane], &trial->work);
}

static void on_impatient(uv_timer_t *timer)
{
	conclude(timer->data);
}

const char *health_examine(struct health *health)
{
	if (health->daemon->is_stopping || health->daemon->service == NULL) {
		return ending;
	}
	if (!uv_is_active((uv_handle_t *)&health->patience)) {
		uv_timer_start(&health->patience, on_impatient, HEALTH_PATIENCE_MS, 0);
	}
	if (health->service == NULL) {
		health->service = service_ref(health->daemon->service);
		start_trial(health, &health->database, SERVICE_LOOKUPS, run_database);
		if (health->daemon->program->store != NULL) {
			start_trial(health, &health->store, SERVICE_WORKERS, run_store);
		}
	}
	return NULL;
}

void health_begin(struct health *health, struct daemon *daemon, struct control *control)
{
	memset(health, 0, sizeof(*health));
	health->daemon = daemon;
	health->control = control;
	uv_timer_init(&daemon->loop, &health->patience);
	uv_unref((uv_handle_t *)&health->patience);
	health->patience.data = health;
	health->is_begun = true;
}

void health_end(struct health *health)
{
	if (!health->is_begun) {
		return;
	}
	health->is_begun = false;
	uv_close((uv_handle_t *)&health->patience, NULL);
	control_conclude(health->control, ending);
}
