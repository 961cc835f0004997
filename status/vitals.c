/* SPDX-License-Identifier: MIT
 * Names and words of the documents that both daemons share: a promise, see lmtpd(8). */
#include "status/vitals.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "version.h"

void vitals_asked(struct vitals *vitals, const char *why_not)
{
	vitals->is_answering = why_not == NULL;
	if (why_not != NULL) {
		vitals->n_errors++;
		vitals->last_error_time = time(NULL);
		snprintf(vitals->last_error, sizeof(vitals->last_error), "%s", why_not);
	}
}

static void write_process(const struct vitals *vitals, struct document *document)
{
	static const struct document_value info = { .metric = "info",
		.labels = "version=\"" LMTPD_VERSION "\"",
		.help = "Always 1; the label has the version." };
	static const struct document_value refused = { .name = "reload_failed",
		.metric = "reload_failed",
		.help = "1 while the configuration that was to be loaded last is not in force.",
		.is_left_out_at_0 = true };
	static const struct document_value memory = { .name = "memory",
		.metric = "resident_memory_bytes",
		.help = "Memory of the process that is resident.",
		.is_size = true };
	size_t n_resident = 0; /* stays so if the system does not tell */

	document_group(document, "process");
	document_words(document, "program", vitals->daemon->program->name);
	document_words(document, "version", LMTPD_VERSION);
	document_gauge(document, "pid", NULL, NULL, (uint64_t)getpid());
	document_words(document, "state", vitals->daemon->is_stopping ? "ending" : "serving");
	document_time(document, "started", vitals->started);
	document_duration(document, "uptime", (uv_hrtime() - vitals->began) / 1000000000);
	document_number(document, &info, 1);
	document_gauge(document, NULL, "start_time_seconds",
	    "When the process started, in seconds since 1970.", (uint64_t)vitals->started);
	document_gauge(document, NULL, "ending",
	    "1 while the process finishes what is under way before its end.",
	    vitals->daemon->is_stopping);
	document_number(document, &refused, vitals->daemon->is_refused);
	uv_resident_set_memory(&n_resident);
	document_number(document, &memory, n_resident);
}

static void write_connections(const struct vitals *vitals, struct document *document)
{
	static const struct document_value refused = { .name = "refused",
		.metric = "connections_refused_total",
		.help = "Of these, connections from addresses that the key allow does not name.",
		.is_counter = true,
		.is_left_out_at_0 = true };
	const struct daemon *daemon = vitals->daemon;

	document_group(document, "connections");
	document_gauge(document, "now", "connections_open", "Connections that are open.",
	    daemon->n_connections);
	document_gauge(document, "max", "connections_max",
	    "Connections that may be open at a time; further clients wait.",
	    daemon->connections_max);
	document_counter(document, "total", "connections_total", "Connections that were accepted.",
	    daemon->n_accepted);
	document_number(document, &refused, daemon->n_refused);
}

void vitals_write_lane(const struct vitals *vitals, struct document *document,
    enum service_lane lane, const char *metric)
{
	struct lane_load load;
	char name[48];

	lane_get_load(&vitals->daemon->service->lanes[lane], &load);
	snprintf(name, sizeof(name), "%s_waiting", metric);
	document_gauge(document, "waiting", name, "Work that waits for a thread.", load.n_waiting);
	snprintf(name, sizeof(name), "%s_threads_busy", metric);
	document_gauge(document, "busy", name, "Threads that work.", load.n_busy);
	snprintf(name, sizeof(name), "%s_threads", metric);
	document_gauge(document, "threads", name, "Threads that there are.", load.n_threads);
}

static void write_database(const struct vitals *vitals, struct document *document)
{
	document_group(document, "database");
	document_words(document, "state",
	    vitals->is_answering   ? "answers"
	    : vitals->n_errors > 0 ? "does not answer"
				   : "not asked yet");
	document_gauge(document, NULL, "database_up",
	    "Has the database answered the last question?", vitals->is_answering);
	document_counter(document, "errors", "database_errors_total",
	    "Look-ups that the database did not answer.", vitals->n_errors);
	document_gauge(document, NULL, "database_last_error_timestamp_seconds",
	    "When it last did not, in seconds since 1970; 0 if it always has.",
	    (uint64_t)vitals->last_error_time);
	document_time(document, "last_error_time", vitals->last_error_time);
	document_words(document, "last_error", vitals->n_errors > 0 ? vitals->last_error : NULL);
}

static void write_problems(struct document *document)
{
	struct document_value value = { .metric = "log_problems_total",
		.labels = "level=\"error\"",
		.help = "Lines of the log that tell of a problem.",
		.is_counter = true };
	struct log_problem problems[LOG_PROBLEMS_MAX];
	uint64_t n_errors, n_warnings;
	size_t n = log_problems(problems, &n_errors, &n_warnings);

	document_number(document, &value, n_errors);
	value.labels = "level=\"warning\"";
	document_number(document, &value, n_warnings);
	document_problems(document, problems, n);
}

static void write_document(void *owner, struct document *document)
{
	const struct vitals *vitals = owner;

	write_process(vitals, document);
	write_connections(vitals, document);
	vitals->write(vitals->daemon, document);
	write_database(vitals, document);
	write_problems(document);
}

static const char *examine(void *owner)
{
	struct vitals *vitals = owner;

	return health_examine(&vitals->health);
}

void vitals_begin(struct vitals *vitals, struct daemon *daemon, const char *prefix,
    void (*write)(struct daemon *daemon, struct document *document))
{
	/* The first member of every configuration. */
	const struct daemon_settings *settings = daemon->service->config;

	vitals->daemon = daemon;
	vitals->write = write;
	vitals->started = time(NULL);
	vitals->began = uv_hrtime();
	vitals->control = (struct control){
		.loop = &daemon->loop,
		.prefix = prefix,
		.write = write_document,
		.examine = examine,
		.owner = vitals,
	};
	if (daemon->n_listeners > 0) {
		health_begin(&vitals->health, daemon, &vitals->control);
		control_open(&vitals->control, settings->control);
	}
}

void vitals_end(struct vitals *vitals)
{
	health_end(&vitals->health);
	control_close(&vitals->control);
}
