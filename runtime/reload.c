/* SPDX-License-Identifier: MIT
 * A trial on a lane, then the change on the loop. */
#include "runtime/reload.h"

#include <stdlib.h>

#include "runtime/log.h"

struct reload {
	struct work work;
	struct daemon *daemon;
	struct lanes *lanes;
	reload_try *try;
	void (*adopt)(struct daemon *daemon, struct lanes *lanes);
	enum reload_outcome outcome;
	struct error error;
};

void reload_refuse(const char *reason)
{
	log_event(LOG_LEVEL_ERROR, "reload", "the old configuration stays: %s", reason);
	daemon_reloaded();
}

static void run_reload(struct work *work, void *context)
{
	struct reload *reload = (struct reload *)work;

	reload->outcome = reload->try(context, &reload->error);
}

static void done_reload(struct work *work)
{
	struct reload *reload = (struct reload *)work;

	if (reload->outcome >= RELOAD_REFUSED || reload->daemon->has_ended) {
		lanes_unref(reload->lanes);
		reload_refuse(reload->error.text);
		free(reload);
		return;
	}
	if (reload->outcome == RELOAD_DOUBTFUL) {
		log_event(LOG_LEVEL_WARNING, "reload", "the database cannot be asked now: %s",
		    reload->error.text);
	}
	reload->adopt(reload->daemon, reload->lanes);
	log_event(LOG_LEVEL_INFO, "reload", "the new configuration is in force");
	daemon_reloaded();
	free(reload);
}

void reload_start(struct daemon *daemon, struct lanes *lanes, size_t lane, reload_try *try,
    void (*adopt)(struct daemon *daemon, struct lanes *lanes))
{
	struct reload *reload = calloc(1, sizeof(*reload));

	if (reload == NULL) {
		lanes_unref(lanes);
		reload_refuse("out of memory");
		return;
	}
	*reload = (struct reload){
		.work = { .run = run_reload, .done = done_reload },
		.daemon = daemon,
		.lanes = lanes,
		.try = try,
		.adopt = adopt,
	};
	lane_submit(&lanes->lanes[lane], &reload->work);
}
